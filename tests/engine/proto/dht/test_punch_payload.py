"""Sealed holepunch messages: reference bytes, recorded exchanges, garbage."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from engine.errors import DecodeError
from engine.proto.dht.payload import Firewall
from engine.proto.dht.punch_payload import (
    NS_PEER_HANDSHAKE,
    NS_PEER_HOLEPUNCH,
    PunchPayload,
    SealedChannel,
    holepunch_secret,
)
from engine.wire.compact import Address

_VECTORS = Path(__file__).parents[3] / "vectors/dht"
PAYLOADS = json.loads((_VECTORS / "payloads.json").read_text())
NOISE = json.loads((_VECTORS / "noise-ik.json").read_text())
NAMESPACES = json.loads((_VECTORS / "namespaces.json").read_text())
TRACED = [
    plaintext
    for trace in json.loads((_VECTORS / "traces.json").read_text())["traces"]
    for plaintext in trace["plaintexts"]
    if plaintext["kind"] == "holepunch payload"
]


def address(value: Any) -> Address | None:
    if isinstance(value, str):
        host, _, port = value.partition(":")
        return host, int(port)
    return value and (value["host"], value["port"])


def payload_of(fields: dict[str, Any]) -> PunchPayload:
    addresses = fields["addresses"]
    return PunchPayload(
        error=fields["error"],
        firewall=fields["firewall"],
        round=fields["round"],
        connected=fields["connected"],
        punching=fields["punching"],
        addresses=None if addresses is None else tuple(a for a in map(address, addresses) if a),
        remote_address=address(fields["remoteAddress"]),
        token=fields["token"] and bytes.fromhex(fields["token"]),
        remote_token=fields["remoteToken"] and bytes.fromhex(fields["remoteToken"]),
    )


@pytest.mark.parametrize("case", PAYLOADS["holepunch_payloads"], ids=lambda case: case["name"])
def test_reference_bytes(case: dict[str, Any]) -> None:
    payload = payload_of(case["fields"])
    assert payload.encode().hex() == case["hex"]
    assert PunchPayload.decode(bytes.fromhex(case["hex"])) == payload


@pytest.mark.parametrize("case", TRACED)
def test_recorded_messages_open(case: dict[str, Any]) -> None:
    channel = SealedChannel(bytes.fromhex(case["key"]), os.urandom)
    payload = channel.open(bytes.fromhex(case["boxed"]))
    assert payload == payload_of(case["fields"])
    assert payload is not None
    assert payload.encode().hex() == case["plain"]


def test_secret_and_namespaces_of_the_reference() -> None:
    assert holepunch_secret(bytes.fromhex(NOISE["handshake_hash"])).hex() == NOISE["holepunch_secret"]
    assert NOISE["prologue"] == NS_PEER_HANDSHAKE.hex()
    assert NS_PEER_HOLEPUNCH.hex() in json.dumps(NAMESPACES)


def test_sealed_bytes_of_the_reference() -> None:
    case = NOISE["secret_payload"]
    entropy = [bytes(32), bytes.fromhex(case["nonce"])]
    channel = SealedChannel(bytes.fromhex(NOISE["holepunch_secret"]), lambda size: entropy.pop(0))
    assert channel.seal(payload_of(case["plain_fields"])).hex() == case["boxed"]


def test_address_token_of_the_reference() -> None:
    case = NOISE["address_token"]
    channel = SealedChannel(bytes(32), lambda size: bytes.fromhex(case["local_secret"]))
    assert channel.token(case["host"]).hex() == case["token"]


hosts = st.tuples(*[st.integers(0, 255)] * 4).map(lambda octets: ".".join(map(str, octets)))
ipv4 = st.tuples(hosts, st.integers(0, 65535))
token = st.none() | st.binary(min_size=32, max_size=32)
payloads = st.builds(
    PunchPayload,
    error=st.integers(0, 300),
    firewall=st.sampled_from(Firewall),
    round=st.integers(0, 2**32),
    connected=st.booleans(),
    punching=st.booleans(),
    addresses=st.none() | st.lists(ipv4, max_size=4).map(tuple),
    remote_address=st.none() | ipv4,
    token=token,
    remote_token=token,
)


@given(payloads)
def test_sealed_round_trip(payload: PunchPayload) -> None:
    one, other = SealedChannel(bytes(32), os.urandom), SealedChannel(bytes(32), os.urandom)
    sealed = one.seal(payload)
    assert other.open(sealed) == payload
    assert SealedChannel(bytes(31) + b"\1", os.urandom).open(sealed) is None


@given(payloads, st.integers(0, 200), st.binary(max_size=60))
def test_garbage_does_not_open(payload: PunchPayload, position: int, junk: bytes) -> None:
    channel = SealedChannel(bytes(32), os.urandom)
    sealed = bytearray(channel.seal(payload))
    sealed[position % len(sealed)] ^= 1
    assert channel.open(bytes(sealed)) is None
    assert channel.open(junk) is None
    try:
        PunchPayload.decode(junk)
    except DecodeError:
        return


def test_an_authentic_message_that_does_not_decode_is_dropped() -> None:
    class Broken(PunchPayload):
        def encode(self) -> bytes:
            return b"\x04\x00\x00\x00\x05"

    channel = SealedChannel(bytes(32), os.urandom)
    assert channel.open(channel.seal(Broken())) is None
