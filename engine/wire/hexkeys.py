"""Keys as text: strict hex in, short forms out.

``bytes.fromhex`` also accepts blanks, which no other peer does, so text is checked first.

Protocol reference: 06-sidechannel section 4.
"""

from __future__ import annotations

import re
from typing import Final

KEY_BYTES: Final = 32
SIGNATURE_BYTES: Final = 64
_HEX = re.compile(r"(?:[0-9a-fA-F]{2})*+")


def parse_hex(text: str, size: int | None = None) -> bytes | None:
    """The bytes of hex text in either case, None if it is not hex or not *size* bytes."""
    if (size is not None and len(text) != 2 * size) or not _HEX.fullmatch(text):
        return None
    return bytes.fromhex(text)


def parse_key(text: str) -> bytes | None:
    """A 32-byte key from exactly 64 hex digits, None for any other text."""
    return parse_hex(text, KEY_BYTES)


def parse_signature(text: str) -> bytes | None:
    """A 64-byte signature from exactly 128 hex digits, None for any other text."""
    return parse_hex(text, SIGNATURE_BYTES)


def short_key(key: bytes | str) -> str:
    """First and last four digits, for people: ``9f3a..c01d``. Text that is this short already stays as it is."""
    text = key if isinstance(key, str) else key.hex()
    return text if len(text) <= 10 else f"{text[:4]}..{text[-4:]}"
