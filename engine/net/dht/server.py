"""A server: answers handshakes for one key pair and hands over the connections.

Theory of operation. :class:`DhtServer` pins its key in the node's forward table, keeps it announced, and gets the
messages that relays forward. A handshake is answered once; its copies get the same bytes. Afterwards

    answered --client reachable or direct--> connected at once
        \\--first stream packet of the client--> connected
        \\--punch messages--> punching --first stream packet--> connected
        \\--10 s, or the punching schedule is used up--> forgotten

What a client may do wrong: send messages that do not authenticate or that the firewall hook refuses (no answer,
counted), replay old ones (a half-open handshake that ends after 10 s), open many (bounded, the oldest gives way), or
give wrong addresses (nothing connects). Another payload version or a missing stream gets an answer with an error.

Protocol reference: 02-hyperdht sections 16 and 18.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable

from engine.crypto.hashes import blake2b
from engine.crypto.keys import KeyPair
from engine.crypto.noise import HandshakeIK
from engine.errors import DecodeError, HandshakeFailed, LocalProtocolError, NetworkError
from engine.net.dht.announcer import Announcer, AnnounceState
from engine.net.dht.context import PeerContext
from engine.net.dht.handover import Handover, Route
from engine.net.dht.messages import IncomingRequest
from engine.net.dht.server_handshake import MAX_HOLEPUNCH_MESSAGES, MAX_WAITING, ServerHandshake
from engine.net.dht.server_punch import PunchResponder
from engine.net.udp import UdpSocket
from engine.proto.dht.addresses import is_private, match_address
from engine.proto.dht.commands import PeerRecord
from engine.proto.dht.handshake_messages import HandshakeMessage, HolepunchMessage, Mode
from engine.proto.dht.handshake_table import Entry, HandshakeTable
from engine.proto.dht.payload import (
    VERSION,
    Firewall,
    HolepunchInfo,
    NoisePayload,
    PeerError,
    SecretStreamInfo,
    UdxInfo,
    decode_noise_payload,
    encode_noise_payload,
)
from engine.proto.dht.punch_payload import NS_PEER_HANDSHAKE, SealedChannel, holepunch_secret
from engine.proto.dht.router import Answer, server_reply
from engine.wire.compact import Address

_logger = logging.getLogger(__name__)

FirewallHook = Callable[[bytes, NoisePayload, Address], bool]
"""Gets the client's key, its payload and its address; True refuses it without an answer."""

_Entry = Entry[ServerHandshake]


class DhtServer:
    """Listens on one key pair. Made by :meth:`engine.net.dht.hyperdht.HyperDht.create_server`.

    Args:
        context: what all servers of the node share.
        key_pair: identity that clients dial.
        on_connection: gets each connection, with the stream already connected.
        firewall: refuses clients before they get an answer.
    """

    def __init__(
        self,
        context: PeerContext,
        key_pair: KeyPair,
        on_connection: Callable[[Handover], None],
        firewall: FirewallHook | None = None,
    ) -> None:
        self.public_key = key_pair.public_key
        """Key that clients dial."""
        self.target = blake2b(key_pair.public_key)
        """Hash that relays know the server by."""
        self.listening = False
        """Between :meth:`listen` and :meth:`close`."""
        self._context = context
        self._node = context.node
        self._key_pair = key_pair
        self._on_connection = on_connection
        self._firewall = firewall
        self._announcer = Announcer(context.node, key_pair, context.scope)
        self._table = HandshakeTable[ServerHandshake]()
        self._responder = PunchResponder(context, self._table, self._announcer.is_relay)
        self._timer: asyncio.TimerHandle | None = None

    def on_return(self, callback: Callable[[], None]) -> None:
        """Call back when nodes answer again after all that announced us had fallen silent."""
        self._announcer.on_return = callback

    @property
    def relay_addresses(self) -> tuple[Address, ...]:
        """Up to three addresses that can relay to this server."""
        return self._announcer.relay_addresses

    @property
    def announced(self) -> AnnounceState:
        """How reachable the server is."""
        return self._announcer.state

    @property
    def pending_count(self) -> int:
        """Half-open handshakes."""
        return self._table.pending_count

    async def listen(self) -> None:
        """Answer clients from now on; returns after the first announce round.

        Raises:
            LocalProtocolError: another server of this node listens on the key pair.
        """
        existing = self._node.forwards.get(self.target)
        if existing is not None and existing.server is not None:
            raise LocalProtocolError("A server of this node listens on this key pair already (KEYPAIR_ALREADY_USED).")
        self.listening = True
        self._node.forwards.pin(self.target, PeerRecord(self.public_key).encode(), self)
        self._test_local_addresses()
        await self._announcer.start()

    async def close(self) -> None:
        """Stop answering, drop half-open handshakes and unannounce. Handed-over connections live on."""
        if not self.listening:
            return
        self.listening = False
        self._node.forwards.unpin(self.target)
        for entry in self._table.clear():
            entry.state.release()
        self._arm()
        await self._announcer.stop()

    def refresh(self) -> None:
        """Announce again as soon as possible."""
        self._announcer.refresh()

    def network_changed(self) -> None:
        """Announce again and test the interface addresses."""
        if self.listening:
            self._test_local_addresses()
            self.refresh()

    def handle_handshake(self, message: HandshakeMessage, request: IncomingRequest) -> None:
        """Answer a client's first message, or a copy of it."""
        if not self.listening or self._table.is_refused(message.noise):
            self._node.drops["handshake_refused"] += 1
            return
        entry = self._table.find(message.noise) or self._open(message, request)
        if entry is None:
            return
        if entry.state.reply is not None:
            self._reply(entry.state, message, request)
        elif len(entry.state.waiting) < MAX_WAITING:
            entry.state.waiting.append((message, request))

    def handle_holepunch(self, message: HolepunchMessage, request: IncomingRequest) -> None:
        """Work on a holepunch message of a client."""
        entry = self._table.get(message.id) if self.listening else None
        if entry is None or entry.state.channel is None or entry.state.stream is None:
            self._node.drops["holepunch_without_handshake"] += 1
        elif entry.state.messages >= MAX_HOLEPUNCH_MESSAGES:
            self._node.drops["holepunch_flood"] += 1
        else:
            self._context.scope.spawn("server-holepunch", self._responder.answer(entry, message, request))

    def _test_local_addresses(self) -> None:
        """Do it ahead of the first client, which would have to wait."""
        if self._context.options.local_connection:
            self._context.scope.spawn("server-local-addresses", self._context.local_addresses.validated())

    def _open(self, message: HandshakeMessage, request: IncomingRequest) -> _Entry | None:
        """Begin a new handshake; None if it is refused."""
        noise = HandshakeIK(False, self._key_pair, None, NS_PEER_HANDSHAKE, self._context.random_bytes)
        direct = message.mode == Mode.FROM_CLIENT or message.peer_address is None
        client = request.source if direct or message.peer_address is None else message.peer_address
        try:
            payload = decode_noise_payload(noise.recv(message.noise))
        except (HandshakeFailed, DecodeError):
            self._refuse(message, "handshake_forged")
            return None
        remote_key = noise.remote_public_key
        if remote_key is None or self._is_refused(remote_key, payload, client):
            self._refuse(message, "handshake_refused")
            return None
        state = ServerHandshake(payload, client, remote_key, direct)
        entry, evicted = self._table.add(message.noise, state, self._now())
        for old in evicted:
            self._node.drops["handshake_evicted"] += 1
            old.state.release()
        self._arm()
        self._context.scope.spawn("server-handshake", self._answer(entry, noise, request))
        return entry

    def _refuse(self, message: HandshakeMessage, reason: str) -> None:
        self._node.drops[reason] += 1
        self._table.refuse(message.noise)

    def _is_refused(self, key: bytes, payload: NoisePayload, client: Address) -> bool:
        if self._firewall is None:
            return False
        try:
            return self._firewall(key, payload, client)
        except Exception:
            _logger.exception("the firewall hook failed; the client is refused")
            return True

    async def _answer(self, entry: _Entry, noise: HandshakeIK, request: IncomingRequest) -> None:
        """Make the answer, send it to every copy that waits, and connect if the client is reachable."""
        state, options = entry.state, self._context.options
        local = await self._context.local_addresses.validated() if options.local_connection else ()
        public = self._node.remote_address()
        error = self._error_of(state.payload)
        reachable = state.direct or state.payload.firewall == Firewall.OPEN
        if error == PeerError.NONE and public is None and options.holepunch and not reachable:
            same_network = self._in_same_network(state, request, local)
            if not same_network:
                try:
                    state.punch = await self._responder.open_session(entry)
                except NetworkError:
                    self._node.drops["punch_socket_unavailable"] += 1
        if self._table.find(entry.noise) is not entry:
            state.release()
            return
        if error == PeerError.NONE:
            stream = state.stream = self._node.udx.create_stream()
            stream.on_firewall = lambda socket, address: self._packet_arrived(entry, socket, address)
        state.reply = noise.send(encode_noise_payload(self._payload(entry, error, public, local)))
        state.result = noise.result
        if error != PeerError.NONE or noise.result is None:
            self._table.settle(entry, self._now())
        elif public is None and options.holepunch and not reachable:
            state.channel = SealedChannel(holepunch_secret(noise.result.hash), self._context.random_bytes)
        state.reply_socket = None if state.punch is None else state.punch.socket
        waiting, state.waiting = state.waiting, []
        for message, copy in waiting:
            self._reply(state, message, copy)
        if reachable:
            socket = request.socket if state.direct else self._node.socket
            self._connect(entry, socket, state.client_address, "direct" if state.direct else "open")

    @staticmethod
    def _error_of(payload: NoisePayload) -> PeerError:
        if payload.version != VERSION:
            return PeerError.VERSION_MISMATCH
        return PeerError.NONE if payload.udx is not None else PeerError.ABORTED

    def _payload(
        self, entry: _Entry, error: PeerError, public: Address | None, local: tuple[Address, ...]
    ) -> NoisePayload:
        """What the client is told."""
        punchable = public is None and self._context.options.holepunch
        stream = entry.state.stream
        return NoisePayload(
            error=error,
            firewall=Firewall.UNKNOWN if public is None else Firewall.OPEN,
            holepunch=HolepunchInfo(entry.slot, self._announcer.relays) if punchable else None,
            addresses4=local if public is None else (public, *local),
            udx=UdxInfo(0 if stream is None else stream.local_id),
            secret_stream=SecretStreamInfo(),
            relay_addresses=self._announcer.relay_addresses,
        )

    @staticmethod
    def _in_same_network(state: ServerHandshake, request: IncomingRequest, local: tuple[Address, ...]) -> bool:
        """Whether client and server seem to share a local network: the client then comes by itself."""
        if state.client_address[0] != request.to[0]:
            return False
        offered = [address for address in state.payload.addresses4 if is_private(address[0])]
        return match_address(local, offered) is not None

    def _reply(self, state: ServerHandshake, message: HandshakeMessage, request: IncomingRequest) -> None:
        assert state.reply is not None
        action = server_reply(message, request.source, state.reply)
        if isinstance(action, Answer):
            request.reply(action.value, token=False, closer_nodes=False, socket=state.reply_socket)
        else:
            self._node.forward(action.to, request, value=action.value, socket=state.reply_socket)

    def _packet_arrived(self, entry: _Entry, socket: UdpSocket, address: Address) -> bool:
        """The first stream packet: connect to where it came from. True drops the packet."""
        if not 0 < address[1] < 65536 or entry.state.result is None:
            return True
        punched = entry.state.punch is not None and socket not in (self._node.server_socket, self._node.client_socket)
        self._connect(entry, socket, address, "holepunch" if punched else "passive")
        return False

    def _connect(self, entry: _Entry, socket: UdpSocket, address: Address, route: Route) -> None:
        state = entry.state
        stream, result, udx = state.stream, state.result, state.payload.udx
        if stream is None or result is None or udx is None:
            return
        state.stream = None
        stream.on_firewall = None
        stream.connect(socket, udx.id, address)
        self._context.sockets.keep_for(socket, stream)
        self._table.settle(entry, self._now())
        self._arm()
        state.release()
        self._context.counts[route] += 1
        try:
            self._on_connection(Handover(stream, result, route))
        except Exception:
            _logger.exception("a new connection was not accepted")
            stream.destroy()

    def _arm(self) -> None:
        """Set the timer for the next handshake that ends."""
        due = self._table.next_timer()
        if due is None:
            if self._timer is not None:
                self._timer.cancel()
                self._timer = None
        elif self._timer is None:
            self._timer = asyncio.get_running_loop().call_at(due, self._expire)

    def _expire(self) -> None:
        self._timer = None
        for entry in self._table.expire(self._now()):
            if entry.state.stream is not None:
                self._node.drops["handshake_timeout"] += 1
            entry.state.release()
        self._arm()

    @staticmethod
    def _now() -> float:
        return asyncio.get_running_loop().time()
