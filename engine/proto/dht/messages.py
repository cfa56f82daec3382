"""The two datagrams of dht-rpc: requests and replies.

Theory of operation: a datagram starts with its type (low nibble version 3, high nibble 0 request or 1 reply) and a flag
byte that says which optional fields follow. Decoding is total: everything that is not a complete packet of version 3
raises :class:`~engine.errors.DecodeError`; trailing bytes are ignored. A peer may send any id, token or closer nodes;
ids are validated by the caller, which knows the source address.

Protocol reference: 02-hyperdht section 3. Flag bytes of 0xfd and more would be multi-byte numbers; no sender produces
them and they are refused.
"""

from __future__ import annotations

from collections.abc import Sequence
from struct import Struct
from struct import error as StructError
from typing import NamedTuple

from engine.errors import DecodeError
from engine.wire.compact import Address, encode_address, encode_uint

REQUEST_TYPE = 0x03
"""First byte of a request."""
REPLY_TYPE = 0x13
"""First byte of a reply."""
MAX_CLOSER_NODES = 20
"""Closer nodes that a reply carries and that are read from one."""

_HAS_ID = 1
_HAS_TOKEN = 2
_INTERNAL = 4
_HAS_CLOSER_NODES = 4
_HAS_TARGET = 8
_HAS_ERROR = 8
_HAS_VALUE = 16

_HEAD = Struct("<BBH4BH")
_FIXED32 = Struct("32s")
_ADDRESS = Struct("<4BH")
_HEAD_BYTES = _HEAD.size
_U16 = Struct("<H")
_U32 = Struct("<I")
_U64 = Struct("<Q")
_MAX_UINT = 2**53 - 1


class RequestPacket(NamedTuple):
    """A decoded request."""

    tid: int
    """Transaction id, 16 bits."""
    to: Address
    """The receiver as the sender sees it."""
    id: bytes | None
    """Id the sender claims."""
    token: bytes | None
    """Token the receiver handed out before."""
    internal: bool
    """Whether the command number is one of section 6."""
    command: int
    """Command number."""
    target: bytes | None
    """32 bytes."""
    value: bytes | None
    """Payload; an empty one decodes as None."""


class ReplyPacket(NamedTuple):
    """A decoded reply."""

    tid: int
    """Transaction id of the request."""
    to: Address
    """The requester as the replier sees it."""
    id: bytes | None
    """Id the replier claims."""
    token: bytes | None
    """Token for a later write."""
    closer_nodes: list[Address]
    """Nodes closer to the target."""
    error: int
    """0 or an error number."""
    value: bytes | None
    """Payload; an empty one decodes as None."""


def encode_request(
    tid: int,
    to: Address,
    command: int,
    *,
    id: bytes | None = None,
    token: bytes | None = None,
    internal: bool = False,
    target: bytes | None = None,
    value: bytes | None = None,
) -> bytes:
    """Bytes of a request.

    Protocol reference: 02-hyperdht section 3.
    """
    flags = _INTERNAL if internal else 0
    parts = [b"", tid.to_bytes(2, "little"), encode_address(to)]
    if id is not None:
        flags |= _HAS_ID
        parts.append(id)
    if token is not None:
        flags |= _HAS_TOKEN
        parts.append(token)
    parts.append(encode_uint(command))
    if target is not None:
        flags |= _HAS_TARGET
        parts.append(target)
    if value is not None:
        flags |= _HAS_VALUE
        parts.append(encode_uint(len(value)))
        parts.append(value)
    parts[0] = bytes((REQUEST_TYPE, flags))
    return b"".join(parts)


def encode_reply(
    tid: int,
    to: Address,
    *,
    id: bytes | None = None,
    token: bytes | None = None,
    closer_nodes: Sequence[Address] = (),
    error: int = 0,
    value: bytes | None = None,
) -> bytes:
    """Bytes of a reply; error 0 and an empty node list are not encoded.

    Protocol reference: 02-hyperdht section 3.
    """
    flags = 0
    parts = [b"", tid.to_bytes(2, "little"), encode_address(to)]
    if id is not None:
        flags |= _HAS_ID
        parts.append(id)
    if token is not None:
        flags |= _HAS_TOKEN
        parts.append(token)
    if closer_nodes:
        flags |= _HAS_CLOSER_NODES
        parts.append(encode_uint(len(closer_nodes)))
        parts.extend(map(encode_address, closer_nodes))
    if error:
        flags |= _HAS_ERROR
        parts.append(encode_uint(error))
    if value is not None:
        flags |= _HAS_VALUE
        parts.append(encode_uint(len(value)))
        parts.append(value)
    parts[0] = bytes((REPLY_TYPE, flags))
    return b"".join(parts)


def decode_message(data: bytes) -> RequestPacket | ReplyPacket:
    """Decode a datagram.

    Protocol reference: 02-hyperdht section 3.

    Raises:
        DecodeError: not a complete request or reply of version 3.
    """
    try:
        kind, flags, tid, a, b, c, d, port = _HEAD.unpack_from(data)
        if flags >= 0xFD:
            raise DecodeError("dht packet: flags out of range")
        to = (f"{a}.{b}.{c}.{d}", port)
        if kind == REQUEST_TYPE:
            return _decode_request(data, flags, tid, to)
        if kind == REPLY_TYPE:
            return _decode_reply(data, flags, tid, to)
    except (StructError, IndexError):
        raise DecodeError("dht packet: too short") from None
    raise DecodeError(f"dht packet: unknown type {kind}")


def _decode_request(data: bytes, flags: int, tid: int, to: Address) -> RequestPacket:
    pos = _HEAD_BYTES
    id = token = target = value = None
    if flags & _HAS_ID:
        id, pos = _fixed32(data, pos)
    if flags & _HAS_TOKEN:
        token, pos = _fixed32(data, pos)
    command, pos = _uint(data, pos)
    if flags & _HAS_TARGET:
        target, pos = _fixed32(data, pos)
    if flags & _HAS_VALUE:
        value = _buffer(data, pos)
    return RequestPacket(tid, to, id, token, bool(flags & _INTERNAL), command, target, value)


def _decode_reply(data: bytes, flags: int, tid: int, to: Address) -> ReplyPacket:
    pos = _HEAD_BYTES
    id = token = value = None
    nodes: list[Address] = []
    error = 0
    if flags & _HAS_ID:
        id, pos = _fixed32(data, pos)
    if flags & _HAS_TOKEN:
        token, pos = _fixed32(data, pos)
    if flags & _HAS_CLOSER_NODES:
        nodes, pos = _addresses(data, pos)
    if flags & _HAS_ERROR:
        error, pos = _uint(data, pos)
    if flags & _HAS_VALUE:
        value = _buffer(data, pos)
    return ReplyPacket(tid, to, id, token, nodes, error, value)


def _fixed32(data: bytes, pos: int) -> tuple[bytes, int]:
    value: bytes = _FIXED32.unpack_from(data, pos)[0]
    return value, pos + 32


def _uint(data: bytes, pos: int) -> tuple[int, int]:
    first = data[pos]
    if first < 0xFD:
        return first, pos + 1
    if first == 0xFD:
        return _U16.unpack_from(data, pos + 1)[0], pos + 3
    if first == 0xFE:
        return _U32.unpack_from(data, pos + 1)[0], pos + 5
    value = _U64.unpack_from(data, pos + 1)[0]
    if value > _MAX_UINT:
        raise DecodeError("dht packet: number out of range")
    return value, pos + 9


def _buffer(data: bytes, pos: int) -> bytes | None:
    size, pos = _uint(data, pos)
    if size > len(data) - pos:
        raise DecodeError("dht packet: value is longer than the datagram")
    return bytes(data[pos : pos + size]) or None


def _addresses(data: bytes, pos: int) -> tuple[list[Address], int]:
    count, pos = _uint(data, pos)
    end = pos + 6 * count
    if end > len(data):
        raise DecodeError("dht packet: more nodes announced than sent")
    used = data[pos : pos + 6 * min(count, MAX_CLOSER_NODES)]
    return [(f"{a}.{b}.{c}.{d}", port) for a, b, c, d, port in _ADDRESS.iter_unpack(used)], end
