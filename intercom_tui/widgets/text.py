"""Plain text as a widget."""

from __future__ import annotations

from textual.widgets import Static

from intercom_tui.safe import content


class PlainText(Static):
    """Text that is never looked at for markup; the only user of ``Static``."""

    def __init__(self, text: str = "", *, id: str | None = None, classes: str | None = None) -> None:
        super().__init__(content(text), id=id, classes=classes, markup=False)

    def set_text(self, text: str, style: str = "") -> None:
        """Show another text."""
        self.update(content(text, style))
