"""JSON values as JavaScript converts them: to text, to true or false, and from text that carries a JSON value.

Protocol reference: 07-sc-bridge sections 3 and 4, 06-sidechannel section 10.
"""

from __future__ import annotations

import base64
import binascii
import re
from typing import Final

from engine.errors import DecodeError
from engine.wire.jsjson import JsonValue, number_text, parse

UNDEFINED: Final = "undefined"
"""Text of a field that is missing."""

_BASE64 = re.compile(r"[A-Za-z0-9+/_-]+={0,2}")


def js_text(value: JsonValue) -> str:
    """``String(value)``: arrays are joined by commas, objects become ``[object Object]``."""
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
            return "[object Object]"


def is_truthy(value: JsonValue) -> bool:
    """True where JavaScript's ``if (value)`` is: empty arrays and objects count, ``NaN`` does not."""
    return isinstance(value, (list, dict)) or (bool(value) and value == value)


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
