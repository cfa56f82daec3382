"""Secret streams and boxes against the JavaScript implementation's bytes."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from engine.crypto.hashes import blake2b, namespace
from engine.crypto.secretstream import OVERHEAD_BYTES, PullStream, PushStream, secretbox_open, secretbox_seal
from engine.errors import DecodeError, LocalProtocolError

VECTORS = Path(__file__).parents[2] / "vectors"
STREAM: dict[str, Any] = json.loads((VECTORS / "secretstream" / "secretstream.json").read_text())
KEY, HEADER = bytes(range(32)), bytes(range(24))


def keyed(vector: dict[str, Any]) -> tuple[bytes, bytes]:
    return bytes.fromhex(vector["key"]), bytes.fromhex(vector["header"])


def test_frames_equal_the_reference() -> None:
    vector = STREAM["primitive"]
    push, pull = PushStream(*keyed(vector)), PullStream(*keyed(vector))
    for frame in vector["frames"]:
        plain = bytes.fromhex(frame["plain"])
        assert bytes(push._state.statebuf).hex() == frame["state"]
        assert push.push(plain).hex() == frame["cipher"]
        assert pull.pull(bytes.fromhex(frame["cipher"])) == plain
    assert pull.pull(bytes.fromhex(vector["finalFrame"]["cipher"])) == b""


def test_rekeying_tags_of_the_sender_are_followed() -> None:
    vector = STREAM["tags"]
    pull = PullStream(*keyed(vector))
    for frame in vector["frames"]:
        assert pull.pull(bytes.fromhex(frame["cipher"])).hex() == frame["plain"]


def test_unordered_boxes_equal_the_reference() -> None:
    vector = STREAM["unordered"]
    initiator, responder, send = namespace("hyperswarm/secret-stream", (0, 1, 2))
    for message in vector["messages"]:
        role = initiator if message["from"] == "initiator" else responder
        secret = blake2b(role, send, key=bytes.fromhex(vector["handshakeHash"]))
        datagram = bytes.fromhex(message["datagram"])
        nonce = datagram[:8] + bytes(16)
        assert secretbox_open(datagram[8:], nonce, secret).hex() == message["plain"]
        assert secretbox_seal(bytes.fromhex(message["plain"]), nonce, secret) == datagram[8:]


def test_order_loss_and_replay_are_detected() -> None:
    push = PushStream(KEY, HEADER)
    first, second = push.push(b"first"), push.push(b"second")
    with pytest.raises(DecodeError):
        PullStream(KEY, HEADER).pull(second)
    pull = PullStream(KEY, HEADER)
    assert pull.pull(first) == b"first"
    with pytest.raises(DecodeError):
        pull.pull(first)


def test_frames_larger_than_the_kept_buffer() -> None:
    push, pull = PushStream(KEY, HEADER), PullStream(KEY, HEADER)
    for size in (10, 1_000_000, 10, 300_000):
        assert pull.pull(push.push(bytes(size))) == bytes(size)
    assert push._state.rawbuf is None
    assert pull._state.rawbuf is None


def test_wrong_lengths() -> None:
    with pytest.raises(LocalProtocolError):
        PushStream(KEY[:-1], HEADER)
    with pytest.raises(LocalProtocolError):
        PullStream(KEY, HEADER[:-1])
    for size in range(OVERHEAD_BYTES):
        with pytest.raises(DecodeError):
            PullStream(KEY, HEADER).pull(bytes(size))


@given(st.lists(st.binary(max_size=2000), max_size=8))
@settings(max_examples=100, deadline=None)
def test_streams_round_trip(plaintexts: list[bytes]) -> None:
    push, pull = PushStream(KEY, HEADER), PullStream(KEY, HEADER)
    for plaintext in plaintexts:
        sealed = push.push(plaintext)
        assert len(sealed) == len(plaintext) + OVERHEAD_BYTES
        assert pull.pull(sealed) == plaintext


@given(st.binary(max_size=100), st.integers(0, 100), st.integers(1, 255))
@settings(max_examples=200, deadline=None)
def test_changed_bytes_do_not_authenticate(plaintext: bytes, position: int, change: int) -> None:
    for sealed, reopen in (
        (PushStream(KEY, HEADER).push(plaintext), PullStream(KEY, HEADER).pull),
        (secretbox_seal(plaintext, HEADER, KEY), lambda data: secretbox_open(data, HEADER, KEY)),
    ):
        changed = bytearray(sealed)
        changed[position % len(sealed)] ^= change
        with pytest.raises(DecodeError):
            reopen(bytes(changed))
        with pytest.raises(DecodeError):
            reopen(sealed[:-1])
