"""PEER_HANDSHAKE and PEER_HOLEPUNCH values: reference bytes, round trips, garbage."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from engine.errors import DecodeError
from engine.proto.dht.handshake_messages import HandshakeMessage, HolepunchMessage, Mode
from engine.wire.compact import Address

VECTORS = json.loads((Path(__file__).parents[3] / "vectors/dht/payloads.json").read_text())


def address(fields: dict[str, Any] | None) -> Address | None:
    return fields and (fields["host"], fields["port"])


@pytest.mark.parametrize("case", VECTORS["handshake_values"], ids=lambda case: case["name"])
def test_handshake_reference_bytes(case: dict[str, Any]) -> None:
    fields = case["fields"]
    message = HandshakeMessage(
        fields["mode"],
        bytes.fromhex(fields["noise"]),
        address(fields["peerAddress"]),
        address(fields["relayAddress"]),
    )
    assert message.encode().hex() == case["hex"]
    assert HandshakeMessage.decode(bytes.fromhex(case["hex"])) == message


@pytest.mark.parametrize("case", VECTORS["holepunch_values"], ids=lambda case: case["name"])
def test_holepunch_reference_bytes(case: dict[str, Any]) -> None:
    fields = case["fields"]
    message = HolepunchMessage(
        fields["mode"], fields["id"], bytes.fromhex(fields["payload"]), address(fields["peerAddress"])
    )
    assert message.encode().hex() == case["hex"]
    assert HolepunchMessage.decode(bytes.fromhex(case["hex"])) == message


hosts = st.tuples(*[st.integers(0, 255)] * 4).map(lambda octets: ".".join(map(str, octets)))
ipv4 = st.tuples(hosts, st.integers(0, 65535))
handshakes = st.builds(
    HandshakeMessage, st.sampled_from(Mode), st.binary(max_size=300), st.none() | ipv4, st.none() | ipv4
)
holepunches = st.builds(
    HolepunchMessage, st.sampled_from(Mode), st.integers(0, 2**32), st.binary(max_size=300), st.none() | ipv4
)


@given(handshakes, holepunches)
def test_round_trip(handshake: HandshakeMessage, holepunch: HolepunchMessage) -> None:
    assert HandshakeMessage.decode(handshake.encode()) == handshake
    assert HolepunchMessage.decode(holepunch.encode()) == holepunch


@given(st.binary(max_size=40) | handshakes.map(lambda m: m.encode()[:-1]) | holepunches.map(lambda m: m.encode()[:-1]))
def test_garbage_only_raises_decode_errors(data: bytes) -> None:
    for decode in (HandshakeMessage.decode, HolepunchMessage.decode):
        try:
            decode(data)
        except DecodeError:
            continue
