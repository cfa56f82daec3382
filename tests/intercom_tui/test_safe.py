from __future__ import annotations

import time
import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st
from rich.cells import cell_len

from intercom_tui.safe import MAX_MARKS, content, safe_line, safe_text


def is_control(character: str) -> bool:
    return unicodedata.category(character) in ("Cc", "Cs", "Cf", "Cn", "Zl", "Zp")


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("plain text", "plain text"),
        ("\x1b[2J", "\u241b[2J"),
        ("\x9b2J", "\u241b[2J"),
        ("\x9d0;title\x9c", "\u241b]0;title\u241b\\"),
        ("a\x07b\x08c\x7f", "a\u2407b\u2408c\u2421"),
        ("a\tb", "a    b"),
        ("one\r\ntwo\rthree\u2028four\u2029five", "one\ntwo\nthree\nfour\nfive"),
        ("\u202egnp.exe\u202c", "gnp.exe"),
        ("\u2066hidden\u2069", "hidden"),
        ("pass\u200bword\ufeff\u2060", "password"),
        ("a\u00adb\u034fc", "abc"),
        ("tag\U000e0041\U000e007f", "tag"),
        ("\U0001f1e9\U0001f1ea", "DE"),
        ("\U0001f44d\U0001f3fd", "\U0001f44d"),
        ("\u2764\ufe0f", "\u2764"),
        ("\U0001f468\u200d\U0001f469", "\U0001f468\U0001f469"),
        ("\ud800x", "\ufffdx"),
        ("\uffff", "\ufffd"),
        ("nbsp\u00a0here", "nbsp here"),
        ("thin\u2009here", "thin here"),
        ("na\u0308ive", "na\u0308ive"),
        ("\u0301lonely", "\u25cc\u0301lonely"),
        ("\u3164\uffa0\u2800", "\u2800"),
        ("[@click=app.quit]x[/]", "[@click=app.quit]x[/]"),
    ],
)
def test_each_kind_of_character_is_shown_or_removed(text: str, shown: str) -> None:
    assert safe_text(text) == shown


def test_the_joiner_of_persian_words_stays_but_not_between_emoji() -> None:
    persian = "\u0645\u06cc\u200c\u062e\u0648\u0627\u0647\u0645"
    assert safe_text(persian) == persian
    assert safe_text("a\u200cb") == "ab"


def test_combining_marks_are_capped() -> None:
    assert safe_text("e" + "\u0301" * 50) == "e" + "\u0301" * MAX_MARKS


def test_a_line_has_no_line_breaks_and_is_bounded() -> None:
    assert safe_line("a\nb\r\nc", 50) == "a\u23ceb\u23cec"
    assert safe_line("x" * 100, 10) == "x" * 9 + "\u2026"
    assert safe_text("y" * 100, limit=5) == "yyyy\u2026"


def test_content_never_parses_markup() -> None:
    shown = content("[bold]not bold[/bold] [@click=app.quit]no[/]")
    assert shown.plain == "[bold]not bold[/bold] [@click=app.quit]no[/]"
    assert shown.spans == []


def test_a_megabyte_is_cleaned_quickly() -> None:
    text = ("\x1b[31mred \u202e" * 90_000)[:1_000_000]
    started = time.process_time()
    cleaned = safe_text(text)
    assert time.process_time() - started < 5
    assert "\x1b" not in cleaned


@given(st.text(st.characters(codec=None, exclude_categories=()), max_size=200))
def test_nothing_that_a_terminal_obeys_comes_through(text: str) -> None:
    cleaned = safe_text(text)
    assert not [hex(ord(c)) for c in cleaned if is_control(c) and c not in "\n\u200c\u200d"]
    cleaned.encode("utf-8")
    assert safe_text(cleaned) == cleaned


@given(st.text(max_size=100))
def test_a_line_never_breaks(text: str) -> None:
    line = safe_line(text)
    assert "\n" not in line
    assert len(line.splitlines()) <= 1
    assert cell_len(line) >= 0
