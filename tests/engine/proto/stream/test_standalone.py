from __future__ import annotations

import os

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from engine.crypto.keys import KeyPair
from engine.errors import HandshakeFailed, LocalProtocolError
from engine.proto.stream.framing import encode_frame
from engine.proto.stream.standalone import StandaloneStream

_A, _B = KeyPair.from_seed(b"a" * 32), KeyPair.from_seed(b"b" * 32)


def _pair() -> tuple[StandaloneStream, StandaloneStream]:
    return StandaloneStream(True, _A, os.urandom), StandaloneStream(False, _B, os.urandom)


def _exchange(a: StandaloneStream, b: StandaloneStream, size: int = 1 << 16) -> None:
    for source, sink in ((a, b), (b, a), (a, b), (b, a)):
        data = source.data_to_send()
        for pos in range(0, len(data), size):
            assert sink.receive(data[pos : pos + size]) == []


@settings(max_examples=20)
@given(st.integers(1, 200))
def test_both_sides_learn_each_others_key_with_any_chunking(size: int) -> None:
    a, b = _pair()
    _exchange(a, b, size)
    assert a.opened
    assert b.opened
    assert a.handshake is not None
    assert a.handshake.remote_public_key == _B.public_key
    assert b.handshake is not None
    assert b.handshake.remote_public_key == _A.public_key
    assert b.receive(a.seal(b"one") + a.seal(b"two")) == [b"one", b"two"]
    assert a.receive(b.seal(b"three")) == [b"three"]


def test_data_right_behind_the_handshake_is_read() -> None:
    a, b = _pair()
    b.receive(a.data_to_send())
    a.receive(b.data_to_send())
    assert b.receive(a.data_to_send() + a.seal(b"early")) == [b"early"]


def test_sealing_before_the_end_of_the_handshake_is_refused() -> None:
    with pytest.raises(LocalProtocolError):
        _pair()[0].seal(b"too early")


def test_a_forged_handshake_message_ends_the_stream() -> None:
    a, b = _pair()
    b.receive(a.data_to_send())
    forged = bytearray(b.data_to_send())
    forged[-1] ^= 1
    assert a.receive(bytes(forged)) == []
    assert isinstance(a.error, HandshakeFailed)
    assert a.receive(b"more") == []


def test_an_endless_handshake_message_ends_the_stream() -> None:
    b = _pair()[1]
    b.receive(encode_frame(bytes(70_000)))
    assert isinstance(b.error, HandshakeFailed)


@given(st.binary(max_size=300))
def test_random_bytes_never_raise(data: bytes) -> None:
    for stream in _pair():
        assert stream.receive(data) == []
