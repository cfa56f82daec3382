"""Invites and welcomes as a person passes them on: JSON, base64 of JSON, or a file.

Protocol reference: 06-sidechannel section 10.
"""

from __future__ import annotations

import base64
from pathlib import Path
from typing import Final

from engine.errors import DecodeError
from engine.wire.compact import encode_utf8
from engine.wire.jsjson import JsonValue, parse, stringify
from engine.wire.jstext import js_trim
from engine.wire.jsvalues import json_from_base64

MAX_FILE_BYTES: Final = 1_000_000


def decode_attachment(text: str) -> JsonValue:
    """The value of a JSON text that starts with ``{`` or of base64 of JSON; None if it is neither.

    Base64 may use either alphabet, with or without padding, without white space.
    """
    text = js_trim(text)
    if text.startswith("{"):
        try:
            return parse(text)
        except DecodeError:
            pass
    try:
        return json_from_base64(text)
    except DecodeError:
        return None


def parse_attachment(text: str) -> JsonValue:
    """As :func:`decode_attachment`, and ``@path`` reads a file, and a ``b64:`` prefix is removed.

    A file that cannot be read gives None.
    """
    text = js_trim(text)
    if text.startswith("@"):
        try:
            with Path(text[1:]).expanduser().open("rb") as file:
                text = js_trim(file.read(MAX_FILE_BYTES).decode("utf-8", "replace"))
        except (OSError, ValueError):
            return None
    return decode_attachment(text.removeprefix("b64:"))


def encode_attachment(value: JsonValue) -> str:
    """Base64 of the JSON text, to be passed on in one line."""
    return base64.b64encode(encode_utf8(stringify(value))).decode()
