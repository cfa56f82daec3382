"""What stands in a log beside stored messages: local lines, and messages on their way."""

from __future__ import annotations

from intercom_tui.safe import safe_text
from intercom_tui.widgets.log_items import Item, Kind

LOCAL_LINES = 200
"""Local lines kept per channel."""
LINE_CHARS = 20_000
SENDING_CHARS = 4_000


class Outbox:
    """Entries of this program, per channel."""

    def __init__(self) -> None:
        self._local: dict[str, list[Item]] = {}
        self._sending: dict[str, list[Item]] = {}

    def extra(self, channel: str) -> list[Item]:
        """All entries of a channel."""
        return [*self._local.get(channel, ()), *self._sending.get(channel, ())]

    def add_line(self, channel: str, after_seq: int, text: str, time: str, style: str) -> Item:
        """A local line behind the message with that ``seq``."""
        item = Item(Kind.LOCAL, after_seq, safe_text(text, limit=LINE_CHARS), time=time, style=style)
        lines = self._local.setdefault(channel, [])
        lines.append(item)
        del lines[:-LOCAL_LINES]
        return item

    def add_sending(self, channel: str, text: str, time: str) -> Item:
        """A message that is being sent."""
        item = Item(Kind.PENDING, 0, safe_text(text, limit=SENDING_CHARS), time=time)
        self._sending.setdefault(channel, []).append(item)
        return item

    def sent(self, item: Item, message_id: str) -> None:
        """The message got its id; it is forgotten when the stored one arrives."""
        item.style = message_id

    def forget(self, channel: str, item: Item) -> None:
        """The message failed, or its stored copy is shown."""
        self._sending[channel] = [other for other in self._sending.get(channel, []) if other is not item]

    def stored(self, channel: str, message_id: str) -> None:
        """The stored copy of a message arrived."""
        self._sending[channel] = [item for item in self._sending.get(channel, []) if item.style != message_id]
