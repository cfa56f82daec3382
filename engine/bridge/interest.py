"""Which events one client wants: its subscriptions, its filter, its own messages or not.

Protocol reference: 07-sc-bridge section 5.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from engine.bridge.events import EventView
from engine.bridge.filters import EVERYTHING, Filter, matches, parse_filter
from engine.bridge.replies import Refused

MAX_SUBSCRIPTIONS: Final = 256
MAX_NAME_LENGTH: Final = 1024
"""Characters of one subscription."""
MAX_FILTER_LENGTH: Final = 4096


class Interest:
    """What one client wants to see.

    Args:
        default_filter: filter text it starts with.
        filter_channels: channels that filters apply to; empty = all.
    """

    def __init__(self, default_filter: str, filter_channels: frozenset[str]) -> None:
        self._filter: Filter = parse_filter(default_filter)
        self._filter_channels = filter_channels
        self._subscriptions: dict[str, None] = {}
        self.own = False
        """True when the client wants messages of this peer too."""
        self.seen_to = -1
        """Events up to this cursor were given already."""

    @property
    def subscriptions(self) -> tuple[str, ...]:
        """Channels subscribed to, oldest first; none = all channels."""
        return tuple(self._subscriptions)

    def subscribe(self, names: Sequence[str]) -> None:
        """Add channels.

        Raises:
            Refused: too many, or a name is too long; nothing is added then.
        """
        if any(len(name) > MAX_NAME_LENGTH for name in names):
            raise Refused(f"Channel name too long (limit {MAX_NAME_LENGTH} characters).", "bridge.name_too_long")
        subscriptions = {**self._subscriptions, **dict.fromkeys(names)}
        if len(subscriptions) > MAX_SUBSCRIPTIONS:
            raise Refused(f"Too many subscriptions (limit {MAX_SUBSCRIPTIONS}).", "bridge.too_many_subscriptions")
        self._subscriptions = subscriptions

    def unsubscribe(self, names: Sequence[str]) -> None:
        """Remove channels; without any left, all channels are wanted again."""
        for name in names:
            self._subscriptions.pop(name, None)

    def set_filter(self, text: str) -> None:
        """Replace the filter.

        Raises:
            Refused: it is too long.
        """
        if len(text) > MAX_FILTER_LENGTH:
            raise Refused(f"Filter too long (limit {MAX_FILTER_LENGTH} characters).", "bridge.filter_too_long")
        self._filter = parse_filter(text)

    def clear_filter(self) -> None:
        """Everything passes."""
        self._filter = EVERYTHING

    def wants(self, event: EventView) -> bool:
        """True when the client should see the event."""
        if event.seq <= self.seen_to or (event.own and not self.own):
            return False
        return self.passes(event)

    def passes(self, event: EventView) -> bool:
        """True when subscriptions and filter let the event through."""
        if self._subscriptions and event.channel not in self._subscriptions:
            return False
        if not self._filter or (self._filter_channels and event.channel not in self._filter_channels):
            return True
        return matches(self._filter, event.filter_text)
