"""Every codec of bytes from the network: 50,000 damaged or random inputs each, and only DecodeError comes out."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from engine.crypto.secretstream import secretbox_seal
from engine.errors import DecodeError
from engine.proto.dht.commands import Announce, LookupAnswer, MutablePut, MutableRecord, PeerRecord
from engine.proto.dht.handshake_messages import HandshakeMessage, HolepunchMessage
from engine.proto.dht.messages import decode_message
from engine.proto.dht.payload import decode_noise_payload
from engine.proto.dht.punch_payload import PunchPayload, SealedChannel
from engine.proto.dht.router import route_handshake, route_holepunch
from engine.proto.udx.packet import decode_packet
from engine.wire import bech32m
from engine.wire.compact import Reader, Writer, decode_address
from engine.wire.compact_any import read_any, read_string_record, write_any
from engine.wire.compact_big import read_bigint, read_biguint
from engine.wire.lexint import read_lexint
from tests.harness.fuzz import INPUTS, SEED, attack, changed_copies, hex_samples, load
from tests.harness.published import record_reliability

PAYLOADS = load("dht/payloads.json")
ANNOUNCE = load("dht/announce.json")
COMPACT = load("encoding/compact-encoding.json")
SOURCE, RELAY = ("10.0.0.1", 4000), ("10.0.0.2", 4001)
READS: tuple[Callable[[Reader], Any], ...] = (
    Reader.uint,
    Reader.int,
    Reader.uint8,
    Reader.uint16,
    Reader.uint24,
    Reader.uint32,
    Reader.uint64,
    Reader.float32,
    Reader.float64,
    Reader.bool,
    Reader.buffer,
    Reader.optional_buffer,
    Reader.string,
    Reader.ipv4,
    Reader.ipv6,
    Reader.ipv4_address,
    Reader.ipv6_address,
    lambda reader: reader.fixed(32),
    lambda reader: reader.array(Reader.uint),
    lambda reader: reader.array(Reader.string),
    lambda reader: reader.array(Reader.ipv4_address),
    lambda reader: reader.frame().uint(),
)


def read_sequence(data: bytes) -> None:
    """Read the types that the first half of the bytes names from the second half."""
    half = len(data) // 2
    reader = Reader(data, half)
    for kind in data[:half]:
        before = reader.pos
        try:
            READS[kind % len(READS)](reader)
        except DecodeError:
            assert before <= reader.pos <= len(data)
            raise
        assert before <= reader.pos <= len(data)


def read_storage_types(data: bytes) -> None:
    read = (read_any, read_string_record, read_biguint, read_bigint, read_lexint)[len(data) % 5]
    read(Reader(data))


def any_samples() -> list[bytes]:
    writer = Writer()
    write_any(writer, {"a": [None, True, 1, -1, 1.5, "x", b"y", {"b": [[[]]]}]})
    return [writer.getvalue(), *hex_samples(COMPACT)]


def sealed_samples() -> tuple[SealedChannel, list[bytes]]:
    secret = b"s" * 32
    nonce = b"n" * 24
    samples = hex_samples(PAYLOADS["holepunch_payloads"])
    return SealedChannel(secret, lambda size: bytes(size)), [
        nonce + secretbox_seal(plain, nonce, secret) for plain in samples
    ]


def mutable_samples(name: str) -> list[bytes]:
    return [bytes.fromhex(ANNOUNCE["mutable"][name])]


CHANNEL, SEALED = sealed_samples()
HANDSHAKES = hex_samples(PAYLOADS["handshake_values"])
HOLEPUNCHES = hex_samples(PAYLOADS["holepunch_values"])
PUT, RECORD = mutable_samples("put_value"), mutable_samples("get_reply_value")

DECODERS: dict[str, tuple[Callable[[bytes], object], list[bytes]]] = {
    "DHT packets": (
        decode_message,
        [*hex_samples(load("dht/rpc-messages.json")), *hex_samples(load("dht/traces.json"))],
    ),
    "DHT peer records": (PeerRecord.decode, hex_samples(ANNOUNCE["cases"], "encoded_peer")),
    "DHT announces": (Announce.decode, hex_samples(ANNOUNCE["cases"], "value")),
    "DHT lookup answers": (LookupAnswer.decode, hex_samples(ANNOUNCE["lookup_reply"], "value")),
    "DHT mutable puts": (MutablePut.decode, PUT),
    "DHT mutable records": (MutableRecord.decode, RECORD),
    "Noise payloads": (decode_noise_payload, hex_samples(PAYLOADS["noise_payloads"])),
    "PEER_HANDSHAKE values": (HandshakeMessage.decode, HANDSHAKES),
    "PEER_HOLEPUNCH values": (HolepunchMessage.decode, HOLEPUNCHES),
    "handshake relaying": (lambda data: route_handshake(data, SOURCE, RELAY, len(data) % 2 == 0), HANDSHAKES),
    "holepunch relaying": (lambda data: route_holepunch(data, SOURCE, RELAY, len(data) % 2 == 0), HOLEPUNCHES),
    "holepunch payloads": (PunchPayload.decode, hex_samples(PAYLOADS["holepunch_payloads"])),
    "sealed holepunch payloads": (CHANNEL.open, SEALED),
    "UDX packets": (decode_packet, [*hex_samples(load("udx/headers.json")), *hex_samples(load("udx/streams.json"))]),
    "addresses": (decode_address, [bytes.fromhex("7f00000149c2")]),
    "compact encoding": (read_sequence, [bytes(range(len(READS))) + bytes(range(40)), *hex_samples(COMPACT)]),
    "compact encoding of storage types": (read_storage_types, any_samples()),
    "address text": (
        lambda data: bech32m.decode(data.decode("latin-1")),
        [bech32m.encode("trac", bytes(range(32))).encode()],
    ),
}


@pytest.mark.timeout(300)
@pytest.mark.parametrize("name", DECODERS)
def test_only_decode_errors_come_out(name: str, request: pytest.FixtureRequest) -> None:
    decode, samples = DECODERS[name]
    outcome = attack(decode, changed_copies(samples, SEED), count=INPUTS, allowed=DecodeError)
    assert outcome.accepted > 0
    record_reliability(request, f"2. damaged input: {name}", f"{outcome.tried:,} inputs")
