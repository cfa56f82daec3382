"""The server's side of the holepunch exchange.

Theory of operation. Each message of a client tells its NAT class and addresses and gets ours back. When the client
says that it punches, the schedule starts before the answer leaves. A client whose mapping towards us is already open
(*fast open*) gets a probe at once. The server never connects by itself: the first stream packet does.

What a client may do wrong: send messages that do not open (counted), go back to an older round (ignored), or come
through a relay that is not ours (its host stays unverified). A client that reports an error ends the attempt.

Protocol reference: 02-hyperdht section 18.
"""

from __future__ import annotations

import asyncio
import hmac
from collections.abc import Callable
from typing import Final

from engine.errors import NetworkError
from engine.net.dht.context import PeerContext
from engine.net.dht.messages import IncomingRequest
from engine.net.dht.punch_session import PunchSession
from engine.net.dht.server_handshake import ServerHandshake
from engine.net.udp import UdpSocket
from engine.proto.dht.handshake_messages import HolepunchMessage
from engine.proto.dht.handshake_table import Entry, HandshakeTable
from engine.proto.dht.holepunch import coerce
from engine.proto.dht.payload import Firewall, PeerError
from engine.proto.dht.punch_payload import PunchPayload, SealedChannel
from engine.proto.dht.router import holepunch_reply
from engine.wire.compact import Address

MAX_EAGER_SAMPLING: Final = 32
"""Half-open handshakes up to which the NAT class is sampled ahead of need."""


class PunchResponder:
    """Answers holepunch messages of one server.

    Args:
        context: what all servers of the node share.
        table: the server's handshakes.
        is_own_relay: whether a node relays to this server.
    """

    def __init__(
        self,
        context: PeerContext,
        table: HandshakeTable[ServerHandshake],
        is_own_relay: Callable[[Address], bool],
    ) -> None:
        self._context = context
        self._table = table
        self._is_own_relay = is_own_relay

    async def open_session(self, entry: Entry[ServerHandshake]) -> PunchSession:
        """Sockets for a handshake.

        Their NAT class is sampled at once, unless so many handshakes are half-open that the pings would be a flood;
        then a client has to send a holepunch message first.

        Raises:
            BindFailed: no socket to be had.
        """
        return await PunchSession.open(
            self._context,
            initiator=False,
            remote_firewall=Firewall.of(entry.state.payload.firewall),
            on_path=lambda _socket, _address: None,
            on_exhausted=lambda: self._give_up(entry),
            sample=self._table.pending_count <= MAX_EAGER_SAMPLING,
        )

    async def answer(self, entry: Entry[ServerHandshake], message: HolepunchMessage, request: IncomingRequest) -> None:
        """Work on one message and send the answer, if there is one."""
        entry.state.messages += 1
        try:
            await self._answer(entry, message, request)
        finally:
            entry.state.messages -= 1

    async def _answer(self, entry: Entry[ServerHandshake], message: HolepunchMessage, request: IncomingRequest) -> None:
        channel, client = entry.state.channel, message.peer_address
        if channel is None or client is None:
            return
        remote = channel.open(message.payload)
        if remote is None:
            self._context.node.drops["holepunch_forged"] += 1
            return
        try:
            session = await self._session(entry)
        except NetworkError:
            self._abort(entry, message, request, channel)
            return
        if remote.error != PeerError.NONE:
            self._abort(entry, message, request, channel)
            return
        own_relay = self._is_own_relay(request.source)
        token = channel.token(client[0])
        verified_host = client[0] if own_relay and _same(token, remote) else None
        self._take_over(entry.state, session, remote, request, verified_host)
        verdict = await self._decide(entry, session, remote, client)
        if session.closed:
            return
        if verdict != PeerError.NONE:
            self._abort(entry, message, request, channel, verdict)
            return
        if session.nat.firewall != Firewall.UNKNOWN:
            session.nat.freeze()
        payload = PunchPayload(
            firewall=session.nat.firewall,
            round=entry.state.round,
            connected=session.core.connected,
            punching=session.core.punching,
            addresses=session.nat.addresses,
            token=token if own_relay else None,
            remote_token=remote.token,
        )
        self._send(message, request, channel, payload, session.socket)

    async def _decide(
        self, entry: Entry[ServerHandshake], session: PunchSession, remote: PunchPayload, client: Address
    ) -> PeerError:
        """Wait for the own NAT class, then start whatever the message asks for; an error ends the attempt."""
        core = session.core
        stable = await session.analyze(reopen=False)
        if not core.remote_punching and not stable and not await session.analyze(reopen=True):
            return PeerError.ABORTED
        if session.closed:
            return PeerError.ABORTED
        if coerce(session.nat.firewall) == Firewall.CONSISTENT and remote.remote_address in (
            session.nat.addresses or ()
        ):
            session.probe(client)
        if not core.remote_punching:
            return PeerError.NONE
        self._table.hold(entry)
        random = Firewall.RANDOM in (core.remote_firewall, session.nat.firewall)
        if random and not core.punching and not self._context.budget.available(asyncio.get_running_loop().time()):
            return PeerError.TRY_LATER
        return PeerError.NONE if await session.punch() else PeerError.ABORTED

    @staticmethod
    def _take_over(
        state: ServerHandshake,
        session: PunchSession,
        remote: PunchPayload,
        request: IncomingRequest,
        verified_host: str | None,
    ) -> None:
        """Update what we know about both NATs."""
        if request.socket is session.socket:
            session.add_sample(request.to, request.source)
        if remote.round >= state.round:
            state.round = remote.round
            session.core.update_remote(
                firewall=Firewall.of(remote.firewall),
                punching=remote.punching,
                addresses=remote.addresses or (),
                verified_host=verified_host,
            )

    async def _session(self, entry: Entry[ServerHandshake]) -> PunchSession:
        """The session of a handshake; one in the same network gets it only when the client wants to punch after all."""
        state = entry.state
        if state.punch is None:
            if state.opening is None:
                state.opening = self._context.scope.spawn("server-punch-open", self.open_session(entry))
            session = await asyncio.shield(state.opening)
            if self._table.find(entry.noise) is not entry or state.stream is None:
                session.close()
            state.punch = session
        return state.punch

    def _abort(
        self,
        entry: Entry[ServerHandshake],
        message: HolepunchMessage,
        request: IncomingRequest,
        channel: SealedChannel,
        error: PeerError = PeerError.ABORTED,
    ) -> None:
        payload = PunchPayload(error=error, round=entry.state.round)
        self._send(message, request, channel, payload, self._context.node.socket)
        self._give_up(entry)

    def _send(
        self,
        message: HolepunchMessage,
        request: IncomingRequest,
        channel: SealedChannel,
        payload: PunchPayload,
        socket: UdpSocket,
    ) -> None:
        action = holepunch_reply(message, request.source, channel.seal(payload))
        self._context.node.forward(action.to, request, value=action.value, socket=socket)

    def _give_up(self, entry: Entry[ServerHandshake]) -> None:
        """The attempt is over; copies of the handshake still get their answer for a while."""
        entry.state.release()
        self._table.settle(entry, asyncio.get_running_loop().time())


def _same(token: bytes, remote: PunchPayload) -> bool:
    return remote.remote_token is not None and hmac.compare_digest(token, remote.remote_token)
