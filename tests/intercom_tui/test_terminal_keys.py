from __future__ import annotations

import pytest
from textual import events
from textual._xterm_parser import XTermParser

from intercom_tui.terminal_keys import keep_alt_digits, untypable


def keys_of(sequence: str) -> list[events.Key]:
    """The keys Textual reads from what a terminal sends."""
    parser = XTermParser()
    read = [*parser.feed(sequence), *parser.feed("")]
    return [event for event in read if isinstance(event, events.Key)]


@pytest.mark.parametrize("character", ["1", "5", "a", "d"])
def test_escape_and_a_character_is_alt_and_never_text(character: str) -> None:
    keep_alt_digits()
    (key,) = keys_of(f"\x1b{character}")
    untypable(key)
    assert key.key == f"alt+{character}"
    assert not key.is_printable


def test_symbols_stay_text() -> None:
    keep_alt_digits()
    (key,) = keys_of("£")
    untypable(key)
    assert (key.character, key.is_printable) == ("£", True)
