"""The wizard as a program of its own: what runs before there is a peer."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path
from typing import Any, ClassVar

from textual.binding import Binding, BindingType
from textual.screen import Screen

from engine.clock import Clock
from engine.config.sections import Config
from intercom_tui.app_base import AppBase
from intercom_tui.setup.machine import LocalMachine, Machine
from intercom_tui.setup.model import SetupModel, SetupResult, StartedWith
from intercom_tui.setup.screen import SetupScreen


class SetupApp(AppBase):
    """Asks for the settings; ``run_async`` returns a :class:`SetupResult`, or None when the person quits.

    Args:
        defaults: the settings to start from.
        machine: this machine; the real one by default.
        start: how the program was started; what was given then is shown, not asked.
        theme_directory: where the user's own themes are.
        no_color: draw with attributes only; None follows ``NO_COLOR``.
        clock: wall and monotonic time.
        random_bytes: entropy.
    """

    BINDINGS: ClassVar[list[BindingType]] = [Binding("ctrl+q", "leave", "Quit", id="quit", priority=True)]
    CSS_PATH: ClassVar[Any] = [*AppBase.CSS_PATH, Path(__file__).parent / SetupScreen.CSS_PATH]
    TITLE = "Intercom setup"

    def __init__(
        self,
        defaults: Config,
        machine: Machine | None = None,
        *,
        start: StartedWith | None = None,
        theme_directory: Path | None = None,
        no_color: bool | None = None,
        clock: Clock | None = None,
        random_bytes: Callable[[int], bytes] = os.urandom,
    ) -> None:
        super().__init__(
            theme=defaults.ui.theme,
            theme_directory=theme_directory,
            glyphs=defaults.ui.glyphs,
            no_color=no_color,
            clock=clock,
        )
        self._start = start or StartedWith()
        self.model = SetupModel(defaults, given=self._start.given, random_bytes=random_bytes)
        self._machine = machine or LocalMachine(self._start.home)

    def get_default_screen(self) -> Screen[None]:
        """The wizard."""
        return SetupScreen(self.model, self._machine, self._start)

    def on_setup_screen_done(self, event: SetupScreen.Done) -> None:
        """The wizard ended."""
        self.exit(event.result)

    def action_leave(self) -> None:
        """Quit; nothing is written."""
        result: SetupResult | None = None
        self.exit(result)
