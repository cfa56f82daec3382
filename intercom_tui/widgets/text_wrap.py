"""Wrapping by character offsets.

A wrapped row is a pair of offsets into the message, so that what is copied is the message and never the rows it
happened to be broken into.
"""

from __future__ import annotations

from rich.cells import get_character_cell_size

Row = tuple[int, int]
"""Start and end offset of one row in its text."""


def wrap_rows(text: str, width: int, max_rows: int = 0) -> list[Row]:
    """Break text into rows of at most ``width`` cells.

    Args:
        text: lines separated by ``\\n``; no other control characters.
        width: cells, at least 2.
        max_rows: stop after that many rows, 0 = never.
    """
    width = max(width, 2)
    if len(text) <= width and text.isascii() and "\n" not in text:
        return [(0, len(text))]
    rows: list[Row] = []
    start = 0
    while True:
        end = text.find("\n", start)
        last = end < 0
        _wrap_line(text, start, len(text) if last else end, width, rows, max_rows)
        if last or (max_rows and len(rows) >= max_rows):
            return rows[:max_rows] if max_rows else rows
        start = end + 1


def _wrap_line(text: str, start: int, end: int, width: int, rows: list[Row], max_rows: int) -> None:
    while not max_rows or len(rows) < max_rows:
        stop = _reach(text, start, end, width)
        if stop >= end:
            rows.append((start, end))
            return
        broken = text.rfind(" ", start, stop + 1)
        if broken <= start:
            rows.append((start, stop))
            start = stop
        else:
            rows.append((start, broken))
            start = broken + 1
            if start >= end:
                return


def _reach(text: str, start: int, end: int, width: int) -> int:
    """How far a row that begins at ``start`` can go."""
    piece = text[start : min(end, start + width)]
    if piece.isascii():
        stop = start + len(piece)
        while stop < end and not get_character_cell_size(text[stop]):
            stop += 1
        return stop
    used = 0
    for index in range(start, end):
        used += get_character_cell_size(text[index])
        if used > width:
            return max(index, start + 1)
    return end
