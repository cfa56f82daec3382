"""Addresses against BIP-350 and the reference."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from engine.errors import DecodeError, LocalProtocolError
from engine.wire.bech32m import decode, encode

VECTORS = Path(__file__).parents[2] / "vectors"
ADDRESSES: dict[str, Any] = json.loads((VECTORS / "wallet" / "address.json").read_text())


@pytest.mark.parametrize("case", ADDRESSES["encode"], ids=lambda case: case["address"][:20])
def test_encode_equals_the_reference(case: dict[str, Any]) -> None:
    key = bytes.fromhex(case["public_key"])
    assert encode(case["hrp"], key) == case["address"]
    assert len(case["address"]) == case["length"]
    assert decode(case["address"]) == (case["hrp"], bytes.fromhex(case["decoded"]))


@pytest.mark.parametrize("case", ADDRESSES["decode"], ids=lambda case: case["address"][:20] or "empty")
def test_decode_equals_the_reference(case: dict[str, Any]) -> None:
    if case["ok"]:
        assert decode(case["address"])[1].hex() == case["public_key"]
    elif "Expected 32 bytes" in case["error"]:
        assert len(decode(case["address"])[1]) != 32
    else:
        with pytest.raises(DecodeError):
            decode(case["address"])


# BIP-350, valid strings whose payload is whole bytes.
@pytest.mark.parametrize(
    "text",
    [
        "A1LQFN3A",
        "a1lqfn3a",
        "an83characterlonghumanreadablepartthatcontainsthetheexcludedcharactersbioandnumber11sg7hg6",
        "abcdef1l7aum6echk45nj3s0wdvt2fg8x9yrzpqzd3ryx",
        "split1checkupstagehandshakeupstreamerranterredcaperredlc445v",
        "?1v759aa",
    ],
)
def test_bip_350_valid(text: str) -> None:
    hrp, _ = decode(text)
    assert hrp == text.lower().rpartition("1")[0]


# BIP-350, invalid strings, one with a plain bech32 checksum, and a valid one whose payload is not whole bytes.
@pytest.mark.parametrize(
    "text",
    [
        "\x201xj0phk",
        "\x7f1g6xzxy",
        "\x801vctc34",
        "an84characterslonghumanreadablepartthatcontainsthetheexcludedcharactersbioandnumber11d6pts4",
        "qyrz8wqd2c9m",
        "1qyrz8wqd2c9m",
        "y1b0jsk6g",
        "lt1igcx5c0",
        "in1muywd",
        "mm1crxm3i",
        "au1s5cgom",
        "M1VUXWEZ",
        "16plkw9",
        "1p2gdwpf",
        "a12uel5l",
        "11llllllllllllllllllllllllllllllllllllllllllllllllllllllllllllllllllllllllllllllllllludsr8",
        "\u00c91lqfn3a",
    ],
)
def test_bip_350_invalid(text: str) -> None:
    with pytest.raises(DecodeError):
        decode(text)


@pytest.mark.parametrize("hrp", ["", "a1", "A", "trac ", "a" * 32, "tr-ac"])
def test_prefixes_that_cannot_be_written(hrp: str) -> None:
    with pytest.raises(LocalProtocolError):
        encode(hrp, bytes(32))


def test_payload_too_long() -> None:
    with pytest.raises(LocalProtocolError):
        encode("trac", bytes(64))


@given(st.from_regex("[a-z]{1,20}", fullmatch=True), st.binary(max_size=38))
@settings(max_examples=200, deadline=None)
def test_round_trip(hrp: str, payload: bytes) -> None:
    assert decode(encode(hrp, payload)) == (hrp, payload)
    assert decode(encode(hrp, payload).upper()) == (hrp, payload)


@given(st.binary(min_size=32, max_size=32), st.integers(0, 62), st.characters())
@settings(max_examples=300, deadline=None)
def test_one_changed_character_is_noticed(payload: bytes, position: int, character: str) -> None:
    text = encode("trac", payload)
    changed = text[:position] + character + text[position + 1 :]
    if changed != text:
        with pytest.raises(DecodeError):
            decode(changed)


@given(st.text(max_size=95))
@settings(max_examples=300, deadline=None)
def test_random_text_only_raises_decode_errors(text: str) -> None:
    with pytest.raises(DecodeError):
        decode(text)
