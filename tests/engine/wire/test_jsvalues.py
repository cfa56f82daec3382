"""JSON values as JavaScript converts them."""

from __future__ import annotations

import base64
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from engine.errors import DecodeError
from engine.wire.jsjson import stringify
from engine.wire.jsvalues import is_integral, json_from_base64, truthy


@pytest.mark.parametrize("value", [[], {}, "0", 1, -1.5, True, float("inf")])
def test_true_values(value: Any) -> None:
    assert truthy(value) is True


@pytest.mark.parametrize("value", ["", 0, 0.0, -0.0, None, False, float("nan")])
def test_false_values(value: Any) -> None:
    assert truthy(value) is False


def test_whole_numbers() -> None:
    assert all(map(is_integral, (0, -1, 1.0, 1e300)))
    assert not any(map(is_integral, (True, 1.5, float("inf"), float("nan"), "1", None)))


@given(st.dictionaries(st.text(), st.integers(-100, 100)))
def test_base64_of_json_in_both_alphabets(value: dict[str, Any]) -> None:
    data = stringify(value).encode()
    for text in (base64.b64encode(data).decode(), base64.urlsafe_b64encode(data).decode().rstrip("=")):
        assert stringify(json_from_base64(text)) == data.decode()


@given(st.text())
def test_other_text_is_refused_or_decoded(text: str) -> None:
    try:
        json_from_base64(text)
    except DecodeError:
        return
    assert text.isascii()
