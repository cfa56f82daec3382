'use strict'
// Time of hyperdht connects on a warm local DHT: node connect_time.js DIALS NODES PUNCH
// Prints {lookup: [ms...], again: [ms...], echo: [ms...]}: first dial of a key, second dial, first dial until the echo.
const DHT = require('hyperdht')
const createTestnet = require('hyperdht/testnet')

const HOST = '127.0.0.1'
const [dials, nodes] = process.argv.slice(2, 4).map(Number)
const punch = process.argv[4] === 'punch'

async function main () {
  const testnet = await createTestnet(nodes, { host: HOST })
  const peer = async (offset) => {
    const port = 20000 + Math.floor(Math.random() * 20000) + offset
    const dht = new DHT({ bootstrap: testnet.bootstrap, host: HOST, port, quickFirewall: !punch })
    await dht.fullyBootstrapped()
    return dht
  }
  const [serving, dialling] = [await peer(0), await peer(1)]
  const keys = []
  for (let i = 0; i < dials; i++) {
    const server = serving.createServer({ shareLocalAddress: !punch })
    server.on('connection', (socket) => {
      socket.on('data', (data) => socket.write(data))
      socket.on('end', () => socket.end())
      socket.on('error', () => {})
    })
    await server.listen(DHT.keyPair())
    keys.push(server.publicKey)
  }
  const result = { lookup: [], again: [], echo: [] }
  for (const name of ['lookup', 'again']) {
    for (const key of keys) {
      const { opened, echoed } = await dial(dialling, key)
      result[name].push(opened)
      if (name === 'lookup') result.echo.push(echoed)
    }
  }
  console.log(JSON.stringify(result))
  process.exit(0)
}

function dial (dht, key) {
  const started = process.hrtime.bigint()
  const since = () => Number(process.hrtime.bigint() - started) / 1e6
  const socket = dht.connect(key, { localConnection: !punch })
  let opened = 0
  let echoed = 0
  socket.write(Buffer.from('hello'))
  return new Promise((resolve, reject) => {
    socket.on('open', () => { opened = since() })
    socket.on('data', () => { echoed = since(); socket.end() })
    socket.on('close', () => resolve({ opened, echoed }))
    socket.on('error', reject)
  })
}

main()
