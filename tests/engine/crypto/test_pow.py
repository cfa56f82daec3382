"""Proof of work against the reference."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from engine.crypto.hashes import sha256
from engine.crypto.pow import leading_zero_bits, mine

VECTORS = Path(__file__).parents[2] / "vectors"
POW: dict[str, Any] = json.loads((VECTORS / "sidechannel" / "pow.json").read_text())


def split(base: str, nonce: int) -> tuple[bytes, bytes]:
    before, found, after = base.partition(f'"nonce":{nonce},')
    assert found
    return f'{before}"nonce":'.encode(), f",{after}".encode()


@pytest.mark.parametrize("case", POW["cases"], ids=lambda case: case["note"])
def test_reference_cases(case: dict[str, Any]) -> None:
    digest = sha256(case["base"].encode())
    assert digest.hex() == case["sha256"]
    assert (leading_zero_bits(digest) >= case["difficulty"]) == case["accepted"]
    prefix, suffix = split(case["base"], case["nonce"])
    found = mine(prefix, suffix, case["difficulty"])
    assert (found == case["nonce"]) == case["accepted"]


def test_leading_zero_bits() -> None:
    assert leading_zero_bits(b"\xff" + bytes(31)) == 0
    assert leading_zero_bits(b"\x01" + bytes(31)) == 7
    assert leading_zero_bits(bytes(2) + b"\x10" + bytes(29)) == 19
    assert leading_zero_bits(bytes(32)) == 256


def test_no_difficulty_takes_the_first_nonce() -> None:
    assert mine(b"a", b"b", 0) == 0
    assert mine(b"a", b"b", -1, start=5, limit=1) == 5


def test_limit_ends_the_search() -> None:
    assert mine(b"a", b"b", 256, limit=1000) is None
    assert mine(b"a", b"b", 8, limit=0) is None


@given(st.binary(max_size=200), st.binary(max_size=80), st.integers(1, 7), st.integers(0, 20_000), st.integers(1, 250))
@settings(max_examples=100, deadline=None)
def test_every_slice_tries_exactly_its_nonces(
    prefix: bytes, suffix: bytes, difficulty: int, start: int, limit: int
) -> None:
    fits = (
        nonce
        for nonce in range(start, start + limit)
        if leading_zero_bits(sha256(b"%b%d%b" % (prefix, nonce, suffix))) >= difficulty
    )
    assert mine(prefix, suffix, difficulty, start=start, limit=limit) == next(fits, None)
