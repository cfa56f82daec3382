"""Bytes of UDX packets.

Theory of operation
    A packet is a 20-byte header, an extension of ``data offset`` bytes (SACK blocks or zero padding) and a payload. The
    hot paths of :mod:`engine.proto.udx.stream` use :data:`HEADER` directly; :func:`decode_packet` and
    :func:`encode_packet` are the whole format for everything that is not performance critical.

    A peer may send any bytes: a datagram that is too short, has another magic or version byte, or announces an
    extension longer than itself does not decode.

Protocol reference: 01-udx sections 2 to 4.
"""

from __future__ import annotations

import struct
from collections.abc import Iterable
from dataclasses import dataclass

from engine.errors import DecodeError

MAGIC = 0xFF
VERSION = 1

DATA = 0x01
END = 0x02
SACK = 0x04
MESSAGE = 0x08
DESTROY = 0x10
HEARTBEAT = 0x20

HEADER = struct.Struct("<BBBBIIII")
"""Magic, version, flags, data offset, stream id, receive window, seq, ack."""

HEADER_BYTES = 20
SACK_BLOCK_BYTES = 8
MAX_SACK_BLOCKS = 50
"""Blocks one packet announces."""

SEQ_MASK = 0xFFFF_FFFF
_SIGN = 0x8000_0000
_BLOCK = struct.Struct("<II")
_STREAM_ID = struct.Struct("<I")


@dataclass(frozen=True, slots=True)
class Packet:
    """One decoded packet."""

    flags: int
    """Sum of the flag constants; unassigned bits are kept."""
    data_offset: int
    """Bytes between header and payload as announced."""
    stream_id: int
    """The receiver's id of the stream."""
    window: int
    """Bytes the sender of the packet is willing to buffer."""
    seq: int
    """Sequence number, 32 bits."""
    ack: int
    """Next sequence number the sender of the packet expects, 32 bits."""
    sacks: tuple[tuple[int, int], ...]
    """Blocks ``start <= seq < end`` received out of order."""
    payload: bytes
    """Stream bytes or message."""


def is_udx(data: bytes) -> bool:
    """Whether a datagram has the form of a UDX packet (01-udx section 1)."""
    return len(data) >= HEADER_BYTES and data[0] == MAGIC and data[1] == VERSION


def stream_id_of(data: bytes) -> int:
    """Stream id of a datagram for which :func:`is_udx` holds."""
    return int.from_bytes(data[4:8], "little")


def with_stream_id(data: bytes, stream_id: int) -> bytes:
    """The same packet for another stream, as a relay forwards it (01-udx section 11)."""
    return data[:4] + _STREAM_ID.pack(stream_id) + data[8:]


def unwrap(seq: int, near: int) -> int:
    """The unbounded number that has the 32 bits of ``seq`` and is closest to ``near`` (01-udx section 2)."""
    difference = (seq - near) & SEQ_MASK
    return near + difference - ((difference & _SIGN) << 1)


def sack_area(data: bytes, data_offset: int) -> tuple[int, int]:
    """First and one-past-last byte of the SACK blocks of a packet with the SACK flag (01-udx section 4)."""
    rest = len(data) - HEADER_BYTES
    return HEADER_BYTES, HEADER_BYTES + (data_offset if 0 < data_offset < rest else rest)


def decode_sacks(data: bytes, data_offset: int) -> list[tuple[int, int]]:
    """SACK blocks of a packet with the SACK flag."""
    start, end = sack_area(data, data_offset)
    end -= (end - start) % SACK_BLOCK_BYTES
    return list(_BLOCK.iter_unpack(memoryview(data)[start:end]))


def encode_sacks(blocks: Iterable[tuple[int, int]]) -> bytes:
    """Bytes of SACK blocks; the numbers may be unbounded."""
    return b"".join([_BLOCK.pack(start & SEQ_MASK, end & SEQ_MASK) for start, end in blocks])


def decode_packet(data: bytes) -> Packet:
    """Decode a whole datagram.

    Raises:
        DecodeError: not a UDX packet, or its data offset points outside.
    """
    if not is_udx(data):
        raise DecodeError("The datagram is not a UDX packet.")
    _, _, flags, offset, stream_id, window, seq, ack = HEADER.unpack_from(data)
    if offset > len(data) - HEADER_BYTES:
        raise DecodeError("The data offset is larger than the packet.")
    sacks: tuple[tuple[int, int], ...] = ()
    payload = HEADER_BYTES + offset
    if flags & SACK:
        sacks = tuple(decode_sacks(data, offset))
        if offset == 0:
            payload = len(data)
    return Packet(flags, offset, stream_id, window, seq, ack, sacks, bytes(data[payload:]))


def encode_packet(packet: Packet) -> bytes:
    """Encode a packet; the extension is its SACK blocks, zero-filled up to the data offset."""
    head = HEADER.pack(
        MAGIC, VERSION, packet.flags, packet.data_offset, packet.stream_id, packet.window, packet.seq, packet.ack
    )
    return head + encode_sacks(packet.sacks).ljust(packet.data_offset, b"\0") + packet.payload
