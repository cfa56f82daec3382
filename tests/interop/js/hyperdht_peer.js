// A HyperDHT peer that serves and dials, driven over JSON lines.
//   node hyperdht_peer.js testnet <size>
//   node hyperdht_peer.js peer <host:port> <options as JSON>
// Options: open (reachable, persistent), punch (no local connection, no early firewall check), rounds (no fast open).
const path = require('path')
const readline = require('readline')
const load = (name) => require(path.join(process.env.INTEROP_MODULES, name))

const DHT = load('hyperdht')
const createTestnet = load('hyperdht/testnet')

const say = (message) => process.stdout.write(JSON.stringify(message) + '\n')
const keyPair = (seed) => DHT.keyPair(Buffer.from(seed, 'hex'))
const host = '127.0.0.1'

async function main([mode, bootstrap, text]) {
  if (mode === 'testnet') {
    const testnet = await createTestnet(Number(bootstrap), { host })
    say({ event: 'ready', bootstrap: [testnet.bootstrap[0].host, testnet.bootstrap[0].port] })
    return
  }
  const options = JSON.parse(text || '{}')
  const node = new DHT({
    bootstrap: [bootstrap],
    host,
    port: options.port || 1024 + Math.floor(Math.random() * 60000),
    ...(options.open ? { ephemeral: false, firewalled: false } : {}),
    ...(options.punch ? { quickFirewall: false } : {})
  })
  await node.fullyBootstrapped()
  say({ event: 'ready', firewalled: node.firewalled, port: node.address().port })
  for await (const line of readline.createInterface({ input: process.stdin })) {
    const request = JSON.parse(line)
    try {
      await run(node, options, request)
    } catch (error) {
      say({ event: request.op, error: error.code || error.message })
    }
  }
}

async function run(node, options, request) {
  if (request.op === 'listen') {
    const server = node.createServer({ shareLocalAddress: !options.punch })
    server.on('connection', (socket) => {
      say({ event: 'connection', remote: socket.remotePublicKey.toString('hex') })
      socket.on('data', (data) => socket.write('echo:' + data))
      socket.on('end', () => socket.end())
      socket.on('error', () => {})
    })
    await server.listen(keyPair(request.seed))
    say({ event: 'listen', relays: (server.relayAddresses || []).length })
  } else if (request.op === 'connect') {
    say({ event: 'connect', ...(await connect(node, options, request)) })
  } else if (request.op === 'destroy') {
    await node.destroy()
    say({ event: 'destroy' })
  }
}

function connect(node, options, request) {
  const started = process.hrtime.bigint()
  const socket = node.connect(Buffer.from(request.key, 'hex'), {
    keyPair: keyPair(request.seed),
    localConnection: !options.punch,
    fastOpen: !options.rounds
  })
  socket.write(request.text)
  return new Promise((resolve) => {
    let echo = null
    let ms = 0
    socket.on('open', () => {
      ms = Number(process.hrtime.bigint() - started) / 1e6
    })
    socket.on('data', (data) => {
      echo = data.toString()
      socket.end()
    })
    socket.on('error', (error) => resolve({ error: error.code || error.message }))
    socket.on('close', () => resolve({ echo, ms }))
  })
}

main(process.argv.slice(2)).catch((error) => {
  console.error(error)
  process.exit(1)
})
