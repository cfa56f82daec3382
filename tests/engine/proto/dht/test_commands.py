"""Command values and signatures against the reference."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from engine.crypto.hashes import blake2b
from engine.crypto.keys import KeyPair, verify
from engine.errors import DecodeError
from engine.proto.dht import commands
from engine.proto.dht.commands import (
    NS_ANNOUNCE,
    NS_MUTABLE_PUT,
    NS_UNANNOUNCE,
    Announce,
    Command,
    ErrorNumber,
    Internal,
    LookupAnswer,
    MutablePut,
    MutableRecord,
    PeerRecord,
    announce_signable,
    encode_lookup_answer,
    mutable_signable,
    signed_announce,
    signed_unannounce,
)
from engine.wire.compact import Address

VECTORS = Path(__file__).parents[3] / "vectors" / "dht"
ANNOUNCE: dict[str, Any] = json.loads((VECTORS / "announce.json").read_text())
NAMESPACES: dict[str, Any] = json.loads((VECTORS / "namespaces.json").read_text())
KEY_PAIR = KeyPair.from_seed(bytes.fromhex(ANNOUNCE["seed"]))


def address(value: str | dict[str, Any]) -> Address:
    if isinstance(value, dict):
        return value["host"], value["port"]
    host, port = value.split(":")
    return host, int(port)


def test_numbers_and_namespaces_of_the_reference() -> None:
    assert {item.name: item.value for item in Command} == NAMESPACES["commands"]
    assert {item.name: item.value for item in Internal} == NAMESPACES["internal_commands"]
    for name in ("SEQ_REUSED", "SEQ_TOO_LOW"):
        assert ErrorNumber[name] == NAMESPACES["errors"][name]
    spaces = NAMESPACES["namespaces"]
    assert blake2b(commands.NAMESPACE_NAME.encode()).hex() == NAMESPACES["base"]
    assert NS_ANNOUNCE.hex() == spaces["ANNOUNCE"]
    assert NS_UNANNOUNCE.hex() == spaces["UNANNOUNCE"]
    assert NS_MUTABLE_PUT.hex() == spaces["MUTABLE_PUT"]


def test_the_announcing_key_is_the_one_of_the_vectors() -> None:
    assert KEY_PAIR.public_key.hex() == ANNOUNCE["public_key"]
    assert KEY_PAIR.secret_key.hex() == ANNOUNCE["secret_key"]
    assert blake2b(KEY_PAIR.public_key).hex() == ANNOUNCE["target_of_public_key"]


@pytest.mark.parametrize("case", ANNOUNCE["cases"], ids=lambda case: str(case["name"]))
def test_announces_of_the_reference(case: dict[str, Any]) -> None:
    relays = tuple(address(relay) for relay in case["relay_addresses"])
    peer = PeerRecord(KEY_PAIR.public_key, relays)
    target, node_id, token = (bytes.fromhex(case[name]) for name in ("target", "node_id", "token"))
    refresh = bytes.fromhex(case["refresh"]) if case["refresh"] else None
    is_announce = case["namespace"] == "ANNOUNCE"
    name = NS_ANNOUNCE if is_announce else NS_UNANNOUNCE
    assert peer.encode().hex() == case["encoded_peer"]
    signable = announce_signable(name, target, node_id, token, peer, refresh)
    assert signable.hex() == case["signable"]
    signature = bytes.fromhex(case["signature"])
    assert verify(signature, signable, KEY_PAIR.public_key)
    value = bytes.fromhex(case["value"])
    assert Announce(peer, refresh, signature, case["bump"]).encode() == value
    assert Announce.decode(value) == Announce(peer, refresh, signature, case["bump"])
    if not is_announce:
        assert signed_unannounce(KEY_PAIR, target, node_id, token) == value
    elif refresh is None:
        assert signed_announce(KEY_PAIR, target, node_id, token, relays, case["bump"]) == value


def test_lookup_reply_of_the_reference() -> None:
    case = ANNOUNCE["lookup_reply"]
    peers = tuple(
        PeerRecord(bytes.fromhex(peer["publicKey"]), tuple(map(address, peer["relayAddresses"])))
        for peer in case["peers"]
    )
    value = bytes.fromhex(case["value"])
    assert LookupAnswer.decode(value) == LookupAnswer(peers, case["bump"])
    assert encode_lookup_answer([peer.encode() for peer in peers], case["bump"]) == value


def test_old_nodes_send_no_bump() -> None:
    peer = PeerRecord(KEY_PAIR.public_key)
    assert LookupAnswer.decode(b"\x01" + peer.encode()) == LookupAnswer((peer,), 0)


def test_mutable_values_of_the_reference() -> None:
    case = ANNOUNCE["mutable"]
    value = bytes.fromhex(case["value"])
    record = MutableRecord.signed(KEY_PAIR, case["seq"], value)
    assert record.signature.hex() == case["signature"]
    assert mutable_signable(case["seq"], value)[32:] == blake2b(bytes.fromhex(case["signable_encoding"]))
    assert record.encode().hex() == case["get_reply_value"]
    put = MutablePut(KEY_PAIR.public_key, record)
    assert put.encode().hex() == case["put_value"]
    assert MutablePut.decode(bytes.fromhex(case["put_value"])) == put
    assert MutableRecord.decode(bytes.fromhex(case["get_reply_value"])) == record
    assert record.verify(KEY_PAIR.public_key)
    assert not MutableRecord(record.seq + 1, value, record.signature).verify(KEY_PAIR.public_key)
    assert blake2b(KEY_PAIR.public_key).hex() == case["target"]


def test_immutable_values_of_the_reference() -> None:
    case = ANNOUNCE["immutable"]
    assert blake2b(bytes.fromhex(case["value"])).hex() == case["target"]


hosts = st.tuples(*[st.integers(0, 255)] * 4).map(lambda octets: ".".join(map(str, octets)))
addresses = st.tuples(hosts, st.integers(0, 65535))
fixed32 = st.binary(min_size=32, max_size=32)
fixed64 = st.binary(min_size=64, max_size=64)
numbers = st.integers(0, 2**53 - 1)
peers = st.builds(PeerRecord, fixed32, st.lists(addresses, max_size=5).map(tuple))
announces = st.builds(Announce, st.none() | peers, st.none() | fixed32, st.none() | fixed64, numbers)
records = st.builds(MutableRecord, numbers, st.binary(max_size=100), fixed64)
puts = st.builds(MutablePut, fixed32, records)
Value = PeerRecord | Announce | MutableRecord | MutablePut


@given(peers | announces | records | puts)
def test_round_trip(value: Value) -> None:
    assert type(value).decode(value.encode()) == value


@given(st.lists(peers, max_size=6), numbers)
def test_lookup_answer_round_trip(found: list[PeerRecord], bump: int) -> None:
    encoded = encode_lookup_answer([peer.encode() for peer in found], bump)
    assert LookupAnswer.decode(encoded) == LookupAnswer(tuple(found), bump)


@given(peers | announces | records | puts, st.data())
def test_damaged_values_decode_or_raise_decode_error(value: Value, data: st.DataObject) -> None:
    encoded = bytearray(value.encode())
    for _ in range(data.draw(st.integers(0, 3))):
        encoded[data.draw(st.integers(0, len(encoded) - 1))] = data.draw(st.integers(0, 255))
    damaged = bytes(encoded[: data.draw(st.integers(0, len(encoded)))])
    for kind in (PeerRecord, Announce, MutableRecord, MutablePut, LookupAnswer):
        try:
            assert isinstance(kind.decode(damaged), kind)
        except DecodeError:
            continue
