"""Conversions of JSON values as JavaScript makes them."""

from __future__ import annotations

import math
from typing import Any

import pytest

from engine.wire.jsvalues import (
    NotConvertible,
    first_truthy,
    js_number,
    js_text,
    key_text,
    truthy,
)


@pytest.mark.parametrize(
    ("value", "text"),
    [
        ("a", "a"),
        (None, "null"),
        (True, "true"),
        (1.5, "1.5"),
        (1e21, "1e+21"),
        ([1, None, [2, "x"]], "1,,2,x"),
        ([], ""),
        ({}, "[object Object]"),
        ([{}], "[object Object]"),
    ],
)
def test_text(value: Any, text: str) -> None:
    assert js_text(value) == text


@pytest.mark.parametrize(
    ("value", "number"),
    [
        (None, 0),
        (True, 1),
        ("", 0),
        (" 12 ", 12),
        ("1e3", 1000),
        (".5", 0.5),
        ("5.", 5),
        ("0x1F", 31),
        ("0b101", 5),
        ("-Infinity", -math.inf),
        ([], 0),
        ([7], 7),
        (10**400, math.inf),
    ],
)
def test_number(value: Any, number: float) -> None:
    assert js_number(value) == number


@pytest.mark.parametrize("value", ["12x", "1_0", "0x", "-0x1", "infinity", "٣", {}, [1, 2], "."])
def test_not_a_number(value: Any) -> None:
    assert math.isnan(js_number(value))


def test_own_to_string_is_not_convertible() -> None:
    for value in ({"toString": 1}, [{"toString": None}]):
        with pytest.raises(NotConvertible):
            js_text(value)


def test_truth() -> None:
    assert [truthy(value) for value in ({}, [], "a", 1, True)] == [True] * 5
    assert [truthy(value) for value in (None, False, 0, "", math.nan)] == [False] * 5
    assert first_truthy(None, "", [], 5) == []
    assert first_truthy(None, 0) is None


@pytest.mark.parametrize(
    ("value", "key"),
    [
        (" AbC ", "abc"),
        (None, ""),
        (0, ""),
        (12, "12"),
        ({"type": "Buffer", "data": [1, 255, 256, "x", -1]}, "01ff0000ff"),
        ({"type": "Buffer"}, "[object object]"),
    ],
)
def test_keys(value: Any, key: str) -> None:
    assert key_text(value) == key
