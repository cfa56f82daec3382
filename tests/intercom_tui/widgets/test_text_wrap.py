from __future__ import annotations

from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st
from rich.cells import cell_len

from intercom_tui.safe import safe_text
from intercom_tui.widgets.text_wrap import wrap_rows


def rows_of(text: str, width: int, most: int = 0) -> list[str]:
    return [text[start:end] for start, end in wrap_rows(text, width, most)]


@pytest.mark.parametrize(
    ("text", "width", "rows"),
    [
        ("", 10, [""]),
        ("short", 10, ["short"]),
        ("one two three", 7, ["one two", "three"]),
        ("one two three", 8, ["one two", "three"]),
        ("abcdefghij", 4, ["abcd", "efgh", "ij"]),
        ("a\n\nb", 10, ["a", "", "b"]),
        ("see https://example.org/long", 10, ["see", "https://ex", "ample.org/", "long"]),
        ("\u6f22\u5b57\u6f22\u5b57", 5, ["\u6f22\u5b57", "\u6f22\u5b57"]),
        ("e\u0301e\u0301e\u0301", 2, ["e\u0301e\u0301", "e\u0301"]),
    ],
)
def test_text_is_broken_at_spaces_or_where_it_must(text: str, width: int, rows: list[str]) -> None:
    assert rows_of(text, width) == rows


def test_wrapping_stops_where_it_is_told() -> None:
    assert rows_of("a b c d e f", 2, 3) == ["a", "b", "c"]
    assert len(wrap_rows("x\n" * 100, 10, 12)) == 12


@given(st.text(max_size=200).map(safe_text), st.integers(2, 40))
def test_rows_fit_and_lose_nothing_but_the_spaces_they_break_at(text: str, width: int) -> None:
    rows = wrap_rows(text, width)
    assert all(cell_len(text[start:end]) <= width or end - start == 1 for start, end in rows)
    assert [row for row in rows if row != tuple(sorted(row))] == []
    gaps = [text[end:start] for (_, end), (start, _) in pairwise(rows)]
    assert set(gaps) <= {"", " ", "\n"}
    assert (rows[0][0], rows[-1][1] >= len(text.rstrip(" ")) - 1) == (0, True)
