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


def load_attachment(text: str) -> JsonValue:
    """As :func:`decode_attachment`, and ``@path`` reads a file, and a ``b64:`` prefix is removed.

    Raises:
        DecodeError: the file cannot be read, or it is neither JSON nor base64 of JSON; the text says which.
    """
    text = js_trim(text)
    if text.startswith("@"):
        try:
            with Path(text[1:]).expanduser().open("rb") as file:
                text = js_trim(file.read(MAX_FILE_BYTES).decode("utf-8", "replace"))
        except OSError as error:
            raise DecodeError(f"{text[1:]} cannot be read: {error.strerror}") from error
        except (ValueError, RuntimeError) as error:
            raise DecodeError(f"{text[1:]!r} is not a file: {error}") from error
    value = decode_attachment(text.removeprefix("b64:"))
    if value is None:
        raise DecodeError("it is neither JSON, nor base64 of JSON, nor @file")
    return value


def parse_attachment(text: str) -> JsonValue:
    """As :func:`load_attachment`, but None for what cannot be used."""
    try:
        return load_attachment(text)
    except DecodeError:
        return None


def encode_attachment(value: JsonValue) -> str:
    """Base64 of the JSON text, to be passed on in one line."""
    return base64.b64encode(encode_utf8(stringify(value))).decode()
