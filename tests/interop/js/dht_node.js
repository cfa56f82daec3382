// A HyperDHT node, or a whole test network, driven over JSON lines.
//   node dht_node.js testnet <size>      a network of persistent nodes and one client
//   node dht_node.js node <host:port> [persistent]
const path = require('path')
const readline = require('readline')
const load = (name) => require(path.join(process.env.INTEROP_MODULES, name))

const DHT = load('hyperdht')
const createTestnet = load('hyperdht/testnet')

const hex = (data) => Buffer.from(data).toString('hex')
const raw = (text) => Buffer.from(text, 'hex')
const address = ({ host, port }) => [host, port]
const say = (message) => process.stdout.write(JSON.stringify(message) + '\n')

async function main([mode, ...args]) {
  let node
  if (mode === 'testnet') {
    const testnet = await createTestnet(Number(args[0]), { host: '127.0.0.1' })
    node = testnet.createNode()
    await node.fullyBootstrapped()
    say({ event: 'ready', bootstrap: address(testnet.bootstrap[0]), nodes: testnet.nodes.length })
  } else {
    const persistent = args[1] === 'persistent'
    const opts = persistent ? { ephemeral: false, firewalled: false } : {}
    node = new DHT({ bootstrap: [args[0]], host: '127.0.0.1', ...opts })
    await node.fullyBootstrapped()
    say({
      event: 'ready',
      nodes: node.nodes.length,
      host: node.host,
      port: node.port,
      firewalled: node.firewalled,
      ephemeral: node.ephemeral,
      id: node.id && hex(node.id),
      address: address(node.address())
    })
  }

  for await (const line of readline.createInterface({ input: process.stdin })) {
    const request = JSON.parse(line)
    try {
      say({ event: 'result', ...(await run(node, request)) })
    } catch (error) {
      say({ event: 'result', error: error.code || error.message })
    }
  }
}

async function run(node, request) {
  const keyPair = request.seed && DHT.keyPair(raw(request.seed))
  switch (request.op) {
    case 'announce': {
      const relays = (request.relays || []).map(([host, port]) => ({ host, port }))
      const query = node.announce(raw(request.topic), keyPair, relays, { bump: request.bump, clear: request.clear })
      await query.finished()
      return { closest: query.closestNodes.map(address) }
    }
    case 'unannounce':
      await node.unannounce(raw(request.topic), keyPair)
      return {}
    case 'lookup': {
      const hits = []
      for await (const { from, peers, bump } of node.lookup(raw(request.topic))) {
        hits.push({
          from: address(from),
          bump,
          peers: peers.map((p) => [hex(p.publicKey), p.relayAddresses.map(address)])
        })
      }
      return { hits }
    }
    case 'findPeer': {
      const hits = []
      for await (const { from, peer } of node.findPeer(raw(request.key))) {
        hits.push({ from: address(from), key: hex(peer.publicKey) })
      }
      return { hits }
    }
    case 'immutablePut':
      return { hash: hex((await node.immutablePut(raw(request.value))).hash) }
    case 'immutableGet': {
      const found = await node.immutableGet(raw(request.hash))
      return { value: found && hex(found.value) }
    }
    case 'mutablePut':
      await node.mutablePut(keyPair, raw(request.value), { seq: request.seq })
      return {}
    case 'mutableGet': {
      const found = await node.mutableGet(raw(request.key))
      return { value: found && hex(found.value), seq: found && found.seq }
    }
    case 'ping': {
      const reply = await node.ping({ host: request.to[0], port: request.to[1] })
      return { id: reply.from.id && hex(reply.from.id), to: address(reply.to) }
    }
    case 'delayedPing': {
      const reply = await node.delayedPing({ host: request.to[0], port: request.to[1] }, request.ms)
      return { rtt: reply.rtt }
    }
    case 'nodes':
      return { nodes: node.toArray().map(address) }
    case 'state':
      return { firewalled: node.firewalled, ephemeral: node.ephemeral, remote: node.remoteAddress() }
    case 'listen': {
      const server = node.createServer((socket) => socket.on('error', () => {}))
      await server.listen(keyPair)
      return { relays: server.relayAddresses ? server.relayAddresses.map(address) : [] }
    }
    case 'destroy':
      await node.destroy()
      return {}
  }
  throw new Error('unknown op ' + request.op)
}

main(process.argv.slice(2)).catch((error) => {
  console.error(error)
  process.exit(1)
})
