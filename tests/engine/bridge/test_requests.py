"""How fields of requests are read."""

from __future__ import annotations

import base64
import json
from typing import Any

import pytest

from engine.bridge.replies import NO_ID, Refused
from engine.bridge.requests import channel_of, join_channel, request_open, send_message, signed_object
from engine.errors import DecodeError

INVITE: dict[str, Any] = {"payload": {"channel": "a"}, "sig": "00"}
WELCOME: dict[str, Any] = {"payload": {"channel": "a", "text": "hi"}, "sig": "11"}
INVITE_B64 = base64.b64encode(json.dumps(INVITE).encode()).decode()


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        (INVITE, INVITE),
        ([], []),
        (json.dumps(INVITE), INVITE),
        (f" \ufeff{json.dumps(INVITE)}\n", INVITE),
        (INVITE_B64, INVITE),
        (INVITE_B64.rstrip("="), INVITE),
        (f"  {INVITE_B64} ", INVITE),
        ("MTIz", 123),
        ("", None),
        (None, None),
        (0, None),
        (False, None),
    ],
)
def test_signed_objects(value: Any, expected: object) -> None:
    assert signed_object(value) == expected


@pytest.mark.parametrize("value", [5, True, "!!!", "{bad", "bnVsbA==", "e", "@file", "b64:MTIz", "   ", "MTI z"])
def test_what_is_no_signed_object(value: Any) -> None:
    with pytest.raises(DecodeError):
        signed_object(value)


def test_the_invite_is_checked_first() -> None:
    with pytest.raises(Refused) as refused:
        join_channel(NO_ID, {"channel": "a", "invite": "!", "welcome": "!"})
    assert refused.value.code == "bridge.invalid_invite"
    with pytest.raises(Refused) as refused:
        join_channel(NO_ID, {"channel": "a", "invite": "", "welcome": "!"})
    assert refused.value.code == "bridge.invalid_welcome"


@pytest.mark.parametrize("value", [None, "", "  ", "\ufeff\u2028"])
def test_a_channel_is_needed(value: Any) -> None:
    with pytest.raises(Refused, match="Missing channel"):
        channel_of({"channel": value})


@pytest.mark.parametrize(("value", "channel"), [(" a ", "a"), (42, "42"), (["a", 1], "a,1"), (False, "false")])
def test_channels_are_text(value: Any, channel: str) -> None:
    assert channel_of({"channel": value}) == channel


def test_a_welcome_goes_into_an_invite_that_has_none() -> None:
    both = send_message(NO_ID, {"channel": "a", "invite": INVITE, "welcome": WELCOME})
    assert (both.invite, both.welcome) == ({**INVITE, "welcome": WELCOME}, None)
    has = {**INVITE, "welcome": {"payload": {}}}
    assert send_message(NO_ID, {"channel": "a", "invite": has, "welcome": WELCOME}).invite == has
    alone = send_message(NO_ID, {"channel": "a", "welcome": WELCOME})
    assert (alone.invite, alone.welcome) == (None, WELCOME)


def test_a_message_may_be_missing() -> None:
    assert send_message(NO_ID, {"channel": "a"}).has_message is False
    assert send_message(NO_ID, {"channel": "a", "message": None}).has_message is True


@pytest.mark.parametrize(("via", "expected"), [(None, None), ("", None), (0, None), (5, "5"), (" b ", " b ")])
def test_via_is_text_or_missing(via: Any, expected: str | None) -> None:
    assert request_open(NO_ID, {"channel": "a", "via": via}).via == expected
