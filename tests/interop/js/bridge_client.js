'use strict'
// A program that uses the bridge over Node's own WebSocket, in the way of the reference's examples.
//   node --experimental-websocket bridge_client.js <url> <token>
// One JSON object per line in is sent as it is; everything that comes is printed as {event: 'frame', frame}.
const readline = require('readline')

const [url, token] = process.argv.slice(2)
const say = (value) => process.stdout.write(JSON.stringify(value) + '\n')
const socket = new WebSocket(url)
socket.addEventListener('message', ({ data }) => {
  const frame = JSON.parse(data)
  say({ event: 'frame', frame })
  if (frame.type === 'hello') socket.send(JSON.stringify({ type: 'auth', token }))
})
socket.addEventListener('close', ({ code, wasClean }) => {
  say({ event: 'close', code, wasClean })
  process.exit(0)
})
readline.createInterface({ input: process.stdin }).on('line', (line) => {
  if (line === '"close"') socket.close()
  else socket.send(line)
})
