"""Storage commands of a persistent node."""

from __future__ import annotations

import json
import os
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from engine.crypto.hashes import blake2b
from engine.crypto.keys import KeyPair
from engine.proto.dht.commands import (
    NS_ANNOUNCE,
    Announce,
    Command,
    ErrorNumber,
    LookupAnswer,
    MutablePut,
    MutableRecord,
    PeerRecord,
    announce_signable,
    signed_announce,
    signed_unannounce,
)
from engine.proto.dht.forwards import ForwardTable
from engine.proto.dht.persistent import MAX_STORED_BYTES, Answer, Drop, Storage, StorageRequest
from engine.proto.dht.records import RECORD_AGE_S, VALUE_AGE_S
from engine.wire.compact import encode_uint

ANNOUNCE: dict[str, Any] = json.loads((Path(__file__).parents[3] / "vectors" / "dht" / "announce.json").read_text())
KEYS = KeyPair.from_seed(b"\x11" * 32)
SELF = blake2b(KEYS.public_key)
TOPIC = b"\x07" * 32
TOKEN = b"\x08" * 32
NODE_ID = b"\x09" * 32
SOURCE = ("10.0.0.1", 4000)
NOW_MS = 1_790_000_000_000
RELAYS = (("10.0.0.2", 1), ("10.0.0.2", 2))
STORED = Answer(token=False, closer_nodes=False)


def storage() -> Storage:
    return Storage(ForwardTable(0.0), os.urandom, 0.0)


def request(command: int, target: bytes | None = TOPIC, value: bytes | None = None) -> StorageRequest:
    return StorageRequest(command, SOURCE, target, TOKEN, value, NODE_ID, NOW_MS)


def announce(keys: KeyPair = KEYS, target: bytes = TOPIC, bump: int = 0) -> StorageRequest:
    value = signed_announce(keys, target, NODE_ID, TOKEN, RELAYS, bump)
    return request(Command.ANNOUNCE, target, value)


def looked_up(store: Storage, target: bytes = TOPIC) -> LookupAnswer | None:
    answer = store.handle(request(Command.LOOKUP, target))
    assert isinstance(answer, Answer)
    assert answer.token
    assert answer.closer_nodes
    return None if answer.value is None else LookupAnswer.decode(answer.value)


def test_topic_announce_lookup_unannounce() -> None:
    store = storage()
    assert looked_up(store) is None
    assert store.handle(announce(bump=NOW_MS)) == STORED
    assert looked_up(store) == LookupAnswer((PeerRecord(KEYS.public_key, RELAYS),), NOW_MS)
    removal = request(Command.UNANNOUNCE, TOPIC, signed_unannounce(KEYS, TOPIC, NODE_ID, TOKEN))
    assert store.handle(removal) == STORED
    assert looked_up(store) is None


def test_self_announce_goes_to_the_forward_table() -> None:
    store = storage()
    assert store.handle(announce(target=SELF)) == STORED
    forward = store.forwards.get(SELF)
    assert forward is not None
    assert forward.relay_address == SOURCE
    record = PeerRecord(KEYS.public_key, RELAYS)
    assert store.handle(request(Command.FIND_PEER, SELF)) == Answer(record.encode())
    assert looked_up(store, SELF) == LookupAnswer((record,), 0)
    assert len(store.records) == 0
    store.handle(request(Command.UNANNOUNCE, SELF, signed_unannounce(KEYS, SELF, NODE_ID, TOKEN)))
    assert store.handle(request(Command.FIND_PEER, SELF)) == Answer(None)


def test_only_three_relay_addresses_are_stored() -> None:
    store = storage()
    relays = tuple(("10.0.0.3", port) for port in range(1, 6))
    store.handle(request(Command.ANNOUNCE, TOPIC, signed_announce(KEYS, TOPIC, NODE_ID, TOKEN, relays)))
    found = looked_up(store)
    assert found is not None
    assert found.peers == (PeerRecord(KEYS.public_key, relays[:3]),)


def test_a_lookup_returns_twenty_records() -> None:
    store = storage()
    for number in range(30):
        assert store.handle(announce(KeyPair.from_seed(bytes([number]) * 32))) == STORED
    found = looked_up(store)
    assert found is not None
    assert len({peer.public_key for peer in found.peers}) == 20


@pytest.mark.parametrize(
    ("bumps", "expected"),
    [
        ([5, 9, 7], 9),
        ([NOW_MS + 60_000], NOW_MS + 60_000),
        ([3, NOW_MS + 60_001], 3),
        ([0], 0),
    ],
)
def test_bump_only_grows_and_not_into_the_future(bumps: list[int], expected: int) -> None:
    store = storage()
    for bump in bumps:
        store.handle(announce(bump=bump))
    found = looked_up(store)
    assert found is not None
    assert found.bump == expected


def test_vectors_are_accepted_by_the_node_they_are_signed_for() -> None:
    for case in ANNOUNCE["cases"]:
        store = storage()
        is_announce = case["namespace"] == "ANNOUNCE"
        message = StorageRequest(
            Command.ANNOUNCE if is_announce else Command.UNANNOUNCE,
            SOURCE,
            bytes.fromhex(case["target"]),
            bytes.fromhex(case["token"]),
            bytes.fromhex(case["value"]),
            bytes.fromhex(case["node_id"]),
            2**52,
        )
        assert store.handle(message) == STORED, case["name"]
        for changed in (
            replace(message, target=bytes(32)),
            replace(message, token=bytes(32)),
            replace(message, node_id=bytes(32)),
        ):
            assert store.handle(changed) == Drop("bad_announce_signature")


def test_refresh_re_adds_a_record_with_the_preimage() -> None:
    store = storage()
    secrets = [b"\x55" * 32]
    for _ in range(2):
        secrets.insert(0, blake2b(secrets[0]))
    peer = PeerRecord(KEYS.public_key, RELAYS)
    for target in (TOPIC, SELF):
        signable = announce_signable(NS_ANNOUNCE, target, NODE_ID, TOKEN, peer, secrets[0])
        value = Announce(peer, secrets[0], KEYS.sign(signable)).encode()
        assert store.handle(request(Command.ANNOUNCE, target, value)) == STORED
        store.unannounce(target, KEYS.public_key)
        for secret in secrets[1:]:
            refresh = request(Command.ANNOUNCE, target, Announce(None, secret).encode())
            assert store.handle(refresh) == STORED
            assert looked_up(store, target) is not None
            assert store.handle(refresh) == Drop("unknown_refresh")
    assert store.handle(request(Command.ANNOUNCE, TOPIC, Announce(None).encode())) == Drop("unknown_refresh")


def test_mutable_values_keep_the_highest_version() -> None:
    store = storage()

    def put(seq: int, value: bytes) -> Answer | Drop | None:
        record = MutableRecord.signed(KEYS, seq, value)
        return store.handle(request(Command.MUTABLE_PUT, SELF, MutablePut(KEYS.public_key, record).encode()))

    def get(seq: int) -> bytes | None:
        answer = store.handle(request(Command.MUTABLE_GET, SELF, encode_uint(seq)))
        assert isinstance(answer, Answer)
        return None if answer.value is None else MutableRecord.decode(answer.value).value

    assert get(0) is None
    assert put(2, b"two") == Answer()
    assert put(2, b"two") == Answer()
    assert put(2, b"other") == Answer(error=ErrorNumber.SEQ_REUSED, token=False)
    assert put(1, b"one") == Answer(error=ErrorNumber.SEQ_TOO_LOW, token=False)
    assert put(3, b"three") == Answer()
    assert get(3) == b"three"
    assert get(4) is None


def test_immutable_values() -> None:
    store = storage()
    target = blake2b(b"value")
    assert store.handle(request(Command.IMMUTABLE_GET, target)) == Answer(None)
    assert store.handle(request(Command.IMMUTABLE_PUT, target, b"value")) == Answer()
    assert store.handle(request(Command.IMMUTABLE_GET, target)) == Answer(b"value")


BIG = b"x" * (MAX_STORED_BYTES + 1)
FORGED = MutablePut(KEYS.public_key, MutableRecord(1, b"v", bytes(64))).encode()
EMPTY = MutablePut(KEYS.public_key, MutableRecord.signed(KEYS, 1, b"")).encode()
HUGE = MutablePut(KEYS.public_key, MutableRecord.signed(KEYS, 1, BIG)).encode()
UNSIGNED = Announce(PeerRecord(KEYS.public_key)).encode()


@pytest.mark.parametrize(
    ("message", "reason"),
    [
        (request(Command.LOOKUP, None), "no_target"),
        (request(Command.FIND_PEER, None), "no_target"),
        (replace(announce(), token=None), "incomplete_announce"),
        (replace(announce(), node_id=None), "incomplete_announce"),
        (replace(announce(), value=None), "incomplete_announce"),
        (request(Command.ANNOUNCE, TOPIC, b"\x01"), "malformed_value"),
        (request(Command.ANNOUNCE, TOPIC, UNSIGNED), "bad_announce_signature"),
        (replace(announce(), target=b"\x01" * 32), "bad_announce_signature"),
        (request(Command.UNANNOUNCE, TOPIC), "incomplete_announce"),
        (request(Command.UNANNOUNCE, TOPIC, UNSIGNED), "incomplete_announce"),
        (replace(announce(), command=Command.UNANNOUNCE), "bad_announce_signature"),
        (request(Command.MUTABLE_PUT, SELF), "incomplete_put"),
        (request(Command.MUTABLE_PUT, SELF, FORGED), "bad_put_signature"),
        (request(Command.MUTABLE_PUT, TOPIC, FORGED), "bad_put_signature"),
        (request(Command.MUTABLE_PUT, SELF, EMPTY), "value_size"),
        (request(Command.MUTABLE_PUT, SELF, HUGE), "value_size"),
        (request(Command.MUTABLE_GET, SELF), "incomplete_get"),
        (request(Command.IMMUTABLE_PUT, SELF, b"v"), "bad_put_hash"),
        (request(Command.IMMUTABLE_PUT, SELF), "incomplete_put"),
        (request(Command.IMMUTABLE_PUT, blake2b(BIG), BIG), "value_size"),
    ],
)
def test_bad_requests_are_dropped_with_a_reason(message: StorageRequest, reason: str) -> None:
    store = storage()
    assert store.handle(message) == Drop(reason)
    assert len(store.records) + len(store.forwards) + len(store.mutables) + len(store.immutables) == 0


def test_unknown_numbers_are_left_to_others() -> None:
    assert storage().handle(request(Command.PEER_HANDSHAKE)) is None
    assert storage().handle(request(10)) is None


def test_records_expire_before_values() -> None:
    store = storage()
    target = blake2b(b"value")
    store.handle(announce())
    store.handle(request(Command.IMMUTABLE_PUT, target, b"value"))
    for step in range(1, 4):
        store.expire(step * RECORD_AGE_S)
    assert looked_up(store) is None
    assert store.handle(request(Command.IMMUTABLE_GET, target)) == Answer(b"value")
    store.expire(VALUE_AGE_S)
    store.expire(2 * VALUE_AGE_S)
    assert store.handle(request(Command.IMMUTABLE_GET, target)) == Answer(None)


@given(st.integers(2, 9), st.none() | st.binary(min_size=1, max_size=200))
def test_any_value_is_answered_or_dropped(command: int, value: bytes | None) -> None:
    assert isinstance(storage().handle(request(command, TOPIC, value)), Answer | Drop)
