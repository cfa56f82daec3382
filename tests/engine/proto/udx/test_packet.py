"""Packet codec against recorded packets, round trips, and hostile bytes."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from engine.errors import DecodeError
from engine.proto.udx.packet import (
    DATA,
    SACK,
    Packet,
    decode_packet,
    encode_packet,
    is_udx,
    stream_id_of,
    unwrap,
    with_stream_id,
)

_PACKETS: list[dict[str, Any]] = json.loads((Path(__file__).parents[3] / "vectors/udx/headers.json").read_text())[
    "packets"
]
_U32 = st.integers(0, 0xFFFF_FFFF)


@pytest.mark.parametrize("index", range(len(_PACKETS)))
def test_recorded_packets(index: int) -> None:
    data = bytes.fromhex(_PACKETS[index]["hex"])
    fields = _PACKETS[index]["decoded"]
    packet = decode_packet(data)
    assert packet == Packet(
        fields["flags"],
        fields["data_offset"],
        fields["stream_id"],
        fields["rwnd"],
        fields["seq"],
        fields["ack"],
        tuple((start, end) for start, end in fields["sacks"]),
        bytes.fromhex(fields["payload"]),
    )
    assert encode_packet(packet) == data
    assert stream_id_of(data) == fields["stream_id"]


@given(
    flags=st.sampled_from([0, 1, 2, 3, 8, 16, 32]),
    offset=st.integers(0, 255),
    ids=st.tuples(_U32, _U32, _U32, _U32),
    payload=st.binary(max_size=64),
)
def test_round_trip(flags: int, offset: int, ids: tuple[int, int, int, int], payload: bytes) -> None:
    packet = Packet(flags, offset, *ids, (), payload)
    assert decode_packet(encode_packet(packet)) == packet


@given(blocks=st.lists(st.tuples(_U32, _U32), min_size=1, max_size=31), payload=st.binary(min_size=1, max_size=64))
def test_round_trip_with_sacks(blocks: list[tuple[int, int]], payload: bytes) -> None:
    packet = Packet(DATA | SACK, 8 * len(blocks), 1, 2, 3, 4, tuple(blocks), payload)
    assert decode_packet(encode_packet(packet)) == packet
    alone = Packet(SACK, 0, 1, 2, 3, 4, tuple(blocks), b"")
    assert decode_packet(encode_packet(alone)) == alone


@given(st.binary(max_size=80))
def test_random_bytes_only_raise_decode_errors(data: bytes) -> None:
    try:
        packet = decode_packet(data)
    except DecodeError:
        return
    assert is_udx(data)
    assert len(packet.payload) <= len(data) - 20


@given(index=st.integers(0, len(_PACKETS) - 1), position=st.integers(0, 60), value=st.integers(0, 255))
def test_mutated_packets_only_raise_decode_errors(index: int, position: int, value: int) -> None:
    data = bytearray(bytes.fromhex(_PACKETS[index]["hex"]))
    data[position % len(data)] = value
    for cut in (len(data), position % len(data)):
        try:
            packet = decode_packet(bytes(data[:cut]))
        except DecodeError:
            continue
        assert packet.flags == data[2]


def test_offset_beyond_the_packet() -> None:
    with pytest.raises(DecodeError, match="data offset"):
        decode_packet(bytes.fromhex("ff01010500000000000000000000000000000000") + b"abcd")


@pytest.mark.parametrize(
    ("seq", "near", "expected"),
    [
        (5, 3, 5),
        (3, 5, 3),
        (1, 0xFFFF_FFFF, 0x1_0000_0001),
        (0xFFFF_FFFF, 0x1_0000_0001, 0xFFFF_FFFF),
        (0xFFFF_FFFF, 0, -1),
        (0x8000_0000, 0, -0x8000_0000),
        (0x7FFF_FFFF, 0, 0x7FFF_FFFF),
    ],
)
def test_unwrap(seq: int, near: int, expected: int) -> None:
    assert unwrap(seq, near) == expected


def test_relabel() -> None:
    data = encode_packet(Packet(DATA, 0, 21, 1, 2, 3, (), b"hi"))
    assert decode_packet(with_stream_id(data, 32)) == Packet(DATA, 0, 32, 1, 2, 3, (), b"hi")
