"""Entries of a message log: what each says and the rows it takes.

An entry holds text that already passed :mod:`intercom_tui.safe`. Long messages are folded: past :data:`FOLD_LINES`
lines or :data:`FOLD_CHARS` characters only their beginning is drawn, and the whole text opens in a viewer.
"""

from __future__ import annotations

import json
import re
import time
from bisect import bisect_right
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from enum import Enum, auto

from engine.messages import ChannelMessage, Trust
from intercom_tui.safe import safe_line, safe_text
from intercom_tui.widgets.text_wrap import Row, wrap_rows

FOLD_LINES = 40
"""Lines from which a message is folded."""
FOLD_CHARS = 4_000
"""Characters from which a message is folded."""
PREVIEW_ROWS = 12
"""Rows of a folded message."""
PREVIEW_CHARS = 2_000

LAST_MS = 253_402_300_800_000
"""End of the year 9999; later times are a sender's nonsense."""

URL = re.compile(r"https?://[^\s<>\"']{1,2000}")
"""Web addresses; the punctuation that ends a sentence is cut off by :func:`links`."""


class Kind(Enum):
    """Kinds of entries."""

    MESSAGE = auto()
    PENDING = auto()
    """A message of ours that is being sent."""
    LOCAL = auto()
    """A line of this program: command output, joins."""
    DAY = auto()
    NEW = auto()
    """The line between what was read and what was not."""


@dataclass(slots=True)
class Item:
    """One entry."""

    kind: Kind
    seq: int
    """Cursor of the message; local lines stand after the message with this ``seq``."""
    text: str
    message: ChannelMessage | None = None
    time: str = ""
    note: str = ""
    """Dim words behind the text, such as ``sent to 7``."""
    warn: bool = False
    """True when the note is bad news."""
    mention: bool = False
    folded: int = 0
    """Lines of the whole text when it is folded."""
    joined: bool = False
    """True when the entry above has the same author, so the name is not repeated."""
    style: str = ""
    links: tuple[Row, ...] = ()
    mentions: tuple[Row, ...] = ()
    rows: list[Row] = field(default_factory=list)

    @property
    def choosable(self) -> bool:
        """True when the cursor may stand on it."""
        return self.kind in (Kind.MESSAGE, Kind.LOCAL)

    @property
    def height(self) -> int:
        """Rows it takes."""
        return len(self.rows) + (1 if self.folded else 0)

    def wrap(self, width: int) -> None:
        """Break the text for a width; the note needs room of its own."""
        self.rows = wrap_rows(self.text, width, PREVIEW_ROWS if self.folded else 0)
        if self.note and self.rows:
            start, end = self.rows[-1]
            if end - start + len(self.note) + 2 > width and not self.folded:
                self.rows.append((end, end))

    def author(self) -> tuple[str, bool, str]:
        """What must be equal for two entries to belong together."""
        message = self.message
        assert message is not None
        return (message.sender or "", message.trust is Trust.UNSIGNED, message.label or "")


def message_text(message: ChannelMessage) -> str:
    """What a message says, as it came: text as text, a welcome as its words, everything else as JSON."""
    value = message.message
    if isinstance(value, str):
        return value
    if isinstance(value, dict) and value.get("control") == "welcome":
        welcome = value.get("welcome")
        payload = welcome.get("payload") if isinstance(welcome, dict) else None
        for source in (payload, welcome):
            if isinstance(source, dict) and isinstance(text := source.get("text"), str):
                return f"welcome: {text}"
    return json.dumps(value, ensure_ascii=False)


def message_json(message: ChannelMessage) -> str:
    """A message as one JSON object, in ASCII, so that it is safe to paste."""
    fields = {
        "channel": message.channel,
        "id": message.id,
        "from": message.sender,
        "origin": message.origin,
        "relayedBy": message.relayed_by,
        "message": message.message,
        "ts": message.ts_ms,
        "received": message.received_ms,
        "ttl": message.ttl,
        "sig": message.signature,
        "trust": message.trust.value,
        "label": message.label,
    }
    return json.dumps({key: value for key, value in fields.items() if value is not None})


def message_item(message: ChannelMessage, handles: tuple[str, ...], queued: int = 0) -> Item:
    """The entry of a message.

    Args:
        message: the message.
        handles: spellings that name this peer, lower case, with ``@``.
        queued: neighbours that will get it once their channel is open.
    """
    raw = message_text(message)
    lines = raw.count("\n") + 1
    folded = lines if lines > FOLD_LINES or len(raw) > FOLD_CHARS else 0
    text = safe_text(raw[:PREVIEW_CHARS] if folded else raw)
    item = Item(
        Kind.MESSAGE,
        message.seq,
        text,
        message,
        time=clock_text(message.ts_ms if not message.late else message.received_ms),
        folded=folded,
        links=tuple(links(text)),
        style="" if isinstance(message.message, str) else "muted",
    )
    if message.own:
        _delivery(item, message, queued)
    else:
        item.mentions = tuple(find_handles(text, handles))
        item.mention = bool(item.mentions)
        if message.late:
            item.note = f"late, written {moment_text(message.ts_ms)}"
    return item


def _delivery(item: Item, message: ChannelMessage, queued: int) -> None:
    if message.label:
        item.note = f"via bridge: {safe_line(message.label, 40)}, "
    if message.peers:
        item.note += f"sent to {message.peers}"
    elif queued:
        item.note += f"waiting for {queued} peer{'s' if queued != 1 else ''} to open the channel"
    else:
        item.note += "not delivered: no peer was there. R sends it again"
        item.warn = True


def links(text: str) -> Iterator[Row]:
    """Offsets of the web addresses in a text."""
    if "://" not in text:
        return
    for found in URL.finditer(text):
        address = found.group().rstrip(".,;:!?)]}")
        yield found.start(), found.start() + len(address)


def find_handles(text: str, handles: tuple[str, ...]) -> Iterator[Row]:
    """Offsets of the words that name this peer."""
    if "@" not in text:
        return
    lowered = text.lower()
    if len(lowered) != len(text):
        return
    for handle in handles:
        start = lowered.find(handle)
        while start >= 0:
            end = start + len(handle)
            if end == len(lowered) or not (lowered[end].isalnum() or lowered[end] in "-_"):
                yield start, end
            start = lowered.find(handle, end)


def clock_text(wall_ms: int) -> str:
    """Local time as ``HH:MM``; blank for a time no clock shows."""
    moment = _local(wall_ms)
    return time.strftime("%H:%M", moment) if moment else "--:--"


def day_text(wall_ms: int) -> str:
    """Local day as ``Wed 12 Nov``."""
    moment = _local(wall_ms)
    return time.strftime("%a %d %b", moment).replace(" 0", " ") if moment else ""


def _local(wall_ms: int) -> time.struct_time | None:
    return time.localtime(wall_ms / 1000) if 0 <= wall_ms < LAST_MS else None


def moment_text(wall_ms: int) -> str:
    """Day and time."""
    return f"{day_text(wall_ms)} {clock_text(wall_ms)}".strip()


class RowIndex:
    """Which entry and which of its rows stand at a row of the log.

    Entries are appended one by one; everything else rebuilds the index, which is cheap for a window of some thousand.
    """

    def __init__(self) -> None:
        self.items: list[Item] = []
        self._tops: list[int] = []
        self.height = 0

    def rebuild(self, items: Iterable[Item]) -> None:
        """Index these entries, which are wrapped already."""
        self.items = list(items)
        self._tops = []
        self.height = 0
        for item in self.items:
            self._tops.append(self.height)
            self.height += item.height

    def append(self, item: Item) -> None:
        """Add one wrapped entry at the end."""
        self.items.append(item)
        self._tops.append(self.height)
        self.height += item.height

    def pop(self) -> Item:
        """Remove the last entry."""
        self._tops.pop()
        item = self.items.pop()
        self.height -= item.height
        return item

    def at(self, row: int) -> tuple[int, int] | None:
        """Index of the entry at a row, and the row within it; None below the last."""
        if not 0 <= row < self.height:
            return None
        index = bisect_right(self._tops, row) - 1
        while self.items[index].height == 0:
            index -= 1
        return index, row - self._tops[index]

    def top(self, index: int) -> int:
        """First row of an entry."""
        return self._tops[index]

    def place(self, item: Item) -> int | None:
        """Index of an entry."""
        for index in range(len(self.items) - 1, -1, -1):
            if self.items[index] is item:
                return index
        return None
