"""Messages of this peer: building, proof of work, and the hello on a channel that opened.

Theory of operation. A message is drafted, its size checked, its proof of work searched, then signed, remembered as
seen and written to every authorised neighbour. The hello consists of complete messages for one neighbour only: the
owner's welcome if the neighbour may read, then our invite if the channel is protected. It is written before anything
else; a seat becomes ready with it.

Protocol reference: 06-sidechannel sections 6.3 and 6.5.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Coroutine
from dataclasses import dataclass

from engine.clock import Clock
from engine.crypto.keys import KeyPair
from engine.errors import IntercomError, MessageTooLarge, RateLimited
from engine.net.tasks import TaskScope
from engine.services.sidechannel.access import Access
from engine.services.sidechannel.channel_links import ChannelLinks
from engine.services.sidechannel.links import Frame, Link, Seat, SeatState
from engine.services.sidechannel.mining import Miner
from engine.services.sidechannel.options import RECEIVER_BURST_BYTES
from engine.services.sidechannel.payload import POW_AND_SIGNATURE_BYTES, Draft, random_text
from engine.services.sidechannel.policy import ReceivePolicy
from engine.wire.jsjson import JsonValue

_logger = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Ready:
    """A message of this peer that can be written."""

    id: str
    ts_ms: int
    signature: str
    frame: Frame
    warning: str | None
    """Why receivers may not take it."""


class Outgoing:
    """Builds and writes messages of this peer.

    Args:
        key_pair: of this peer.
        access: rules, invites and welcomes.
        policy: remembers our own messages as seen.
        links: the neighbours.
        scope: owner of hellos that need proof of work.
        clock: source of time.
        random_bytes: entropy.
        max_bytes: largest message that is sent.
    """

    def __init__(
        self,
        key_pair: KeyPair,
        access: Access,
        policy: ReceivePolicy,
        links: ChannelLinks,
        scope: TaskScope,
        clock: Clock,
        random_bytes: Callable[[int], bytes],
        max_bytes: int,
    ) -> None:
        self.on_greeted: Callable[[], None] = lambda: None
        """Called after a hello that took time."""
        self._key_pair = key_pair
        self._key = key_pair.public_key.hex()
        self._access = access
        self._policy = policy
        self._links = links
        self._scope = scope
        self._clock = clock
        self._random_bytes = random_bytes
        self._max_bytes = max_bytes
        self._miner = Miner()

    async def prepare(
        self, channel: str, message: JsonValue, *, has_message: bool = True, invite: JsonValue = None
    ) -> Ready:
        """Build a message and remember it as seen.

        Raises:
            MessageTooLarge: above the configured size.
            RateLimited: too many messages wait for their proof of work.
            TimedOut: the proof of work was not found in time.
        """
        now_ms = self._clock.wall_ms()
        draft = Draft(
            self._key_pair,
            channel,
            message,
            has_message=has_message,
            invite=invite,
            id=f"{self._key}:{now_ms}:{random_text(self._random_bytes)}",
            ts_ms=now_ms,
            ttl=self._access.rules.relay_ttl,
        )
        if draft.size + POW_AND_SIGNATURE_BYTES > self._max_bytes:
            self._refuse(draft.size + POW_AND_SIGNATURE_BYTES)
        difficulty = self._access.rules.difficulty(channel)
        nonce = await self._miner.find(*draft.pow_parts(), difficulty) if difficulty else None
        signed = draft.sign(nonce, difficulty)
        self._policy.remember(channel, draft.id, signed.signature, self._clock.monotonic() * 1000)
        frame = Frame.of(signed.raw, own=True)
        warning = None
        if frame.size > RECEIVER_BURST_BYTES:
            warning = (
                f"The message has {frame.size:,} bytes; receivers with default limits drop more than "
                f"{RECEIVER_BURST_BYTES:,}."
            )
        return Ready(draft.id, draft.ts_ms, signed.signature, frame, warning)

    def _refuse(self, size: int) -> None:
        raise MessageTooLarge(f"The message has about {size:,} bytes, and at most {self._max_bytes:,} are sent.")

    async def room(self, channel: str) -> None:
        """Wait, at most 10 s, until a neighbour that may read the channel can take another message.

        Raises:
            RateLimited: none can.
        """
        access, now_ms = self._access, self._clock.wall_ms()
        if not await self._links.room(channel, lambda link: access.authorised(channel, link.key, now_ms)):
            raise RateLimited(
                "All neighbours are still busy with earlier messages.",
                hint="Send less than 64,000 bytes per second, the limit of receivers with default settings.",
            )

    def broadcast(self, channel: str, frame: Frame, *, to_everybody: bool = False) -> tuple[int, int]:
        """Write a message to every authorised neighbour.

        Args:
            channel: name.
            frame: the message.
            to_everybody: also to those that are not authorised (messages that show an invite).

        Returns:
            Neighbours it was written to, and neighbours it waits for.
        """
        access, now_ms = self._access, self._clock.wall_ms()
        return self._links.broadcast(
            channel, frame, lambda link: to_everybody or access.authorised(channel, link.key, now_ms)
        )

    def greet(self, link: Link, seat: Seat) -> None:
        """Say hello on a seat that opened, then make it ready."""
        if self._owes_welcome(link, seat) or self._owed_invite(seat) is not None:
            self._scope.spawn(f"hello {link.key[:8]}", _attempt(self._greet(link, seat)))
        else:
            link.make_ready(seat)

    def show_welcome(self, link: Link, seat: Seat) -> None:
        """Send the owner's welcome to a neighbour that may read now; others get nothing."""
        if seat.state is SeatState.READY and self._owes_welcome(link, seat):
            self._scope.spawn(f"welcome {link.key[:8]}", _attempt(self._send_welcome(link, seat)))

    def show_invite(self, link: Link, seat: Seat) -> None:
        """Show a new invite of ours on a seat that was open before it came."""
        if seat.state is SeatState.READY and self._owed_invite(seat) is not None:
            self._scope.spawn(f"auth {link.key[:8]}", _attempt(self._send_invite(link, seat)))

    async def _greet(self, link: Link, seat: Seat) -> None:
        try:
            if self._owes_welcome(link, seat):
                await self._send_welcome(link, seat)
            await self._send_invite(link, seat)
        finally:
            if not seat.channel.closed and seat.state is SeatState.GREETING:
                link.make_ready(seat)
                self.on_greeted()

    async def _send_welcome(self, link: Link, seat: Seat) -> None:
        welcome = self._access.welcome(seat.name)
        if welcome is not None:
            ready = await self.prepare(seat.name, {"control": "welcome", "welcome": welcome.welcome})
            link.write_hello(seat, ready.frame)

    async def _send_invite(self, link: Link, seat: Seat) -> None:
        invite = self._owed_invite(seat)
        if invite is not None:
            seat.shown_invite = invite
            ready = await self.prepare(seat.name, {"control": "auth", "invite": invite})
            link.write_hello(seat, ready.frame)

    def _owes_welcome(self, link: Link, seat: Seat) -> bool:
        access, name = self._access, seat.name
        return (
            access.rules.owned(name)
            and access.welcome(name) is not None
            and access.authorised(name, link.key, self._clock.wall_ms())
        )

    def _owed_invite(self, seat: Seat) -> JsonValue:
        """The invite of ours that this neighbour has not seen, if the channel needs one."""
        rules = self._access.rules
        if not rules.invite_required(seat.name) or rules.is_inviter:
            return None
        local = self._access.local_invite(seat.name, self._clock.wall_ms())
        return None if local is None or local.invite == seat.shown_invite else local.invite


async def _attempt(hello: Coroutine[None, None, None]) -> None:
    """Run a hello; one that cannot be built now is not worth more than a log line."""
    try:
        await hello
    except IntercomError as error:
        _logger.warning("[sidechannel] a hello was not sent: %s", error)
