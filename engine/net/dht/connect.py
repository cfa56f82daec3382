"""Dialling a peer by its public key.

Theory of operation. A dial has one stream, registered before the first handshake message leaves, because the server's
first packets may overtake its handshake answer. States:

    searching --handshake--> routing --first usable route--> handed over
        \\-----------------------\\--no route--> failed

Routes, in the order in which they are tried: the server's packets already arrived; the node that was asked is the
server; the server is reachable; we are reachable (then we wait 10 s for the server); the peers share a public address
and meet in the local network; punching. The first route that works claims the stream, all others end. The local route
gets a short head start over punching.

What others may do wrong: see :mod:`engine.net.dht.dial_handshake` and :mod:`engine.net.dht.dial_punch`. A third party
that learns the stream's number can make it connect to a wrong address, and the stream then dies; it cannot read or
forge anything.

Protocol reference: 02-hyperdht section 15.
"""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from typing import Final

from engine.crypto.hashes import blake2b
from engine.crypto.keys import KeyPair
from engine.crypto.noise import HandshakeIK
from engine.errors import NetworkError, PeerUnreachable, RequestCancelled
from engine.net.dht.context import PeerContext
from engine.net.dht.dial_handshake import Established, HandshakeSearch
from engine.net.dht.dial_punch import DialPunch
from engine.net.dht.handover import Handover, Route
from engine.net.dht.punch_session import PunchSession
from engine.net.udp import UdpSocket
from engine.proto.dht.addresses import first_public, is_reserved, match_address
from engine.proto.dht.payload import (
    Firewall,
    HolepunchInfo,
    NoisePayload,
    SecretStreamInfo,
    UdxInfo,
    encode_noise_payload,
)
from engine.proto.dht.punch_payload import NS_PEER_HANDSHAKE, SealedChannel, holepunch_secret
from engine.wire.compact import Address

PASSIVE_WAIT_S: Final = 10.0
"""How long a reachable client waits for the server to come."""
LAN_HEAD_START_S: Final = 0.05
"""What the local route gets before punching begins."""


class Dial:
    """One attempt to reach a peer.

    Args:
        context: sockets, budget and tasks that all attempts of the node share.
        public_key: the peer, 32 bytes.
        key_pair: own identity on this connection.
        known: relays that probably know the peer.
    """

    def __init__(
        self,
        context: PeerContext,
        public_key: bytes,
        key_pair: KeyPair,
        known: Sequence[Address],
    ) -> None:
        self._context = context
        self._node = context.node
        self._options = context.options
        self._target = blake2b(public_key)
        self._noise = HandshakeIK(True, key_pair, public_key, NS_PEER_HANDSHAKE, context.random_bytes)
        self._stream = context.node.udx.create_stream()
        self._stream.on_firewall = self._packet_arrived
        self._search = HandshakeSearch(self._node, context.scope, self._target, self._noise, self._first_message, known)
        self._own_firewall = Firewall.UNKNOWN
        self._found: Established | None = None
        self._early: tuple[UdpSocket, Address] | None = None
        self._punch: PunchSession | None = None
        self._lan: asyncio.Task[None] | None = None
        self._outcome: asyncio.Future[Handover] = asyncio.get_running_loop().create_future()

    async def run(self) -> Handover:
        """Dial until a route is found.

        Raises:
            PeerUnreachable: no route; ``reason`` is a name of section 22.
        """
        flow = self._context.scope.spawn("dial", self._flow())
        try:
            return await self._outcome
        except asyncio.CancelledError:
            self._stream.destroy()
            raise
        finally:
            flow.cancel()
            self.abort("REQUEST_DESTROYED")
            if not self._outcome.cancelled():
                self._outcome.exception()
            if self._lan is not None:
                self._lan.cancel()
            if self._punch is not None:
                self._punch.close()
            if not self._stream.connected:
                self._stream.destroy()

    def abort(self, reason: str) -> None:
        """End the attempt from outside."""
        self._fail(PeerUnreachable(reason=reason))

    async def _flow(self) -> None:
        try:
            await self._find_route()
        except PeerUnreachable as error:
            self._fail(error)
        except RequestCancelled:
            self.abort("REQUEST_DESTROYED")
        except NetworkError:
            self.abort("HOLEPUNCH_ABORTED")
        except Exception:
            self.abort("PEER_CONNECTION_FAILED")
            raise

    async def _find_route(self) -> None:
        found = self._found = await self._search.run()
        if self._early is not None:
            self._claim(*self._early, "passive" if found.relayed else "direct")
            return
        if not found.relayed:
            self._claim(found.socket, found.relay, "direct")
            return
        punchable = found.payload.holepunch
        if found.payload.firewall == Firewall.OPEN or punchable is None or not punchable.relays:
            self._claim(self._node.socket, first_public(found.payload.addresses4, found.server), "open")
            return
        if self._own_firewall == Firewall.OPEN:
            await asyncio.sleep(PASSIVE_WAIT_S)
            raise PeerUnreachable(reason="HOLEPUNCH_ABORTED")
        local = self._local_address(found)
        if local is not None:
            self._lan = self._context.scope.spawn("dial-lan", self._try_local(local))
            await asyncio.wait({self._lan}, timeout=LAN_HEAD_START_S)
        if not self._outcome.done():
            await self._holepunch(found, punchable)

    async def _holepunch(self, found: Established, info: HolepunchInfo) -> None:
        channel = SealedChannel(holepunch_secret(found.handshake.hash), self._context.random_bytes)
        session = self._punch = await PunchSession.open(
            self._context,
            initiator=True,
            remote_firewall=Firewall.of(found.payload.firewall),
            on_path=lambda socket, address: self._claim(socket, address, "holepunch"),
            on_exhausted=lambda: self.abort("HOLEPUNCH_ABORTED"),
        )
        rounds = DialPunch(self._context, session, found, info, self._target, channel)
        try:
            await rounds.run(fast_open=self._options.fast_open)
        except PeerUnreachable:
            if self._lan is not None and not self._lan.done():
                await self._lan
            raise

    def _local_address(self, found: Established) -> Address | None:
        """The server's address in the local network, if both sides seem to be in one."""
        if not self._options.local_connection or found.client[0] != found.server[0]:
            return None
        offered = [address for address in found.payload.addresses4 if not is_reserved(address[0])]
        if not offered:
            return None
        return match_address(self._node.local_addresses(), offered) or offered[0]

    async def _try_local(self, address: Address) -> None:
        try:
            await self._node.ping(address)
        except NetworkError:
            return
        self._claim(self._node.server_socket, address, "lan")

    def _packet_arrived(self, socket: UdpSocket, address: Address) -> bool:
        """The peer reached us on a socket; True drops the packet."""
        if not 0 < address[1] < 65536:
            return True
        if self._found is None:
            self._early = (socket, address)
        else:
            self._claim(socket, address, "passive")
        return False

    def _claim(self, socket: UdpSocket, address: Address, route: Route) -> None:
        """The first route that works takes the stream."""
        found = self._found
        if self._outcome.done() or found is None:
            return
        self._stream.on_firewall = None
        self._stream.connect(socket, found.udx.id, address)
        self._context.sockets.keep_for(socket, self._stream)
        self._context.counts[route] += 1
        relays = found.payload.relay_addresses or tuple(self._search.asked)
        self._outcome.set_result(Handover(self._stream, found.handshake, route, relays))

    def _fail(self, error: PeerUnreachable) -> None:
        if not self._outcome.done():
            self._outcome.set_exception(error)

    def _first_message(self) -> bytes:
        """Noise message 1 with what we know about ourselves right now."""
        public = self._node.remote_address()
        self._own_firewall = Firewall.UNKNOWN if public is None else Firewall.OPEN
        local = self._node.local_addresses() if self._options.local_connection else []
        return self._noise.send(
            encode_noise_payload(
                NoisePayload(
                    firewall=self._own_firewall,
                    addresses4=(*(() if public is None else (public,)), *local),
                    udx=UdxInfo(self._stream.local_id),
                    secret_stream=SecretStreamInfo(),
                )
            )
        )
