'use strict'
// One side of a hyperdht connection on loopback, for throughput.
//   node stream_peer.js server BYTES          also the bootstrap node; prints {port, key}, then {received, seconds}
//   node stream_peer.js client BYTES FRAME PORT KEY
const dgram = require('dgram')
const DHT = require('hyperdht')

const HOST = '127.0.0.1'
const [role, bytes, frame, port, key] = process.argv.slice(2)
const total = Number(bytes)
const say = (value) => console.log(JSON.stringify(value))

function freePort () {
  return new Promise((resolve) => {
    const socket = dgram.createSocket('udp4')
    socket.bind(0, HOST, () => {
      const { port } = socket.address()
      socket.close(() => resolve(port))
    })
  })
}

async function server () {
  const boot = DHT.bootstrapper(await freePort(), HOST)
  await boot.fullyBootstrapped()
  const bootstrap = [{ host: HOST, port: boot.address().port }]
  const dht = new DHT({ bootstrap, host: HOST, ephemeral: false, firewalled: false })
  const listener = dht.createServer((stream) => {
    let received = 0
    let started = 0n
    stream.on('error', () => {})
    stream.on('data', (data) => {
      if (!started) started = process.hrtime.bigint()
      received += data.byteLength
      if (received < total) return
      say({ received, seconds: Number(process.hrtime.bigint() - started) / 1e9 })
      stream.end()
      setTimeout(() => process.exit(0), 200)
    })
  })
  await listener.listen()
  say({ port: boot.address().port, key: listener.publicKey.toString('hex') })
}

function client () {
  const dht = new DHT({ bootstrap: [{ host: HOST, port: Number(port) }], host: HOST })
  const stream = dht.connect(Buffer.from(key, 'hex'))
  const block = Buffer.alloc(Number(frame), 7)
  let left = total
  stream.on('error', () => {})
  stream.on('close', () => process.exit(0))
  stream.once('open', more)
  function more () {
    while (left > 0) {
      const message = left < block.length ? block.subarray(0, left) : block
      left -= message.length
      if (!stream.write(message)) return stream.once('drain', more)
    }
  }
}

if (role === 'server') server()
else client()
