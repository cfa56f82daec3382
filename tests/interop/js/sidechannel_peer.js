'use strict'
// A sidechannel peer on hyperswarm and protomux that behaves as peers of the network do.
//   node sidechannel_peer.js <bootstrap port> <options JSON>
// Options: seed (hex, 32 bytes), channels, powBits, owners {channel: key}, ownerWrite [channel], invites [channel],
// inviters [key], welcomes {channel: object}, welcomeRequired, autoJoin, relay, rate, burst, strikes, blocked [key],
// quirk (hash absent invite/welcome of open requests as null), now (added to the clock, ms).
// One command per line in, one event per line out; every request with a "do" gets an event of its name.
const crypto = require('crypto')
const dgram = require('dgram')
const readline = require('readline')
const DHT = require('hyperdht')
const Hyperswarm = require('hyperswarm')
const Protomux = require('protomux')
const c = require('compact-encoding')
const sodium = require('sodium-universal')

const HOST = '127.0.0.1'
const ENTRY = '0000intercom'
const [port, optionText] = process.argv.slice(2)
const options = {
  channels: [], powBits: 12, owners: {}, ownerWrite: [], invites: [], inviters: [], welcomes: {}, welcomeRequired: true,
  autoJoin: false, relay: true, rate: 64000, burst: 256000, strikes: 3, blocked: [], quirk: false, now: 0,
  ...JSON.parse(optionText)
}
const keyPair = DHT.keyPair(Buffer.from(options.seed, 'hex'))
const self = keyPair.publicKey.toString('hex')
const inviters = options.inviters.length || !options.invites.length ? options.inviters : [self]
const say = (value) => process.stdout.write(JSON.stringify(value) + '\n')
const now = () => Date.now() + options.now
const isObject = (value) => typeof value === 'object' && value !== null

// -- canonical text, proof of work, signatures

function stable (value) {
  if (value === undefined || value === null) return 'null'
  if (Array.isArray(value)) return '[' + value.map(stable).join(',') + ']'
  if (typeof value !== 'object') return JSON.stringify(value)
  const members = Object.keys(value).sort().map((key) => JSON.stringify(key) + ':' + stable(value[key]))
  return '{' + members.join(',') + '}'
}

const keyText = (value) => (value ? String(value).trim().toLowerCase() : '')

function powBase (p, nonce) {
  const { id, channel, from, origin, message, ts } = p
  return stable({ id, channel, from, origin, message, ts, nonce })
}

function zeroBits (digest) {
  let bits = 0
  for (const byte of digest) {
    if (byte) return bits + Math.clz32(byte) - 24
    bits += 8
  }
  return bits
}

const powHolds = (p, nonce, bits) => zeroBits(crypto.createHash('sha256').update(powBase(p, nonce)).digest()) >= bits

function mine (p, bits) {
  let nonce = 0
  while (!powHolds(p, nonce, bits)) nonce++
  return nonce
}

function sign (text) {
  const signature = Buffer.alloc(64)
  sodium.crypto_sign_detached(signature, Buffer.from(text), keyPair.secretKey)
  return signature.toString('hex')
}

function verify (text, signature, key) {
  if (!/^[0-9a-f]{128}$/i.test(signature || '') || !/^[0-9a-f]{64}$/.test(key || '')) return false
  const bytes = Buffer.from(signature, 'hex')
  return sodium.crypto_sign_verify_detached(bytes, Buffer.from(text), Buffer.from(key, 'hex'))
}

function messageText (p) {
  const { id, channel, ts, message } = p
  return stable({
    kind: 'sidechannel_message_v1', id, channel, from: keyText(p.from) || null, origin: keyText(p.origin) || null, ts, message
  })
}

function inviteText (i) {
  return stable({
    channel: String(i.channel ?? ''),
    inviteePubKey: keyText(i.inviteePubKey),
    inviterPubKey: keyText(i.inviterPubKey),
    inviterAddress: i.inviterAddress ?? null,
    issuedAt: Number(i.issuedAt),
    expiresAt: Number(i.expiresAt),
    nonce: String(i.nonce ?? ''),
    version: Number.isFinite(i.version) ? i.version : 1
  })
}

function welcomeText (w) {
  return stable({
    channel: String(w.channel ?? '').trim(),
    ownerPubKey: keyText(w.ownerPubKey),
    text: String(w.text ?? ''),
    issuedAt: Number(w.issuedAt),
    version: Number.isFinite(w.version) ? w.version : 1
  })
}

// -- state and rules

const channels = new Map() // name -> discovery
const links = new Map() // connection -> {key, mux, seats: Map(name -> seat), limiter}
const seen = new Map()
const invited = new Map() // channel/key -> expiry
const ownInvites = new Map() // channel -> invite
const welcomes = new Map(Object.entries(options.welcomes).filter(([name, w]) => welcomeHolds(w, name)))

function inviteHolds (invite, channel, key) {
  if (!isObject(invite)) return null
  const fields = isObject(invite.payload) ? invite.payload : invite
  if (String(fields.channel) !== channel || keyText(fields.inviteePubKey) !== key) return null
  if (inviters.length && !inviters.includes(keyText(fields.inviterPubKey))) return null
  if (!(Number(fields.expiresAt) > now()) || !Number.isFinite(Number(fields.issuedAt))) return null
  if (!verify(inviteText(fields), invite.sig, keyText(fields.inviterPubKey))) return null
  return Number(fields.expiresAt)
}

function welcomeHolds (welcome, channel) {
  if (!isObject(welcome)) return false
  const fields = isObject(welcome.payload) ? welcome.payload : welcome
  const owner = options.owners[channel]
  return Boolean(owner) && String(fields.channel).trim() === channel && keyText(fields.ownerPubKey) === owner &&
    Number.isFinite(Number(fields.issuedAt)) && verify(welcomeText(fields), welcome.sig, owner)
}

const inviteRequired = (name) => options.invites.includes(name)
const ownerOnly = (name) => options.ownerWrite.includes(name)
const welcomeRequired = (name) => name !== ENTRY && options.welcomeRequired
const welcomed = (name) => welcomes.has(name) || options.owners[name] === self
const holdsInvite = (name) => inviteHolds(ownInvites.get(name), name, self) !== null
const mayJoin = (name) => !inviteRequired(name) || inviters.includes(self) || holdsInvite(name)
const isInvited = (name, key) => inviters.includes(key) || (invited.get(name + '/' + key) || 0) > now()
const authorised = (name, key) => !inviteRequired(name) || isInvited(name, key)

function takeWelcome (welcome, name) {
  const holds = welcomeHolds(welcome, name)
  if (holds) welcomes.set(name, welcome)
  return holds
}

function takeInvite (name, invite, welcome) {
  if (invite && inviteHolds(invite, name, self)) ownInvites.set(name, invite)
  for (const w of [invite && invite.welcome, welcome]) if (w) takeWelcome(w, name)
}

function limited (limiter, bytes) {
  const time = now()
  if (options.rate <= 0) return false
  if (time > limiter.resetAt) Object.assign(limiter, { strikes: 0, resetAt: time + 5000 })
  const elapsed = Math.max(0, time - limiter.at)
  limiter.tokens = Math.min(options.burst, limiter.tokens + (elapsed / 1000) * options.rate)
  limiter.at = time
  if (bytes <= limiter.tokens) {
    limiter.tokens -= bytes
    return false
  }
  if (++limiter.strikes >= options.strikes) {
    limiter.blockedUntil = time + 30000
    say({ event: 'blocked', key: limiter.key })
  }
  return true
}

// -- sending

function build (name, message, invite) {
  const id = self + ':' + now() + ':' + crypto.randomBytes(4).toString('hex')
  const p = { type: 'sidechannel', id, channel: name, from: self, origin: self, message, ts: now(), ttl: 3 }
  if (invite) p.invite = invite
  if (options.powBits > 0) p.pow = { nonce: mine(p, options.powBits), difficulty: options.powBits }
  p.sig = sign(messageText(p))
  seen.set(p.id, now())
  return p
}

function write (seat, p) {
  if (seat.open) seat.message.send(p)
  else seat.waiting.push(p)
}

function broadcast (name, p) {
  let count = 0
  for (const link of links.values()) {
    const seat = link.seats.get(name)
    if (!seat || !authorised(name, link.key)) continue
    write(seat, p)
    count++
  }
  return count
}

// -- channels on connections

function open (link, name) {
  if (link.seats.has(name)) return
  const protocol = 'sidechannel/' + name
  link.mux.pair({ protocol }, () => channels.has(name) && open(link, name))
  const seat = { open: false, waiting: [], shown: false }
  const channel = link.mux.createChannel({
    protocol,
    onopen: () => opened(link, name, seat),
    onclose: () => {
      if (seat.open) return say({ event: 'seat closed', channel: name, key: link.key }) // the record stays
      link.seats.delete(name)
      retry(link, name)
    }
  })
  if (!channel) return
  seat.channel = channel
  seat.message = channel.addMessage({ encoding: c.json, onmessage: (p) => receive(link, name, p) })
  link.seats.set(name, seat)
  channel.open()
}

function opened (link, name, seat) {
  link.retries.delete(name)
  seat.open = true
  if (welcomes.has(name) && options.owners[name] === self && authorised(name, link.key)) {
    seat.message.send(build(name, { control: 'welcome', welcome: welcomes.get(name) }))
  }
  if (inviteRequired(name) && !inviters.includes(self) && holdsInvite(name)) {
    seat.message.send(build(name, { control: 'auth', invite: ownInvites.get(name) }))
  }
  for (const p of seat.waiting.splice(0)) seat.message.send(p)
  say({ event: 'opened', channel: name, key: link.key })
}

function retry (link, name) {
  const state = link.retries.get(name) || { count: 0, last: 0 }
  if (Date.now() - state.last > 2000) state.count = 0
  state.count++
  state.last = Date.now()
  link.retries.set(name, state)
  if (state.count <= 5) setTimeout(() => links.has(link.connection) && channels.has(name) && open(link, name), 100 * state.count)
}

// -- receiving

function receive (link, name, p) {
  const drop = (reason) => say({ event: 'drop', reason, channel: name, id: p && p.id, key: link.key })
  if (now() < link.limiter.blockedUntil) return
  const m = isObject(p) && isObject(p.message) ? p.message : {}
  if (inviteRequired(name)) {
    if (!inviters.includes(self) && !holdsInvite(name)) return drop('invite')
    if (!isInvited(name, link.key)) {
      const expiry = inviteHolds((p && p.invite) || m.invite, name, link.key)
      if (!expiry) return drop('invite')
      invited.set(name + '/' + link.key, expiry)
    }
  }
  if (options.powBits > 0) {
    const nonce = p && p.pow && p.pow.nonce
    if (typeof nonce !== 'number' || !powHolds(p, nonce, options.powBits)) return drop('invalid pow')
  }
  if (limited(link.limiter, Buffer.byteLength(JSON.stringify(p)))) return drop('rate limit')
  if (ownerOnly(name) && m.control !== 'auth' && m.control !== 'welcome') {
    const owner = options.owners[name]
    if (!owner || keyText(p.from) !== owner || !verify(messageText(p), p.sig, owner)) return drop('owner-only')
  }
  if (seen.has(p.id)) return drop('duplicate')
  seen.set(p.id, now())
  const welcome = m.welcome || p.welcome || (p.invite && p.invite.welcome) || (m.invite && m.invite.welcome)
  const holds = welcome ? takeWelcome(welcome, name) : false
  if (m.control === 'welcome' && !holds) return drop(welcome ? 'invalid welcome' : 'missing welcome')
  if (welcomeRequired(name) && !welcomed(name)) return drop('awaiting welcome')
  if (m.control === 'auth') return say({ event: 'auth', channel: name, key: link.key })
  if (m.control === 'open_channel' && typeof m.channel === 'string') {
    if (!wanted(link, m, drop)) return
  } else {
    const valid = verify(messageText(p), p.sig, keyText(p.from))
    say({ event: 'message', channel: name, key: link.key, payload: p, signed: valid })
  }
  relay(link, name, p, m)
}

function wanted (link, m, drop) {
  const name = m.channel.trim()
  const welcome = m.welcome || (m.invite && m.invite.welcome)
  if (welcome && !takeWelcome(welcome, name)) return drop('open denied (welcome)')
  if (!welcome && welcomeRequired(name)) return drop('open denied (missing welcome)')
  if (inviteRequired(name)) {
    const expiry = inviteHolds(m.invite, name, link.key)
    if (!expiry) return drop('open denied (invite)')
    invited.set(name + '/' + link.key, expiry)
  }
  say({ event: 'wanted', channel: name, key: link.key })
  if (options.autoJoin) join(name)
  return true
}

function relay (source, name, p, m) {
  const ttl = Number.isFinite(p.ttl) ? p.ttl : 0
  if (!options.relay || m.control === 'auth' || m.control === 'welcome' || ttl <= 0) return
  const copy = { ...p, ttl: ttl - 1, relayedBy: self }
  for (const link of links.values()) {
    const seat = link.seats.get(name)
    if (link !== source && seat && authorised(name, link.key)) write(seat, copy)
  }
}

// -- swarm

let swarm = null

async function join (name) {
  if (!mayJoin(name)) return false
  if (!channels.has(name)) {
    channels.set(name, swarm.join(crypto.createHash('sha256').update('sidechannel:' + name).digest()))
    for (const link of links.values()) open(link, name)
    await Promise.race([swarm.flush(), new Promise((resolve) => setTimeout(resolve, 10000))])
  }
  return true
}

async function leave (name) {
  channels.delete(name)
  for (const link of links.values()) {
    const seat = link.seats.get(name)
    link.mux.unpair({ protocol: 'sidechannel/' + name })
    link.seats.delete(name)
    if (seat) seat.channel.close()
  }
  await swarm.leave(crypto.createHash('sha256').update('sidechannel:' + name).digest())
}

function connected (connection) {
  const key = connection.remotePublicKey.toString('hex')
  const time = now()
  const limiter = { key, tokens: options.burst, at: time, strikes: 0, resetAt: time + 5000, blockedUntil: 0 }
  const link = { connection, key, mux: Protomux.from(connection), seats: new Map(), retries: new Map(), limiter }
  connection.userData = link.mux
  links.set(connection, link)
  connection.on('error', () => {})
  connection.on('close', () => {
    links.delete(connection)
    say({ event: 'disconnected', key })
  })
  say({ event: 'connected', key })
  link.mux.cork()
  for (const name of channels.keys()) open(link, name)
  link.mux.uncork()
}

function makeInvite (request) {
  const payload = {
    channel: request.channel,
    inviteePubKey: request.key,
    inviterPubKey: self,
    inviterAddress: null,
    issuedAt: now(),
    expiresAt: now() + request.ttl * 1000,
    nonce: crypto.randomBytes(4).toString('hex'),
    version: 1
  }
  const invite = { payload, sig: sign(inviteText(payload)) }
  if (welcomes.has(request.channel)) invite.welcome = welcomes.get(request.channel)
  return invite
}

function makeWelcome (request) {
  const payload = { channel: request.channel, ownerPubKey: self, text: request.text, issuedAt: now(), version: 1 }
  const welcome = { payload, sig: sign(welcomeText(payload)) }
  if (options.owners[request.channel] === self) welcomes.set(request.channel, welcome)
  return welcome
}

function openRequest (request) {
  const message = { control: 'open_channel', channel: request.channel }
  if (options.quirk || request.invite) message.invite = request.invite
  if (options.quirk || request.welcome) message.welcome = request.welcome
  return message
}

async function run (request) {
  const name = request.channel
  switch (request.do) {
    case 'join':
      takeInvite(name, request.invite, request.welcome)
      return { ok: await join(name) }
    case 'leave':
      await leave(name)
      return {}
    case 'send': {
      if (!mayJoin(name)) return { ok: false }
      if (!channels.has(name)) channels.set(name, null)
      for (const link of links.values()) open(link, name)
      const p = build(name, request.message, request.invite)
      return { ok: true, id: p.id, count: broadcast(name, p) }
    }
    case 'raw':
      return { count: broadcast(name, request.payload) }
    case 'open': {
      takeInvite(name, request.invite, request.welcome)
      return { count: broadcast(request.via || ENTRY, build(request.via || ENTRY, openRequest(request))) }
    }
    case 'invite':
      return { invite: makeInvite(request) }
    case 'welcome':
      return { welcome: makeWelcome(request) }
    case 'peers':
      return { keys: [...links.values()].map((link) => link.key) }
    case 'destroy':
      await swarm.destroy()
      return {}
  }
  throw new Error('unknown request ' + request.do)
}

function freePort () {
  return new Promise((resolve) => {
    const socket = dgram.createSocket('udp4')
    socket.bind(0, HOST, () => {
      const { port } = socket.address()
      socket.close(() => resolve(port))
    })
  })
}

async function main () {
  const dht = new DHT({ bootstrap: [{ host: HOST, port: Number(port) }], host: HOST, port: await freePort() })
  swarm = new Hyperswarm({ dht, keyPair, firewall: (key) => options.blocked.includes(key.toString('hex')) })
  await dht.fullyBootstrapped()
  swarm.on('connection', connected)
  for (const name of [ENTRY, ...options.channels]) await join(name)
  say({ event: 'ready', key: self })
  for await (const line of readline.createInterface({ input: process.stdin })) {
    const request = JSON.parse(line)
    run(request).then((result) => say({ event: request.do, ...result }), (error) => say({ event: 'error', error: error.stack }))
  }
}

main()
