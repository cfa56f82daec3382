"""JavaScript-exact JSON against values made by the reference."""

from __future__ import annotations

import hashlib
import json
import math
import struct
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from engine.errors import DecodeError, LocalProtocolError
from engine.wire.jsjson import MAX_DEPTH, JsonValue, number_text, parse, stable_stringify, stringify

VECTORS = Path(__file__).parents[2] / "vectors"
STABLE: dict[str, Any] = json.loads((VECTORS / "sidechannel" / "stable_stringify.json").read_text())


@pytest.mark.parametrize("case", STABLE["cases"], ids=lambda case: case["json"][:30])
def test_canonical_form(case: dict[str, str]) -> None:
    value = parse(case["json"])
    assert stable_stringify(value) == case["stable"]
    assert stringify(value) == case["stringify"]
    data = stable_stringify(value).encode()
    assert data.hex() == case["utf8"]
    assert hashlib.sha256(data).hexdigest() == case["sha256"]


IN_MEMORY: list[object] = [{"a": None, "b": 1}, [None, 1], None, [math.nan, math.inf, -math.inf]]
"""The values of ``jsOnly`` with null in place of undefined, which the canonical form writes as null."""


@pytest.mark.parametrize(("case", "value"), list(zip(STABLE["jsOnly"], IN_MEMORY, strict=True)))
def test_canonical_form_of_values_json_cannot_hold(case: dict[str, str], value: object) -> None:
    assert stable_stringify(value) == case["stable"]


@pytest.mark.parametrize("case", STABLE["parser"], ids=lambda case: repr(case["text"])[:40])
def test_accepts_and_refuses_what_json_parse_does(case: dict[str, Any]) -> None:
    if case["accepted"]:
        parse(case["text"])
    else:
        with pytest.raises(DecodeError):
            parse(case["text"])


@pytest.mark.parametrize(("bits", "text"), STABLE["numbers"]["cases"])
def test_number_text(bits: str, text: str) -> None:
    (number,) = struct.unpack(">d", bytes.fromhex(bits))
    assert stringify(number) == text
    if text != "null":
        assert number_text(number) == text
        assert number_text(parse(text)) == text  # type: ignore[arg-type]


def test_text_of_integers_is_that_of_doubles() -> None:
    assert number_text(2**53) == "9007199254740992"
    assert number_text(2**53 + 1) == "9007199254740992"
    assert number_text(2**60) == "1152921504606847000"
    assert number_text(-(10**21)) == "-1e+21"
    assert number_text(10**400) == "Infinity"
    assert number_text(-(10**400)) == "-Infinity"
    assert number_text(math.nan) == "NaN"
    assert stringify([10**400, True, 1]) == "[null,true,1]"


def test_integers_above_2_53_lose_precision() -> None:
    assert parse("9007199254740993") == 9007199254740992
    assert parse("9007199254740992") == 2**53
    assert isinstance(parse("9007199254740992"), int)
    assert isinstance(parse("9007199254740994"), float)
    assert isinstance(parse("-9007199254740994"), float)
    assert parse("0000000000000000"[:1]) == 0
    assert parse("1" * 5000) == math.inf


def test_integer_like_keys_come_first() -> None:
    value = parse('{"b":0,"10":1,"2":2,"-1":3,"01":4,"4294967294":5,"4294967295":6,"a":7,"0":8,"1.5":9,"\u0663":10}')
    assert stringify(value) == (
        '{"0":8,"2":2,"10":1,"4294967294":5,"b":0,"-1":3,"01":4,"4294967295":6,"a":7,"1.5":9,"\u0663":10}'
    )


def test_duplicate_key_keeps_first_position_and_last_value() -> None:
    assert stringify(parse('{"a":1,"b":2,"a":3}')) == '{"a":3,"b":2}'


def test_surrogates() -> None:
    assert stringify(parse('"\\ud83d\\ude00"')) == '"\U0001f600"'
    assert stringify(parse('"\\ud83d"')) == '"\\ud83d"'
    assert stringify("\ud83d\ude00 \ude00\ud83d") == '"\U0001f600 \\ude00\\ud83d"'
    assert stringify({"\udfff": "\u2028\x7f\x1f"}) == '{"\\udfff":"\u2028\x7f\\u001f"}'
    assert stringify("\ud800").encode() == b'"\\ud800"'


def test_sorted_keys_compare_utf_16_units() -> None:
    assert stable_stringify({"\uffee": 1, "\U0001f600": 2, "z": 3}) == '{"z":3,"\U0001f600":2,"\uffee":1}'


def test_invalid_utf_8_is_replaced() -> None:
    assert parse(b'"\xed\xa0\x80\xff"') == "\ufffd\ufffd\ufffd\ufffd"
    with pytest.raises(DecodeError):
        parse(b"\xef\xbb\xbf1")


def nested(depth: int) -> str:
    return "[" * depth + "]" * depth


def test_depth_limit() -> None:
    assert stringify(parse(nested(MAX_DEPTH))) == nested(MAX_DEPTH)
    assert parse('{"a":' * MAX_DEPTH + "1" + "}" * MAX_DEPTH) is not None
    for deep in (nested(MAX_DEPTH + 1), nested(10_000), "[" * 1_000_000, '{"a":' * 10_000):
        with pytest.raises(DecodeError):
            parse(deep)


def test_wide_values_and_brackets_in_strings_are_not_deep() -> None:
    wide = f"[{','.join(['[]'] * 5000)}]"
    assert stringify(parse(wide)) == wide
    text = json.dumps(["[" * 5000, '"{' * 5000, "\\[" * 5000])
    assert parse(text) == json.loads(text)
    with pytest.raises(DecodeError):
        parse('"' + '\\"[' * 100_000)


def test_values_that_are_not_json_are_local_errors() -> None:
    deep: list[Any] = []
    for _ in range(100_000):
        deep = [deep]
    for value in (b"bytes", {1: 2}, {1: 2, "a": 3}, {None: 1}, object(), {"a": {2}}, deep):
        for write in (stringify, stable_stringify):
            with pytest.raises(LocalProtocolError):
                write(value)
    while deep:
        deep = deep.pop()  # deeper than the garbage collector of some interpreters can free


SCALARS = st.none() | st.booleans() | st.integers() | st.floats() | st.text(st.characters())
KEYS = st.text(st.characters(), max_size=5) | st.integers(0, 2**33).map(str)
VALUES: st.SearchStrategy[JsonValue] = st.recursive(
    SCALARS, lambda inner: st.lists(inner, max_size=5) | st.dictionaries(KEYS, inner, max_size=5), max_leaves=20
)


@given(VALUES)
@settings(max_examples=300, deadline=None)
def test_text_is_stable_under_reading(value: JsonValue) -> None:
    text = stringify(value)
    assert stringify(parse(text)) == text
    assert stringify(parse(text.encode())) == text
    canonical = stable_stringify(value)
    assert stable_stringify(parse(canonical)) == canonical
    assert json.loads(canonical) == json.loads(text)


@given(st.one_of(st.text('[]{}",:\\u0123eE.-+ntrfalsd \n', max_size=60), st.binary(max_size=60)))
@settings(max_examples=500, deadline=None)
def test_random_text_only_raises_decode_errors(text: str | bytes) -> None:
    try:
        value = parse(text)
    except DecodeError:
        return
    assert stringify(parse(stringify(value))) == stringify(value)


@given(VALUES, st.integers(0, 200), st.characters())
@settings(max_examples=300, deadline=None)
def test_mutated_text_only_raises_decode_errors(value: JsonValue, position: int, character: str) -> None:
    text = stringify(value)
    position %= len(text)
    try:
        parse(text[:position] + character + text[position + 1 :])
    except DecodeError:
        return
