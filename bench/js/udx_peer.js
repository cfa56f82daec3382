'use strict'
// One end of a UDX stream on udx-native. Usage:
//   node udx_peer.js ROLE LOCAL_ID REMOTE_ID REMOTE_PORT BYTES
// ROLE: sink (count bytes), source (write BYTES, then end), echo (send back what comes).
// Prints {"port": n} once bound; reads the remote port from standard input when REMOTE_PORT is 0.
const readline = require('readline')
const { createHash } = require('crypto')
const UDX = require('udx-native')

const [role, localId, remoteId, remotePort, bytes] = [process.argv[2], ...process.argv.slice(3).map(Number)]
const udx = new UDX()
const socket = udx.createSocket()
socket.bind(0, '127.0.0.1')
const stream = udx.createStream(localId)
const hash = createHash('sha256')
let received = 0
let started = 0

stream.on('data', data => {
  if (!started) started = process.hrtime.bigint()
  received += data.byteLength
  if (role === 'sink') hash.update(data)
  if (role === 'echo') stream.write(Buffer.from(data))
})
stream.on('end', () => stream.end())
stream.on('error', error => report({ error: error.code }))
stream.on('close', () => { report({}); socket.close() })

let reported = false
function report (extra) {
  if (reported) return
  reported = true
  const seconds = started ? Number(process.hrtime.bigint() - started) / 1e9 : 0
  console.log(JSON.stringify({ received, seconds, sha256: hash.digest('hex'), mtu: stream.mtu, retransmits: stream.retransmits, ...extra }))
}

function source () {
  const block = Buffer.alloc(65536, 7)
  let left = bytes
  const more = () => {
    while (left > 0) {
      const chunk = left < block.length ? block.subarray(0, left) : block
      left -= chunk.length
      if (!stream.write(chunk) && left > 0) return stream.once('drain', more)
    }
    stream.end()
  }
  started = process.hrtime.bigint()
  more()
}

function connect (port) {
  stream.connect(socket, remoteId, port, '127.0.0.1')
  if (role === 'source') source()
}

console.log(JSON.stringify({ port: socket.address().port }))
if (remotePort) connect(remotePort)
else readline.createInterface({ input: process.stdin }).once('line', line => connect(Number(line)))
process.stdin.unref && process.stdin.unref()
