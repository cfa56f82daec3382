"""Self-describing values: type numbers, JavaScript's idea of an integer, hostile input."""

from __future__ import annotations

import math
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from engine.errors import DecodeError, LocalProtocolError
from engine.wire.compact import MAX_SAFE_INTEGER, Reader, Writer
from engine.wire.compact_any import MAX_DEPTH, Date, read_any, read_string_record, write_any, write_string_record


def encoded(value: Any) -> bytes:
    writer = Writer()
    write_any(writer, value)
    return writer.getvalue()


@pytest.mark.parametrize(
    ("value", "expected"),
    [(7.0, "0407"), (-0.0, "0400"), (-7.0, "050d"), (math.inf, "06000000000000f07f"), (b"", "0300")],
)
def test_numbers_and_bytes_are_typed_as_in_javascript(value: Any, expected: str) -> None:
    assert encoded(value).hex() == expected


def test_objects_are_written_in_the_property_order_of_javascript() -> None:
    assert read_any(Reader(encoded({"b": 1, "10": 2, "9": 3}))) == {"9": 3, "10": 2, "b": 1}
    assert list(read_any(Reader(encoded({"b": 1, "10": 2, "9": 3})))) == ["9", "10", "b"]  # type: ignore[arg-type]
    writer = Writer()
    write_string_record(writer, {"b": "x", "1": "y"})
    assert list(read_string_record(Reader(writer.getvalue()))) == ["1", "b"]


def test_the_last_of_repeated_keys_counts() -> None:
    assert read_any(Reader(bytes.fromhex("08020161040101610402"))) == {"a": 2}


@pytest.mark.parametrize("value", [2**53, -(2**53), 1e300, object(), {"a": (1,)}])
def test_values_without_a_form_are_local_errors(value: Any) -> None:
    with pytest.raises(LocalProtocolError):
        encoded(value)


def test_nesting_is_bounded_both_ways() -> None:
    value: Any = None
    for _ in range(MAX_DEPTH):
        value = [value]
    assert read_any(Reader(encoded(value))) == value
    with pytest.raises(LocalProtocolError):
        encoded([value])
    with pytest.raises(DecodeError):
        read_any(Reader(b"\x07\x01" * 100_000 + b"\x00"))


@pytest.mark.parametrize("data", ["", "0a", "fdffff", "0701", "0702" + "00", "08fe00001000", "0801", "02ff"])
def test_incomplete_values_are_decode_errors(data: str) -> None:
    with pytest.raises(DecodeError):
        read_any(Reader(bytes.fromhex(data)))


def test_record_of_more_items_than_bytes_is_refused() -> None:
    with pytest.raises(DecodeError):
        read_string_record(Reader(b"\xfe\x00\x00\x10\x00\x00\x00"))


scalars = (
    st.none()
    | st.booleans()
    | st.integers(-(2**52), MAX_SAFE_INTEGER)
    | st.floats(allow_nan=False).filter(lambda number: not number.is_integer())
    | st.text(max_size=20)
    | st.binary(min_size=1, max_size=20)
    | st.integers(-(2**52), 2**52 - 1).map(Date)
)
values = st.recursive(scalars, lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=5), inner))


@given(values)
@settings(max_examples=300, deadline=None)
def test_values_round_trip(value: Any) -> None:
    assert read_any(Reader(encoded(value))) == value
