'use strict'
// A hyperswarm peer on a loopback DHT. One JSON object per line out, one command per line in.
//   node swarm_peer.js dht                      three DHT nodes; prints {event: 'dht', port}
//   node swarm_peer.js peer <port> <seed hex>   a peer that bootstraps from 127.0.0.1:<port>
// Messages of connections are raw, no Protomux: a frame is what one write was.
const crypto = require('crypto')
const dgram = require('dgram')
const readline = require('readline')
const DHT = require('hyperdht')
const Hyperswarm = require('hyperswarm')

const HOST = '127.0.0.1'
const [mode, port, seed] = process.argv.slice(2)
const say = (value) => process.stdout.write(JSON.stringify(value) + '\n')
const commands = readline.createInterface({ input: process.stdin })

function freePort () {
  return new Promise((resolve) => {
    const socket = dgram.createSocket('udp4')
    socket.bind(0, HOST, () => {
      const { port } = socket.address()
      socket.close(() => resolve(port))
    })
  })
}

async function dht () {
  const first = DHT.bootstrapper(await freePort(), HOST)
  await first.fullyBootstrapped()
  const bootstrap = [{ host: HOST, port: first.address().port }]
  const nodes = [first]
  for (let i = 0; i < 2; i++) {
    const node = new DHT({ bootstrap, host: HOST, port: await freePort(), ephemeral: false, firewalled: false })
    await node.fullyBootstrapped()
    nodes.push(node)
  }
  say({ event: 'dht', port: first.address().port })
}

async function peer () {
  const dht = new DHT({ bootstrap: [{ host: HOST, port: Number(port) }], host: HOST, port: await freePort() })
  const swarm = new Hyperswarm({ dht, keyPair: DHT.keyPair(Buffer.from(seed, 'hex')) })
  const connections = new Map()
  await dht.fullyBootstrapped()

  swarm.on('connection', (conn) => {
    const key = conn.remotePublicKey.toString('hex')
    connections.set(key, conn)
    let expected = Infinity
    let received = 0
    let hash = crypto.createHash('sha256')
    conn.on('error', () => {})
    conn.on('close', () => {
      if (connections.get(key) === conn) connections.delete(key)
      say({ event: 'close', key, initiator: conn.isInitiator })
    })
    conn.on('data', (data) => {
      const head = data.byteLength < 100 ? data.toString() : ''
      if (head.startsWith('expect ')) {
        expected = Number(head.slice(7))
        received = 0
        hash = crypto.createHash('sha256')
      } else if (head.startsWith('say ')) {
        say({ event: 'message', key, text: head.slice(4) })
      } else {
        hash.update(data)
        received += data.byteLength
        if (received >= expected) say({ event: 'received', key, bytes: received, sha256: hash.digest('hex') })
      }
    })
    say({ event: 'connection', key, initiator: conn.isInitiator })
  })

  async function stream (conn, bytes) {
    const hash = crypto.createHash('sha256')
    conn.write(Buffer.from('expect ' + bytes))
    for (let left = bytes; left > 0;) {
      const size = Math.min(left, 100 + crypto.randomInt(150000))
      const message = crypto.randomBytes(size)
      left -= size
      hash.update(message)
      if (!conn.write(message)) await new Promise((resolve) => conn.once('drain', resolve))
    }
    say({ event: 'sent', bytes, sha256: hash.digest('hex') })
  }

  async function run (command) {
    const conn = command.key ? connections.get(command.key) : null
    if (command.do === 'join') {
      const session = swarm.join(Buffer.from(command.topic, 'hex'), command)
      await session.flushed()
      say({ event: 'joined' })
    }
    if (command.do === 'leave') {
      await swarm.leave(Buffer.from(command.topic, 'hex'))
      say({ event: 'left' })
    }
    if (command.do === 'lookup') {
      const keys = new Set()
      for await (const hit of dht.lookup(Buffer.from(command.topic, 'hex'))) {
        for (const found of hit.peers) keys.add(found.publicKey.toString('hex'))
      }
      say({ event: 'found', keys: [...keys] })
    }
    if (command.do === 'say') conn.write(Buffer.from('say ' + command.text))
    if (command.do === 'stream') await stream(conn, command.bytes)
    if (command.do === 'dial') swarm.joinPeer(Buffer.from(command.peer, 'hex'))
    if (command.do === 'destroy') {
      await swarm.destroy()
      say({ event: 'destroyed' })
    }
  }

  commands.on('line', (line) => run(JSON.parse(line)))
  say({ event: 'ready', key: swarm.keyPair.publicKey.toString('hex') })
}

if (mode === 'dht') dht()
else peer()
