"""Alt combinations as terminals really send them.

A terminal sends Escape and a character for alt and that character. Textual 8.2 reads Escape and a digit as the symbol
that a Mac keyboard makes with the option key, and gives alt and a letter as a letter that can be typed; the first would
hide our pane keys, the second would type their letters into the composer.
"""

from __future__ import annotations

from collections.abc import MutableMapping
from typing import Any, cast

from textual import events
from textual._ansi_sequences import ANSI_SEQUENCES_KEYS

_DIGITS = "0123456789"


def keep_alt_digits() -> None:
    """Let Escape and a digit be alt and that digit."""
    sequences = cast("MutableMapping[str, Any]", ANSI_SEQUENCES_KEYS)
    for digit in _DIGITS:
        sequences.pop(f"\x1b{digit}", None)


def untypable(event: events.Key) -> None:
    """Take the character from an alt combination: it is a command, not text."""
    if event.key.startswith("alt+"):
        event.character = None
