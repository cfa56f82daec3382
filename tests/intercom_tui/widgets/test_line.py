from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from rich.cells import cell_len
from rich.style import Style

from intercom_tui.widgets.line import cut, line, pad

PLAIN = Style.null()


@pytest.mark.parametrize(
    ("text", "width", "shown"),
    [
        ("abc", 5, "abc"),
        ("abcdef", 4, "abc…"),
        ("abc", 0, ""),
        ("漢字漢字", 5, "漢字…"),
        ("漢字", 1, "…"),
        ("ab", 2, "ab"),
    ],
)
def test_cut_text_ends_in_an_ellipsis(text: str, width: int, shown: str) -> None:
    assert cut(text, width) == shown


def test_padded_text_has_its_width() -> None:
    assert pad("漢", 4) == "漢  "


def test_the_left_gives_way_to_the_right() -> None:
    strip = line(12, [("a long name", PLAIN)], [("12", PLAIN)])
    assert strip.text == "a long n… 12"
    assert line(3, [("abc", PLAIN)], [("too long", PLAIN)]).text == "abc"


@given(st.text(max_size=60), st.text(max_size=20), st.integers(1, 60))
def test_a_row_always_has_its_width_and_no_controls(left: str, right: str, width: int) -> None:
    strip = line(width, [(left, PLAIN), (right, PLAIN)], [(right, PLAIN)])
    assert cell_len(strip.text) == width == strip.cell_length
    assert strip.text.isprintable() or not any(ord(c) < 32 or 0x7F <= ord(c) < 0xA0 for c in strip.text)
