"""compact-encoding: the byte encoding of every layer.

Theory of operation. A :class:`Reader` is a cursor over received bytes and a :class:`Writer` collects bytes to send.
There is no type information on the wire: both sides call the same methods in the same order. All multi-byte integers
are little endian, except the groups of an IPv6 address. A variable ``uint`` takes 1, 3, 5 or 9 bytes; non-minimal forms
are accepted, values above 2^53-1 are refused because JavaScript cannot represent them.

What a peer may do wrong: cut a value short, announce more than there is, announce an array of millions. All of it is
:class:`~engine.errors.DecodeError` before anything is allocated. Bytes behind the last value that is read are not an
error and must be ignored: newer versions append fields. A wrong local value is
:class:`~engine.errors.LocalProtocolError`.

Protocol reference: 03-secure-stream section 1.
"""

from __future__ import annotations

import struct
from collections.abc import Callable, Iterable
from functools import lru_cache
from typing import Final, TypeVar

from engine.errors import DecodeError, LocalProtocolError

Address = tuple[str, int]
"""Dotted IPv4 text and port."""

MAX_SAFE_INTEGER: Final = 2**53 - 1
MAX_ARRAY_ITEMS: Final = 0x100000
_CACHED_ADDRESSES: Final = 4096

T = TypeVar("T")
_Int = int
_Bool = bool
# The classes below have methods called int and bool, which would hide the types.

_U16 = struct.Struct("<H")
_U32 = struct.Struct("<I")
_U64 = struct.Struct("<Q")
_F32 = struct.Struct("<f")
_F64 = struct.Struct("<d")
_TAGGED_U16 = struct.Struct("<BH")
_TAGGED_U32 = struct.Struct("<BI")
_TAGGED_U64 = struct.Struct("<BQ")
_IPV4 = struct.Struct("4B")
_IPV4_ADDRESS = struct.Struct("<4BH")
_IPV6 = struct.Struct(">8H")


class Reader:
    """A cursor over received bytes.

    Args:
        data: the bytes; anything but ``bytes`` is copied once, so that every slice is cheap.
        pos: where to start.
        end: where to stop, at most ``len(data)``.

    Every method raises :class:`DecodeError` instead of reading past the end and then leaves :attr:`pos` as it was.
    """

    __slots__ = ("_data", "_end", "pos")

    def __init__(self, data: bytes | bytearray | memoryview, pos: _Int = 0, end: _Int | None = None) -> None:
        self._data = data if type(data) is bytes else bytes(data)
        size = len(self._data)
        self._end = size if end is None or end > size else end
        self.pos = pos

    @property
    def remaining(self) -> _Int:
        """Number of bytes that are not read yet."""
        return self._end - self.pos

    def _advance(self, count: _Int) -> _Int:
        start = self.pos
        if count > self._end - start:
            raise DecodeError(f"Out of bounds: {count} bytes wanted, {self._end - start} left.")
        self.pos = start + count
        return start

    def uint(self) -> _Int:
        """Variable-length unsigned integer, at most 2^53-1."""
        start = self.pos
        if start >= self._end:
            raise DecodeError("Out of bounds: an integer wanted, nothing left.")
        first = self._data[start]
        if first < 0xFD:
            self.pos = start + 1
            return first
        width = 3 if first == 0xFD else 5 if first == 0xFE else 9
        if width > self._end - start:
            raise DecodeError(f"Out of bounds: {width} bytes wanted, {self._end - start} left.")
        value = int.from_bytes(self._data[start + 1 : start + width], "little")
        if value > MAX_SAFE_INTEGER:
            raise DecodeError("An integer is above 2^53-1.")
        self.pos = start + width
        return value

    def int(self) -> _Int:
        """Variable-length signed integer (zig-zag)."""
        value = self.uint()
        return -((value + 1) >> 1) if value & 1 else value >> 1

    def uint8(self) -> _Int:
        """One byte."""
        start = self.pos
        if start >= self._end:
            raise DecodeError("Out of bounds: 1 byte wanted, 0 left.")
        self.pos = start + 1
        return self._data[start]

    def uint16(self) -> _Int:
        """Two bytes."""
        start = self._advance(2)
        return int.from_bytes(self._data[start : start + 2], "little")

    port = uint16

    def uint24(self) -> _Int:
        """Three bytes."""
        start = self._advance(3)
        return int.from_bytes(self._data[start : start + 3], "little")

    def uint32(self) -> _Int:
        """Four bytes."""
        start = self._advance(4)
        return int.from_bytes(self._data[start : start + 4], "little")

    def uint64(self) -> _Int:
        """Eight bytes, all 64 bits."""
        start = self._advance(8)
        return int.from_bytes(self._data[start : start + 8], "little")

    def float32(self) -> float:
        """IEEE-754 single."""
        value: float = _F32.unpack_from(self._data, self._advance(4))[0]
        return value

    def float64(self) -> float:
        """IEEE-754 double."""
        value: float = _F64.unpack_from(self._data, self._advance(8))[0]
        return value

    def bool(self) -> _Bool:
        """One byte; only 1 is true."""
        return self.uint8() == 1

    def fixed(self, size: _Int) -> bytes:
        """Exactly *size* bytes without a prefix."""
        start = self.pos
        stop = start + size
        if stop > self._end:
            raise DecodeError(f"Out of bounds: {size} bytes wanted, {self._end - start} left.")
        self.pos = stop
        return self._data[start:stop]

    def buffer(self) -> bytes:
        """Length-prefixed bytes."""
        before = self.pos
        size = self.uint()
        start = self.pos
        stop = start + size
        if stop > self._end:
            self.pos = before
            raise DecodeError(f"Out of bounds: {size} bytes wanted, {self._end - start} left.")
        self.pos = stop
        return self._data[start:stop]

    def optional_buffer(self) -> bytes | None:
        """Length-prefixed bytes, None if the length is 0."""
        return self.buffer() or None

    def string(self) -> str:
        """Length-prefixed UTF-8; invalid sequences become U+FFFD."""
        return self.buffer().decode("utf-8", "replace")

    def frame(self) -> Reader:
        """Length-prefixed part with a reader of its own."""
        return Reader(self.buffer())

    def raw(self) -> bytes:
        """Everything that is left."""
        start, self.pos = self.pos, self._end
        return self._data[start : self._end]

    def ipv4(self) -> str:
        """IPv4 address text."""
        a, b, c, d = _IPV4.unpack_from(self._data, self._advance(4))
        return f"{a}.{b}.{c}.{d}"

    def ipv6(self) -> str:
        """IPv6 address text: eight groups in lower-case hex, no zero compression."""
        return ":".join(f"{group:x}" for group in _IPV6.unpack_from(self._data, self._advance(16)))

    def ipv4_address(self) -> Address:
        """IPv4 address and port."""
        start = self._advance(6)
        return decode_address(self._data[start : start + 6])

    def ipv6_address(self) -> tuple[str, _Int]:
        """IPv6 address and port."""
        start = self._advance(18)
        self.pos = start
        return self.ipv6(), self.uint16()

    def array(self, item: Callable[[Reader], T]) -> list[T]:
        """Count-prefixed items, for example ``reader.array(Reader.ipv4_address)``. Items take at least one byte."""
        before = self.pos
        count = self.uint()
        if count > MAX_ARRAY_ITEMS or count > self._end - self.pos:
            self.pos = before
            raise DecodeError(f"An array of {count} items is too big.")
        try:
            return [item(self) for _ in range(count)]
        except DecodeError:
            self.pos = before
            raise


class Writer:
    """Collects bytes to send. Every method raises :class:`LocalProtocolError` on a value that the type cannot hold."""

    __slots__ = ("_data",)

    def __init__(self) -> None:
        self._data = bytearray()

    def __len__(self) -> _Int:
        return len(self._data)

    def getvalue(self) -> bytes:
        """Everything written so far."""
        return bytes(self._data)

    def uint(self, value: _Int) -> None:
        """Variable-length unsigned integer, at most 2^53-1."""
        if 0 <= value < 0xFD:
            self._data.append(value)
        else:
            self._data += encode_uint(value)

    def int(self, value: _Int) -> None:
        """Variable-length signed integer (zig-zag)."""
        self.uint(2 * value if value >= 0 else -2 * value - 1)

    def _fixed_width(self, value: _Int, size: _Int) -> None:
        try:
            self._data += value.to_bytes(size, "little")
        except OverflowError:
            raise LocalProtocolError(f"{value} does not fit into {size} unsigned bytes.") from None

    def uint8(self, value: _Int) -> None:
        """One byte."""
        self._fixed_width(value, 1)

    def uint16(self, value: _Int) -> None:
        """Two bytes."""
        self._fixed_width(value, 2)

    port = uint16

    def uint24(self, value: _Int) -> None:
        """Three bytes."""
        self._fixed_width(value, 3)

    def uint32(self, value: _Int) -> None:
        """Four bytes."""
        self._fixed_width(value, 4)

    def uint64(self, value: _Int) -> None:
        """Eight bytes, all 64 bits."""
        self._fixed_width(value, 8)

    def float32(self, value: float) -> None:
        """IEEE-754 single."""
        self._data += _F32.pack(value)

    def float64(self, value: float) -> None:
        """IEEE-754 double."""
        self._data += _F64.pack(value)

    def bool(self, value: _Bool) -> None:
        """One byte."""
        self._data.append(1 if value else 0)

    def fixed(self, value: bytes, size: _Int | None = None) -> None:
        """Bytes without a prefix; *size*, if given, is what the reader will expect."""
        if size is not None and len(value) != size:
            raise LocalProtocolError(f"Incorrect buffer size: {len(value)} instead of {size} bytes.")
        self._data += value

    raw = fixed

    def buffer(self, value: bytes) -> None:
        """Length-prefixed bytes."""
        self.uint(len(value))
        self._data += value

    def optional_buffer(self, value: bytes | None) -> None:
        """Length-prefixed bytes; None and empty are both length 0."""
        self.buffer(value or b"")

    frame = buffer

    def string(self, value: str) -> None:
        """Length-prefixed UTF-8; lone surrogates become U+FFFD."""
        self.buffer(encode_utf8(value))

    def ipv4(self, host: str) -> None:
        """IPv4 address text."""
        self._data += encode_address((host, 0))[:4]

    def ipv6(self, host: str) -> None:
        """IPv6 address text, zero compression allowed."""
        self._data += _encode_ipv6(host)

    def ipv4_address(self, address: Address) -> None:
        """IPv4 address and port."""
        self._data += encode_address(address)

    def ipv6_address(self, address: tuple[str, _Int]) -> None:
        """IPv6 address and port."""
        self.ipv6(address[0])
        self.uint16(address[1])

    def array(self, items: Iterable[T], item: Callable[[Writer, T], None]) -> None:
        """Count-prefixed items, for example ``writer.array(addresses, Writer.ipv4_address)``."""
        values = list(items)
        if len(values) > MAX_ARRAY_ITEMS:
            raise LocalProtocolError(f"An array of {len(values)} items is too big.")
        self.uint(len(values))
        for value in values:
            item(self, value)


def encode_uint(value: int) -> bytes:
    """The bytes of a variable-length ``uint``.

    Raises:
        LocalProtocolError: negative or above 2^53-1.
    """
    if value < 0 or value > MAX_SAFE_INTEGER:
        raise LocalProtocolError(f"{value} is not an unsigned integer of at most 53 bits.")
    if value < 0xFD:
        return bytes((value,))
    if value <= 0xFFFF:
        return _TAGGED_U16.pack(0xFD, value)
    if value <= 0xFFFFFFFF:
        return _TAGGED_U32.pack(0xFE, value)
    return _TAGGED_U64.pack(0xFF, value)


def encode_utf8(text: str) -> bytes:
    """UTF-8 as JavaScript writes it: surrogate pairs joined, lone surrogates replaced by U+FFFD."""
    try:
        return text.encode()
    except UnicodeEncodeError:
        return text.encode("utf-16-le", "surrogatepass").decode("utf-16-le", "replace").encode()


@lru_cache(maxsize=_CACHED_ADDRESSES)
def encode_address(address: Address) -> bytes:
    """Six bytes: four octets, then the port in little endian.

    Raises:
        LocalProtocolError: not dotted IPv4 text, or no port number.
    """
    host, port = address
    parts = host.split(".")
    if len(parts) == 4 and all(part.isascii() and part.isdigit() for part in parts):
        try:
            return _IPV4_ADDRESS.pack(*map(int, parts), port)
        except struct.error:
            pass
    raise LocalProtocolError(f"{host}:{port} is not an IPv4 address and port.")


@lru_cache(maxsize=_CACHED_ADDRESSES)
def decode_address(data: bytes) -> Address:
    """The address in exactly six bytes.

    Raises:
        DecodeError: another length.
    """
    if len(data) != 6:
        raise DecodeError(f"An IPv4 address and port takes 6 bytes, not {len(data)}.")
    a, b, c, d, port = _IPV4_ADDRESS.unpack(data)
    return f"{a}.{b}.{c}.{d}", port


def _encode_ipv6(host: str) -> bytes:
    head, compressed, tail = host.partition("::")
    groups = head.split(":") if head else []
    rest = tail.split(":") if tail else []
    missing = 8 - len(groups) - len(rest)
    if (missing >= 0) if compressed else (missing == 0):
        try:
            return _IPV6.pack(*(int(group, 16) for group in [*groups, *["0"] * missing, *rest]))
        except (ValueError, struct.error):
            pass
    raise LocalProtocolError(f"{host} is not an IPv6 address.")
