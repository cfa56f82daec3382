"""One row of text: styled parts on the left, styled parts on the right, cut to a width.

Every list and bar of the app is drawn through :func:`line`, which is also the last guard: a part with a control
character is cleaned here even if its caller forgot.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from rich.cells import cell_len, get_character_cell_size
from rich.segment import Segment
from rich.style import Style
from textual.strip import Strip

from intercom_tui.safe import safe_line

Part = tuple[str, Style]
"""Text and its style."""


def cells(text: str) -> int:
    """Width of a text in terminal cells."""
    return len(text) if text.isascii() else cell_len(text)


def cut(text: str, width: int, ellipsis: str = "…") -> str:
    """Text of at most ``width`` cells; a cut one ends in the ellipsis."""
    if width <= 0:
        return ""
    if cells(text) <= width:
        return text
    room = width - cells(ellipsis)
    if room < 0:
        return ""
    kept = 0
    for index, character in enumerate(text):
        size = get_character_cell_size(character)
        if kept + size > room:
            return text[:index] + ellipsis
        kept += size
    return text


def pad(text: str, width: int, ellipsis: str = "…") -> str:
    """Text of exactly ``width`` cells."""
    text = cut(text, width, ellipsis)
    return text + " " * (width - cells(text))


def parts_width(parts: Iterable[Part]) -> int:
    """Width of several parts in cells."""
    return sum(cells(text) for text, _ in parts)


def line(width: int, left: Sequence[Part], right: Sequence[Part] = (), base: Style | None = None) -> Strip:
    """A row of exactly ``width`` cells; the left parts give way to the right ones.

    Args:
        width: cells.
        left: parts from the left edge.
        right: parts that end at the right edge; left out when they do not fit.
        base: style under all parts.
    """
    base = base or Style.null()
    left = [(_guard(text), style) for text, style in left]
    right = [(_guard(text), style) for text, style in right]
    tail = parts_width(right)
    if tail >= width:
        right, tail = [], 0
    segments, used = _fit(left, width - tail - (1 if right else 0), base)
    segments.append(Segment(" " * (width - tail - used), base))
    segments += [Segment(text, base + style) for text, style in right]
    return Strip(segments, width)


def _guard(text: str) -> str:
    return text if text.isprintable() else safe_line(text, 10_000)


def _fit(parts: Sequence[Part], width: int, base: Style) -> tuple[list[Segment], int]:
    segments: list[Segment] = []
    used = 0
    for text, style in parts:
        size = cells(text)
        if used + size > width:
            shown = cut(text, width - used)
            if shown:
                segments.append(Segment(shown, base + style))
                used += cells(shown)
            break
        if size:
            segments.append(Segment(text, base + style))
            used += size
    return segments, used
