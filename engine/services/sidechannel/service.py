"""The sidechannel service: channels, messages, invites and welcomes of one peer.

Theory of operation. The service exists as soon as the identity does: channels of the configuration are entered,
connections are attached as they come, and every channel is opened on each. :meth:`SidechannelService.start` then
waits for the DHT and joins the topics; a channel joined earlier is only announced then.

    entered (opened on connections) --start / join--> joined (topic in the swarm) --leave--> gone

Protocol reference: 06-sidechannel.
"""

from __future__ import annotations

import asyncio
import logging
import os
from collections.abc import Awaitable, Callable, Sequence
from typing import Final

from engine.api import Joined, OpenSent, Sent
from engine.clock import Clock
from engine.config.sections import ENTRY_CHANNEL, SidechannelConfig
from engine.crypto.keys import KeyPair
from engine.errors import (
    IntercomError,
    InviteRequired,
    OwnerOnly,
    StoreError,
)
from engine.events import (
    ChannelJoined,
    ChannelLeft,
    Event,
    MessageSent,
    OpenRequestClosed,
    OpenRequested,
    PlaneFailed,
)
from engine.messages import ChannelMessage, Trust
from engine.net.connection import PeerConnection
from engine.net.swarm import Hyperswarm
from engine.net.tasks import TaskScope
from engine.services.sidechannel.access import Access
from engine.services.sidechannel.book import ChannelBook, ChannelEntry
from engine.services.sidechannel.channel_links import ChannelLinks
from engine.services.sidechannel.credentials import Credentials
from engine.services.sidechannel.invites import InviteCheck
from engine.services.sidechannel.links import Link, Seat
from engine.services.sidechannel.names import MAX_NAME_CHARS, channel_name, required_name, topic
from engine.services.sidechannel.open_requests import OpenRequests
from engine.services.sidechannel.options import Hardening, rules_of, send_limit_bytes
from engine.services.sidechannel.outgoing import Outgoing
from engine.services.sidechannel.pacing import Pacers
from engine.services.sidechannel.policy import ReceivePolicy
from engine.services.sidechannel.ratelimit import PeerLimits, RateLimits
from engine.services.sidechannel.reception import Reception
from engine.status import ChannelStatus, OpenRequest
from engine.store.messages import MessageStore
from engine.wire.jsjson import JsonValue
from engine.wire.jsvalues import members

_logger = logging.getLogger(__name__)

_SILENT: Final = (
    "[sidechannel:%s] its messages stay hidden, because it has no owner: set --sidechannel-owner, "
    "or --sidechannel-welcome-required 0"
)

FLUSH_S: Final = 10.0
"""Longest wait for the network to know a topic."""


class SidechannelService:
    """Implements :class:`engine.api.SidechannelAPI`.

    Args:
        config: settings.
        key_pair: identity.
        address: own address, shown in invites.
        swarm: where connections come from; its ``on_connection`` belongs to this service from now on.
        store: message history.
        scope: owner of background work.
        publish: takes events.
        clock: source of time.
        random_bytes: entropy.
        ready: awaited by :meth:`start` before the first topic is joined.
        hardening: where to be stricter than the reference.
    """

    def __init__(
        self,
        config: SidechannelConfig,
        key_pair: KeyPair,
        address: str | None,
        swarm: Hyperswarm,
        store: MessageStore,
        scope: TaskScope,
        publish: Callable[[Event], None],
        *,
        clock: Clock,
        random_bytes: Callable[[int], bytes] = os.urandom,
        ready: Callable[[], Awaitable[None]],
        hardening: Hardening | None = None,
    ) -> None:
        self.on_status_change: Callable[[], None] = lambda: None
        """Called after every change of what the status shows."""
        self.on_connection: Callable[[PeerConnection], None] = lambda connection: None
        """Called with each new connection."""
        self.started = False
        """True once the topics are joined."""
        self._config = config
        self._swarm = swarm
        self._store = store
        self._scope = scope
        self._publish = publish
        self._clock = clock
        self._ready = ready
        self._hard = hardening or Hardening(require_signed=config.require_signed)
        self._rules = rules_of(config, key_pair.public_key.hex())
        self._access = Access(self._rules, keep_newest=self._hard.keep_welcomes)
        self._limits = PeerLimits(RateLimits(config.rate_bytes, config.rate_burst, config.max_strikes))
        self._policy = ReceivePolicy(self._access, self._limits, self._hard)
        self._book = ChannelBook(self._access)
        self._requests = OpenRequests()
        self._auto_joined: set[str] = set()
        self._networked = False
        pacers = Pacers(config.rate_bytes, config.rate_burst)
        self._links = ChannelLinks(self, lambda: self._book.names, pacers, clock.monotonic)
        self._outgoing = Outgoing(
            key_pair,
            self._access,
            self._policy,
            self._links,
            scope,
            clock,
            random_bytes,
            send_limit_bytes(config.max_bytes),
        )
        self._outgoing.on_greeted = self.on_change
        self._reception = Reception(
            self._policy, self._access, self._book, self._links, store, publish, clock, debug=config.debug
        )
        self._credentials = Credentials(
            key_pair,
            address,
            config.invite_ttl,
            self._access,
            self._links,
            self._outgoing,
            publish,
            clock,
            random_bytes,
        )
        self._reception.on_welcome = self._credentials.welcome_verified
        if self._hard.welcome_admitted:
            self._reception.on_admitted = self._outgoing.show_welcome
        self._reception.on_open_request = self._open_requested
        self._enter_configured()
        self._watch_store()
        swarm.on_connection = lambda connection, peer: self._connected(connection)

    # -- life ---------------------------------------------------------------------------------------------------

    async def start(self) -> None:
        """Wait for the DHT, join the topics of all channels and wait (at most 10 s) until the network knows."""
        await self._ready()
        self._networked = True
        for connection in tuple(self._swarm.connections):
            self._connected(connection)
        for entry in self._book:
            self._announce(entry)
        await self._swarm.flush(FLUSH_S)
        self.started = True
        self.on_status_change()

    async def stop(self) -> None:
        """Stop using connections; the swarm, which leaves the topics, is not stopped here."""
        self.started = self._networked = False
        self._swarm.on_connection = lambda connection, peer: None
        self._links.close()
        await self._scope.close()

    # -- channels -----------------------------------------------------------------------------------------------

    @property
    def entry_channel(self) -> str:
        """The entry channel, always joined."""
        return ENTRY_CHANNEL

    async def join(
        self, channel: str, *, invite: JsonValue = None, welcome: JsonValue = None, flush: bool = True
    ) -> Joined:
        """See :meth:`engine.api.SidechannelAPI.join`."""
        name = required_name(channel)
        check = self._credentials.take(name, invite, welcome)
        entry = self._enter(name, check)
        already = entry.joined
        if not already:
            entry.joined = True
            self._close_request(name)
            self._publish(ChannelJoined(name))
        self._links.open_everywhere(name)
        self.on_status_change()
        if self._networked:
            self._announce(entry)
            if flush:
                await self._swarm.flush(FLUSH_S)
        return Joined(name, already)

    async def leave(self, channel: str) -> bool:
        """See :meth:`engine.api.SidechannelAPI.leave`."""
        name = channel_name(channel)
        if name == ENTRY_CHANNEL or name not in self._book:
            return False
        entry = self._book.remove(name)
        assert entry is not None
        self._links.close_everywhere(name)
        self._access.forget_invites(name)
        self._auto_joined.discard(name)
        if not self._hard.keep_welcomes:
            self._access.forget_welcome(name)
        self._publish(ChannelLeft(name))
        self.on_status_change()
        if entry.announced:
            try:
                async with asyncio.timeout(FLUSH_S):
                    await self._swarm.leave(topic(name))
            except TimeoutError:
                _logger.warning("the network did not take the leave of a channel within %g s", FLUSH_S)
        return True

    async def answer_open_request(self, request_id: int, *, accept: bool) -> bool:
        """See :meth:`engine.api.SidechannelAPI.answer_open_request`."""
        request = self._requests.take(request_id)
        if request is None:
            return False
        self._publish(OpenRequestClosed(request_id))
        self.on_status_change()
        if accept:
            await self.join(request.channel)
        return True

    # -- messages -----------------------------------------------------------------------------------------------

    async def send(
        self,
        channel: str,
        message: JsonValue,
        *,
        has_message: bool = True,
        invite: JsonValue = None,
        welcome: JsonValue = None,
        label: str | None = None,
    ) -> Sent:
        """See :meth:`engine.api.SidechannelAPI.send`."""
        control = members(message).get("control")
        name = self._writable(channel, control)
        entry = self._enter(name, self._credentials.take(name, invite, welcome))
        self._links.open_everywhere(name)
        shown = invite if isinstance(invite, (dict, list)) else None
        await self._outgoing.room(name)
        ready = await self._outgoing.prepare(name, message, has_message=has_message, invite=shown)
        peers, queued = self._outgoing.broadcast(name, ready.frame, to_everybody=control == "auth")
        entry.sent += 1
        own = ChannelMessage(
            seq=self._store.next_seq,
            channel=name,
            id=ready.id,
            sender=self._rules.self_key,
            origin=self._rules.self_key,
            message=message,
            ts_ms=ready.ts_ms,
            received_ms=self._clock.wall_ms(),
            ttl=self._rules.relay_ttl,
            relayed_by=None,
            signature=ready.signature,
            trust=Trust.OWN,
            label=label,
            peers=peers,
        )
        self._store.append(own)
        self._publish(MessageSent(own))
        self.on_status_change()
        return Sent(name, ready.id, own.seq, ready.ts_ms, peers, queued, ready.warning)

    async def request_open(
        self, channel: str, *, via: str | None = None, invite: JsonValue = None, welcome: JsonValue = None
    ) -> OpenSent:
        """See :meth:`engine.api.SidechannelAPI.request_open`."""
        name = required_name(channel)
        self._credentials.take(name, invite, welcome)
        over = self._writable(ENTRY_CHANNEL if via is None else via, None)
        entry = self._enter(over, None)
        self._links.open_everywhere(over)
        message: dict[str, JsonValue] = {"control": "open_channel", "channel": name}
        if invite is not None:
            message["invite"] = invite
        if welcome is not None:
            message["welcome"] = welcome
        await self._outgoing.room(over)
        ready = await self._outgoing.prepare(over, message)
        peers, queued = self._outgoing.broadcast(over, ready.frame)
        entry.sent += 1
        self.on_status_change()
        return OpenSent(name, over, peers + queued)

    def history(self, channel: str, *, before: int | None = None, limit: int = 200) -> Sequence[ChannelMessage]:
        """See :meth:`engine.api.SidechannelAPI.history`."""
        return self._store.history(channel_name(channel), before=before, limit=limit)

    def since(self, seq: int, *, limit: int = 1000) -> Sequence[ChannelMessage]:
        """See :meth:`engine.api.SidechannelAPI.since`."""
        return self._store.since(seq, limit=limit)

    # -- invites and welcomes -----------------------------------------------------------------------------------

    def create_invite(
        self, channel: str, invitee: str, *, ttl_s: int | None = None, welcome: JsonValue = None
    ) -> dict[str, JsonValue]:
        """See :meth:`engine.api.SidechannelAPI.create_invite`."""
        return self._credentials.create_invite(channel, invitee, ttl_s=ttl_s, welcome=welcome)

    def create_welcome(self, channel: str, text: str) -> dict[str, JsonValue]:
        """See :meth:`engine.api.SidechannelAPI.create_welcome`."""
        return self._credentials.create_welcome(channel, text)

    def accept_invite(self, channel: str, invite: JsonValue, welcome: JsonValue = None) -> bool:
        """See :meth:`engine.api.SidechannelAPI.accept_invite`."""
        check = self._credentials.take(channel_name(channel), invite, welcome)
        return check is not None and check.valid

    def accept_welcome(self, channel: str, welcome: JsonValue) -> bool:
        """See :meth:`engine.api.SidechannelAPI.accept_welcome`."""
        return self._credentials.accept_welcome(channel_name(channel), welcome)

    def stored_welcome(self, channel: str) -> JsonValue:
        """See :meth:`engine.api.SidechannelAPI.stored_welcome`."""
        return self._credentials.stored_welcome(channel_name(channel))

    def join_command(self, channel: str, invitee: str | None = None) -> str:
        """See :meth:`engine.api.SidechannelAPI.join_command`."""
        return self._credentials.join_command(channel, invitee)

    # -- status -------------------------------------------------------------------------------------------------

    def stats(self) -> dict[str, JsonValue]:
        """See :meth:`engine.api.SidechannelAPI.stats`."""
        channels: list[JsonValue] = list(self._book.names)
        drops: dict[str, JsonValue] = {entry.name: dict(entry.drops) for entry in self._book if entry.drops}
        return {
            "channels": channels,
            "connectionCount": len(self._links),
            "sidechannelStarted": self.started,
            "accepted": sum(entry.accepted for entry in self._book),
            "sent": sum(entry.sent for entry in self._book),
            "relayed": sum(entry.relayed for entry in self._book),
            "drops": drops,
            "lost": sum(link.lost for link in self._links),
        }

    def channel_statuses(self) -> tuple[ChannelStatus, ...]:
        """How every channel is shown, in the order they were entered."""
        now_ms = self._clock.wall_ms()
        return tuple(
            self._book.status(entry, self._readers(entry.name, now_ms), self._store.last_seq(entry.name), now_ms)
            for entry in self._book
        )

    def open_requests(self) -> tuple[OpenRequest, ...]:
        """Wishes of neighbours that wait for an answer, oldest first."""
        return self._requests.all()

    def peer_limits(self, public_key: bytes) -> tuple[int, int | None]:
        """Strikes of a neighbour now, and the end of its block (milliseconds since the epoch) if it is blocked."""
        limiter = self._limits.peek(public_key.hex())
        if limiter is None:
            return 0, None
        tick_ms = self._clock.monotonic() * 1000
        strikes = limiter.strikes if tick_ms <= limiter.strike_reset_at else 0
        if not limiter.blocked(tick_ms):
            return strikes, None
        return strikes, self._clock.wall_ms() + int(limiter.blocked_until - tick_ms)

    def peer_channels(self, public_key: bytes) -> tuple[str, ...]:
        """Channels that are open on both ends of a neighbour's connection."""
        links = self._links.of(public_key.hex())
        return tuple(name for name in self._book.names if any(link.ready_seat(name) for link in links))

    # -- what the links report ----------------------------------------------------------------------------------

    def on_frame(self, link: Link, seat: Seat, text: bytes) -> None:
        """A message arrived (:class:`~.channel_links.LinkListener`)."""
        self._reception.receive(link, seat, text)
        self.on_status_change()

    def on_seat_open(self, link: Link, seat: Seat) -> None:
        """A channel opened on a connection (:class:`~.channel_links.LinkListener`)."""
        self._outgoing.greet(link, seat)

    def on_change(self) -> None:
        """Connections or seats have changed (:class:`~.channel_links.LinkListener`)."""
        self.on_status_change()

    # -- inside -------------------------------------------------------------------------------------------------

    def _enter_configured(self) -> None:
        for problem in self._credentials.take_configured(self._config.welcome, self._config.invites):
            _logger.warning("[sidechannel] %s", problem)
        for channel in (ENTRY_CHANNEL, *self._config.channels):
            try:
                self._enter(required_name(channel), None).joined = True
            except IntercomError as error:
                _logger.warning("[sidechannel:%s] not joined: %s", channel, error)
                continue
            if self._rules.welcome_required(channel) and not self._rules.owner(channel):
                _logger.warning(_SILENT, channel)

    def _watch_store(self) -> None:
        loop = asyncio.get_running_loop()

        def failed(error: StoreError) -> None:
            loop.call_soon_threadsafe(self._publish, PlaneFailed("store", str(error), error.hint))

        self._store.on_error = failed

    def _connected(self, connection: PeerConnection) -> None:
        self._links.attach(connection)
        self.on_connection(connection)

    def _announce(self, entry: ChannelEntry) -> None:
        if entry.joined and not entry.announced:
            self._swarm.join(topic(entry.name))
            entry.announced = True

    def _enter(self, name: str, check: InviteCheck | None) -> ChannelEntry:
        if not self._access.may_join(name, self._clock.wall_ms()):
            problem = check.problem if check is not None else None
            raise InviteRequired(f"The invite {problem.value}." if problem is not None else "")
        return self._book.enter(name)

    def _writable(self, channel: str, control: JsonValue) -> str:
        name = required_name(channel)
        if self._rules.owner_only(name) and control != "auth" and not self._rules.owned(name):
            raise OwnerOnly
        return name

    def _readers(self, name: str, now_ms: float) -> int:
        return sum(
            1 for link in self._links if link.ready_seat(name) and self._access.authorised(name, link.key, now_ms)
        )

    def _open_requested(self, wanted: str, requester: str, via: str) -> None:
        entry = self._book.get(wanted)
        if len(wanted) > MAX_NAME_CHARS or (entry is not None and entry.joined):
            return
        if self._config.auto_join and len(self._auto_joined) < self._config.auto_join_limit:
            self._auto_joined.add(wanted)
            self._scope.spawn(f"auto-join {wanted[:32]}", self._auto_join(wanted))
            return
        request, gone = self._requests.add(wanted, requester, via, self._clock.wall_ms())
        for old in gone:
            self._publish(OpenRequestClosed(old.request_id))
        self._publish(OpenRequested(request.request_id, wanted, requester, via))

    async def _auto_join(self, wanted: str) -> None:
        try:
            await self.join(wanted)
        except IntercomError as error:
            _logger.info("[sidechannel:%s] not joined on request: %s", wanted, error)

    def _close_request(self, channel: str) -> None:
        request = self._requests.take_channel(channel)
        if request is not None:
            self._publish(OpenRequestClosed(request.request_id))
