"""compact-encoding of values that describe themselves: ``any``, ``date`` and ``stringRecord``.

Theory of operation. A type number comes before each value: 0 null, 1 bool, 2 string, 3 bytes, 4 unsigned integer,
5 negative integer, 6 other number, 7 array, 8 object, 9 date. Numbers are JavaScript's: one without a fraction is an
integer, whatever its Python type. Objects are written in JavaScript's property order.

What a peer may do wrong: name an unknown type, announce more items than there are bytes, nest arrays without end. All
of it is :class:`~engine.errors.DecodeError`; repeated keys are not wrong, the last value counts.

Protocol reference: 03-secure-stream section 1.1.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import IntEnum
from typing import Any, Final, TypeAlias

from engine.errors import DecodeError, LocalProtocolError
from engine.wire.compact import Reader, Writer
from engine.wire.jsjson import property_order

MAX_DEPTH: Final = 64
"""Arrays and objects inside each other."""


@dataclass(frozen=True, slots=True)
class Date:
    """A moment."""

    ms: int
    """Milliseconds since the epoch, may be negative."""


AnyValue: TypeAlias = "bool | int | float | str | bytes | Date | list[AnyValue] | dict[str, AnyValue] | None"
"""What :func:`read_any` returns."""


class _Kind(IntEnum):
    NULL = 0
    BOOL = 1
    STRING = 2
    BYTES = 3
    UINT = 4
    INT = 5
    FLOAT = 6
    ARRAY = 7
    OBJECT = 8
    DATE = 9


def write_any(writer: Writer, value: AnyValue) -> None:
    """Append a value with its type.

    Raises:
        LocalProtocolError: a type without a number, an integer above 53 bits, or nesting above :data:`MAX_DEPTH`.
    """
    _write(writer, value, 0)


def read_any(reader: Reader) -> AnyValue:
    """Read a value with its type.

    Raises:
        DecodeError: cut short, an unknown type, or nesting above :data:`MAX_DEPTH`.
    """
    return _read(reader, 0)


def write_date(writer: Writer, value: Date) -> None:
    """Append a date without its type number."""
    writer.int(value.ms)


def read_date(reader: Reader) -> Date:
    """Read a date without its type number. Raises DecodeError."""
    return Date(reader.int())


def write_string_record(writer: Writer, record: dict[str, str]) -> None:
    """Append an object of strings."""
    writer.uint(len(record))
    for key in property_order(record):
        writer.string(key)
        writer.string(record[key])


def read_string_record(reader: Reader) -> dict[str, str]:
    """Read an object of strings. Raises DecodeError."""
    return {reader.string(): reader.string() for _ in range(_count(reader))}


def _count(reader: Reader) -> int:
    count = reader.uint()
    if count > reader.remaining:
        raise DecodeError(f"{count} items are announced, {reader.remaining} bytes are left.")
    return count


def _write(writer: Writer, value: AnyValue, depth: int) -> None:
    if depth > MAX_DEPTH:
        raise LocalProtocolError(f"A value is nested more than {MAX_DEPTH} deep.")
    if isinstance(value, float) and value.is_integer():
        value = int(value)
    match value:
        case None:
            writer.uint8(_Kind.NULL)
        case bool():
            writer.uint8(_Kind.BOOL)
            writer.bool(value)
        case str():
            writer.uint8(_Kind.STRING)
            writer.string(value)
        case bytes():
            writer.uint8(_Kind.BYTES)
            writer.buffer(value)
        case int():
            writer.uint8(_Kind.UINT if value >= 0 else _Kind.INT)
            (writer.uint if value >= 0 else writer.int)(value)
        case float():
            writer.uint8(_Kind.FLOAT)
            writer.float64(value)
        case Date():
            writer.uint8(_Kind.DATE)
            write_date(writer, value)
        case list() | dict():
            _write_items(writer, value, depth + 1)
        case _:
            raise LocalProtocolError(f"A {type(value).__name__} has no type number.")


def _write_items(writer: Writer, value: list[AnyValue] | dict[str, AnyValue], depth: int) -> None:
    writer.uint8(_Kind.ARRAY if isinstance(value, list) else _Kind.OBJECT)
    writer.uint(len(value))
    if isinstance(value, list):
        for item in value:
            _write(writer, item, depth)
    else:
        for key in property_order(value):
            writer.string(key)
            _write(writer, value[key], depth)


def _read(reader: Reader, depth: int) -> AnyValue:
    kind = reader.uint()
    if kind in _SCALARS:
        value: AnyValue = _SCALARS[kind](reader)
        return value
    if kind not in (_Kind.ARRAY, _Kind.OBJECT):
        raise DecodeError(f"Unknown type: {kind}.")
    if depth == MAX_DEPTH:
        raise DecodeError(f"A value is nested more than {MAX_DEPTH} deep.")
    count = _count(reader)
    if kind == _Kind.ARRAY:
        return [_read(reader, depth + 1) for _ in range(count)]
    return {reader.string(): _read(reader, depth + 1) for _ in range(count)}


_SCALARS: Final[dict[int, Any]] = {
    _Kind.NULL: lambda reader: None,
    _Kind.BOOL: Reader.bool,
    _Kind.STRING: Reader.string,
    _Kind.BYTES: Reader.optional_buffer,
    _Kind.UINT: Reader.uint,
    _Kind.INT: Reader.int,
    _Kind.FLOAT: Reader.float64,
    _Kind.DATE: read_date,
}
