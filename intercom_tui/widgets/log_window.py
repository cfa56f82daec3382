"""The entries a message log holds: a window over the stored messages of one channel.

The window grows at its end while messages arrive and at its beginning while older pages are read. Past
:data:`WINDOW` entries the oldest are let go; while somebody reads old messages it may hold :data:`HARD_WINDOW`, and
then the newest are let go: the window is *detached* from the newest message until it is opened again.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

from engine.messages import ChannelMessage
from intercom_tui.widgets.log_items import Item, Kind, RowIndex, day_text, message_item

PAGE = 300
"""Messages read at once."""
WINDOW = 2_000
"""Entries held while the newest message is visible."""
HARD_WINDOW = 5_000
"""Entries held while old messages are read."""
QUEUED_LIMIT = 200
"""Messages whose waiting neighbours are remembered."""

Loader = Callable[[str, "int | None", int], Sequence[ChannelMessage]]
"""Channel, ``before`` and ``limit`` to stored messages, oldest first."""


class LogWindow:
    """Entries of one channel, wrapped for one width.

    Args:
        load: reads stored messages.
    """

    def __init__(self, load: Loader) -> None:
        self._load = load
        self._queued: dict[str, int] = {}
        self._last_day = ""
        self.index = RowIndex()
        self.channel = ""
        self.marker = 0
        """``seq`` of the last message seen when the window was opened."""
        self.room = 40
        """Cells of the text column."""
        self.handles: tuple[str, ...] = ()
        """Spellings that name this peer."""
        self.origin = 1_000_000
        """Number of the first entry; an entry keeps its number while others come and go before it."""
        self.detached = False
        self.no_older = True
        self.version = 0
        """Grows when entries that were held are drawn differently or have another number."""

    @property
    def items(self) -> list[Item]:
        """All entries."""
        return self.index.items

    @property
    def newest_seq(self) -> int:
        """``seq`` of the newest message held."""
        return next((item.seq for item in reversed(self.items) if item.kind is Kind.MESSAGE), 0)

    def open(self, channel: str, marker: int, extra: Sequence[Item] = ()) -> None:
        """Hold the newest page of a channel.

        Args:
            channel: name; empty holds nothing.
            marker: ``seq`` of the last message seen; the divider stands behind it.
            extra: local lines and messages being sent.
        """
        self.channel, self.marker = channel, marker
        self.origin = 1_000_000
        self.detached = False
        messages = self._load(channel, None, PAGE) if channel else ()
        self.no_older = len(messages) < PAGE
        for item in extra:
            item.rows = []
        self._arrange([*map(self._entry, messages), *extra])

    def append(self, messages: Sequence[ChannelMessage]) -> int:
        """Add messages that arrived; how many were new."""
        newest = self.newest_seq
        fresh = [message for message in messages if message.seq > newest]
        if self.detached or not fresh:
            return len(fresh)
        arrived = {message.id for message in fresh if message.own and message.id}
        taken = self._take_pending()
        self.version += bool(taken)
        waiting = [item for item in taken if item.style not in arrived]
        for message in fresh:
            self._push(self._entry(message))
        for item in waiting:
            self._push(item)
        return len(fresh)

    def add_local(self, item: Item) -> None:
        """Add a local line, or a message being sent, at the end."""
        waiting = [] if item.kind is Kind.PENDING else self._take_pending()
        self.version += bool(waiting)
        item.wrap(self.room)
        for entry in (item, *waiting):
            self._push(entry)

    def discard(self, item: Item) -> bool:
        """Take a local entry away again; False when it is not held."""
        kept = [entry for entry in self.items if entry is not item]
        if len(kept) == len(self.items):
            return False
        self.index.rebuild(kept)
        self.version += 1
        return True

    def note_queued(self, message_id: str, queued: int) -> None:
        """Remember that a message waits for neighbours whose channel is still opening."""
        self._queued[message_id] = queued
        while len(self._queued) > QUEUED_LIMIT:
            self._queued.pop(next(iter(self._queued)))

    def rewrap(self, room: int) -> None:
        """Break all texts for another width."""
        self.version += 1
        self.room = room
        for item in self.items:
            if item.kind not in (Kind.DAY, Kind.NEW):
                item.wrap(room)
        self.index.rebuild(self.items)

    def older(self) -> int:
        """Read one older page; rows that were added at the beginning."""
        if self.no_older or not self.channel:
            return 0
        oldest = next((item.seq for item in self.items if item.kind is Kind.MESSAGE), None)
        messages = self._load(self.channel, oldest, PAGE)
        self.no_older = len(messages) < PAGE
        if not messages:
            return 0
        count, height = len(self.items), self.index.height
        entries = [item for item in self.items if item.kind not in (Kind.DAY, Kind.NEW)]
        self._arrange([*map(self._entry, messages), *entries])
        self.origin -= len(self.items) - count
        grown = self.index.height - height
        if len(self.items) > HARD_WINDOW:
            self.index.rebuild(self.items[:HARD_WINDOW])
            self.detached = True
        return grown

    def trim(self, slack: int = PAGE) -> int:
        """Let the oldest entries go when there are more than :data:`WINDOW` and some slack; rows that went."""
        excess = len(self.items) - WINDOW
        if excess <= slack:
            return 0
        rows = self.index.top(excess)
        self.index.rebuild(self.items[excess:])
        self.origin += excess
        self.no_older = False
        return rows

    def last_choosable(self) -> Item | None:
        """The newest entry the cursor may stand on."""
        return next((item for item in reversed(self.items) if item.choosable), None)

    def neighbour(self, item: Item, step: int) -> Item | None:
        """The next entry the cursor may stand on, in a direction."""
        index = self.index.place(item)
        if index is None:
            return self.last_choosable()
        index += step
        while 0 <= index < len(self.items):
            if self.items[index].choosable:
                return self.items[index]
            index += step
        return None

    def first_unread(self) -> Item | None:
        """The entry behind the divider."""
        for index, item in enumerate(self.items[:-1]):
            if item.kind is Kind.NEW:
                return self.items[index + 1]
        return None

    def _take_pending(self) -> list[Item]:
        taken: list[Item] = []
        while self.items and self.items[-1].kind is Kind.PENDING:
            taken.append(self.index.pop())
        return taken[::-1]

    def _entry(self, message: ChannelMessage) -> Item:
        item = message_item(message, self.handles, self._queued.get(message.id or "", 0))
        item.wrap(self.room)
        return item

    def _arrange(self, entries: Sequence[Item]) -> None:
        """Put entries in order, with days and the divider between them."""
        self.version += 1
        pending = [item for item in entries if item.kind is Kind.PENDING]
        others = [item for item in entries if item.kind in (Kind.MESSAGE, Kind.LOCAL)]
        others.sort(key=lambda item: (item.seq, item.kind is Kind.LOCAL))
        unread = sum(1 for item in others if self._is_unread(item))
        self.index = RowIndex()
        self._last_day = ""
        divided = not self.marker
        for item in (*others, *pending):
            if not divided and self._is_unread(item):
                divided = True
                self._divide(Kind.NEW, f"{unread} new")
            if not item.rows:
                item.wrap(self.room)
            self._push(item)

    def _is_unread(self, item: Item) -> bool:
        return item.kind is Kind.MESSAGE and item.seq > self.marker and not (item.message and item.message.own)

    def _push(self, item: Item) -> None:
        if item.message is not None:
            day = day_text(item.message.received_ms)
            if day != self._last_day:
                self._last_day = day
                self._divide(Kind.DAY, day)
            previous = self.items[-1] if self.items else None
            item.joined = previous is not None and previous.kind is Kind.MESSAGE and previous.author() == item.author()
        self.index.append(item)

    def _divide(self, kind: Kind, text: str) -> None:
        self.index.append(Item(kind, 0, text, rows=[(0, len(text))]))
