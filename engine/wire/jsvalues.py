"""JSON values as JavaScript converts them: to text, numbers, true or false, and from text that carries a JSON value.

Invites, welcomes and messages are normalised with these before they are hashed, and the bridge answers in these words,
so the results must be the reference's. A JSON object with its own ``toString`` makes the reference throw; here that is
:class:`NotConvertible`, and whatever holds the value is invalid.

Protocol reference: 06-sidechannel sections 4, 10 and 11, 07-sc-bridge sections 3 and 4.
"""

from __future__ import annotations

import base64
import binascii
import math
import re
from collections.abc import Mapping
from typing import Final, TypeGuard

from engine.errors import DecodeError
from engine.wire.jsjson import JsonValue, number_text, parse
from engine.wire.jstext import js_trim

UNDEFINED: Final = "undefined"
"""Text of a field that is missing."""

_BASE64 = re.compile(r"[A-Za-z0-9+/_-]+={0,2}")
_DECIMAL = re.compile(r"[+-]?(?:\d+\.?\d*(?:[eE][+-]?\d+)?|\.\d+(?:[eE][+-]?\d+)?)", re.ASCII)
_RADIX = re.compile(r"0(?:[xX][0-9a-fA-F]+|[oO][0-7]+|[bB][01]+)")
_INFINITE: Final = {"Infinity": math.inf, "+Infinity": math.inf, "-Infinity": -math.inf}


class NotConvertible(Exception):
    """The value has no text form: an object that hides the built-in conversion."""


def truthy(value: JsonValue) -> bool:
    """Whether JavaScript takes the value as true; empty arrays and objects are."""
    if isinstance(value, (dict, list)):
        return True
    return bool(value) and value == value


def members(value: JsonValue) -> Mapping[str, JsonValue]:
    """The members of an object; nothing for every other value."""
    return value if isinstance(value, dict) else {}


def first_truthy(*values: JsonValue) -> JsonValue:
    """``a || b || ...`` with None when none is true."""
    return next((value for value in values if truthy(value)), None)


def is_number(value: JsonValue) -> TypeGuard[int | float]:
    """``typeof value === "number"``."""
    return isinstance(value, (int, float)) and not isinstance(value, bool)


def js_text(value: JsonValue) -> str:
    """``String(value)``.

    Raises:
        NotConvertible: an object with its own ``toString``, at any depth of an array.
    """
    match value:
        case str():
            return value
        case None:
            return "null"
        case bool():
            return "true" if value else "false"
        case int() | float():
            return number_text(value)
        case list():
            return ",".join("" if item is None else js_text(item) for item in value)
        case dict():
            if "toString" in value:
                raise NotConvertible
            return "[object Object]"


def shown_text(value: JsonValue) -> str:
    """:func:`js_text` for answers and displays: what cannot be converted is shown as an object."""
    try:
        return js_text(value)
    except NotConvertible:
        return "[object Object]"


def text_or(value: JsonValue, default: str) -> str:
    """``String(value ?? default)``.

    Raises:
        NotConvertible: see :func:`js_text`.
    """
    return default if value is None else js_text(value)


def js_number(value: JsonValue) -> float:
    """``Number(value)``; NaN when it is no number.

    Raises:
        NotConvertible: see :func:`js_text`.
    """
    match value:
        case None:
            return 0.0
        case bool() | int() | float():
            return _to_double(value)
        case str():
            return _number_of_text(js_trim(value))
        case _:
            return _number_of_text(js_trim(js_text(value)))


def _to_double(value: int | float) -> float:
    try:
        return float(value)
    except OverflowError:
        return math.inf if value > 0 else -math.inf


def _number_of_text(text: str) -> float:
    if not text:
        return 0.0
    if _DECIMAL.fullmatch(text):
        return float(text)
    if _RADIX.fullmatch(text):
        return _to_double(int(text, 0))
    return _INFINITE.get(text, math.nan)


def key_text(value: JsonValue) -> str:
    """A public key as the reference normalises it: trimmed lower-case hex text, empty if there is none.

    A serialised Buffer (``{"type": "Buffer", "data": [...]}``) counts as its bytes.

    Raises:
        NotConvertible: see :func:`js_text`.
    """
    if isinstance(value, str):
        return js_trim(value).lower()
    if not truthy(value):
        return ""
    if isinstance(value, dict) and value.get("type") == "Buffer" and isinstance(value.get("data"), list):
        return _buffer_hex(value["data"])
    return js_trim(js_text(value)).lower()


def _buffer_hex(data: JsonValue) -> str:
    assert isinstance(data, list)
    numbers = (js_number(item) for item in data)
    return bytes(int(number) & 0xFF if math.isfinite(number) else 0 for number in numbers).hex()


def is_integral(value: JsonValue) -> bool:
    """``Number.isInteger(value)``."""
    return (isinstance(value, int) and not isinstance(value, bool)) or (isinstance(value, float) and value.is_integer())


def json_from_base64(text: str) -> JsonValue:
    """The JSON value in base64 text: standard or URL alphabet, padding optional, no white space.

    Raises:
        DecodeError: no base64, or no JSON inside.
    """
    if not _BASE64.fullmatch(text):
        raise DecodeError("Not base64.")
    plain = text.rstrip("=").translate({ord("-"): "+", ord("_"): "/"})
    try:
        data = base64.b64decode(plain + "=" * (-len(plain) % 4))
    except binascii.Error as error:
        raise DecodeError(f"Not base64: {error}.") from None
    return parse(data)
