'use strict'
// One udx-native stream, driven by JSON lines.
// Arguments: LOCAL_ID. Prints {"event":"bound","port":n}; then takes commands on standard input:
//   {"do":"connect","id":n,"port":n}  {"do":"write","bytes":n,"seed":n}  {"do":"end"}  {"do":"destroy"}
//   {"do":"message","hex":".."}  {"do":"report"}
// and prints events: message, end, close, report.
const readline = require('readline')
const { createHash } = require('crypto')
const UDX = require('udx-native')

const udx = new UDX()
const socket = udx.createSocket()
socket.bind(0, '127.0.0.1')
const stream = udx.createStream(Number(process.argv[2]))
const hash = createHash('sha256')
let received = 0
let error = null

const say = value => console.log(JSON.stringify(value))
const report = event => say({
  event, received, sha256: hash.copy().digest('hex'), error, mtu: stream.mtu, retransmits: stream.retransmits
})

stream.on('data', data => { received += data.byteLength; hash.update(data) })
stream.on('message', data => say({ event: 'message', hex: Buffer.from(data).toString('hex') }))
stream.on('end', () => report('end'))
stream.on('error', err => { error = err.code })
stream.on('close', () => report('close'))

// The same bytes as the Python side makes: byte i is (seed + i * 31 + (i >> 8)) & 255.
function pattern (bytes, seed) {
  const block = Buffer.alloc(bytes)
  for (let i = 0; i < bytes; i++) block[i] = (seed + i * 31 + (i >> 8)) & 255
  return block
}

const commands = {
  connect: c => stream.connect(socket, c.id, c.port, '127.0.0.1'),
  write: c => {
    const data = pattern(c.bytes, c.seed)
    for (let at = 0; at < data.length; at += 50000) stream.write(data.subarray(at, at + 50000))
  },
  end: () => stream.end(),
  destroy: () => stream.destroy(),
  message: c => stream.trySend(Buffer.from(c.hex, 'hex')),
  report: () => report('report')
}

readline.createInterface({ input: process.stdin }).on('line', line => {
  const command = JSON.parse(line)
  commands[command.do](command)
})
say({ event: 'bound', port: socket.address().port })
