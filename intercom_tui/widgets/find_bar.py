"""The line that asks what to find."""

from __future__ import annotations

from typing import ClassVar

from textual.binding import Binding, BindingType

from intercom_tui.widgets.line_input import LineInput


class FindBar(LineInput):
    """Hidden until it is asked for; Esc hides it again."""

    HELP = "Type and press Enter. n and N in the messages go to older and newer matches."
    BINDINGS: ClassVar[list[BindingType]] = [Binding("escape", "close", "Close", id="find.close")]

    def action_close(self) -> None:
        """Hide."""
        self.value = ""
        self.display = False
        self.screen.focus_previous()
