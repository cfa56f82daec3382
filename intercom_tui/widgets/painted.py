"""What widgets that draw cell by cell share."""

from __future__ import annotations

from typing import TYPE_CHECKING, cast

from rich.style import Style
from textual.geometry import Size
from textual.scroll_view import ScrollView
from textual.widget import Widget

if TYPE_CHECKING:
    from intercom_tui.app_base import AppBase
    from intercom_tui.glyphs import Glyphs
    from intercom_tui.theme import Inks


class Painted(Widget):
    """Keeps the style of its background.

    Textual combines a widget's style anew for every row that is drawn, which costs more than the row itself.
    """

    _base: Style | None = None
    _base_version = -1

    @property
    def base_style(self) -> Style:
        """Style below everything this widget draws."""
        version = cast("AppBase", self.app).paint_version
        if self._base is None or self._base_version != version:
            self._base, self._base_version = self.rich_style, version
        return self._base

    @property
    def inks(self) -> Inks:
        """Styles of the current theme."""
        return cast("AppBase", self.app).inks

    @property
    def host_glyphs(self) -> Glyphs:
        """Symbols in use."""
        return cast("AppBase", self.app).glyphs

    def notify_style_update(self) -> None:
        """Forget the style: it changed."""
        self._base = None
        super().notify_style_update()


class PaintedList(ScrollView, Painted):
    """Rows that scroll up and down."""

    def set_height(self, rows: int) -> None:
        """Have that many rows.

        A new virtual size makes Textual arrange and draw the whole screen again. Where the widget keeps its own size,
        only its scrollbar has to know.
        """
        size = Size(self.size.width, rows)
        if size == self.virtual_size:
            return
        if self.styles.auto_dimensions or not self.container_size:
            self.virtual_size = size
        else:
            self.set_reactive(Widget.virtual_size, size)
            self._scroll_update(size)
