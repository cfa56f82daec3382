"""Integers that sort as bytes."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from engine.errors import DecodeError, LocalProtocolError
from engine.wire.compact import MAX_SAFE_INTEGER, Reader, Writer
from engine.wire.lexint import read_lexint, write_lexint

LARGE = {
    2**32 + 251: "ff00080000000000",
    2**48 + 250: "ff1007ffffffffff",  # the logarithm of 2^48-1 rounds up
    2**48 + 251: "ff10080000000000",
    2**53 - 1: "ff140fffffffffff",
}
"""Bytes made by compact-encoding 3.5.2."""


def encoded(value: int) -> bytes:
    writer = Writer()
    write_lexint(writer, value)
    return writer.getvalue()


@pytest.mark.parametrize("value", LARGE)
def test_large_integers_have_the_bytes_of_the_reference(value: int) -> None:
    assert encoded(value).hex() == LARGE[value]


@given(st.integers(0, 2**32 - 1) | st.integers(2**32 + 251, 2**43))
@settings(max_examples=300, deadline=None)
def test_integers_round_trip(value: int) -> None:
    assert read_lexint(Reader(encoded(value))) == value


@given(st.lists(st.integers(0, 2**32 - 1) | st.integers(2**32 + 251, MAX_SAFE_INTEGER), min_size=2, max_size=2))
@settings(max_examples=300, deadline=None)
def test_bytes_sort_like_the_numbers(pair: list[int]) -> None:
    low, high = sorted(pair)
    assert encoded(low) <= encoded(high)


@pytest.mark.parametrize("value", [-1, 2**32, 2**32 + 250, 2**53])
def test_integers_without_a_readable_form_are_local_errors(value: int) -> None:
    with pytest.raises(LocalProtocolError):
        encoded(value)


@pytest.mark.parametrize(
    "data",
    [
        "",
        "fb",
        "fc00",
        "fe000000",
        "ff",
        "ff0a",
        "ff00" + "00" * 5,
        "ff" * 100,  # an exponent that is itself an exponent, and so on
        "ff15" + "080000000000",
        "ff00" + "080000000001",
    ],
)
def test_other_bytes_are_decode_errors_and_do_not_move(data: str) -> None:
    reader = Reader(bytes.fromhex(data))
    with pytest.raises(DecodeError):
        read_lexint(reader)
    assert reader.pos == 0
