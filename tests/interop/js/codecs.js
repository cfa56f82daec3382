// Encodes values with the reference's codecs and reads bytes with them.
// One line {"cases": [[type, value, hex], ...]} is answered with
// {"event": "codecs", "results": [[hex of value, hex of the value read from hex and written again], ...]}.
// Values: {"$hex"} bytes, {"$date"} milliseconds, {"$big"} decimal digits.

const c = require('compact-encoding')
const dht = require('hyperdht/lib/messages')
const sodium = require('sodium-universal')

const raw = { preencode: c.raw.preencode, encode: c.raw.encode, decode: c.raw.decode }

const types = {
  uint: c.uint,
  int: c.int,
  uint64: c.biguint64,
  float64: c.float64,
  bool: c.bool,
  buffer: c.buffer,
  string: c.string,
  fixed32: c.fixed32,
  strings: c.array(c.string),
  ipv4: c.ipv4Address,
  ipv6: c.ipv6Address,
  any: c.any,
  biguint: c.biguint,
  lexint: c.lexint,
  date: c.date,
  record: c.stringRecord,
  handshake: dht.handshake,
  holepunch: dht.holepunch,
  noisePayload: dht.noisePayload,
  holepunchPayload: dht.holepunchPayload,
  peer: dht.peer,
  announce: dht.announce,
  mutablePut: dht.mutablePutRequest,
  mutableRecord: dht.mutableGetResponse,
  raw
}

function revive (value) {
  if (Array.isArray(value)) return value.map(revive)
  if (value === null || typeof value !== 'object') return value
  if ('$hex' in value) return Buffer.from(value.$hex, 'hex')
  if ('$date' in value) return new Date(value.$date)
  if ('$big' in value) return BigInt(value.$big)
  return Object.fromEntries(Object.entries(value).map(([key, item]) => [key, revive(item)]))
}

const functions = {
  blake2b ({ input, key }) {
    const out = Buffer.alloc(32)
    key.byteLength ? sodium.crypto_generichash(out, input, key) : sodium.crypto_generichash(out, input)
    return out
  },
  signature ({ seed, message }) {
    const publicKey = Buffer.alloc(32)
    const secretKey = Buffer.alloc(64)
    const out = Buffer.alloc(64)
    sodium.crypto_sign_seed_keypair(publicKey, secretKey, seed)
    sodium.crypto_sign_detached(out, message, secretKey)
    return Buffer.concat([publicKey, out])
  },
  secretbox ({ plain, nonce, key }) {
    const out = Buffer.alloc(plain.byteLength + 16)
    sodium.crypto_secretbox_easy(out, plain, nonce, key)
    return out
  },
  frames ({ key, plain }) {
    const state = Buffer.alloc(sodium.crypto_secretstream_xchacha20poly1305_STATEBYTES)
    const header = Buffer.alloc(24)
    sodium.crypto_secretstream_xchacha20poly1305_init_push(state, header, key)
    const out = Buffer.alloc(plain.byteLength + 17)
    sodium.crypto_secretstream_xchacha20poly1305_push(state, out, plain, null, sodium.crypto_secretstream_xchacha20poly1305_TAG_MESSAGE)
    return Buffer.concat([header, out])
  }
}

function answer ([type, value, hex]) {
  if (type in functions) return [functions[type](revive(value)).toString('hex'), hex]
  const codec = types[type]
  const written = Buffer.from(c.encode(codec, revive(value))).toString('hex')
  const again = c.decode(codec, Buffer.from(hex, 'hex'))
  return [written, Buffer.from(c.encode(codec, again)).toString('hex')]
}

require('readline').createInterface({ input: process.stdin }).on('line', (line) => {
  process.stdout.write(JSON.stringify({ event: 'codecs', results: JSON.parse(line).cases.map(answer) }) + '\n')
})
