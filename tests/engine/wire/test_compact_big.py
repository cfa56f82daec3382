"""Integers without a bound."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from engine.errors import DecodeError, LocalProtocolError
from engine.wire.compact import Reader, Writer
from engine.wire.compact_big import MAX_WORDS, read_bigint, read_biguint, write_bigint, write_biguint


@given(st.integers(-(2**300), 2**300))
@settings(max_examples=300, deadline=None)
def test_integers_round_trip(value: int) -> None:
    writer = Writer()
    write_bigint(writer, value)
    write_biguint(writer, abs(value))
    reader = Reader(writer.getvalue())
    assert read_bigint(reader) == value
    assert read_biguint(reader) == abs(value)
    assert reader.remaining == 0


def test_words_that_are_zero_at_the_high_end_are_accepted() -> None:
    assert read_biguint(Reader(b"\x02\x05" + bytes(15))) == 5


@pytest.mark.parametrize("data", [b"", b"\x01", b"\x02" + bytes(15), b"\xfe\xff\xff\xff\xff" + bytes(64)])
def test_incomplete_integers_are_decode_errors_and_do_not_move(data: bytes) -> None:
    reader = Reader(data)
    with pytest.raises(DecodeError):
        read_biguint(reader)
    assert reader.pos == 0


def test_length_is_bounded_both_ways() -> None:
    writer = Writer()
    write_biguint(writer, 2 ** (64 * MAX_WORDS) - 1)
    assert read_biguint(Reader(writer.getvalue())).bit_length() == 64 * MAX_WORDS
    for value in (2 ** (64 * MAX_WORDS), -1):
        with pytest.raises(LocalProtocolError):
            write_biguint(Writer(), value)
    with pytest.raises(DecodeError):
        read_biguint(Reader(b"\xfd\x01\x10" + bytes(8 * (MAX_WORDS + 1))))
