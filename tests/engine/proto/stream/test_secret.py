from __future__ import annotations

import json
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from engine.crypto.hashes import blake2b, namespace
from engine.crypto.noise import HandshakeResult
from engine.crypto.secretstream import secretbox_open
from engine.errors import FrameTooLarge, LocalProtocolError, RemoteProtocolError
from engine.proto.stream.framing import encode_frame
from engine.proto.stream.secret import MAX_PLAINTEXT_BYTES, SecretStream, stream_id

_VECTORS = json.loads((Path(__file__).parents[3] / "vectors" / "secretstream" / "secretstream.json").read_text())
_STREAM = _VECTORS["stream"]


def _side(
    *, initiator: bool, header: bytes = b"h" * 24, max_frame_bytes: int = 1 << 20, hash: bytes = b"\x11" * 64
) -> SecretStream:
    one, two = bytes.fromhex(_STREAM["initiatorTx"]), bytes.fromhex(_STREAM["initiatorRx"])
    handshake = HandshakeResult(
        is_initiator=initiator,
        public_key=b"\x44" * 32,
        remote_public_key=b"\x55" * 32,
        hash=hash,
        tx=one if initiator else two,
        rx=two if initiator else one,
    )
    return SecretStream(handshake, lambda size: header[:size], max_frame_bytes=max_frame_bytes)


def _pair() -> tuple[SecretStream, SecretStream]:
    return _side(initiator=True), _side(initiator=False)


@pytest.mark.parametrize("role", ["initiator", "responder"])
def test_wire_bytes_equal_the_reference(role: str) -> None:
    header = bytes.fromhex(_STREAM[f"{role}Header"])
    stream = _side(initiator=role == "initiator", header=header)
    wire = [chunk for chunk in _STREAM["wire"][role] if chunk != "END"]
    assert [
        stream.header().hex(),
        *(stream.seal(bytes.fromhex(text)).hex() for text in _STREAM[f"{role}Writes"]),
    ] == wire


@pytest.mark.parametrize(("role", "sender"), [("initiator", "responder"), ("responder", "initiator")])
def test_reference_bytes_are_understood_and_empties_swallowed(role: str, sender: str) -> None:
    stream = _side(initiator=role == "initiator")
    received: list[bytes] = []
    for chunk in _STREAM["wire"][sender]:
        if chunk != "END":
            received += stream.receive(bytes.fromhex(chunk))
    assert [message.hex() for message in received] == [text for text in _STREAM["received"][role] if text]
    assert stream.error is None


def test_counters_are_those_of_the_reference() -> None:
    sender, receiver = _pair()
    receiver.receive(sender.header())
    assert (sender.raw_bytes_written, receiver.raw_bytes_read) == (0, 0)
    receiver.receive(sender.seal(b"12345") + sender.seal(b""))
    assert (sender.raw_bytes_written, receiver.raw_bytes_read) == (3 + 22 + 3 + 17, 22 + 17)


def test_unordered_messages_open_with_the_derived_secrets() -> None:
    """Nothing sends them; the derivation is part of the reference all the same."""
    unordered = _VECTORS["unordered"]
    key = bytes.fromhex(unordered["handshakeHash"])
    initiator, responder, send = namespace("hyperswarm/secret-stream", (0, 1, 2))
    for message in unordered["messages"]:
        role = initiator if message["from"] == "initiator" else responder
        datagram = bytes.fromhex(message["datagram"])
        plain = secretbox_open(datagram[8:], datagram[:8] + bytes(16), blake2b(role, send, key=key))
        assert plain.hex() == message["plain"]


@settings(max_examples=60)
@given(st.lists(st.binary(max_size=3000), max_size=8), st.integers(1, 500))
def test_messages_survive_any_chunking(messages: list[bytes], size: int) -> None:
    sender, receiver = _pair()
    wire = sender.header() + b"".join(map(sender.seal, messages))
    received = [message for pos in range(0, len(wire), size) for message in receiver.receive(wire[pos : pos + size])]
    assert received == [message for message in messages if message]
    assert receiver.error is None


def _violation(data: bytes) -> tuple[list[bytes], RemoteProtocolError | None]:
    sender, receiver = _pair()
    messages = receiver.receive(sender.header() + sender.seal(b"before") + data)
    assert receiver.receive(sender.seal(b"after")) == []
    return messages, receiver.error


def test_what_came_before_a_violation_is_delivered_and_nothing_after_it() -> None:
    messages, error = _violation(encode_frame(b"x" * 40))
    assert messages == [b"before"]
    assert isinstance(error, RemoteProtocolError)


@pytest.mark.parametrize("size", [0, 1, 16])
def test_a_frame_below_its_authenticator_is_a_violation(size: int) -> None:
    assert "Invalid message received" in str(_violation(encode_frame(bytes(size)))[1])


def test_a_frame_above_the_limit_is_a_violation() -> None:
    assert isinstance(_violation((2 << 20).to_bytes(3, "little"))[1], FrameTooLarge)


def test_a_replayed_frame_is_a_violation() -> None:
    sender, receiver = _pair()
    receiver.receive(sender.header())
    frame = sender.seal(b"once")
    assert receiver.receive(frame) == [b"once"]
    assert receiver.receive(frame) == []
    assert receiver.error is not None


def test_a_skipped_frame_is_a_violation() -> None:
    sender, receiver = _pair()
    receiver.receive(sender.header())
    sender.seal(b"lost")
    assert receiver.receive(sender.seal(b"next")) == []
    assert receiver.error is not None


@pytest.mark.parametrize(
    ("first", "text"),
    [
        (_side(initiator=False).header(), "another stream or role"),
        (_side(initiator=True, hash=b"\x12" * 64).header(), "another stream or role"),
        (encode_frame(stream_id(b"\x11" * 64, True)), "32 bytes"),
        (encode_frame(b""), "0 bytes"),
    ],
    ids=["own role", "other stream", "short", "empty"],
)
def test_a_wrong_header_is_a_violation(first: bytes, text: str) -> None:
    receiver = _side(initiator=False)
    assert receiver.receive(first) == []
    assert text in str(receiver.error)


def test_every_flipped_bit_of_a_data_frame_is_noticed() -> None:
    for bit in range(8 * 22):
        sender, receiver = _pair()
        receiver.receive(sender.header())
        frame = bytearray(sender.seal(b"hello"))
        frame[3 + bit // 8] ^= 1 << bit % 8
        assert receiver.receive(bytes(frame)) == []
        assert receiver.error is not None


@given(st.binary(max_size=300))
def test_random_bytes_never_raise(data: bytes) -> None:
    fresh = _side(initiator=False)
    fresh.receive(data)
    sender, receiver = _pair()
    receiver.receive(sender.header())
    assert receiver.receive(data) == []


def test_a_message_above_the_frame_size_is_refused_before_it_breaks_the_stream() -> None:
    sender, receiver = _pair()
    with pytest.raises(LocalProtocolError, match="too large"):
        sender.seal(bytes(MAX_PLAINTEXT_BYTES + 1))
    assert receiver.receive(sender.header() + sender.seal(b"still fine")) == [b"still fine"]


def test_the_largest_message_passes() -> None:
    sender = _side(initiator=True)
    receiver = _side(initiator=False, max_frame_bytes=1 << 24)
    message = bytes(MAX_PLAINTEXT_BYTES)
    receiver.receive(sender.header())
    assert receiver.receive(sender.seal(message)) == [message]
