"""A letter over every part of the screen that can have the focus; pressing it goes there."""

from __future__ import annotations

from textual import events
from textual.app import ComposeResult
from textual.geometry import Offset
from textual.screen import ModalScreen
from textual.widget import Widget

from intercom_tui.widgets.text import PlainText

LETTERS = "asdfghjklqwertyuiopzxcvbnm"


class JumpScreen(ModalScreen[Widget | None]):
    """The overlay; the result is the chosen widget.

    Args:
        targets: widgets that can have the focus, in screen order.
    """

    def __init__(self, targets: list[Widget]) -> None:
        super().__init__()
        self._targets = dict(zip(LETTERS, targets, strict=False))

    @property
    def targets(self) -> dict[str, Widget]:
        """Letter to widget."""
        return self._targets

    def compose(self) -> ComposeResult:
        """One label over each widget."""
        for letter in self._targets:
            yield PlainText(f" {letter} ", classes="jump-letter")

    def on_mount(self) -> None:
        """Put the labels in place."""
        for label, widget in zip(self.query(PlainText), self._targets.values(), strict=True):
            region = widget.region
            label.styles.offset = Offset(region.x + min(1, region.width // 2), region.y)

    def on_key(self, event: events.Key) -> None:
        """A letter goes there, everything else closes."""
        event.stop()
        self.dismiss(self._targets.get(event.key))

    def on_click(self) -> None:
        """A click closes."""
        self.dismiss(None)
