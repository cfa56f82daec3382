"""What could come next in the composer."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from intercom_tui.widgets.row_list import Row, RowList

MAX_SHOWN = 8
WIDE = 140
"""Columns of the terminal from which arguments and descriptions stand beside each other."""


@dataclass(frozen=True, slots=True)
class Completion:
    """One way to go on."""

    text: str
    """What is put in."""
    replaces: int
    """Characters before the cursor that it replaces."""
    hint: str = ""
    """Arguments."""
    about: str = ""


class CompletionList(RowList):
    """Shown above the composer, which keeps the focus."""

    can_focus = False

    def __init__(self, *, id: str | None = None) -> None:
        super().__init__(id=id)
        self.entries: Sequence[Completion] = ()
        self.display = False

    def offer(self, entries: Sequence[Completion]) -> None:
        """Show entries; none hides the list."""
        self.entries = entries[:MAX_SHOWN]
        self.display = bool(self.entries)
        inks = self.inks
        narrow = self.app.size.width < WIDE
        self.styles.height = max(len(self.entries), 1)
        self.set_rows(
            [
                Row(
                    [(entry.text.strip(), inks.strong), (f" {entry.hint}" if entry.hint else "", inks.muted)],
                    [(entry.about, inks.muted)] if entry.about and not (entry.hint and narrow) else [],
                    key=str(number),
                    marked=False,
                )
                for number, entry in enumerate(self.entries)
            ]
        )
        if self.entries:
            self.move_to("0")

    def chosen(self) -> Completion | None:
        """Entry under the cursor."""
        key = self.cursor_key
        return self.entries[int(key)] if key is not None and self.entries else None

    @property
    def shows_cursor(self) -> bool:
        """The cursor is visible although the composer has the focus."""
        return True
