"""What happens with frames from neighbours: decide, count, store, report, pass on.

The decision itself is :mod:`~.policy`; this is its shell.

Protocol reference: 06-sidechannel section 7.
"""

from __future__ import annotations

import logging
import math
from collections.abc import Callable

from engine.clock import Clock
from engine.events import Event, MessageDropped, MessageReceived
from engine.messages import ChannelMessage, Trust
from engine.services.sidechannel.access import Access
from engine.services.sidechannel.book import ChannelBook, ChannelEntry
from engine.services.sidechannel.channel_links import ChannelLinks
from engine.services.sidechannel.drops import DropReason
from engine.services.sidechannel.links import Frame, Link, Seat
from engine.services.sidechannel.policy import Arrival, Decision, ReceivePolicy, Verdict
from engine.services.sidechannel.relay import relay_copy
from engine.services.sidechannel.signatures import signature_of
from engine.store.messages import MessageStore
from engine.wire.compact import encode_utf8
from engine.wire.hexkeys import short_key
from engine.wire.jsjson import MAX_EXACT_INTEGER, JsonValue, parse, stringify
from engine.wire.jsvalues import NotConvertible, is_number, js_text, members

_logger = logging.getLogger(__name__)


class Reception:
    """Handles every frame of every neighbour.

    Args:
        policy: the decision table.
        access: rules, invites and welcomes.
        book: channels and counters.
        links: the neighbours.
        store: message history.
        publish: takes events.
        clock: source of time.
        debug: log every refusal.
    """

    def __init__(
        self,
        policy: ReceivePolicy,
        access: Access,
        book: ChannelBook,
        links: ChannelLinks,
        store: MessageStore,
        publish: Callable[[Event], None],
        clock: Clock,
        *,
        debug: bool = False,
    ) -> None:
        self.on_welcome: Callable[[str], None] = lambda channel: None
        """A welcome of the channel was verified."""
        self.on_admitted: Callable[[Link, Seat], None] = lambda link, seat: None
        """A neighbour showed a valid invite for the first time."""
        self.on_open_request: Callable[[str, str, str], None] = lambda wanted, requester, via: None
        """A neighbour asks for a channel: name, claimed key, channel it came over."""
        self._policy = policy
        self._access = access
        self._book = book
        self._links = links
        self._store = store
        self._publish = publish
        self._clock = clock
        self._debug = debug

    def receive(self, link: Link, seat: Seat, text: bytes) -> None:
        """Handle one message.

        Raises:
            DecodeError: it is no JSON.
        """
        entry = self._book.get(seat.name)
        if entry is None:
            return
        tick_ms = self._clock.monotonic() * 1000
        refused = self._policy.admit(link.key, len(text), tick_ms)
        if refused is not None:
            self._drop(entry, link, refused)
            return
        payload = parse(text)
        arrival = Arrival(seat.name, link.key, payload, len(text), self._clock.wall_ms(), tick_ms)
        decision = self._policy.decide(arrival)
        if decision.welcome is not None:
            self.on_welcome(seat.name)
        if decision.admitted:
            self.on_admitted(link, seat)
        if decision.reason is not None:
            self._drop(entry, link, decision.reason)
            return
        entry.accepted += 1
        if decision.verdict is Verdict.DELIVER:
            self._deliver(arrival, decision)
        elif decision.verdict is Verdict.OPEN:
            self.on_open_request(decision.wanted, decision.sender or "", seat.name)
        if decision.relay_ttl is not None and len(self._links) > 1:
            self._relay(entry, link, payload, decision)

    def _drop(self, entry: ChannelEntry, link: Link, reason: DropReason) -> None:
        entry.drops[reason.value] += 1
        if self._debug:
            _logger.info("[sidechannel:%s] drop (%s) from %s", entry.name, reason.value, short_key(link.key))
        if reason is not DropReason.BLOCKED:
            self._publish(MessageDropped(entry.name, reason.value, link.key))

    def _deliver(self, arrival: Arrival, decision: Decision) -> None:
        message = _channel_message(self._store.next_seq, arrival, decision)
        self._store.append(message)
        self._publish(MessageReceived(message))

    def _relay(self, entry: ChannelEntry, source: Link, payload: JsonValue, decision: Decision) -> None:
        access, name, now_ms = self._access, entry.name, self._clock.wall_ms()
        author = decision.sender if decision.trust is Trust.VERIFIED else None
        targets = {
            link
            for link in self._links
            if link.key not in (source.key, author) and access.authorised(name, link.key, now_ms) and name in link.seats
        }
        if targets:
            assert decision.relay_ttl is not None
            copy = relay_copy(payload, decision.relay_ttl, access.rules.self_key)
            frame = Frame.of(encode_utf8(stringify(copy)), own=False)
            written, queued = self._links.broadcast(name, frame, targets.__contains__)
            entry.relayed += bool(written or queued)


def _channel_message(seq: int, arrival: Arrival, decision: Decision) -> ChannelMessage:
    fields = members(arrival.payload)
    message = fields.get("message")
    ts, ttl = fields.get("ts"), fields.get("ttl")
    now_ms = int(arrival.wall_ms)
    relayed = fields.get("relayedBy") is not None or decision.sender != arrival.peer
    return ChannelMessage(
        seq=seq,
        channel=arrival.channel,
        id=_optional_text(fields.get("id")),
        sender=decision.sender,
        origin=_optional_text(fields.get("origin")),
        message=arrival.payload if message is None else message,
        ts_ms=int(ts) if is_number(ts) and abs(ts) <= MAX_EXACT_INTEGER else now_ms,
        received_ms=now_ms,
        ttl=ttl if is_number(ttl) and math.isfinite(ttl) else None,
        relayed_by=arrival.peer if relayed else None,
        signature=signature_of(arrival.payload),
        trust=decision.trust,
        late=decision.late,
    )


def _optional_text(value: JsonValue) -> str | None:
    try:
        return None if value is None else js_text(value)
    except NotConvertible:
        return None
