"""What every widget may expect of the app it runs in."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any, ClassVar

from textual import events
from textual.app import App
from textual.driver import Driver
from textual.filter import NoColor

from engine.clock import Clock, SystemClock
from intercom_tui.glyphs import Glyphs, glyph_set
from intercom_tui.terminal_driver import outliving
from intercom_tui.terminal_keys import keep_alt_digits, untypable
from intercom_tui.theme import BUILT_IN, Inks, ThemeError, ThemeSpec, load_theme, make_inks


class AppBase(App[Any]):
    """Themes, inks, glyphs and the clock; :class:`~intercom_tui.app.IntercomApp` and the wizard build on it.

    Args:
        theme: name of the theme to start with; an unknown one falls back to the default.
        theme_directory: where the user's own themes are.
        glyphs: ``unicode`` or ``ascii``.
        no_color: draw with attributes only; None follows ``NO_COLOR``, which counts only when it is not empty.
        clock: wall and monotonic time.
    """

    ENABLE_COMMAND_PALETTE = False
    CSS_PATH: ClassVar[Any] = [Path(__file__).parent / "styles" / "app.tcss"]
    HORIZONTAL_BREAKPOINTS = [  # noqa: RUF012
        (0, "-tiny"),
        (60, "-narrow"),
        (76, "-normal"),
        (112, "-wide"),
    ]
    VERTICAL_BREAKPOINTS = [(0, "-flat"), (16, "-short"), (30, "-tall")]  # noqa: RUF012

    def __init__(
        self,
        *,
        theme: str = "nightline",
        theme_directory: Path | None = None,
        glyphs: str = "unicode",
        no_color: bool | None = None,
        clock: Clock | None = None,
    ) -> None:
        keep_alt_digits()
        if not os.environ.get("NO_COLOR"):
            os.environ.pop("NO_COLOR", None)
        colourless = "NO_COLOR" in os.environ if no_color is None else no_color
        super().__init__(ansi_color=True if colourless else None)
        if colourless and not self.no_color:
            self.no_color = True
            self._filters.append(NoColor())
        self.clock: Clock = clock or SystemClock()
        self.glyphs: Glyphs = glyph_set(glyphs)
        self.theme_directory = theme_directory
        self.theme_problem = ""
        self._specs: dict[str, ThemeSpec] = {}
        self.inks: Inks
        self.paint_version = 0
        """Grows with every change of colours."""
        try:
            self.use_theme(theme)
        except ThemeError as error:
            self.theme_problem = str(error)
            self.use_theme(BUILT_IN[0])

    def get_driver_class(self) -> type[Driver]:
        """The platform's driver, which must not stop the peer when its terminal goes away."""
        return outliving(super().get_driver_class())

    def use_theme(self, name: str) -> None:
        """Switch to a theme.

        Raises:
            ThemeError: it does not exist or its file is wrong; nothing changes.
        """
        spec = self._specs.get(name)
        if spec is None:
            spec = self._specs[name] = load_theme(name, self.theme_directory)
            self.register_theme(spec.textual())
        self.inks = make_inks(spec, colour=not self.no_color)
        self.paint_version += 1
        self.theme = name
        if self.is_running:
            self.refresh(layout=True)

    async def on_event(self, event: events.Event) -> None:
        """Make sure that alt combinations are commands and never text."""
        if isinstance(event, events.Key):
            untypable(event)
        await super().on_event(event)
