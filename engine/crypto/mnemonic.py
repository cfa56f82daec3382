"""Recovery words (BIP-39, English).

Protocol reference: 12-wallet section 3.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from functools import cache
from typing import Final

from mnemonic import Mnemonic

from engine.errors import BadMnemonic
from engine.wire.jstext import js_split, js_trim

WORD_COUNTS: Final = (12, 24)
_ROUNDS: Final = 2048
_SEED_BYTES: Final = 64


@cache
def _english() -> Mnemonic:
    return Mnemonic("english")


def generate(random_bytes: Callable[[int], bytes], words: int = 24) -> str:
    """New random words.

    Raises:
        BadMnemonic: *words* is neither 12 nor 24.
    """
    if words not in WORD_COUNTS:
        raise BadMnemonic(f"A mnemonic has 12 or 24 words, not {words}.")
    text: str = _english().to_mnemonic(random_bytes(words * 4 // 3))
    return text


def normalise(text: str) -> str:
    """The words in lower case with single blanks between them, after all checks.

    Raises:
        BadMnemonic: another number of words than 12 or 24, an unknown word, or a wrong checksum. The text names the
            position of a word, never the word.
    """
    words = js_split(js_trim(text).lower())
    if len(words) not in WORD_COUNTS:
        count = len(words) if words != [""] else 0
        raise BadMnemonic(f"A mnemonic has 12 or 24 words, not {count}.")
    known = _english().wordlist
    for position, word in enumerate(words, 1):
        if word not in known:
            raise BadMnemonic(f"Word {position} is not in the English list.", hint="Check its spelling.")
    joined = " ".join(words)
    if not _english().check(joined):
        raise BadMnemonic(
            "The checksum of the recovery words is wrong.", hint="One of the words, or their order, is not right."
        )
    return joined


def seed(mnemonic: str) -> bytes:
    """The 64-byte seed of normalised words, without a passphrase. Takes about a millisecond."""
    return hashlib.pbkdf2_hmac("sha512", mnemonic.encode(), b"mnemonic", _ROUNDS, _SEED_BYTES)
