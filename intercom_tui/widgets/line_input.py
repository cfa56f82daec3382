"""One line to fill in, which only takes text that is safe to draw."""

from __future__ import annotations

from textual import events
from textual.widgets import Input

from intercom_tui.safe import safe_line

MAX_PASTE = 200_000


class LineInput(Input):
    """An input without blinking; pasted text loses its line breaks and control characters."""

    def __init__(
        self, value: str = "", *, placeholder: str = "", password: bool = False, id: str | None = None
    ) -> None:
        super().__init__(
            safe_line(value, MAX_PASTE), safe_line(placeholder, 80), password=password, id=id, compact=True,
            select_on_focus=False,
        )  # fmt: skip
        self.cursor_blink = False

    def on_paste(self, event: events.Paste) -> None:
        """Insert cleaned text."""
        event.prevent_default().stop()
        text = "".join(part for part in event.text.splitlines() if part)
        self.insert_text_at_cursor(safe_line(text, MAX_PASTE))
