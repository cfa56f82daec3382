"""How one row of a message log looks."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

from rich.segment import Segment
from rich.style import Style
from textual.strip import Strip

from engine.messages import Trust
from intercom_tui.glyphs import Glyphs
from intercom_tui.people import People, short_key
from intercom_tui.safe import safe_line
from intercom_tui.theme import Inks
from intercom_tui.widgets.line import Part, cells, cut, line, pad
from intercom_tui.widgets.log_items import Item, Kind

NAME_CELLS = 10
KEY_CELLS = 10
_LEAD = 11
"""Bar, time and space, marks of four cells."""


@dataclass(frozen=True, slots=True)
class Columns:
    """Where the text of messages begins at a width."""

    width: int
    who: int
    """Cells of the author's column."""
    key: bool
    """True when the short key stands beside the name."""

    @classmethod
    def fitting(cls, width: int, any_names: bool) -> Columns:
        """Columns for a log of that width."""
        key = any_names and width >= 64
        return cls(width, NAME_CELLS + 1 + KEY_CELLS if key else NAME_CELLS if width >= 40 else 6, key)

    @property
    def body(self) -> int:
        """First cell of the text."""
        return _LEAD + self.who + 1

    @property
    def room(self) -> int:
        """Cells of the text."""
        return max(self.width - self.body - 1, 8)


@dataclass(frozen=True, slots=True)
class Brush:
    """Everything that decides how rows look, besides the entry."""

    columns: Columns
    inks: Inks
    glyphs: Glyphs
    people: People
    ttl: int
    """Hops a message may travel at most, to count how many it did."""
    needle: str = ""
    """Text that is looked for, in lower case."""

    def paint(self, item: Item, row: int, base: Style, span: tuple[int, int] | None, y: int) -> Strip:
        """One row of an entry.

        Args:
            item: the entry, wrapped for these columns.
            row: row within it.
            base: style below everything.
            span: selected characters of the text, None for none.
            y: number of the entry, for the selection.
        """
        if item.kind in (Kind.DAY, Kind.NEW):
            return self._divider(item, base)
        lead = self._lead(item) if row == 0 else [(" " * self.columns.body, Style.null())]
        if row >= len(item.rows):
            return self._fold(item, lead, base)
        start, end = item.rows[row]
        body = self._body(item, start, end, span)
        used = self.columns.body + sum(cells(text) for text, _ in body)
        note = self._note(item, row, used)
        strip = _with_offsets(lead, body, base, start, y)
        rest: list[Segment] = [Segment(text, base + style) for text, style in note]
        used += sum(cells(text) for text, _ in note)
        if used < self.columns.width:
            rest.append(Segment(" " * (self.columns.width - used), base))
        return Strip([*strip, *rest], max(used, self.columns.width))

    def _divider(self, item: Item, base: Style) -> Strip:
        ink = self.inks.accent if item.kind is Kind.NEW else self.inks.muted
        rule = self.inks.accent if item.kind is Kind.NEW else self.inks.faint
        label = f" {item.text} "
        room = max(self.columns.width - 2 - cells(label), 0)
        before = room // 2
        glyph = self.glyphs.rule
        return line(
            self.columns.width,
            [(" ", Style.null()), (glyph * before, rule), (label, ink), (glyph * (room - before), rule)],
            base=base,
        )

    def _lead(self, item: Item) -> list[Part]:
        """Bar, time, mark and author."""
        inks, glyphs = self.inks, self.glyphs
        bar: Part = (glyphs.bar, inks.accent) if item.mention else (" ", Style.null())
        clock: Part = (f"{item.time:<5} ", inks.muted)
        message = item.message
        who_cells = self.columns.who
        if item.kind is Kind.PENDING:
            return [bar, clock, (pad(glyphs.sending, 4), inks.muted), (pad("you", who_cells + 1), inks.muted)]
        if message is None:
            return [bar, clock, (pad(glyphs.separator, 4), inks.faint), (pad("", who_cells + 1), inks.muted)]
        marks = self._marks(item)
        if item.joined:
            return [bar, clock, *marks, (" " * (who_cells + 1), Style.null())]
        return [bar, clock, *marks, *self._who(item)]

    def _marks(self, item: Item) -> list[Part]:
        """Trust, then how far it travelled; four cells."""
        message, inks, glyphs = item.message, self.inks, self.glyphs
        assert message is not None
        if message.trust is Trust.UNSIGNED:
            mark: Part = (glyphs.unsigned, inks.warning)
        elif message.own and item.warn:
            mark = (glyphs.failed, inks.error)
        else:
            mark = (glyphs.signed, inks.success)
        if message.relayed_by is None:
            return [mark, ("   ", Style.null())]
        hops = self.ttl - message.ttl if message.ttl is not None else 0
        count = f"{hops:.0f}" if 1 <= hops <= 9 else ""
        return [mark, (pad(glyphs.relayed + count, 3), inks.muted)]

    def _who(self, item: Item) -> list[Part]:
        message, inks = item.message, self.inks
        assert message is not None
        key = message.sender or ""
        cells_who = self.columns.who
        if message.own:
            ink = inks.strong
            name = "you" if message.label is None else f"you/{safe_line(message.label, 40)}"
        elif message.trust is Trust.UNSIGNED:
            ink, name = inks.muted, "unsigned" if self.columns.key else short_key(key) or "unsigned"
        else:
            ink, name = inks.name(key) + Style(bold=item.mention), self.people.petname(key)
        if not self.columns.key:
            return [(pad(name or short_key(key), cells_who + 1), ink)]
        if not name:
            return [(pad(short_key(key) or "no key", NAME_CELLS + 1 + KEY_CELLS + 1), ink)]
        return [(pad(name, NAME_CELLS), ink), (" " + pad(short_key(key), KEY_CELLS + 1), inks.muted)]

    def _body(self, item: Item, start: int, end: int, span: tuple[int, int] | None) -> list[Part]:
        """The characters of one row, split where their style changes."""
        inks = self.inks
        base = self._text_ink(item)
        ranges: list[tuple[int, int, Style]] = [(a, b, inks.link) for a, b in item.links]
        ranges += [(a, b, inks.mention) for a, b in item.mentions]
        if span is not None:
            first, last = span
            ranges.append((max(first, 0), len(item.text) if last < 0 else last, inks.selection))
        if self.needle:
            ranges += self._matches(item.text, start, end)
        cuts = {start, end}
        for a, b, _ in ranges:
            cuts.update(point for point in (a, b) if start < point < end)
        edges = sorted(cuts)
        parts: list[Part] = []
        for a, b in pairwise(edges):
            style = base
            for first, last, ink in ranges:
                if first <= a and b <= last:
                    style += ink
            parts.append((item.text[a:b], style))
        return parts

    def _matches(self, text: str, start: int, end: int) -> list[tuple[int, int, Style]]:
        found = []
        lowered = text.lower()
        position = lowered.find(self.needle, max(start - len(self.needle), 0))
        while 0 <= position < end and len(lowered) == len(text):
            found.append((position, position + len(self.needle), self.inks.pill))
            position = lowered.find(self.needle, position + 1)
        return found

    def _text_ink(self, item: Item) -> Style:
        inks = self.inks
        if item.kind is Kind.MESSAGE:
            if item.mention:
                return inks.text + Style(bold=True)
            unsigned = item.message is not None and item.message.trust is Trust.UNSIGNED
            return inks.muted if unsigned or item.style else inks.text
        named: dict[str, Style] = {"error": inks.error, "warning": inks.warning, "success": inks.success}
        return named.get(item.style, inks.muted)

    def _note(self, item: Item, row: int, used: int) -> list[Part]:
        if not item.note or row != len(item.rows) - 1 or item.folded:
            return []
        start, end = item.rows[row]
        gap = "" if start == end and row else "  "
        text = cut(gap + item.note, self.columns.width - used - 1)
        return [(text, self.inks.error if item.warn else self.inks.muted)] if text else []

    def _fold(self, item: Item, lead: Sequence[Part], base: Style) -> Strip:
        plural = "line" if item.folded == 1 else "lines"
        label = f"{self.glyphs.closed} {item.folded:,} {plural} in all. Enter shows the message"
        return line(self.columns.width, [*lead, (label, self.inks.primary)], base=base)


def _with_offsets(lead: Sequence[Part], body: Sequence[Part], base: Style, start: int, y: int) -> list[Segment]:
    """Segments that know which characters of the message they show, so that selecting works across rows."""
    segments: list[Segment] = []
    x = start - sum(len(text) for text, _ in lead)
    for text, style in (*lead, *body):
        segments.append(Segment(text, base + style + Style.from_meta({"offset": (x, y)})))
        x += len(text)
    return segments
