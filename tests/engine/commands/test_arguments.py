"""Arguments of command lines, against the reference's parser."""

from __future__ import annotations

import base64
import contextlib
import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from engine.commands.arguments import (
    leading_integer,
    pair,
    parse_arguments,
    parse_short,
    pick,
    signed_argument,
    split_words,
    state_key,
)
from engine.errors import BadRequest, DecodeError

VECTORS = Path(__file__).parents[2] / "vectors"
ARGS: dict[str, Any] = json.loads((VECTORS / "sidechannel" / "args.json").read_text(encoding="utf-8"))
PARSING: dict[str, Any] = json.loads((VECTORS / "subnet" / "parsing.json").read_text(encoding="utf-8"))


@pytest.mark.parametrize("case", ARGS["commands"], ids=lambda case: case["line"])
def test_sidechannel_lines_of_the_reference(case: dict[str, Any]) -> None:
    if "throws" in case:
        with pytest.raises(BadRequest, match="not closed"):
            parse_arguments(case["line"])
    else:
        assert parse_arguments(case["line"]) == case["args"]


@pytest.mark.parametrize("case", PARSING["parse_args"], ids=lambda case: case["input"])
def test_lines_of_the_reference(case: dict[str, Any]) -> None:
    if "error" in case:
        with pytest.raises(BadRequest, match="not closed"):
            parse_arguments(case["input"])
    else:
        assert parse_arguments(case["input"]) == case["result"]


@pytest.mark.parametrize("case", PARSING["get_rule"], ids=lambda case: case["input"])
def test_keys_of_get_lines(case: dict[str, Any]) -> None:
    assert state_key(case["input"]) == case.get("key")


@given(st.lists(st.text(alphabet=st.characters(exclude_characters="\n\r\u2028\u2029"), min_size=1), max_size=6))
def test_quoted_words_come_back(words: list[str]) -> None:
    quoted = ['"' + word.replace("\\", "\\\\").replace('"', '\\"') + '"' for word in words]
    assert split_words(" ".join(["/x", *quoted])) == ["/x", *words]


@given(st.text())
def test_any_line_is_cut_or_refused(line: str) -> None:
    try:
        words = split_words(line)
    except BadRequest:
        return
    assert all(isinstance(word, str) for word in words)


def test_long_hostile_lines_are_cut_in_linear_time() -> None:
    for piece in ('"', "'", "\\", '\\"', ' "', "a ", '"\\'):
        line = "/x " + piece * 50_000
        with contextlib.suppress(BadRequest):
            assert parse_arguments(line) is not None


def test_a_backslash_at_the_end_is_text() -> None:
    assert split_words("/x a\\") == ["/x", "a\\"]


@pytest.mark.parametrize(
    ("line", "positions", "rest", "expected"),
    [
        ("/join", ("channel",), False, {}),
        ("/join lobby", ("channel",), False, {"channel": "lobby"}),
        ('/join "my room" --invite x', ("channel",), False, {"channel": "my room", "invite": "x"}),
        ("/join --channel lobby", ("channel",), False, {"channel": "lobby"}),
        ("/msg lobby don't you  say ", ("channel", "message"), True, {"channel": "lobby", "message": "don't you  say"}),
        ("/msg lobby one\ntwo", ("channel", "message"), True, {"channel": "lobby", "message": "one\ntwo"}),
        ("/msg lobby", ("channel", "message"), True, {"channel": "lobby"}),
        ("/msg --channel a --message b", ("channel", "message"), True, {"channel": "a", "message": "b"}),
        ("/invite lobby ab --ttl 60", ("channel", "pubkey"), False, {"channel": "lobby", "pubkey": "ab", "ttl": "60"}),
        ("/help /join", ("command",), True, {"command": "/join"}),
    ],
)
def test_short_forms(line: str, positions: tuple[str, ...], rest: bool, expected: dict[str, str]) -> None:
    assert parse_short(line, positions, rest=rest) == expected


def test_too_many_words_are_named() -> None:
    with pytest.raises(BadRequest, match="'room'") as refused:
        parse_short("/join my room", ("channel",), rest=False)
    assert "quotes" in refused.value.hint


def test_aliases_skip_empty_values_but_not_the_last() -> None:
    assert pick({"channel": "", "ch": "b"}, "channel", "ch", "name") == "b"
    assert pick({"msg": ""}, "message", "msg") == ""
    assert pick({"message": ""}, "message", "msg") is None
    assert pick({"message": "a", "msg": "b"}, "message", "msg") == "a"


def test_pairs() -> None:
    assert pair(["--a", "1", "b"]) == {"a": "1", "b": None}
    assert pair([]) == {}


@pytest.mark.parametrize(
    ("text", "number"),
    [("12", 12), (" 12x", 12), ("-3", -3), ("1.9", 1), ("x", None), ("", None), ("\u00a07", 7)],
)
def test_leading_integers(text: str, number: int | None) -> None:
    assert leading_integer(text) == number


def test_signed_arguments() -> None:
    value = {"payload": {"a": 1}, "sig": "00"}
    text = json.dumps(value)
    encoded = base64.b64encode(text.encode()).decode()
    for argument in (text, f" {text} ", encoded, f"b64:{encoded}", encoded.rstrip("=")):
        assert signed_argument(argument) == value
    for argument in ("", "zzz", "{bad", "b64:", "a b", "!"):
        with pytest.raises(DecodeError):
            signed_argument(argument)
