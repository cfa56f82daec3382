"""A list drawn row by row: sidebars, tables, menus.

Rows are values; a row with a key can be under the cursor and chosen, one without is a heading or plain text. The list
keeps its cursor on the same key when its rows change.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import ClassVar

from rich.style import Style
from textual import events
from textual.binding import Binding, BindingType
from textual.geometry import Region
from textual.message import Message
from textual.strip import Strip

from intercom_tui.widgets.line import Part, line
from intercom_tui.widgets.painted import PaintedList

MAX_ROWS = 5_000
"""Rows a list draws; more are cut off."""


@dataclass(frozen=True, slots=True)
class Row:
    """One row."""

    left: Sequence[Part] = ()
    right: Sequence[Part] = ()
    key: str | None = None
    """What is chosen by it; None = cannot be under the cursor."""
    marked: bool = False
    """The current one: a bar stands before it."""
    extra: object = field(default=None, compare=False)


class RowList(PaintedList, can_focus=True):
    """A list of :class:`Row`."""

    HELP = "Arrows or j and k move, Enter chooses, g and G jump to the ends."

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("up,k", "cursor(-1)", "Up", show=False, id="list.up"),
        Binding("down,j", "cursor(1)", "Down", show=False, id="list.down"),
        Binding("home,g", "cursor_end(-1)", "First", show=False, id="list.first"),
        Binding("end,G", "cursor_end(1)", "Last", show=False, id="list.last"),
        Binding("pageup,ctrl+u", "cursor_page(-1)", "Page up", show=False, id="list.page-up"),
        Binding("pagedown,ctrl+d", "cursor_page(1)", "Page down", show=False, id="list.page-down"),
        Binding("enter,space", "choose", "Choose", show=False, id="list.choose"),
    ]

    class Chosen(Message):
        """A row was chosen."""

        def __init__(self, rows: RowList, key: str) -> None:
            super().__init__()
            self.rows = rows
            self.key = key

        @property
        def control(self) -> RowList:
            """The list."""
            return self.rows

    class Highlighted(Chosen):
        """The cursor moved to a row."""

    def __init__(self, *, id: str | None = None, classes: str | None = None, indent: int = 1) -> None:
        super().__init__(id=id, classes=classes)
        self.indent = indent
        self._rows: list[Row] = []
        self._cursor: int | None = None
        self.show_horizontal_scrollbar = False

    @property
    def shows_cursor(self) -> bool:
        """True while the cursor is drawn."""
        return self.has_focus

    @property
    def rows(self) -> Sequence[Row]:
        """All rows."""
        return self._rows

    @property
    def cursor_key(self) -> str | None:
        """Key under the cursor."""
        return None if self._cursor is None else self._rows[self._cursor].key

    def set_rows(self, rows: Sequence[Row], *, cursor: str | None = None) -> None:
        """Replace all rows; the cursor stays on its key, or goes to ``cursor``."""
        if cursor is None and self._rows and len(rows) == len(self._rows) and list(rows) == self._rows:
            return
        wanted = cursor or self.cursor_key
        old = self._cursor
        self._rows = list(rows[:MAX_ROWS])
        self._cursor = self._find(wanted)
        if self._cursor is None:
            self._cursor = self._nearest(old or 0)
        self.set_height(len(self._rows))
        if cursor is not None:
            self._show_cursor()
        self.refresh()

    def move_to(self, key: str) -> None:
        """Put the cursor on a key, if it is there."""
        if (index := self._find(key)) is not None:
            self._move(index)

    def render_line(self, y: int) -> Strip:
        """One visible row."""
        width = self.size.width
        index = y + self.scroll_offset.y
        base = self.base_style
        if index >= len(self._rows):
            return Strip.blank(width, base)
        row = self._rows[index]
        inks = self.inks
        if index == self._cursor:
            if self.shows_cursor:
                base += inks.cursor
            elif row.marked:
                base += inks.cursor_blurred
        elif row.marked:
            base += inks.cursor_blurred
        lead = self._lead(row)
        return line(width - 1, [*lead, *row.left], row.right, base).extend_cell_length(width, base)

    def _lead(self, row: Row) -> list[Part]:
        if not self.indent:
            return []
        if row.marked:
            return [(self.host_glyphs.bar, self.inks.accent), (" " * (self.indent - 1), Style.null())]
        return [(" " * self.indent, Style.null())]

    def action_cursor(self, step: int) -> None:
        """Move the cursor by rows that can be chosen."""
        index = self._cursor
        if index is None:
            if (first := self._nearest(0)) is not None:
                self._move(first)
            else:
                self.scroll_relative(y=step, animate=False)
            return
        index += step
        while 0 <= index < len(self._rows):
            if self._rows[index].key is not None:
                self._move(index)
                return
            index += step
        self.scroll_to(y=0 if step < 0 else self.max_scroll_y, animate=False)

    def action_cursor_end(self, direction: int) -> None:
        """Move the cursor to the first or last row."""
        target = self._nearest(0) if direction < 0 else self._nearest(len(self._rows) - 1, -1)
        if target is not None:
            self._move(target)
        else:
            self.scroll_to(y=0 if direction < 0 else self.max_scroll_y, animate=False)

    def action_cursor_page(self, direction: int) -> None:
        """Move the cursor by one page."""
        step = max(self.size.height - 1, 1) * direction
        if self._cursor is None:
            self.scroll_relative(y=step, animate=False)
            return
        index = min(max(self._cursor + step, 0), len(self._rows) - 1)
        target = self._nearest(index, direction)
        if target is None:
            target = self._nearest(index, -direction)
        if target is not None:
            self._move(target)

    def action_choose(self) -> None:
        """Choose the row under the cursor."""
        if (key := self.cursor_key) is not None:
            self.post_message(self.Chosen(self, key))

    def on_click(self, event: events.Click) -> None:
        """Choose the row that was clicked."""
        index = event.y + self.scroll_offset.y
        if 0 <= index < len(self._rows) and self._rows[index].key is not None:
            self._move(index)
            self.action_choose()

    def on_focus(self) -> None:
        """Show the cursor."""
        self.refresh()

    def on_blur(self) -> None:
        """Hide the cursor."""
        self.refresh()

    def on_resize(self) -> None:
        """Keep the virtual width equal to the real one: lists never scroll sideways."""
        self.set_height(len(self._rows))

    def _move(self, index: int) -> None:
        changed = index != self._cursor
        self._cursor = index
        self._show_cursor()
        self.refresh()
        if changed and (key := self._rows[index].key) is not None:
            self.post_message(self.Highlighted(self, key))

    def _show_cursor(self) -> None:
        if self._cursor is not None:
            top = self._cursor
            while top > 0 and self._rows[top - 1].key is None and self._cursor - top < 2:
                top -= 1
            self.scroll_to_region(Region(0, top, 1, self._cursor - top + 1), animate=False, force=True)

    def _find(self, key: str | None) -> int | None:
        if key is None:
            return None
        return next((index for index, row in enumerate(self._rows) if row.key == key), None)

    def _nearest(self, index: int, direction: int = 1) -> int | None:
        """Row with a key at or after (before) an index."""
        index = min(max(index, 0), max(len(self._rows) - 1, 0))
        for candidate in range(index, len(self._rows)) if direction > 0 else range(index, -1, -1):
            if candidate < len(self._rows) and self._rows[candidate].key is not None:
                return candidate
        if direction > 0 and index:
            return self._nearest(index, -1)
        return None
