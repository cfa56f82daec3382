"""compact-encoding against the JavaScript implementation's bytes, round trips and hostile input."""

from __future__ import annotations

import base64
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from engine.errors import DecodeError, LocalProtocolError
from engine.wire import jsjson
from engine.wire.compact import (
    MAX_SAFE_INTEGER,
    Address,
    Reader,
    Writer,
    decode_address,
    encode_address,
    encode_uint,
)
from engine.wire.compact_any import (
    Date,
    read_any,
    read_date,
    read_string_record,
    write_any,
    write_date,
    write_string_record,
)
from engine.wire.compact_big import read_biguint, write_biguint
from engine.wire.lexint import read_lexint, write_lexint

VECTORS = Path(__file__).parents[2] / "vectors"
CASES: list[dict[str, Any]] = json.loads((VECTORS / "encoding" / "compact-encoding.json").read_text())["cases"]

Write = Callable[[Writer, Any], None]
Read = Callable[[Reader], Any]


def zigzag(value: int) -> int:
    return 2 * value if value >= 0 else -2 * value - 1


def unzigzag(value: int) -> int:
    return -((value + 1) >> 1) if value & 1 else value >> 1


def sized(size: int) -> tuple[Write, Read]:
    """Integers of a width that no message of ours has."""
    return (
        lambda w, v: w.fixed(v.to_bytes(size, "little")),
        lambda r: int.from_bytes(r.fixed(size), "little"),
    )


def signed(size: int) -> tuple[Write, Read]:
    write, read = sized(size)
    return lambda w, v: write(w, zigzag(v)), lambda r: unzigzag(read(r))


def inside(write: Callable[[Any], bytes], read: Callable[[bytes], Any]) -> tuple[Write, Read]:
    """A type that is a length-prefixed buffer of something."""
    return lambda w, v: w.buffer(write(v)), lambda r: read(r.buffer())


def framed(write: Write, read: Read) -> tuple[Write, Read]:
    def write_frame(writer: Writer, value: Any) -> None:
        inner = Writer()
        write(inner, value)
        writer.frame(inner.getvalue())

    return write_frame, lambda r: read(r.frame())


def array(write: Write, read: Read) -> tuple[Write, Read]:
    return lambda w, v: w.array(v, write), lambda r: r.array(read)


def write_ip(writer: Writer, host: str) -> None:
    family = 6 if ":" in host else 4
    writer.uint8(family)
    (writer.ipv6 if family == 6 else writer.ipv4)(host)


def read_ip(reader: Reader) -> str:
    return reader.ipv4() if reader.uint8() == 4 else reader.ipv6()


def write_ip_address(writer: Writer, address: Address) -> None:
    write_ip(writer, address[0])
    writer.port(address[1])


def json_bytes(value: Any) -> bytes:
    return jsjson.stringify(value).encode()


def fixed(size: int) -> tuple[Write, Read]:
    return lambda w, v: w.fixed(v, size), lambda r: r.fixed(size)


TYPES: dict[str, tuple[Write, Read]] = {
    "uint": (Writer.uint, Reader.uint),
    "uint8": (Writer.uint8, Reader.uint8),
    "uint16": (Writer.uint16, Reader.uint16),
    "uint24": (Writer.uint24, Reader.uint24),
    "uint32": (Writer.uint32, Reader.uint32),
    "uint40": sized(5),
    "uint48": sized(6),
    "uint56": sized(7),
    "uint64": (Writer.uint64, Reader.uint64),
    "biguint64": (Writer.uint64, Reader.uint64),
    "int": (Writer.int, Reader.int),
    "int8": signed(1),
    "int16": signed(2),
    "int32": signed(4),
    "int64": signed(8),
    "bigint64": signed(8),
    "float32": (Writer.float32, Reader.float32),
    "float64": (Writer.float64, Reader.float64),
    "date": (write_date, read_date),
    "bool": (Writer.bool, Reader.bool),
    "buffer": (Writer.optional_buffer, Reader.optional_buffer),
    "uint8array": (Writer.buffer, Reader.buffer),
    "uint32array": array(Writer.uint32, Reader.uint32),
    "string": (Writer.string, Reader.string),
    "hex": inside(bytes.fromhex, bytes.hex),
    "base64": inside(base64.b64decode, lambda data: base64.b64encode(data).decode()),
    "ascii": inside(str.encode, bytes.decode),
    "utf16le": inside(lambda text: text.encode("utf-16-le"), lambda data: data.decode("utf-16-le")),
    "json": inside(json_bytes, jsjson.parse),
    "ndjson": inside(lambda value: json_bytes(value) + b"\n", jsjson.parse),
    "fixed32": fixed(32),
    "fixed64": fixed(64),
    "raw": (Writer.raw, Reader.raw),
    "raw.utf8": (lambda w, v: w.raw(v.encode()), lambda r: r.raw().decode()),
    "raw.json": (lambda w, v: w.raw(json_bytes(v)), lambda r: jsjson.parse(r.raw())),
    "none": (lambda w, v: None, lambda r: None),
    "array(uint)": array(Writer.uint, Reader.uint),
    "array(string)": array(Writer.string, Reader.string),
    "array(fixed32)": array(*fixed(32)),
    "frame(uint)": framed(Writer.uint, Reader.uint),
    "frame(string)": framed(Writer.string, Reader.string),
    "ipv4": (Writer.ipv4, Reader.ipv4),
    "ipv6": (Writer.ipv6, Reader.ipv6),
    "ip": (write_ip, read_ip),
    "ipv4Address": (Writer.ipv4_address, Reader.ipv4_address),
    "net.ipv4Address": (Writer.ipv4_address, Reader.ipv4_address),
    "ipv6Address": (Writer.ipv6_address, Reader.ipv6_address),
    "ipAddress": (write_ip_address, lambda r: (read_ip(r), r.port())),
    "stringRecord": (write_string_record, read_string_record),
    "any": (write_any, read_any),
    "biguint": (write_biguint, read_biguint),
    "lexint": (write_lexint, read_lexint),
}
"""How each type of the vectors is written with our methods."""


def value_of(type_name: str, typed: dict[str, Any]) -> Any:
    kind, value = typed["kind"], typed["value"]
    if kind in ("int", "bigint"):
        return int(float(value)) if "e" in value else int(value)
    if kind == "number":
        return float(value)
    if kind == "bytes":
        return bytes.fromhex(value)
    if kind == "date-ms":
        return Date(value)
    if kind == "array":
        return [value_of("", item) for item in value]
    if kind == "object":
        members = {key: value_of("", item) for key, item in value.items()}
        if type_name.lower().endswith("address"):
            return members["host"], members["port"]
        return list(members.values()) if type_name == "uint32array" else members
    return value


def test_every_type_of_the_vectors_is_known() -> None:
    assert {case["type"] for case in CASES} == TYPES.keys()


@pytest.mark.parametrize("case", CASES, ids=lambda case: f"{case['type']}-{case.get('hex', '')[:16]}")
def test_vector(case: dict[str, Any]) -> None:
    name = case["type"]
    write, read = TYPES[name]
    if case["op"] == "encode-error":
        with pytest.raises(LocalProtocolError):
            write(Writer(), value_of(name, case["in"]))
        return
    data = bytes.fromhex(case["hex"])
    if case["op"] == "roundtrip":
        writer = Writer()
        write(writer, value_of(name, case["in"]))
        assert writer.getvalue() == data
    if "error" in case:
        with pytest.raises(DecodeError):
            read(Reader(data))
    else:
        assert read(Reader(data)) == value_of(name, case["out"])


@pytest.mark.parametrize("kind", [bytes, bytearray, memoryview])
def test_reader_takes_any_bytes_and_a_window(kind: Callable[[bytes], Any]) -> None:
    reader = Reader(kind(b"\xaa\x01\x02\x03\xbb"), 1, 4)
    assert reader.uint() == 1
    assert reader.remaining == 2
    assert reader.raw() == b"\x02\x03"
    assert isinstance(Reader(kind(b"ab")).fixed(2), bytes)
    with pytest.raises(DecodeError):
        reader.uint8()


def test_optional_buffer() -> None:
    writer = Writer()
    writer.optional_buffer(None)
    writer.optional_buffer(b"x")
    assert len(writer) == 3
    reader = Reader(writer.getvalue())
    assert reader.optional_buffer() is None
    assert reader.optional_buffer() == b"x"


def test_integers_above_53_bits_are_refused() -> None:
    data = b"\xff" + (MAX_SAFE_INTEGER + 1).to_bytes(8, "little")
    with pytest.raises(DecodeError):
        Reader(data).uint()
    with pytest.raises(LocalProtocolError):
        encode_uint(MAX_SAFE_INTEGER + 1)


@pytest.mark.parametrize("host", ["", "1.2.3", "1.2.3.4.5", "1.2.3.256", "1.2.3.-4", "1.2.3.+4", "localhost", "::1"])
def test_text_that_is_not_ipv4_is_refused(host: str) -> None:
    with pytest.raises(LocalProtocolError):
        encode_address((host, 1))


@pytest.mark.parametrize("host", ["", ":", "1:2:3:4:5:6:7", "1:2:3:4:5:6:7:8:9", "12345::", "::g", "1.2.3.4"])
def test_text_that_is_not_ipv6_is_refused(host: str) -> None:
    with pytest.raises(LocalProtocolError):
        Writer().ipv6(host)


def test_ports_out_of_range_are_refused() -> None:
    for port in (-1, 65536):
        with pytest.raises(LocalProtocolError):
            encode_address(("127.0.0.1", port))


def test_address_of_another_length_is_refused() -> None:
    with pytest.raises(DecodeError):
        decode_address(b"12345")


def test_array_bounds() -> None:
    with pytest.raises(DecodeError):
        Reader(b"\xfe\x01\x00\x10\x00" + bytes(0x100001)).array(Reader.uint8)
    with pytest.raises(LocalProtocolError):
        Writer().array(bytes(0x100001), Writer.uint8)


def test_failed_read_does_not_move() -> None:
    for read in (
        Reader.uint,
        Reader.uint16,
        Reader.uint64,
        Reader.buffer,
        Reader.ipv4_address,
        Reader.ipv6_address,
        lambda r: r.array(Reader.uint32),
    ):
        reader = Reader(b"\xaa\xfd", 1)
        with pytest.raises(DecodeError):
            read(reader)
        assert reader.pos == 1
    reader = Reader(b"\x02\x01\xfd")
    with pytest.raises(DecodeError):
        reader.array(Reader.uint)
    assert reader.pos == 0


def test_values_that_do_not_fit_are_local_errors() -> None:
    for write, value in ((Writer.uint8, 256), (Writer.uint16, 65536), (Writer.uint64, 2**64), (Writer.uint32, -1)):
        with pytest.raises(LocalProtocolError):
            write(Writer(), value)


def test_encode_uint_is_minimal() -> None:
    sizes = {0: 1, 0xFC: 1, 0xFD: 3, 0xFFFF: 3, 0x10000: 5, 2**32 - 1: 5, 2**32: 9}
    assert {value: len(encode_uint(value)) for value in sizes} == sizes
    assert all(Reader(encode_uint(value)).uint() == value for value in sizes)


integers = st.integers(0, MAX_SAFE_INTEGER)
ADDRESSES = st.tuples(st.ip_addresses(v=4).map(str), st.integers(0, 65535))
FIELDS: list[tuple[st.SearchStrategy[Any], Write, Read]] = [
    (integers, Writer.uint, Reader.uint),
    (st.integers(-(2**52), 2**52 - 1), Writer.int, Reader.int),
    (st.integers(0, 2**24 - 1), Writer.uint24, Reader.uint24),
    (st.integers(0, 2**64 - 1), Writer.uint64, Reader.uint64),
    (st.floats(allow_nan=False), Writer.float64, Reader.float64),
    (st.booleans(), Writer.bool, Reader.bool),
    (st.binary(max_size=300), Writer.buffer, Reader.buffer),
    (st.text(max_size=300), Writer.string, Reader.string),
    (ADDRESSES, Writer.ipv4_address, Reader.ipv4_address),
    (st.lists(ADDRESSES, max_size=20), *array(Writer.ipv4_address, Reader.ipv4_address)),
    (st.binary(min_size=32, max_size=32), *fixed(32)),
]


@given(st.data())
@settings(max_examples=300, deadline=None)
def test_sequences_round_trip(data: st.DataObject) -> None:
    writer = Writer()
    expected: list[tuple[Any, Read]] = []
    for values, write, read in data.draw(st.lists(st.sampled_from(FIELDS), max_size=8)):
        value = data.draw(values)
        write(writer, value)
        expected.append((value, read))
    reader = Reader(writer.getvalue())
    for value, read in expected:
        assert read(reader) == value
    assert reader.remaining == 0


@given(st.binary(max_size=64), st.lists(st.sampled_from(sorted(TYPES)), max_size=6))
@settings(max_examples=500, deadline=None)
def test_random_bytes_only_raise_decode_errors(data: bytes, names: list[str]) -> None:
    reader = Reader(data)
    for name in names:
        if name in ("ascii", "utf16le", "raw.utf8"):
            continue
        before = reader.pos
        try:
            TYPES[name][1](reader)
        except DecodeError:
            break
        assert before <= reader.pos <= len(data)
