from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from engine.errors import FrameTooLarge, LocalProtocolError
from engine.proto.stream.framing import MAX_BODY_BYTES, FrameReader, encode_frame


@given(st.lists(st.binary(max_size=400), max_size=8), st.lists(st.integers(1, 300), min_size=1, max_size=20))
def test_frames_survive_any_chunking(bodies: list[bytes], sizes: list[int]) -> None:
    stream = b"".join(encode_frame(body) for body in bodies)
    reader, received, pos, turn = FrameReader(), [], 0, 0
    while pos < len(stream):
        size = sizes[turn % len(sizes)]
        received += reader.receive(stream[pos : pos + size])
        pos, turn = pos + size, turn + 1
    assert received == bodies
    assert reader.buffered_bytes == 0


def test_length_is_little_endian() -> None:
    assert encode_frame(b"x" * 300)[:4] == bytes((0x2C, 0x01, 0x00, 0x78))


def test_a_frame_of_the_largest_size_is_read() -> None:
    reader = FrameReader(MAX_BODY_BYTES)
    frame = encode_frame(bytes(MAX_BODY_BYTES))
    assert reader.receive(frame[:1_000_000]) == []
    assert reader.receive(frame[1_000_000:]) == [bytes(MAX_BODY_BYTES)]


def test_a_longer_body_is_refused_locally() -> None:
    with pytest.raises(LocalProtocolError, match="16777216"):
        encode_frame(bytes(MAX_BODY_BYTES + 1))


def test_frames_before_one_above_the_limit_are_delivered_and_then_reading_ends() -> None:
    reader = FrameReader(max_frame_bytes=10)
    assert reader.receive(encode_frame(b"ok") + encode_frame(b"x" * 11)) == [b"ok"]
    assert isinstance(reader.error, FrameTooLarge)
    assert reader.receive(encode_frame(b"more")) == []
    assert reader.buffered_bytes == 0


def test_an_empty_frame_is_a_frame() -> None:
    assert FrameReader().receive(bytes(3)) == [b""]
