'use strict'
// A stand-alone secret stream with Protomux over TCP. One JSON object per line out; commands come in the same way.
// node stream_tcp.js listen | node stream_tcp.js connect <port>
const net = require('net')
const readline = require('readline')
const crypto = require('crypto')
const SecretStream = require('@hyperswarm/secret-stream')
const Protomux = require('protomux')
const c = require('compact-encoding')

const [mode, port] = process.argv.slice(2)
const say = (value) => process.stdout.write(JSON.stringify(value) + '\n')
const commands = readline.createInterface({ input: process.stdin })

function start (socket, isInitiator) {
  const stream = new SecretStream(isInitiator, socket)
  stream.setKeepAlive(200)
  stream.on('error', (err) => say({ event: 'error', message: err.message }))
  stream.on('close', () => say({ event: 'close' }))
  stream.on('connect', () => {
    say({
      event: 'connect',
      publicKey: stream.publicKey.toString('hex'),
      remotePublicKey: stream.remotePublicKey.toString('hex')
    })
    channels(stream)
  })
}

function channels (stream) {
  const mux = new Protomux(stream)
  mux.pair({ protocol: 'paired' }, (id) => {
    say({ event: 'pair', id: id && id.toString('hex') })
    open('paired', id).open(5)
  })

  function open (protocol, id) {
    const channel = mux.createChannel({
      protocol,
      id,
      handshake: c.uint,
      messages: [
        {
          encoding: c.string,
          onmessage: (text) => {
            say({ event: 'text', protocol, text })
            channel.messages[0].send('echo ' + text)
          }
        },
        {
          encoding: c.buffer,
          onmessage: (data) => {
            say({ event: 'data', length: data.byteLength, sha256: crypto.createHash('sha256').update(data).digest('hex') })
            channel.messages[1].send(data)
          }
        }
      ],
      onopen: (handshake) => say({ event: 'open', protocol, handshake }),
      onclose: (remote) => say({ event: 'channel-close', protocol, remote })
    })
    return channel
  }

  const first = open('first', null)
  first.open(7)

  commands.on('line', (line) => {
    const command = JSON.parse(line)
    if (command.do === 'batch') {
      mux.cork()
      for (const text of command.texts) first.messages[0].send(text)
      open('unknown to you', null).open(1)
      mux.uncork()
    }
    if (command.do === 'close first') first.close()
    if (command.do === 'end') stream.end()
  })
}

if (mode === 'listen') {
  const server = net.createServer((socket) => {
    server.close()
    start(socket, false)
  })
  server.listen(0, '127.0.0.1', () => say({ event: 'listening', port: server.address().port }))
} else {
  start(net.connect(Number(port), '127.0.0.1'), true)
}
