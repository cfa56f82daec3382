"""compact-encoding of integers without a bound: ``biguint`` and ``bigint``.

A count of 64-bit words (as ``uint``), then the words, least significant first, each little endian. A ``bigint`` is
zig-zag over the same. Zero has no words; a peer may send words that are zero at the high end, which do no harm.

Protocol reference: 03-secure-stream section 1.1.
"""

from __future__ import annotations

from typing import Final

from engine.errors import DecodeError, LocalProtocolError
from engine.wire.compact import Reader, Writer

WORD_BYTES: Final = 8
MAX_WORDS: Final = 4096
"""Words that are read; the work of a conversion grows with their square."""


def write_biguint(writer: Writer, value: int) -> None:
    """Append an unsigned integer.

    Raises:
        LocalProtocolError: negative, or more than :data:`MAX_WORDS` words.
    """
    words = -(-value.bit_length() // (8 * WORD_BYTES))
    if value < 0 or words > MAX_WORDS:
        raise LocalProtocolError(f"Only unsigned integers of at most {MAX_WORDS} words can be written.")
    writer.uint(words)
    writer.raw(value.to_bytes(words * WORD_BYTES, "little"))


def read_biguint(reader: Reader) -> int:
    """Read an unsigned integer.

    Raises:
        DecodeError: cut short, or more than :data:`MAX_WORDS` words.
    """
    before = reader.pos
    words = reader.uint()
    if words > MAX_WORDS or words * WORD_BYTES > reader.remaining:
        reader.pos = before
        raise DecodeError(f"An integer of {words} words is too long.")
    return int.from_bytes(reader.fixed(words * WORD_BYTES), "little")


def write_bigint(writer: Writer, value: int) -> None:
    """Append a signed integer (zig-zag).

    Raises:
        LocalProtocolError: more than :data:`MAX_WORDS` words.
    """
    write_biguint(writer, 2 * value if value >= 0 else -2 * value - 1)


def read_bigint(reader: Reader) -> int:
    """Read a signed integer (zig-zag).

    Raises:
        DecodeError: cut short, or more than :data:`MAX_WORDS` words.
    """
    value = read_biguint(reader)
    return -((value + 1) >> 1) if value & 1 else value >> 1
