from __future__ import annotations

import base64
import json

import pytest

from intercom_tui.pasted import MAX_CHARS, JoinWish, parse_join, parse_key, parse_signed

INVITE = {"payload": {"channel": "swap-desk", "inviteePubKey": "ab" * 32}, "sig": "cd" * 64}
WELCOME = {"payload": {"channel": "swap-desk", "ownerPubKey": "ab" * 32, "text": "hi"}, "sig": "cd" * 64}


def packed(value: object) -> str:
    return base64.b64encode(json.dumps(value).encode()).decode()


@pytest.mark.parametrize("form", ["json", "base64", "prefixed", "url", "unpadded"])
def test_signed_objects_are_read_in_every_form(form: str) -> None:
    text = {
        "json": json.dumps(INVITE),
        "base64": packed(INVITE),
        "prefixed": f"b64:{packed(INVITE)}",
        "url": packed(INVITE).replace("+", "-").replace("/", "_"),
        "unpadded": packed(INVITE).rstrip("="),
    }[form]
    assert parse_signed(f"  {text}\n") == INVITE


@pytest.mark.parametrize(
    "text", ["", "{", "[1]", "b64:!!!", "hello world", packed([1, 2]), "[" * 50_000, "x" * (MAX_CHARS + 1)]
)
def test_other_text_is_no_signed_object(text: str) -> None:
    assert parse_signed(text) is None


def test_a_name_is_a_wish_to_join() -> None:
    assert parse_join(" builders ") == JoinWish("builders")
    assert parse_join("#builders") == JoinWish("builders")
    assert parse_join("#") == JoinWish("#")


def test_a_join_command_carries_its_invite() -> None:
    wish = parse_join(f'/sc_join --channel "swap desk" --invite b64:{packed(INVITE)} --welcome {packed(WELCOME)}')
    assert wish == JoinWish("swap desk", INVITE, WELCOME)


def test_an_invite_or_welcome_names_its_channel() -> None:
    assert parse_join(json.dumps(INVITE)) == JoinWish("swap-desk", INVITE, None)
    assert parse_join(packed(WELCOME)) == JoinWish("swap-desk", None, WELCOME)


@pytest.mark.parametrize(
    "text",
    ["", "two\nlines", '/sc_join --channel "open', "/sc_join", json.dumps({"payload": {"channel": 5}, "x": "y" * 40})],
)
def test_what_names_no_channel_is_refused(text: str) -> None:
    assert parse_join(text) is None


def test_keys_have_64_hex_digits() -> None:
    assert parse_key("AB" * 32) == "ab" * 32
    assert parse_key("ab" * 31) is None
    assert parse_key("zz" * 32) is None
