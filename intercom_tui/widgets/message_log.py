"""The log of one channel: a window over the store, drawn row by row.

States: *following* (the newest message is visible and stays so) and *scrolled up* (arrivals are counted in a pill at the
bottom). Older pages load when the top comes near. At most :data:`WINDOW` entries are held; when older pages push the
newest ones out the log is *detached* and reads the newest page again on its way down.

No message is a widget, none is parsed for markup, and everything drawn passed :mod:`intercom_tui.safe`.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, ClassVar, cast

from rich.segment import Segment
from textual import events
from textual.binding import Binding, BindingType
from textual.geometry import Offset, Region, Size
from textual.message import Message
from textual.scroll_view import ScrollView
from textual.selection import Selection
from textual.strip import Strip

from engine.messages import ChannelMessage
from intercom_tui.safe import safe_text
from intercom_tui.widgets.line import cells
from intercom_tui.widgets.log_items import (
    Item,
    Kind,
    RowIndex,
    clock_text,
    day_text,
    message_item,
    message_text,
)
from intercom_tui.widgets.log_paint import Brush, Columns

if TYPE_CHECKING:
    from intercom_tui.app import IntercomApp

PAGE = 300
"""Messages read at once."""
WINDOW = 2_000
"""Entries held while following."""
HARD_WINDOW = 5_000
"""Entries held while scrolled up; then the newest are let go."""
NEAR_TOP = 20
"""Rows from the top at which the next older page is read."""

Loader = Callable[[str, "int | None", int], Sequence[ChannelMessage]]
"""Channel, ``before`` and ``limit`` to stored messages, oldest first."""


class MessageLog(ScrollView, can_focus=True):
    """Messages of one channel."""

    HELP = (
        "Arrows or j and k move between messages, y copies one, Y copies it as JSON, Enter shows its details, "
        "o opens a link, r replies, u goes to the first unread one, B prints the plain text, i writes."
    )

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("up,k", "cursor(-1)", "Up", show=False, id="list.up"),
        Binding("down,j", "cursor(1)", "Down", show=False, id="list.down"),
        Binding("home,g", "cursor_first", "Oldest", show=False, id="list.first"),
        Binding("end,G", "cursor_last", "Newest", show=False, id="list.last"),
        Binding("pageup,ctrl+u", "page(-1)", "Page up", show=False, id="list.page-up"),
        Binding("pagedown,ctrl+d", "page(1)", "Page down", show=False, id="list.page-down"),
        Binding("y", "copy", "Copy", id="message.copy"),
        Binding("Y", "copy_json", "Copy JSON", show=False, id="message.copy-json"),
        Binding("enter", "details", "Details", id="message.details"),
        Binding("o", "open_link", "Link", show=False, id="message.open-link"),
        Binding("r", "reply", "Reply", id="message.reply"),
        Binding("R", "resend", "Resend", show=False, id="message.resend"),
        Binding("u", "first_unread", "First unread", show=False, id="message.first-unread"),
        Binding("B", "bare", "Bare view", show=False, id="message.bare"),
        Binding("i", "write", "Write", id="focus-in"),
    ]

    class Asked(Message):
        """The user wants something done with a message.

        ``what`` is one of copy, copy-json, details, link, reply, resend, write, bare.
        """

        def __init__(self, what: str, message: ChannelMessage | None = None, detail: str = "") -> None:
            super().__init__()
            self.what = what
            self.message = message
            self.detail = detail

    class Seen(Message):
        """The newest message is visible."""

        def __init__(self, channel: str, seq: int) -> None:
            super().__init__()
            self.channel = channel
            self.seq = seq

    def __init__(self, load: Loader, *, id: str | None = None) -> None:
        super().__init__(id=id)
        self._load = load
        self.channel = ""
        self.ttl = 3
        self._index = RowIndex()
        self._origin = 1_000_000
        self._cursor: int | None = None
        self._below = 0
        self._following = True
        self._detached = False
        self._no_older = False
        self._marker = 0
        self._last_day = ""
        self._columns = Columns.fitting(60, False)
        self._queued: dict[str, int] = {}
        self.show_horizontal_scrollbar = False

    # -- what is shown ---------------------------------------------------------------------------------------------

    @property
    def host(self) -> IntercomApp:
        """The app, with its people and colours."""
        return cast("IntercomApp", self.app)

    @property
    def items(self) -> Sequence[Item]:
        """All entries held."""
        return self._index.items

    @property
    def cursor_message(self) -> ChannelMessage | None:
        """Message under the cursor; the newest one when there is no cursor."""
        item = self._cursor_item()
        return item.message if item else None

    @property
    def following(self) -> bool:
        """True while the newest message is visible."""
        return self._following

    @property
    def below(self) -> int:
        """Messages that arrived below the visible part."""
        return self._below

    @property
    def has_messages(self) -> bool:
        """True when at least one message or local line is shown."""
        return bool(self._index.items)

    def show(self, channel: str, marker: int, extra: Sequence[Item] = (), ttl: int = 3) -> None:
        """Show a channel from its newest message.

        Args:
            channel: name.
            marker: ``seq`` of the last message seen; the divider stands behind it.
            extra: local lines and messages being sent.
            ttl: hops messages of this channel start with.
        """
        self.channel, self._marker, self.ttl = channel, marker, ttl
        self._cursor, self._below, self._following, self._detached = None, 0, True, False
        self._origin = 1_000_000
        messages = self._load(channel, None, PAGE) if channel else ()
        self._no_older = len(messages) < PAGE
        self._measure()
        entries = [self._entry(message) for message in messages]
        self._arrange([*entries, *extra])
        self._grow()

    def append(self, messages: Sequence[ChannelMessage]) -> None:
        """Add messages that arrived."""
        if self._detached:
            self._below += len(messages)
            self.refresh()
            return
        arrived = {message.id for message in messages if message.own and message.id}
        tail = []
        while self.items and self.items[-1].kind is Kind.PENDING:
            item = self._index.pop()
            if item.style not in arrived:
                tail.append(item)
        last = max((item.seq for item in self.items if item.kind is Kind.MESSAGE), default=0)
        for message in messages:
            if message.seq > last:
                self._push(self._entry(message))
        for item in reversed(tail):
            self._push(item)
        if not self._following:
            self._below += sum(1 for message in messages if message.seq > last)
        self._trim()
        self._grow()

    def add_local(self, item: Item) -> None:
        """Add a local line or a message being sent at the end."""
        tail = []
        if item.kind is not Kind.PENDING:
            while self.items and self.items[-1].kind is Kind.PENDING:
                tail.append(self._index.pop())
        for entry in (item, *reversed(tail)):
            entry.wrap(self._columns.room)
            self._push(entry)
        self._grow()

    def remove(self, item: Item) -> None:
        """Take a local entry away again."""
        kept = [entry for entry in self.items if entry is not item]
        if len(kept) != len(self.items):
            self._index.rebuild(kept)
            if self._cursor is not None:
                self._cursor = min(self._cursor, len(kept) - 1) if kept else None
            self._grow()

    def note_queued(self, message_id: str, queued: int) -> None:
        """Remember that a message waits for neighbours whose channel is still opening."""
        self._queued[message_id] = queued
        while len(self._queued) > 200:
            self._queued.pop(next(iter(self._queued)))

    def restyle(self) -> None:
        """Draw everything again after names or columns changed."""
        self._rewrap(force=True)

    # -- drawing ---------------------------------------------------------------------------------------------------

    def render_line(self, y: int) -> Strip:
        """One visible row."""
        width = self.size.width
        base = self.rich_style
        place = self._index.at(y + self.scroll_offset.y)
        if place is None:
            strip = Strip.blank(width, base)
        else:
            index, row = place
            item = self._index.items[index]
            if index == self._cursor and self.has_focus:
                base += self.host.inks.cursor
            number = self._origin + index
            selection = self.text_selection
            span = selection.get_span(number) if selection else None
            strip = self._brush().paint(item, row, base, span, number).adjust_cell_length(width, base)
        if y == self.size.height - 1 and not self._following and self._below:
            strip = self._with_pill(strip, width)
        return strip

    def _brush(self) -> Brush:
        app = self.host
        return Brush(self._columns, app.inks, app.glyphs, app.people, self.ttl)

    def _pill_text(self) -> str:
        return f" {self.host.glyphs.down} {self._below} new below  End "

    def _with_pill(self, strip: Strip, width: int) -> Strip:
        text = self._pill_text()
        start = max(width - cells(text) - 1, 0)
        pill = Strip([Segment(text, self.host.inks.pill)])
        return Strip.join([strip.crop(0, start), pill, strip.crop(start + pill.cell_length, width)])

    # -- entries ---------------------------------------------------------------------------------------------------

    def _entry(self, message: ChannelMessage) -> Item:
        queued = self._queued.get(message.id or "", 0)
        item = message_item(message, self.host.people.own_handles(), queued)
        item.wrap(self._columns.room)
        return item

    def _arrange(self, entries: Sequence[Item]) -> None:
        """Put entries in order, with days and the divider between them."""
        pending = [item for item in entries if item.kind is Kind.PENDING]
        others = [item for item in entries if item.kind in (Kind.MESSAGE, Kind.LOCAL)]
        others.sort(key=lambda item: (item.seq, item.kind is Kind.LOCAL))
        unread = sum(1 for item in others if self._is_unread(item))
        self._index = RowIndex()
        self._last_day = ""
        divided = False
        for item in (*others, *pending):
            if not divided and self._is_unread(item) and self._marker:
                divided = True
                self._index.append(self._divider(Kind.NEW, f"{unread} new"))
            if not item.rows:
                item.wrap(self._columns.room)
            self._push(item)

    def _is_unread(self, item: Item) -> bool:
        return item.kind is Kind.MESSAGE and item.seq > self._marker and not (item.message and item.message.own)

    def _push(self, item: Item) -> None:
        if item.message is not None:
            day = day_text(item.message.received_ms)
            if day != self._last_day:
                self._last_day = day
                self._index.append(self._divider(Kind.DAY, day))
            previous = self.items[-1] if self.items else None
            item.joined = (
                previous is not None
                and previous.kind is Kind.MESSAGE
                and item.kind is Kind.MESSAGE
                and previous.author() == item.author()
            )
        self._index.append(item)

    def _divider(self, kind: Kind, text: str) -> Item:
        return Item(kind, 0, text, rows=[(0, len(text))])

    def _measure(self) -> bool:
        columns = Columns.fitting(max(self.size.width, 20), self.host.people.any_names)
        changed = columns != self._columns
        self._columns = columns
        return changed

    def _rewrap(self, force: bool = False) -> None:
        if not self._measure() and not force:
            return
        anchor = self._index.at(self.scroll_offset.y)
        if len(self.items) > WINDOW:
            self._trim(to=WINDOW)
            anchor = self._index.at(self.scroll_offset.y)
        for item in self.items:
            if item.kind not in (Kind.DAY, Kind.NEW):
                item.wrap(self._columns.room)
        self._index.rebuild(self.items)
        self._grow()
        if anchor is not None and not self._following and anchor[0] < len(self.items):
            self.scroll_to(y=self._index.top(anchor[0]), animate=False, immediate=True)

    def _trim(self, to: int = 0) -> None:
        """Let the oldest entries go while following."""
        limit = to or (WINDOW + PAGE)
        excess = len(self.items) - limit
        if excess <= 0 or not (self._following or to):
            return
        excess = len(self.items) - WINDOW
        self._drop_top(excess)

    def _drop_top(self, count: int) -> None:
        kept = self.items[count:]
        height = self._index.top(count) if count < len(self.items) else self._index.height
        self._index.rebuild(kept)
        self._origin += count
        self._no_older = False
        if self._cursor is not None:
            self._cursor = max(self._cursor - count, 0)
        if not self._following:
            self.set_scroll(None, max(self.scroll_y - height, 0))

    # -- scrolling -------------------------------------------------------------------------------------------------

    def _grow(self) -> None:
        """The height changed."""
        self.virtual_size = Size(self.size.width, self._index.height)
        if self._following:
            self.scroll_end(animate=False, immediate=True, x_axis=False)
            self._report_seen()
        self.refresh()

    def watch_scroll_y(self, old_value: float, new_value: float) -> None:
        """Follow or stop following; read older messages near the top."""
        super().watch_scroll_y(old_value, new_value)
        if not self.is_mounted:
            return
        following = new_value >= self.max_scroll_y - 0.5 and not self._detached
        if following and not self._following:
            self._below = 0
        if following != self._following:
            self._following = following
            if following:
                self._report_seen()
        if self._detached and new_value >= self.max_scroll_y - 0.5:
            self.call_later(self.jump_to_newest)
        elif new_value <= NEAR_TOP and new_value < old_value and not self._no_older:
            self.call_later(self.load_older)

    def load_older(self) -> None:
        """Read one older page."""
        if self._no_older or not self.channel:
            return
        oldest = next((item.seq for item in self.items if item.kind is Kind.MESSAGE), None)
        messages = self._load(self.channel, oldest, PAGE)
        self._no_older = len(messages) < PAGE
        if not messages:
            return
        before_count, before_height = len(self.items), self._index.height
        cursor_item = self.items[self._cursor] if self._cursor is not None else None
        entries = [item for item in self.items if item.kind not in (Kind.DAY, Kind.NEW)]
        self._arrange([*(self._entry(message) for message in messages), *entries])
        self._origin -= len(self.items) - before_count
        grown = self._index.height - before_height
        if len(self.items) > HARD_WINDOW:
            self._index.rebuild(self.items[:HARD_WINDOW])
            self._detached = True
            self._following = False
        if cursor_item is not None:
            self._cursor = next((i for i, item in enumerate(self.items) if item is cursor_item), None)
        self.virtual_size = Size(self.size.width, self._index.height)
        self.set_scroll(None, self.scroll_y + grown)
        self.refresh()

    def jump_to_newest(self) -> None:
        """Show the newest message."""
        if self._detached:
            self._detached = False
            self.show(self.channel, self._marker, ttl=self.ttl)
        self._below = 0
        self._following = True
        self._cursor = self._last_index()
        self.scroll_end(animate=False, immediate=True, x_axis=False)
        self._report_seen()
        self.refresh()

    def _report_seen(self) -> None:
        newest = next((item.seq for item in reversed(self.items) if item.kind is Kind.MESSAGE), 0)
        if newest:
            self.post_message(self.Seen(self.channel, newest))

    def on_resize(self) -> None:
        """Wrap again for the new width."""
        self._rewrap()
        if self._following:
            self._grow()

    def on_focus(self) -> None:
        """Show the cursor on the newest visible message."""
        if self._cursor is None:
            self._cursor = self._last_index()
        self.refresh()

    def on_blur(self) -> None:
        """Hide the cursor; it starts at the newest message again when the log follows."""
        if self._following:
            self._cursor = None
        self.refresh()

    # -- cursor ----------------------------------------------------------------------------------------------------

    def _last_index(self) -> int | None:
        for index in range(len(self.items) - 1, -1, -1):
            if self.items[index].kind in (Kind.MESSAGE, Kind.LOCAL):
                return index
        return None

    def _cursor_item(self) -> Item | None:
        index = self._cursor if self._cursor is not None else self._last_index()
        return self.items[index] if index is not None and index < len(self.items) else None

    def _move_to(self, index: int) -> None:
        self._cursor = index
        item = self.items[index]
        top = self._index.top(index)
        self.scroll_to_region(Region(0, top, 1, min(item.height, self.size.height)), animate=False, force=True)
        if index == self._last_index():
            self.scroll_end(animate=False, immediate=True, x_axis=False)
        self.refresh()

    def action_cursor(self, step: int) -> None:
        """Move to the next or previous message."""
        index = self._cursor if self._cursor is not None else self._last_index()
        if index is None:
            return
        index += step
        while 0 <= index < len(self.items):
            if self.items[index].kind in (Kind.MESSAGE, Kind.LOCAL):
                self._move_to(index)
                return
            index += step
        if step < 0:
            self.load_older()
            self.scroll_home(animate=False) if self._no_older else None
        else:
            self.jump_to_newest()

    def action_cursor_first(self) -> None:
        """Move to the oldest message that is held, and read older ones."""
        self.load_older()
        first = next((i for i, item in enumerate(self.items) if item.kind is Kind.MESSAGE), None)
        if first is not None:
            self._move_to(first)
            self.scroll_home(animate=False, immediate=True)

    def action_cursor_last(self) -> None:
        """Move to the newest message."""
        self.jump_to_newest()

    def action_page(self, direction: int) -> None:
        """Move by one page."""
        rows = max(self.size.height - 2, 1)
        target = int(self.scroll_y) + rows * direction
        if direction > 0 and target >= self.max_scroll_y:
            self.jump_to_newest()
            return
        self.scroll_to(y=max(target, 0), animate=False, immediate=True)
        place = self._index.at(max(target, 0) + (0 if direction < 0 else rows - 1))
        if place is not None:
            self._cursor = place[0]
        self.refresh()

    def action_first_unread(self) -> None:
        """Move to the first unread message."""
        for index, item in enumerate(self.items):
            if item.kind is Kind.NEW and index + 1 < len(self.items):
                self._move_to(index + 1)
                return
        self.jump_to_newest()

    # -- asking the pane -------------------------------------------------------------------------------------------

    def _ask(self, what: str, detail: str = "") -> None:
        self.post_message(self.Asked(what, self.cursor_message, detail))

    def action_copy(self) -> None:
        """Copy the message, or the local line."""
        item = self._cursor_item()
        if item is not None:
            text = safe_text(message_text(item.message)) if item.message else item.text
            self.post_message(self.Asked("copy", item.message, text))

    def action_copy_json(self) -> None:
        """Copy the message as JSON."""
        self._ask("copy-json")

    def action_details(self) -> None:
        """Show everything about the message."""
        self._ask("details")

    def action_open_link(self) -> None:
        """Open the first link of the message, after asking."""
        item = self._cursor_item()
        if item is not None and item.links:
            start, end = item.links[0]
            self._ask("link", item.text[start:end])

    def action_reply(self) -> None:
        """Quote the message in the composer."""
        self._ask("reply")

    def action_resend(self) -> None:
        """Send a message again that reached nobody."""
        item = self._cursor_item()
        if item is not None and item.warn:
            self._ask("resend")

    def action_bare(self) -> None:
        """Print the log as plain text on the normal screen."""
        self._ask("bare", self.plain_text())

    def action_write(self) -> None:
        """Go to the composer."""
        self._ask("write")

    def plain_text(self, limit: int = 500) -> str:
        """The newest entries as unwrapped text."""
        lines = [self._plain_line(item) for item in self.items[-limit:] if item.kind in (Kind.MESSAGE, Kind.LOCAL)]
        return "\n".join(lines)

    def _plain_line(self, item: Item) -> str:
        if item.message is None:
            return f"{item.time or clock_text(0)} - {item.text}"
        who = self.host.people.full_label(item.message.sender or "")
        return f"{item.time} {who}  {safe_text(message_text(item.message))}"

    # -- mouse and selection ---------------------------------------------------------------------------------------

    def on_click(self, event: events.Click) -> None:
        """Put the cursor on a message; two clicks select a word, three the message."""
        event.prevent_default()
        at_bottom_row = event.y == self.size.height - 1
        if self._below and not self._following and at_bottom_row and event.x >= self.size.width - 22:
            self.jump_to_newest()
            return
        place = self._index.at(event.y + self.scroll_offset.y)
        if place is None:
            return
        index, row = place
        item = self.items[index]
        if item.kind in (Kind.MESSAGE, Kind.LOCAL):
            self._cursor = index
            self.refresh()
        if event.chain == 3:
            self._select(index, 0, len(item.text))
        elif event.chain == 2:
            self._select_word(index, event)
        elif row >= len(item.rows):
            self._ask("details")
        elif not self.screen.get_selected_text():
            self._click_link(item, event)

    def _clicked_offset(self, event: events.MouseEvent) -> int | None:
        _, offset = self.screen.get_widget_and_offset_at(event.screen_x, event.screen_y)
        return None if offset is None else offset.x

    def _click_link(self, item: Item, event: events.Click) -> None:
        offset = self._clicked_offset(event)
        for start, end in item.links:
            if offset is not None and start <= offset < end:
                self._ask("link", item.text[start:end])

    def _select_word(self, index: int, event: events.Click) -> None:
        offset = self._clicked_offset(event)
        text = self.items[index].text
        if offset is None or not 0 <= offset < len(text) or text[offset].isspace():
            return
        start = end = offset
        while start > 0 and not text[start - 1].isspace():
            start -= 1
        while end < len(text) and not text[end].isspace():
            end += 1
        self._select(index, start, end)

    def _select(self, index: int, start: int, end: int) -> None:
        number = self._origin + index
        self.screen.selections = {self: Selection(Offset(start, number), Offset(end, number))}

    def get_selection(self, selection: Selection) -> tuple[str, str] | None:
        """Selected text: of one message its characters, of several one line each with time and author."""
        picked: list[tuple[Item, str]] = []
        for index, item in enumerate(self.items):
            span = selection.get_span(self._origin + index)
            if span is None or item.kind in (Kind.DAY, Kind.NEW):
                continue
            start, end = max(span[0], 0), len(item.text) if span[1] < 0 else span[1]
            if text := item.text[start:end]:
                picked.append((item, text))
        if not picked:
            return None
        if len(picked) == 1:
            return picked[0][1], "\n"
        people = self.host.people
        lines = [
            f"{item.time} {people.label(item.message.sender or '')}: {text}" if item.message else text
            for item, text in picked
        ]
        return "\n".join(lines), "\n"

    def selection_updated(self, selection: Selection | None) -> None:
        """Draw the selection."""
        self.refresh()
