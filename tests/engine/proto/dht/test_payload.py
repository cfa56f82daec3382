"""Noise payloads: reference bytes, round trips, garbage."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from engine.errors import DecodeError
from engine.proto.dht.payload import (
    Firewall,
    HolepunchInfo,
    NoisePayload,
    RelayInfo,
    RelayThrough,
    SecretStreamInfo,
    UdxInfo,
    decode_noise_payload,
    encode_noise_payload,
)
from engine.wire.compact import Address

_VECTORS = Path(__file__).parents[3] / "vectors/dht"
VECTORS = json.loads((_VECTORS / "payloads.json").read_text())
TRACES = json.loads((_VECTORS / "traces.json").read_text())
NOISE_IK = json.loads((_VECTORS / "noise-ik.json").read_text())
TRACED = [
    plaintext for trace in TRACES["traces"] for plaintext in trace["plaintexts"] if plaintext["kind"] == "noise payload"
]


def address(fields: dict[str, Any]) -> Address:
    return fields["host"], fields["port"]


def addresses(fields: list[dict[str, Any]] | None) -> tuple[Address, ...]:
    return tuple(map(address, fields or []))


def payload_of(fields: dict[str, Any]) -> NoisePayload:
    punch, udx, through = fields["holepunch"], fields["udx"], fields.get("relayThrough")
    return NoisePayload(
        error=fields["error"],
        firewall=fields["firewall"],
        holepunch=punch
        and HolepunchInfo(
            punch["id"],
            tuple(RelayInfo(address(r["relayAddress"]), address(r["peerAddress"])) for r in punch["relays"]),
        ),
        addresses4=addresses(fields["addresses4"]),
        addresses6=addresses(fields["addresses6"]),
        udx=udx and UdxInfo(udx["id"], udx["seq"], udx["reusableSocket"]),
        secret_stream=SecretStreamInfo() if fields["secretStream"] is not None else None,
        relay_through=through and RelayThrough(bytes.fromhex(through["publicKey"]), bytes.fromhex(through["token"])),
        relay_addresses=addresses(fields.get("relayAddresses")),
    )


@pytest.mark.parametrize("case", VECTORS["noise_payloads"], ids=lambda case: case["name"])
def test_reference_bytes(case: dict[str, Any]) -> None:
    payload = payload_of(case["fields"])
    assert encode_noise_payload(payload).hex() == case["hex"]
    assert decode_noise_payload(bytes.fromhex(case["hex"])) == payload


@pytest.mark.parametrize("case", TRACED, ids=lambda case: case["role"])
def test_traced_bytes(case: dict[str, Any]) -> None:
    payload = payload_of(case["fields"])
    assert encode_noise_payload(payload).hex() == case["plain"]
    assert decode_noise_payload(bytes.fromhex(case["plain"])) == payload


@pytest.mark.parametrize(
    ("plain", "fields"), [("payload1", "server_decoded_payload1"), ("payload2", "client_decoded_payload2")]
)
def test_payloads_of_the_recorded_handshake(plain: str, fields: str) -> None:
    data = bytes.fromhex(NOISE_IK[plain])
    assert decode_noise_payload(data) == payload_of(NOISE_IK[fields])
    assert encode_noise_payload(payload_of(NOISE_IK[fields])) == data


def test_another_version_decodes_no_further() -> None:
    assert decode_noise_payload(b"\x02") == NoisePayload(version=2)


def test_unknown_firewall_numbers_count_as_random() -> None:
    assert decode_noise_payload(bytes((1, 0, 0, 9))).firewall is Firewall.RANDOM


hosts = st.tuples(*[st.integers(0, 255)] * 4).map(lambda octets: ".".join(map(str, octets)))
ipv4 = st.tuples(hosts, st.integers(0, 65535))
ipv6 = st.tuples(
    st.lists(st.integers(0, 65535), min_size=8, max_size=8).map(lambda groups: ":".join(f"{g:x}" for g in groups)),
    st.integers(0, 65535),
)
tuples = st.lists(ipv4, max_size=4).map(tuple)
key = st.binary(min_size=32, max_size=32)
payloads = st.builds(
    NoisePayload,
    error=st.integers(0, 3),
    firewall=st.sampled_from(Firewall),
    holepunch=st.none()
    | st.builds(
        HolepunchInfo, st.integers(0, 2**32), st.lists(st.builds(RelayInfo, ipv4, ipv4), max_size=3).map(tuple)
    ),
    addresses4=tuples,
    addresses6=st.lists(ipv6, max_size=2).map(tuple),
    udx=st.none() | st.builds(UdxInfo, st.integers(0, 2**32 - 1), st.integers(0, 2**32), st.booleans()),
    secret_stream=st.none() | st.builds(SecretStreamInfo),
    relay_through=st.none() | st.builds(RelayThrough, key, key),
    relay_addresses=tuples,
)


@given(payloads)
def test_round_trip(payload: NoisePayload) -> None:
    assert decode_noise_payload(encode_noise_payload(payload)) == payload


@given(payloads, st.integers(0, 400), st.binary(max_size=4))
def test_mutated_payloads_only_raise_decode_errors(payload: NoisePayload, cut: int, junk: bytes) -> None:
    data = encode_noise_payload(payload)
    for mutated in (data[:cut], data[: cut // 2] + junk + data[cut // 2 + len(junk) :], junk):
        try:
            decode_noise_payload(mutated)
        except DecodeError:
            continue
