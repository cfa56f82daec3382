"""The dialling side of the holepunch exchange.

Theory of operation. A *probe round* goes to the server through a relay the server chose: both sides learn the other's
NAT class, and the server proves its host with a token. The *punch round* goes through the relay the client used: both
say that they punch, then the schedule of :class:`~engine.net.dht.punch_session.PunchSession` runs. With *fast open* a
low-TTL probe goes out before the first round, and a server with a consistent mapping answers it at once, which
usually ends the matter.

What the server may do wrong: answer nothing, something that does not open, or an error. Each ends the dial with its own
reason.

Protocol reference: 02-hyperdht section 18.
"""

from __future__ import annotations

import asyncio
import hmac
from dataclasses import dataclass
from typing import Final

from engine.errors import DecodeError, NetworkError, PeerUnreachable
from engine.net.dht.context import PeerContext
from engine.net.dht.dial_handshake import Established
from engine.net.dht.punch_session import PunchSession
from engine.net.udp import UdpSocket
from engine.proto.dht.commands import Command
from engine.proto.dht.handshake_messages import HolepunchMessage, Mode
from engine.proto.dht.payload import Firewall, HolepunchInfo, PeerError, RelayInfo
from engine.proto.dht.punch_payload import PunchPayload, SealedChannel
from engine.wire.compact import Address

UNKNOWN_PAUSE_S: Final = 1.0
"""Time given to a server that does not know its NAT class yet."""


@dataclass(frozen=True, slots=True)
class _Answer:
    payload: PunchPayload
    peer: Address
    """The server's socket as the relay sees it."""
    to: Address
    """Our socket as the relay sees it."""
    relay: Address


class DialPunch:
    """Both rounds of one dial.

    Args:
        context: what all punching attempts of the node share.
        session: sockets and schedule.
        found: the handshake.
        info: the server's slot and relays.
        target: hash of the server's key.
        channel: seals and opens the messages.
    """

    def __init__(
        self,
        context: PeerContext,
        session: PunchSession,
        found: Established,
        info: HolepunchInfo,
        target: bytes,
        channel: SealedChannel,
    ) -> None:
        self._context = context
        self._session = session
        self._found = found
        self._slot = info.id
        self._target = target
        self._channel = channel
        self._round = 0
        same = (relay for relay in info.relays if relay.relay_address == found.relay)
        self._server_relay = next(same, info.relays[0])

    async def run(self, *, fast_open: bool) -> None:
        """Go through both rounds; returns once the schedule runs.

        Args:
            fast_open: open a mapping to the server before it agreed.

        Raises:
            PeerUnreachable: with the reason of section 22.
        """
        server = self._found.server
        token, peer = await self._probe_round(server if fast_open else None, retry=True)
        if self._server_relay.relay_address == self._found.relay and peer != server:
            server = peer
            self._session.open_mapping(server)
        await self._punch_round(server, token)

    async def _probe_round(self, opened: Address | None, *, retry: bool) -> tuple[bytes | None, Address]:
        """Exchange NAT classes; returns the server's token and its socket as the relay sees it."""
        session = self._session
        if opened is not None:
            session.open_mapping(opened)
        answer = await self._exchange(
            self._server_relay,
            PunchPayload(
                firewall=session.nat.firewall,
                round=self._next_round(),
                addresses=session.nat.addresses,
                remote_address=opened,
            ),
        )
        session.add_sample(answer.to, answer.relay)
        if session.core.remote_firewall == Firewall.UNKNOWN:
            await asyncio.sleep(UNKNOWN_PAUSE_S)
        if not await session.analyze(reopen=False) and await session.analyze(reopen=True):
            return await self._probe_round(opened, retry=False)
        token = answer.payload.token
        if retry and (session.core.remote_firewall == Firewall.UNKNOWN or token is None):
            return await self._probe_round(opened, retry=False)
        if Firewall.UNKNOWN in (session.core.remote_firewall, session.nat.firewall):
            raise self._aborted("HOLEPUNCH_PROBE_TIMEOUT")
        if session.core.remote_firewall >= Firewall.RANDOM and session.nat.firewall >= Firewall.RANDOM:
            raise self._aborted("HOLEPUNCH_DOUBLE_RANDOMIZED_NATS")
        return token, answer.peer

    async def _punch_round(self, server: Address, token: bytes | None) -> None:
        """Agree to punch, and begin."""
        session = self._session
        session.nat.freeze()
        random = Firewall.RANDOM in (session.core.remote_firewall, session.nat.firewall)
        if random and not self._context.budget.available(asyncio.get_running_loop().time()):
            raise self._aborted("HOLEPUNCH_ABORTED")
        if random:
            self._context.budget.reserve()
        try:
            await self._exchange(
                RelayInfo(self._found.relay, server),
                PunchPayload(
                    firewall=session.nat.firewall,
                    round=self._next_round(),
                    punching=True,
                    addresses=session.nat.addresses,
                    token=self._channel.token(server[0]),
                    remote_token=token,
                ),
            )
        finally:
            if random:
                self._context.budget.cancel()
        if not session.core.remote_punching:
            raise PeerUnreachable(reason="REMOTE_NOT_HOLEPUNCHING")
        if not await session.punch():
            raise PeerUnreachable(reason="REMOTE_NOT_HOLEPUNCHABLE")

    async def _exchange(self, via: RelayInfo, payload: PunchPayload) -> _Answer:
        """Send one message and take over what the answer says about the server."""
        answer = await self._request(via, payload, self._session.socket)
        remote = answer.payload
        if remote.error != PeerError.NONE:
            raise PeerUnreachable(reason="REMOTE_ABORTED")
        echoed = (
            payload.token is not None
            and remote.remote_token is not None
            and hmac.compare_digest(payload.token, remote.remote_token)
        )
        self._session.core.update_remote(
            firewall=Firewall.of(remote.firewall),
            punching=remote.punching,
            addresses=remote.addresses or (),
            verified_host=via.peer_address[0] if echoed else None,
        )
        return answer

    async def _request(
        self, via: RelayInfo, payload: PunchPayload, socket: UdpSocket | None, *, retries: int = 3
    ) -> _Answer:
        value = HolepunchMessage(Mode.FROM_CLIENT, self._slot, self._channel.seal(payload), via.peer_address).encode()
        try:
            reply = await self._context.node.request(
                via.relay_address,
                Command.PEER_HOLEPUNCH,
                target=self._target,
                value=value,
                socket=socket,
                retries=retries,
            )
            message = HolepunchMessage.decode(reply.value or b"")
        except (NetworkError, DecodeError):
            raise PeerUnreachable(reason="HOLEPUNCH_ABORTED") from None
        opened = self._channel.open(message.payload)
        if message.mode != Mode.REPLY or opened is None:
            raise PeerUnreachable(reason="HOLEPUNCH_INVALID")
        return _Answer(opened, message.peer_address or reply.source, reply.to, reply.source)

    def _next_round(self) -> int:
        self._round += 1
        return self._round - 1

    def _aborted(self, reason: str) -> PeerUnreachable:
        """Tell the server, without waiting for it, and give the error to raise."""
        notice = PunchPayload(error=PeerError.ABORTED, round=self._next_round())
        self._context.scope.spawn("punch-abort", self._send_notice(notice))
        return PeerUnreachable(reason=reason)

    async def _send_notice(self, notice: PunchPayload) -> None:
        try:
            await self._request(self._server_relay, notice, None, retries=0)
        except PeerUnreachable:
            return
