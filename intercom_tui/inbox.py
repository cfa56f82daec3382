"""What is unread: counts per channel, mentions, and where to go next.

The read marker of a channel is the ``seq`` of the last message seen and survives restarts. Own messages, local lines
and muted channels never count.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass

from engine.messages import ChannelMessage
from intercom_tui.state import UiState

COUNT_LIMIT = 200
"""Stored messages looked at per channel when the counts are rebuilt at start."""


@dataclass(slots=True)
class Unread:
    """Unread messages of one channel."""

    count: int = 0
    mentions: int = 0
    more: bool = False
    """True when older unread messages were not counted."""

    @property
    def text(self) -> str:
        """The count as shown; empty when there is none."""
        if not self.count:
            return ""
        return f"{self.count}+" if self.more else str(self.count) if self.count < 1000 else "999+"


class Inbox:
    """Counts of unread messages.

    Args:
        state: saved read markers and muted channels.
        mentions_me: tells whether a text names this peer.
    """

    def __init__(self, state: UiState, mentions_me: Callable[[str], bool]) -> None:
        self._state = state
        self._mentions_me = mentions_me
        self._unread: dict[str, Unread] = {}

    def unread(self, channel: str) -> Unread:
        """Counts of one channel."""
        return self._unread.get(channel) or Unread()

    @property
    def total(self) -> int:
        """Unread messages of all channels."""
        return sum(unread.count for unread in self._unread.values())

    @property
    def mentions(self) -> int:
        """Unread messages that name this peer."""
        return sum(unread.mentions for unread in self._unread.values())

    def marker(self, channel: str) -> int:
        """``seq`` of the last message seen."""
        return self._state.read.get(channel, 0)

    def recount(self, channel: str, newest: Sequence[ChannelMessage]) -> None:
        """Count again from the newest stored messages of a channel."""
        marker = self.marker(channel)
        self._unread[channel] = unread = Unread()
        unread.more = len(newest) >= COUNT_LIMIT and bool(newest) and newest[0].seq > marker
        self.add(message for message in newest if message.seq > marker)

    def add(self, messages: Iterable[ChannelMessage]) -> bool:
        """Count arrivals; True when one of them names this peer."""
        mentioned = False
        for message in messages:
            if message.own or message.channel in self._state.muted or message.seq <= self.marker(message.channel):
                continue
            unread = self._unread.setdefault(message.channel, Unread())
            unread.count += 1
            if isinstance(message.message, str) and self._mentions_me(message.message):
                unread.mentions += 1
                mentioned = True
        return mentioned

    def mark_read(self, channel: str, seq: int) -> bool:
        """All of a channel up to ``seq`` was seen; True when something was unread."""
        self._state.mark_read(channel, seq)
        return self._unread.pop(channel, None) is not None

    def toggle_mute(self, channel: str) -> bool:
        """Mute or unmute a channel; True when it is muted now."""
        if channel in self._state.muted:
            self._state.muted.remove(channel)
            return False
        self._state.muted.append(channel)
        self._unread.pop(channel, None)
        return True

    def is_muted(self, channel: str) -> bool:
        """True for channels that never count."""
        return channel in self._state.muted

    def next_unread(self, channels: Sequence[str], current: str) -> str | None:
        """Where to go next: a channel with a mention, then any with unread messages, in order after ``current``."""
        start = channels.index(current) + 1 if current in channels else 0
        order = [*channels[start:], *channels[:start]]
        for wanted in ("mentions", "count"):
            for name in order:
                if name != current and getattr(self.unread(name), wanted):
                    return name
        return None
