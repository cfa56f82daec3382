"""Type to find, Enter to take: the palette, go to, themes."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar, cast

from textual import events
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Vertical
from textual.getters import query_one
from textual.screen import ModalScreen

from intercom_tui.widgets.line import Part
from intercom_tui.widgets.line_input import LineInput
from intercom_tui.widgets.row_list import Row, RowList

if TYPE_CHECKING:
    from intercom_tui.app import IntercomApp


@dataclass(frozen=True, slots=True)
class Entry:
    """One thing to pick. Texts are safe."""

    key: str
    title: str
    hint: str = ""
    disabled: str = ""
    """Why it cannot be taken now."""
    keys: str = ""
    """Keys that do the same."""


def fuzzy_score(query: str, text: str) -> float:
    """How well a text fits what was typed; 0 = not at all. Every typed character must appear, in order."""
    query, text = query.casefold().replace(" ", ""), text.casefold()
    if not query:
        return 1.0
    score, position, previous = 0.0, 0, -2
    for character in query:
        found = text.find(character, position)
        if found < 0:
            return 0.0
        score += 1.0
        if found == previous + 1:
            score += 1.5
        if found == 0 or not text[found - 1].isalnum():
            score += 1.0
        position, previous = found + 1, found
    if query in text.replace(" ", ""):
        score += len(query)
    return score / (1 + len(text) / 200)


class PickerList(RowList):
    """The entries; the input above keeps the focus."""

    can_focus = False

    @property
    def shows_cursor(self) -> bool:
        """Always: the input has the focus."""
        return True


class Picker(ModalScreen[str | None]):
    """Shows entries that fit what is typed; the result is the key of the one taken.

    Args:
        heading: placeholder of the input.
        entries: everything there is.
        preview: called with the key under the cursor, for themes.
        free: called with the typed text when nothing fits; returns the label of a last entry ``free:<text>``.
    """

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("escape", "cancel", "Back", id="dialog.cancel"),
        Binding("up", "move(-1)", "Up", show=False, priority=True),
        Binding("down", "move(1)", "Down", show=False, priority=True),
        Binding("pageup", "page(-1)", "Page up", show=False, priority=True),
        Binding("pagedown", "page(1)", "Page down", show=False, priority=True),
    ]

    found = query_one("#found", PickerList)

    def __init__(
        self,
        heading: str,
        entries: Sequence[Entry],
        *,
        preview: Callable[[str], None] | None = None,
        free: Callable[[str], str] | None = None,
    ) -> None:
        super().__init__()
        self._heading = heading
        self._entries = entries
        self._preview = preview
        self._free = free
        self._query = ""

    def compose(self) -> ComposeResult:
        """Input and list."""
        with Vertical(id="picker"):
            yield LineInput(placeholder=self._heading, id="query")
            yield PickerList(id="found")

    def on_mount(self) -> None:
        """Show everything."""
        self._show()

    def on_input_changed(self, event: LineInput.Changed) -> None:
        """Filter again."""
        self._query = event.value
        self._show()

    def on_input_submitted(self) -> None:
        """Take the entry under the cursor."""
        self._take(self.found.cursor_key)

    def on_row_list_chosen(self, event: RowList.Chosen) -> None:
        """Take the entry that was clicked."""
        event.stop()
        self._take(event.key)

    def on_row_list_highlighted(self, event: RowList.Highlighted) -> None:
        """Preview."""
        event.stop()
        if self._preview is not None:
            self._preview(event.key)

    def on_click(self, event: events.Click) -> None:
        """A click beside the box closes it."""
        if event.widget is self:
            self.dismiss(None)

    def action_move(self, step: int) -> None:
        """Move the cursor."""
        self.found.action_cursor(step)

    def action_page(self, direction: int) -> None:
        """Move the cursor by a page."""
        self.found.action_cursor_page(direction)

    def action_cancel(self) -> None:
        """Close without a result."""
        self.dismiss(None)

    def matches(self) -> list[Entry]:
        """Entries that fit, the best first."""
        scored = [(fuzzy_score(self._query, f"{entry.title} {entry.hint}"), entry) for entry in self._entries]
        if self._query.strip():
            scored = sorted((pair for pair in scored if pair[0] > 0), key=lambda pair: -pair[0])
        return [entry for _, entry in scored]

    def _show(self) -> None:
        inks = cast("IntercomApp", self.app).inks
        rows = []
        for entry in self.matches():
            group, _, verb = entry.title.rpartition(": ")
            ink = inks.muted if entry.disabled else inks.text
            left: list[Part] = [(f"{group}: " if group else "", inks.muted), (verb, ink)]
            right: list[Part] = [(entry.disabled or entry.hint, inks.muted)]
            if entry.keys:
                right.append((f"  {entry.keys}", inks.key))
            rows.append(Row(left, right, key=entry.key))
        if self._free is not None and self._query.strip():
            label = self._free(self._query.strip())
            if label:
                rows.append(Row([(label, inks.primary)], key=f"free:{self._query.strip()}"))
        if not rows:
            rows = [Row([("nothing fits", inks.muted)])]
        self.found.set_rows(rows)
        self.found.styles.height = min(len(rows), max(self.size.height - 8, 3))
        self.found.action_cursor_end(-1)

    def _take(self, key: str | None) -> None:
        if key is None:
            return
        entry = next((entry for entry in self._entries if entry.key == key), None)
        if entry is None or not entry.disabled:
            self.dismiss(key)
