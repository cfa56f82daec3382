from __future__ import annotations

from typing import Any

import pytest

from engine.config.parse import check, parse_list, parse_map, parse_text
from engine.config.schema import Option
from engine.config.sections import MSB_BOOTSTRAP, OPTIONS
from engine.errors import InvalidValue

_BY_KEY = {option.key: option for option in OPTIONS}
_KEY = "ab" * 32


def option(key: str) -> Option:
    return _BY_KEY[key]


@pytest.mark.parametrize("word", ["1", "true", "YES", " on "])
def test_switches_are_on(word: str) -> None:
    assert parse_text(option("sidechannel.pow"), word) is True


@pytest.mark.parametrize("word", ["0", "false", "No", "off"])
def test_switches_are_off(word: str) -> None:
    assert parse_text(option("sidechannel.pow"), word) is False


@pytest.mark.parametrize(
    ("key", "text"),
    [
        ("sidechannel.pow", "maybe"),
        ("sidechannel.pow_difficulty", "12x"),
        ("sidechannel.pow_difficulty", "NaN"),
        ("sidechannel.pow_difficulty", "33"),
        ("sidechannel.max_bytes", "-1"),
        ("bridge.port", "65536"),
        ("sidechannel.owner", "room:nothex"),
        ("sidechannel.owner", "room"),
        ("sidechannel.inviter_keys", f"{_KEY},nothex"),
        ("identity.peer_store_name", "../../x"),
        ("identity.peer_store_name", ".."),
        ("network.dht_bootstrap", "nonsense"),
        ("network.dht_bootstrap", "127.0.0.1:1,127.0.0.1:99999"),
        ("msb.dht_bootstrap", "127.0.0.1:0"),
        ("subnet.bootstrap", "12"),
        ("log.level", "loud"),
    ],
)
def test_wrong_text_is_an_error_that_names_the_setting(key: str, text: str) -> None:
    with pytest.raises(InvalidValue) as caught:
        parse_text(option(key), text)
    assert option(key).flags[0] in str(caught.value)


@pytest.mark.parametrize("space", [" ", "\x1d", "\u2003", "\n"])
def test_white_space_around_a_number_does_no_harm(space: str) -> None:
    assert parse_text(option("bridge.port"), f"{space}7{space}") == 7


@pytest.mark.parametrize("key", ["sidechannel.invites", "sidechannel.welcome", "sidechannel.owner", "ui.keymap"])
def test_tables_hold_text_only(key: str) -> None:
    with pytest.raises(InvalidValue):
        check(option(key), {"room": 1})


def test_a_secret_is_not_repeated_in_the_error() -> None:
    with pytest.raises(InvalidValue) as caught:
        check(option("bridge.token"), 12345)
    assert "12345" not in str(caught.value)


def test_lists_are_trimmed_and_lose_empty_items() -> None:
    assert parse_list(" a, ,b,, c ") == ("a", "b", "c")


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("a:x,b=y", {"a": "x", "b": "y"}),
        ("a:b64:eyJ9==", {"a": "b64:eyJ9=="}),
        ("a=1=2", {"a": "1=2"}),
    ],
)
def test_maps_split_at_the_first_colon_or_equals_sign(text: str, expected: dict[str, str]) -> None:
    assert parse_map(text) == expected


@pytest.mark.parametrize("text", ["a:", ":b", "c", "a:x,c"])
def test_items_of_a_map_have_a_name_and_a_value(text: str) -> None:
    with pytest.raises(ValueError, match="not of the form name:value"):
        parse_map(text)


def test_the_settlement_network_is_no_subnet() -> None:
    with pytest.raises(InvalidValue, match=r"^Subnet bootstrap cannot equal MSB bootstrap\.$"):
        parse_text(option("subnet.bootstrap"), MSB_BOOTSTRAP.upper())


def test_names_are_trimmed_as_in_javascript() -> None:
    assert parse_list("\ufeffa,\x85b") == ("a", "\x85b")


def test_inviter_keys_become_lower_case() -> None:
    assert parse_text(option("sidechannel.inviter_keys"), _KEY.upper()) == (_KEY,)


def test_owner_keys_become_lower_case() -> None:
    assert parse_text(option("sidechannel.owner"), f"room:{_KEY.upper()}") == {"room": _KEY}


@pytest.mark.parametrize("value", [True, "7", 7.5, None])
def test_whole_numbers_have_one_kind(value: Any) -> None:
    with pytest.raises(InvalidValue):
        check(option("sidechannel.relay_ttl"), value)
