"""Strict hex keys."""

from __future__ import annotations

import pytest

from engine.wire.hexkeys import parse_hex, parse_key, parse_signature, short_key

KEY = "9f3a" + "0" * 56 + "c01d"


def test_keys_in_either_case() -> None:
    assert parse_key(KEY) == bytes.fromhex(KEY)
    assert parse_key(KEY.upper()) == bytes.fromhex(KEY)
    assert parse_signature(KEY * 2) == bytes.fromhex(KEY * 2)


@pytest.mark.parametrize(
    "text", ["", KEY[:-1], KEY[:-2], KEY + "00", KEY[:-1] + "g", KEY[:-3] + "  0", KEY[:-1] + "\n", KEY[:-1] + "\u0663"]
)
def test_everything_else_is_no_key(text: str) -> None:
    assert parse_key(text) is None


def test_hex_of_any_size() -> None:
    assert parse_hex("") == b""
    assert parse_hex("00ff") == b"\x00\xff"
    assert parse_hex("00 ff") is None
    assert parse_hex("0") is None
    assert parse_hex("00ff", 3) is None


def test_short_form() -> None:
    assert short_key(KEY) == "9f3a..c01d"
    assert short_key(bytes.fromhex(KEY)) == "9f3a..c01d"
    assert short_key("anon") == "anon"
