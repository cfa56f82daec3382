"""The log of one channel, drawn row by row.

States: *following* (the newest message is visible and stays so) and *scrolled up* (arrivals are counted in a pill at
the bottom). Older pages load when the top comes near; :mod:`intercom_tui.widgets.log_window` holds the entries.

No message is a widget, none is parsed for markup, and everything drawn passed :mod:`intercom_tui.safe`.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, ClassVar, cast

from rich.segment import Segment
from rich.style import Style
from textual import events
from textual.binding import Binding, BindingType
from textual.geometry import Offset, Region
from textual.message import Message
from textual.selection import Selection
from textual.strip import Strip

from engine.messages import ChannelMessage
from intercom_tui.safe import safe_text
from intercom_tui.widgets.line import cells
from intercom_tui.widgets.log_items import Item, message_text
from intercom_tui.widgets.log_paint import Brush, Columns
from intercom_tui.widgets.log_selection import plain_text, selected_text, word_at
from intercom_tui.widgets.log_window import Loader, LogWindow
from intercom_tui.widgets.painted import PaintedList

if TYPE_CHECKING:
    from intercom_tui.app import IntercomApp
    from intercom_tui.app_base import AppBase

FIND_PAGES = 15
"""Older pages that one search reads."""
STRIPS_KEPT = 1_000
"""Painted rows kept."""
NEAR_TOP = 20
"""Rows from the top at which the next older page is read."""


class MessageLog(PaintedList, can_focus=True):
    """Messages of one channel."""

    HELP = (
        "Arrows or j and k move between messages, y copies one, Y copies it as JSON, Enter shows its details, "
        "o opens a link, r replies, u goes to the first unread one, B prints the plain text, i writes."
    )

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("i", "ask('write')", "Write", id="focus-in"),
        Binding("y", "copy", "Copy", id="message.copy"),
        Binding("Y", "ask('copy-json')", "Copy JSON", show=False, id="message.copy-json"),
        Binding("enter", "ask('details')", "Details", id="message.details"),
        Binding("r", "ask('reply')", "Reply", id="message.reply"),
        Binding("o", "open_link", "Link", show=False, id="message.open-link"),
        Binding("R", "resend", "Resend", show=False, id="message.resend"),
        Binding("u", "first_unread", "First unread", show=False, id="message.first-unread"),
        Binding("B", "bare", "Bare view", show=False, id="message.bare"),
        Binding("n", "find_next(-1)", "Next match", show=False, id="message.find-next"),
        Binding("N", "find_next(1)", "Previous match", show=False, id="message.find-previous"),
        Binding("escape", "clear", "Clear", show=False, id="message.clear"),
        Binding("up,k", "cursor(-1)", "Up", show=False, id="list.up"),
        Binding("down,j", "cursor(1)", "Down", show=False, id="list.down"),
        Binding("home,g", "cursor_first", "Oldest", show=False, id="list.first"),
        Binding("end,G", "jump_to_newest", "Newest", show=False, id="list.last"),
        Binding("pageup,ctrl+u", "page(-1)", "Page up", show=False, id="list.page-up"),
        Binding("pagedown,ctrl+d", "page(1)", "Page down", show=False, id="list.page-down"),
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
        self.window = LogWindow(load)
        self.ttl = 3
        self._columns = Columns.fitting(60, False)
        self._cursor: Item | None = None
        self._below = 0
        self._following = True
        self._needle = ""
        self._strips: dict[tuple[int, int], Strip] = {}
        self._strips_version: object = None
        self.show_horizontal_scrollbar = False

    @property
    def host(self) -> IntercomApp:
        """The app, with its people and colours."""
        return cast("IntercomApp", self.app)

    @property
    def items(self) -> Sequence[Item]:
        """All entries held."""
        return self.window.items

    @property
    def cursor_item(self) -> Item | None:
        """Entry under the cursor; the newest one when there is no cursor."""
        return self._cursor or self.window.last_choosable()

    @property
    def following(self) -> bool:
        """True while the newest message is visible."""
        return self._following

    @property
    def below(self) -> int:
        """Messages that arrived below the visible part."""
        return self._below

    # -- what is shown ---------------------------------------------------------------------------------------------

    def show(self, channel: str, marker: int, extra: Sequence[Item] = (), ttl: int = 3) -> None:
        """Show a channel from its newest message.

        Args:
            channel: name.
            marker: ``seq`` of the last message seen.
            extra: local lines and messages being sent.
            ttl: hops messages of this channel start with.
        """
        self.ttl = ttl
        self._cursor, self._below, self._following = None, 0, True
        self._measure()
        self.window.open(channel, marker, extra)
        self._grow()

    def append(self, messages: Sequence[ChannelMessage]) -> None:
        """Add messages that arrived."""
        at_newest = self._cursor is not None and self._cursor is self.window.last_choosable()
        fresh = self.window.append(messages)
        if self._following:
            self.window.trim()
            if at_newest:
                self._cursor = self.window.last_choosable()
        else:
            self._below += fresh
        self._grow()

    def add_local(self, item: Item) -> None:
        """Add a local line, or a message being sent, at the end."""
        self.window.add_local(item)
        self._grow()

    def discard(self, item: Item) -> None:
        """Take a local entry away again."""
        if self.window.discard(item):
            self._grow()

    def restyle(self) -> None:
        """Draw everything again after names or colours changed."""
        self._measure()
        self.window.rewrap(self._columns.room)
        self._strips.clear()
        self._grow()

    def _measure(self) -> bool:
        """Fit the columns to the width; True when the text column changed."""
        people = self.host.people
        self._columns = Columns.fitting(max(self.size.width, 20), people.any_names)
        self.window.handles = people.own_handles()
        changed = self.window.room != self._columns.room
        if not self.items:
            self.window.room = self._columns.room
        return changed

    # -- drawing ---------------------------------------------------------------------------------------------------

    def render_line(self, y: int) -> Strip:
        """One visible row."""
        width = self.size.width
        base = self.base_style
        place = self.window.index.at(y + self.scroll_offset.y)
        strip = Strip.blank(width, base) if place is None else self._row_strip(*place, base, width)
        if y == self.size.height - 1 and not self._following and self._below:
            strip = self._with_pill(strip, width)
        return strip

    def _row_strip(self, index: int, row: int, base: Style, width: int) -> Strip:
        """One row of an entry; plain ones are kept, so that a scrolled row is not painted again."""
        item = self.items[index]
        number = self.window.origin + index
        selection = self.text_selection
        cursor = item is self._cursor and self.has_focus
        if cursor:
            base += self.inks.cursor
        if selection is not None or cursor:
            span = selection.get_span(number) if selection else None
            return self._brush().paint(item, row, base, span, number).adjust_cell_length(width, base)
        version = (cast("AppBase", self.app).paint_version, self._columns, self._needle, self.window.version, width)
        if version != self._strips_version or len(self._strips) > STRIPS_KEPT:
            self._strips.clear()
            self._strips_version = version
        strip = self._strips.get((number, row))
        if strip is None:
            strip = self._brush().paint(item, row, base, None, number).adjust_cell_length(width, base)
            self._strips[number, row] = strip
        return strip

    def _brush(self) -> Brush:
        app = self.host
        return Brush(self._columns, app.inks, app.glyphs, app.people, self.ttl, self._needle)

    def _with_pill(self, strip: Strip, width: int) -> Strip:
        text = f" {self.host.glyphs.down} {self._below} new below  End "
        start = max(width - cells(text) - 1, 0)
        pill = Strip([Segment(text, self.host.inks.pill)])
        return Strip.join([strip.crop(0, start), pill, strip.crop(start + pill.cell_length, width)])

    # -- scrolling -------------------------------------------------------------------------------------------------

    def _grow(self) -> None:
        """The height changed."""
        self.set_height(self.window.index.height)
        if self._following:
            self.scroll_end(animate=False, immediate=True, x_axis=False)
            self.report_seen()
        self.refresh()

    def watch_scroll_y(self, old_value: float, new_value: float) -> None:
        """Follow or stop following; read older messages near the top."""
        super().watch_scroll_y(old_value, new_value)
        if not self.is_mounted:
            return
        at_end = new_value >= self.max_scroll_y - 0.5
        if self.window.detached:
            if at_end:
                self.call_later(self.action_jump_to_newest)
        elif at_end != self._following:
            self._following = at_end
            if at_end:
                self._below = 0
                self.report_seen()
        if new_value <= NEAR_TOP and new_value < old_value and not self.window.no_older:
            self.call_later(self.load_older)

    def load_older(self) -> None:
        """Read one older page; what is visible stays where it is."""
        grown = self.window.older()
        if not grown:
            return
        if self.window.detached:
            self._following = False
        self.set_height(self.window.index.height)
        self.set_scroll(None, self.scroll_y + grown)
        self.refresh()

    def report_seen(self) -> None:
        """Tell that the newest message is visible."""
        if newest := self.window.newest_seq:
            self.post_message(self.Seen(self.window.channel, newest))

    def on_resize(self) -> None:
        """Wrap again for the new width; the first visible entry stays the first."""
        place = self.window.index.at(self.scroll_offset.y)
        anchor = self.items[place[0]] if place and not self._following else None
        if self._measure():
            self.window.trim(slack=0)
            self.window.rewrap(self._columns.room)
        self._grow()
        index = self.window.index.place(anchor) if anchor else None
        if index is not None:
            self.scroll_to(y=self.window.index.top(index), animate=False, immediate=True)

    def on_focus(self) -> None:
        """Show the cursor on the newest message."""
        if self._cursor is None:
            self._cursor = self.window.last_choosable()
        self.refresh()

    def on_blur(self) -> None:
        """Hide the cursor; it starts at the newest message again when the log follows."""
        if self._following:
            self._cursor = None
        self.refresh()

    # -- cursor ----------------------------------------------------------------------------------------------------

    def _move_to(self, item: Item) -> None:
        index = self.window.index.place(item)
        if index is None:
            return
        self._cursor = item
        if item is self.window.last_choosable() and not self.window.detached:
            self.scroll_end(animate=False, immediate=True, x_axis=False)
        else:
            height = max(min(item.height, self.size.height), 1)
            self.scroll_to_region(Region(0, self.window.index.top(index), 1, height), animate=False, force=True)
        self.refresh()

    def action_cursor(self, step: int) -> None:
        """Move to the next or previous message."""
        item = self.cursor_item
        if item is None:
            return
        if step < 0 and self.window.neighbour(item, step) is None:
            self.load_older()
        target = self.window.neighbour(item, step)
        if target is not None:
            self._move_to(target)
        elif step > 0:
            self.action_jump_to_newest()
        else:
            self.scroll_home(animate=False, immediate=True)

    def action_cursor_first(self) -> None:
        """Move to the oldest message that is held, and read older ones."""
        self.load_older()
        first = next((item for item in self.items if item.choosable), None)
        if first is not None:
            self._move_to(first)
            self.scroll_home(animate=False, immediate=True)

    def action_jump_to_newest(self) -> None:
        """Show the newest message."""
        if self.window.detached:
            self.show(self.window.channel, self.window.marker, ttl=self.ttl)
        self._below = 0
        self._following = True
        self._cursor = self.window.last_choosable() if self.has_focus else None
        self.scroll_end(animate=False, immediate=True, x_axis=False)
        self.report_seen()
        self.refresh()

    def action_page(self, direction: int) -> None:
        """Move by one page."""
        rows = max(self.size.height - 2, 1)
        target = max(int(self.scroll_y) + rows * direction, 0)
        if direction > 0 and target >= self.max_scroll_y:
            self.action_jump_to_newest()
            return
        self.scroll_to(y=target, animate=False, immediate=True)
        place = self.window.index.at(target if direction < 0 else target + rows)
        if place is not None:
            item = self.items[place[0]]
            self._cursor = item if item.choosable else self.window.neighbour(item, -direction) or item
        self.refresh()

    def action_first_unread(self) -> None:
        """Move to the first unread message."""
        item = self.window.first_unread()
        if item is None:
            self.action_jump_to_newest()
        else:
            self._move_to(item)

    # -- finding ---------------------------------------------------------------------------------------------------

    def find(self, text: str) -> bool:
        """Go to the newest message with that text, whatever its case; False when there is none."""
        self._needle = text.lower()
        last = self.window.last_choosable()
        if last is not None and self._needle in last.text.lower():
            self._move_to(last)
            return True
        self._cursor = last
        return self._find_from(-1)

    def action_find_next(self, step: int) -> None:
        """Go to the next older (-1) or newer (1) match."""
        if self._needle:
            self._find_from(step)

    def action_clear(self) -> None:
        """Forget the search and the selection."""
        self._needle = ""
        self.screen.clear_selection()
        self.refresh()

    def _find_from(self, step: int) -> bool:
        item = self.cursor_item
        pages = FIND_PAGES
        while item is not None:
            following = self.window.neighbour(item, step)
            if following is None and step < 0 and pages:
                pages -= 1
                self.load_older()
                following = self.window.neighbour(item, step)
            if following is not None and self._needle in following.text.lower():
                self._move_to(following)
                return True
            item = following
        self.refresh()
        return False

    # -- asking the pane -------------------------------------------------------------------------------------------

    def action_ask(self, what: str) -> None:
        """Ask for something to be done with the message under the cursor."""
        item = self.cursor_item
        self.post_message(self.Asked(what, item.message if item else None))

    def action_copy(self) -> None:
        """Copy the message, or the local line."""
        if (item := self.cursor_item) is not None:
            text = safe_text(message_text(item.message)) if item.message else item.text
            self.post_message(self.Asked("copy", item.message, text))

    def action_open_link(self) -> None:
        """Open the first link of the message, after asking."""
        if (item := self.cursor_item) is not None and item.links:
            start, end = item.links[0]
            self.post_message(self.Asked("link", item.message, item.text[start:end]))

    def action_resend(self) -> None:
        """Send a message again that reached nobody."""
        if (item := self.cursor_item) is not None and item.warn:
            self.post_message(self.Asked("resend", item.message))

    def action_bare(self) -> None:
        """Print the log as plain text on the normal screen."""
        self.post_message(self.Asked("bare", None, plain_text(self.items, self.host.people)))

    # -- mouse and selection ---------------------------------------------------------------------------------------

    def on_click(self, event: events.Click) -> None:
        """Put the cursor on a message; two clicks select a word, three the message."""
        event.prevent_default()
        if self._below and not self._following and event.y == self.size.height - 1 and event.x > self.size.width // 2:
            self.action_jump_to_newest()
            return
        place = self.window.index.at(event.y + self.scroll_offset.y)
        if place is None:
            return
        index, row = place
        item = self.items[index]
        if item.choosable:
            self._cursor = item
            self.refresh()
        offset = self._clicked_offset(event)
        if event.chain == 3:
            self._select(index, 0, len(item.text))
        elif event.chain == 2:
            if offset is not None and (word := word_at(item.text, offset)):
                self._select(index, *word)
        elif row >= len(item.rows):
            self.action_ask("details")
        elif not self.screen.get_selected_text() and offset is not None:
            for start, end in item.links:
                if start <= offset < end:
                    self.post_message(self.Asked("link", item.message, item.text[start:end]))

    def _clicked_offset(self, event: events.MouseEvent) -> int | None:
        _, offset = self.screen.get_widget_and_offset_at(event.screen_x, event.screen_y)
        return None if offset is None else offset.x

    def _select(self, index: int, start: int, end: int) -> None:
        number = self.window.origin + index
        self.screen.selections = {self: Selection(Offset(start, number), Offset(end, number))}

    def get_selection(self, selection: Selection) -> tuple[str, str] | None:
        """Selected text and what ends it."""
        text = selected_text(self.items, self.window.origin, selection, self.host.people)
        return (text, "\n") if text else None

    def selection_updated(self, selection: Selection | None) -> None:
        """Draw the selection."""
        self.refresh()
