"""A question on the screen: title and labels left, controls right, what is needed to answer below."""

from __future__ import annotations

import shlex
from collections.abc import Sequence

from textual.app import ComposeResult
from textual.geometry import Size
from textual.strip import Strip
from textual.widget import Widget

from intercom_tui.setup.blocks import NONE, Drawn, wrapped
from intercom_tui.setup.controls import NUMBER_WIDTH, ChoiceControl, GivenControl, TextControl
from intercom_tui.setup.questions import BY_KEY, Question
from intercom_tui.setup.sheet import Sheet
from intercom_tui.widgets.line import Part, cells, line

_TAG = 9
"""Cells of the words Why, Cost, Default, Flag."""
_LEAD = 2
"""Cells before everything: the bar that marks the focus, and a blank."""
WIDE_COLUMN = 42
NARROW_COLUMN = 38
_WIDE = 100
_CONTROLS = 28
"""Cells that controls need at least."""
_MAX_TEXT = 100
"""Longest rows of explanation; longer ones are hard to read."""

Control = ChoiceControl | TextControl | GivenControl


class QuestionView(Drawn):
    """One question; its controls lie over what this widget draws itself.

    Args:
        question: what is asked.
        sheet: where its answers are.
        column: cells left of the controls on a wide screen.
    """

    DEFAULT_CSS = "QuestionView { height: auto; width: 1fr; layout: vertical; }"

    def __init__(self, question: Question, sheet: Sheet, *, column: int = WIDE_COLUMN) -> None:
        super().__init__()
        self.question = question
        self._sheet = sheet
        self._column = column
        self._laid_out = 0
        self._drawn: Sequence[Sequence[Part]] = ()
        self.controls: list[Control] = []
        for part in question.fields:
            if origin := sheet.is_given(part):
                self.controls.append(GivenControl(part, sheet.given_text(part), origin))
            elif part.kind in ("choice", "list"):
                self.controls.append(ChoiceControl(part, sheet.selected(part)))
            else:
                self.controls.append(TextControl(part, sheet.text(part.key)))

    def compose(self) -> ComposeResult:
        """The controls."""
        self._place(self.app.size.width)
        yield from self.controls

    def sync(self) -> None:
        """Show what the answers are now; nothing is laid out again unless something appears or goes away."""
        shown = self._sheet.shown_fields(self.question)
        displayed = self.question.shown(self._sheet.answers)
        if self.display != displayed:
            self.display = displayed
        moved = False
        for control in self.controls:
            if control.display != (control.part in shown):
                control.display = not control.display
                moved = True
            if isinstance(control, ChoiceControl) and control.selected != (index := self._sheet.selected(control.part)):
                control.selected = index
                control.refresh()
            if isinstance(control, TextControl):
                control.show(self._sheet.text(control.part.key))
        width = self.size.width or self.app.size.width
        if moved:
            self._laid_out = 0
            self._place(width)
        before, self._drawn = self._drawn, self._rows(width)
        if moved or len(before) != len(self._drawn):
            self.refresh(layout=True)
        elif before != self._drawn:
            self.refresh()

    # -- layout ---------------------------------------------------------------------------------------------------

    @property
    def _shown(self) -> list[Control]:
        return [control for control in self.controls if control.display]

    def _stacked(self, width: int) -> bool:
        """True when the title gets a row of its own."""
        first = next(iter(self._shown), None)
        return self._narrow(width) or (first is not None and first.part.kind == "list")

    def _side_column(self, width: int) -> int:
        return self._column if width >= _WIDE else min(self._column, NARROW_COLUMN)

    def _narrow(self, width: int) -> bool:
        """True when the controls do not fit beside the title."""
        return width < self._side_column(width) + _CONTROLS

    def _columns(self, width: int) -> int:
        if not self._narrow(width):
            return self._side_column(width)
        labels = max((cells(part.label) for part in self.question.fields), default=0)
        return 6 if not labels else labels + 8

    def _place(self, width: int) -> None:
        """Put the controls in their column."""
        if self._laid_out == width:
            return
        self._laid_out = width
        column, stacked = self._columns(width), self._stacked(width)
        for index, control in enumerate(self._shown):
            left = 4 if control.part.kind == "list" else column
            control.styles.margin = (1 if stacked and not index else 0, 1, 0, left)

    def on_resize(self) -> None:
        """Put the controls in their column again."""
        self._place(self.size.width)

    def on_descendant_focus(self) -> None:
        """Show the bar, and the whole question."""
        self.refresh()
        self.call_after_refresh(self.scroll_visible, animate=False)

    def on_descendant_blur(self) -> None:
        """Hide the bar."""
        self.refresh()

    def get_content_height(self, container: Size, viewport: Size, width: int) -> int:
        """Rows of fields, explanation, and a blank one."""
        return len(self._rows(width))

    # -- drawing --------------------------------------------------------------------------------------------------

    def render_line(self, y: int) -> Strip:
        """One row; the controls are drawn over it."""
        width = self.size.width
        rows = self._rows(width)
        row = rows[y] if y < len(rows) else []
        lead: list[Part] = [(" " * _LEAD, NONE)]
        if y < len(rows) - 1 and any(control.has_focus for control in self.controls):
            lead = [(self.glyphs.bar, self.inks.accent), (" " * (_LEAD - 1), NONE)]
        return line(width, [*lead, *row], (), self.rich_style)

    def _rows(self, width: int) -> list[Sequence[Part]]:
        return [*self._field_rows(width), *self._help_rows(min(width - _LEAD - 1, _MAX_TEXT)), []]

    def _field_rows(self, width: int) -> list[Sequence[Part]]:
        inks = self.inks
        title: Part = (self.question.title, inks.strong)
        shown = self._shown
        rows: list[Sequence[Part]] = []
        if self._stacked(width) or not shown:
            rows.append([title])
        for index, control in enumerate(shown):
            if control.part.kind == "list":
                rows += [[] for _ in control.part.choices]
                continue
            parts: list[Part] = [title] if not rows and not index else [("  " + control.part.label, inks.text)]
            rows.append(parts + self._around(parts, width, control))
        return rows

    def _around(self, parts: list[Part], width: int, control: Widget) -> list[Part]:
        """What stands around a control that is typed in: brackets where it has no surface, unit and range."""
        column = self._columns(width) - _LEAD
        used = sum(cells(text) for text, _ in parts)
        if not isinstance(control, TextControl) or used >= column:
            return []
        opening, closing = "[]" if self.host.native_ansi_color else "  "
        is_number = control.part.kind == "number"
        size = NUMBER_WIDTH if is_number else width - column - _LEAD - 1
        note = f" {control.part.note}" if is_number else ""
        frame = " " * (column - used - 1) + opening + " " * size + closing
        return [(frame, self.inks.muted), (note, self.inks.muted)]

    def _help_rows(self, width: int) -> list[Sequence[Part]]:
        inks, question = self.inks, self.question
        rows: list[Sequence[Part]] = []
        error = self._sheet.error(question)
        if error:
            rows += wrapped(
                error, width, inks.error, lead=[("  ", NONE), (f"{self.glyphs.failed} ", inks.error)], indent=4
            )
        for tag, text in (("What", question.what), ("Why", question.why), ("Cost", question.cost)):
            if text:
                rows += self._tagged(tag, text, width)
        default, (where, how) = question.default, self._elsewhere()
        if default and how and len(default) + len(how) + 24 <= width:
            rows.append([*self._tag("Default"), (f"{default}   {where}  {how}", inks.muted)])
        else:
            for tag, text in (("Default", default), (where, how)):
                if text:
                    rows += self._tagged(tag, text, width)
        return rows

    def _tag(self, word: str) -> list[Part]:
        return [("  ", NONE), (word.ljust(_TAG), self.inks.muted)]

    def _tagged(self, tag: str, text: str, width: int) -> list[Sequence[Part]]:
        rows = wrapped(text, width, self.inks.muted, lead=self._tag(tag), indent=_TAG + 2)
        return list(rows)

    def _elsewhere(self) -> tuple[str, str]:
        """The flags that say the same as the answers do; the place in the file of settings without one."""
        keys = [key for part in self.question.fields for key in part.keys if key in BY_KEY]
        if not self.question.flag_keys:
            return "File", "  ".join("[{}] {}".format(*key.split(".")) for key in keys)
        values = ((key, self._sheet.flag_value(key)) for key in self.question.flag_keys)
        return "Flag", "  ".join(f"{BY_KEY[key].flags[0]} {shlex.quote(value)}" for key, value in values if value)
