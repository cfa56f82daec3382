"""A small screen that asks for the passphrase of a key file."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any, ClassVar

from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Horizontal, Vertical
from textual.screen import Screen

from intercom_tui.app_base import AppBase
from intercom_tui.safe import safe_line, safe_text
from intercom_tui.setup.blocks import TextBlock, wrapped
from intercom_tui.setup.controls import ActionButton, FieldLeft, TextControl
from intercom_tui.setup.questions import Field
from intercom_tui.widgets.line import Part


class PasswordWords(TextBlock):
    """What is asked, and why."""

    def __init__(self, path: Path, error: str) -> None:
        super().__init__()
        self._path = safe_line(str(path), 400)
        self._error = safe_text(error, limit=600)

    def rows(self, width: int) -> list[Sequence[Part]]:
        """Title, file, error."""
        inks = self.inks
        rows: list[Sequence[Part]] = [
            [("Passphrase of the key file", inks.strong + inks.primary)],
            *wrapped(self._path, width, inks.muted),
        ]
        if self._error:
            rows += wrapped(self._error, width, inks.error, lead=[(f"{self.glyphs.failed} ", inks.error)], indent=2)
        return [*rows, []]


class PasswordScreen(Screen[None]):
    """One field and two buttons."""

    CSS_PATH = "setup.tcss"
    HELP = "Type the passphrase and press Enter. Esc quits."

    def __init__(self, path: Path, error: str) -> None:
        super().__init__()
        self._words = PasswordWords(path, error)
        self._typed = TextControl(Field("@passphrase", "secret"), "")

    def compose(self) -> ComposeResult:
        """A block in the middle."""
        with Vertical(id="password"):
            yield self._words
            yield self._typed
            with Horizontal(id="actions"):
                yield ActionButton("Quit", id="quit")
                yield ActionButton("Open", id="open", main=True)

    def on_mount(self) -> None:
        """Type at once."""
        self._typed.focus()

    def on_field_left(self, event: FieldLeft) -> None:
        """Enter opens."""
        if event.step > 0:
            self._open()

    def on_action_button_pressed(self, event: ActionButton.Pressed) -> None:
        """A button was pressed."""
        if event.button.id == "quit":
            self.app.exit(None)
        else:
            self._open()

    def _open(self) -> None:
        self.app.exit(self._typed.value.encode())


class PasswordApp(AppBase):
    """Asks for a passphrase; ``run_async`` returns its bytes, or None when the person quits.

    Args:
        path: the key file.
        error: why it is asked (again).
        theme: name of the theme.
        no_color: draw with attributes only; None follows ``NO_COLOR``.
    """

    BINDINGS: ClassVar[list[BindingType]] = [Binding("escape,ctrl+q,ctrl+c", "leave", "Quit", id="quit", priority=True)]
    CSS_PATH: ClassVar[Any] = [*AppBase.CSS_PATH, Path(__file__).parent / PasswordScreen.CSS_PATH]
    TITLE = "Intercom"

    def __init__(self, path: Path, error: str = "", *, theme: str = "nightline", no_color: bool | None = None) -> None:
        super().__init__(theme=theme, no_color=no_color)
        self._path = path
        self._error = error

    def get_default_screen(self) -> Screen[None]:
        """The question."""
        return PasswordScreen(self._path, self._error)

    def action_leave(self) -> None:
        """Quit."""
        self.exit(None)
