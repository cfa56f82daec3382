"""Tokens and their rotation against the reference."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from engine.proto.dht.tokens import DRAINS_PER_ROTATION, TokenIssuer

VECTORS = json.loads((Path(__file__).parents[3] / "vectors" / "dht" / "tokens.json").read_text())


def issuer() -> TokenIssuer:
    secrets = [bytes.fromhex(secret) for secret in VECTORS["secrets"]]
    return TokenIssuer(lambda size: secrets.pop(0))


@pytest.mark.parametrize("case", VECTORS["cases"], ids=lambda case: str(case["host"]))
def test_tokens_of_the_reference(case: dict[str, Any]) -> None:
    tokens = issuer()
    assert tokens.token(case["host"]).hex() == case["index1"]
    assert tokens.valid(case["host"], bytes.fromhex(case["index0"]))
    assert tokens.valid(case["host"], bytes.fromhex(case["index1"]))
    assert not tokens.valid("10.9.8.7", bytes.fromhex(case["index1"]))
    assert not tokens.valid(case["host"], bytes(32))


def test_rotation_of_the_reference() -> None:
    tokens = issuer()
    drains = 0
    for step in VECTORS["rotation"]:
        while drains < step["after_drains"]:
            tokens.drain()
            drains += 1
        previous, current = map(bytes.fromhex, step["token_for_127_0_0_1"])
        assert tokens.token("127.0.0.1") == current
        assert tokens.valid("127.0.0.1", previous)


def test_a_token_dies_with_the_second_rotation() -> None:
    tokens = issuer()
    token = tokens.token("1.2.3.4")
    for _ in range(2 * DRAINS_PER_ROTATION - 1):
        tokens.drain()
        assert tokens.valid("1.2.3.4", token)
    tokens.drain()
    assert not tokens.valid("1.2.3.4", token)


def test_many_hosts_do_not_grow_the_cache() -> None:
    tokens = issuer()
    first = tokens.token("10.0.0.0")
    for number in range(3000):
        tokens.token(f"10.0.{number >> 8}.{number & 255}")
    assert tokens.token("10.0.0.0") == first
    assert len(tokens._issued) <= 1024
