"""Shown while the terminal is too small for anything else."""

from __future__ import annotations

from typing import ClassVar

from textual import events
from textual.app import ComposeResult
from textual.binding import BindingType
from textual.geometry import Size
from textual.screen import ModalScreen

from intercom_tui.widgets.text import PlainText

MIN_WIDTH = 60
MIN_HEIGHT = 16


def is_too_small(size: Size) -> bool:
    """True below 60 columns or 16 rows."""
    return size.width < MIN_WIDTH or size.height < MIN_HEIGHT


class TooSmallScreen(ModalScreen[None]):
    """Says what is needed and goes away by itself; the peer runs on."""

    BINDINGS: ClassVar[list[BindingType]] = []

    def compose(self) -> ComposeResult:
        """The words."""
        yield PlainText("", id="too-small")

    def on_mount(self) -> None:
        """Say the size."""
        self._say(self.app.size)

    def on_resize(self, event: events.Resize) -> None:
        """Say the new size."""
        self._say(event.size)

    def _say(self, size: Size) -> None:
        words = (
            f"{size.width}x{size.height} is too small.\n{MIN_WIDTH}x{MIN_HEIGHT} or more, please.\nThe peer runs on."
        )
        self.query_one("#too-small", PlainText).set_text(words)
