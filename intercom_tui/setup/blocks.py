"""Text that wraps to the width it gets, drawn row by row."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, cast

from rich.style import Style
from textual.geometry import Size
from textual.strip import Strip
from textual.widget import Widget

from intercom_tui.safe import safe_text
from intercom_tui.widgets.line import Part, line
from intercom_tui.widgets.text_wrap import wrap_rows

if TYPE_CHECKING:
    from intercom_tui.app_base import AppBase
    from intercom_tui.glyphs import Glyphs
    from intercom_tui.theme import Inks

NONE = Style.null()


class Drawn(Widget):
    """A widget that draws its rows with the inks of the theme."""

    @property
    def host(self) -> AppBase:
        """The app."""
        return cast("AppBase", self.app)

    @property
    def inks(self) -> Inks:
        """Styles of the current theme."""
        return self.host.inks

    @property
    def glyphs(self) -> Glyphs:
        """Symbols in use."""
        return self.host.glyphs


class TextBlock(Drawn):
    """Rows of styled parts that depend on the width."""

    DEFAULT_CSS = "TextBlock { height: auto; width: 1fr; }"

    def rows(self, width: int) -> Sequence[Sequence[Part]]:
        """All rows for a width."""
        raise NotImplementedError

    def get_content_height(self, container: Size, viewport: Size, width: int) -> int:
        """As many rows as there are."""
        return len(self.rows(width))

    def render_line(self, y: int) -> Strip:
        """One row."""
        width = self.size.width
        rows = self.rows(width)
        return line(width, rows[y] if y < len(rows) else (), (), self.rich_style)


def wrapped(text: str, width: int, style: Style, *, lead: Sequence[Part] = (), indent: int = 0) -> list[list[Part]]:
    """Text in rows of at most ``width`` cells, the first after ``lead``, the others indented by ``indent`` cells.

    Args:
        text: anything; it is cleaned.
        width: cells of a row, indentation included.
        style: of the text.
        lead: parts of ``indent`` cells before the first row.
        indent: cells.
    """
    clean = safe_text(text)
    rows: list[list[Part]] = []
    for number, (start, end) in enumerate(wrap_rows(clean, max(width - indent, 8))):
        before = list(lead) if not number else [(" " * indent, NONE)]
        rows.append([*before, (clean[start:end], style)])
    return rows
