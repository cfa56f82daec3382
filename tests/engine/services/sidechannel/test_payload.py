"""Canonical forms, proof of work, signatures and own messages against the reference's."""

from __future__ import annotations

import json
from hashlib import sha256
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from engine.crypto.keys import KeyPair
from engine.crypto.pow import mine
from engine.services.sidechannel.options import ChannelRules
from engine.services.sidechannel.payload import (
    POW_AND_SIGNATURE_BYTES,
    Draft,
    canonical_fields,
    message_signature_valid,
    pow_valid,
    random_text,
)
from engine.wire.jsjson import parse, stable_stringify, stringify
from engine.wire.jsvalues import members
from tests.harness.sidechannel_vectors import key_pairs, load, rules_from

POW = load("pow")
SIGNATURE = load("signature")
KEYS = key_pairs(SIGNATURE)

json_values = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**53), 2**53) | st.floats(allow_nan=False) | st.text(max_size=20),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=8), inner, max_size=4),
    max_leaves=12,
)


@pytest.mark.parametrize("case", POW["cases"], ids=lambda case: case["note"])
def test_pow_cases(case: dict[str, Any]) -> None:
    payload = case["payload"]
    fields = canonical_fields(payload)
    head, tail = fields.pow_parts()
    base = head + stable_stringify(payload["pow"]["nonce"]).encode() + tail
    assert base.decode() == case["base"]
    assert sha256(base).hexdigest() == case["sha256"]
    assert pow_valid(payload, fields, case["difficulty"]) is case["accepted"]
    if case["note"].startswith("lowest nonce"):
        assert mine(head, tail, case["difficulty"]) == case["nonce"]


@pytest.mark.parametrize("case", POW["shapes"], ids=lambda case: case["note"])
def test_pow_shapes(case: dict[str, Any]) -> None:
    payload = parse(json.dumps(case["payload"]))
    if case["note"] == "negative fractional nonce":
        nonce = members(members(payload)["pow"])["nonce"]
        head, tail = canonical_fields(payload).pow_parts()
        digest = sha256(head + stable_stringify(nonce).encode() + tail).digest()
        difficulty = 256 - int.from_bytes(digest, "big").bit_length()
        assert pow_valid(payload, canonical_fields(payload), difficulty)
        assert not pow_valid(payload, canonical_fields(payload), difficulty + 1)
    else:
        assert pow_valid(payload, canonical_fields(payload), 8) is case["accepted"]


@pytest.mark.parametrize("case", POW["required"], ids=lambda case: json.dumps(case["config"]) + case["channel"])
def test_pow_required(case: dict[str, Any]) -> None:
    rules: ChannelRules = rules_from(case["config"], "self")
    assert (rules.difficulty(case["channel"]) > 0) is case["required"]


@pytest.mark.parametrize("case", POW["openChannelQuirk"], ids=lambda case: case["note"])
def test_open_requests_of_the_reference_are_accepted(case: dict[str, Any]) -> None:
    wire = case["wire"]
    fields = canonical_fields(wire)
    head, tail = fields.pow_parts()
    assert (head + str(wire["pow"]["nonce"]).encode() + tail).decode() == case["receiverBase"]
    assert pow_valid(wire, fields, 8)
    assert message_signature_valid(wire, fields, wire["from"])
    assert not pow_valid({**wire, "ts": wire["ts"] + 1}, canonical_fields({**wire, "ts": wire["ts"] + 1}), 8)


@pytest.mark.parametrize("case", SIGNATURE["cases"], ids=lambda case: case["note"])
def test_signature_cases(case: dict[str, Any]) -> None:
    payload, signer = case["payload"], KEYS[case["signer"]]
    fields = canonical_fields(payload)
    assert message_signature_valid(payload, fields, signer.public_key.hex()) is case["valid"]
    assert message_signature_valid(payload, fields, KEYS["bob"].public_key.hex()) is case["validForBob"]
    assert signer.sign(case["base"].encode()).hex() == case["sig"]


@pytest.mark.parametrize("case", SIGNATURE["shapes"], ids=lambda case: case["note"])
def test_signature_shapes(case: dict[str, Any]) -> None:
    payload = case["payload"]
    key = KEYS["alice"].public_key.hex()
    assert message_signature_valid(payload, canonical_fields(payload), key) is case["valid"]


@pytest.mark.parametrize("case", SIGNATURE["keyArg"], ids=lambda case: repr(case["key"]))
def test_signature_keys(case: dict[str, Any]) -> None:
    payload = SIGNATURE["shapes"][0]["payload"]
    valid = message_signature_valid(payload, canonical_fields(payload), case["key"] or "")
    assert valid is case["valid"]


def test_built_message_has_the_reference_bytes() -> None:
    expected = SIGNATURE["built"]["json"]
    payload = json.loads(expected)
    draft = Draft(
        KEYS["alice"],
        payload["channel"],
        payload["message"],
        has_message=True,
        invite=payload["invite"],
        id=payload["id"],
        ts_ms=payload["ts"],
        ttl=payload["ttl"],
    )
    nonce = mine(*draft.pow_parts(), 8)
    signed = draft.sign(nonce, 8)
    assert signed.raw.decode() == expected
    assert signed.signature == payload["sig"]
    assert draft.size + POW_AND_SIGNATURE_BYTES >= len(signed.raw)


@given(json_values, st.booleans(), st.text(min_size=1, max_size=20))
def test_own_messages_verify(message: Any, has_message: bool, channel: str) -> None:
    pair = KeyPair.from_seed(bytes(32))
    draft = Draft(
        pair, channel, message, has_message=has_message, invite=None, id="x:1:abc", ts_ms=1_700_000_000_000, ttl=3
    )
    signed = draft.sign(mine(*draft.pow_parts(), 4), 4)
    payload = parse(signed.raw)
    assert isinstance(payload, dict)
    fields = canonical_fields(payload)
    assert pow_valid(payload, fields, 4)
    assert message_signature_valid(payload, fields, pair.public_key.hex())
    assert ("message" in payload) is has_message
    if has_message:
        assert stringify(payload["message"]) == stringify(parse(stringify(message)))


def test_random_text() -> None:
    assert random_text(lambda count: bytes(range(30, 30 + count))) == "uvwxyz01"
