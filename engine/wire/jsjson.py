"""JSON exactly as JavaScript reads and writes it.

Signatures and proof of work hash JSON text made by other peers' ``JSON.stringify``, so text made here must be equal to
the last byte. This is the only module that reads or writes JSON that is hashed, signed or sent to peers.

Theory of operation. Reading uses the standard library's parser, which accepts the same grammar, with hooks where the
two differ: numbers are doubles (an integer above 2^53 loses precision), NaN and Infinity literals are refused, and so
is nesting above :data:`MAX_DEPTH` (checked before parsing, so the result does not depend on how deep the caller is).
Writing is done here, because number text, key order and lone surrogates differ; only strings are quoted by the standard
library. JavaScript's ``undefined`` does not exist in JSON values: leave the key out.

What a peer may do wrong: send text that is no JSON or is nested too deeply. Both are
:class:`~engine.errors.DecodeError`.

Protocol reference: 06-sidechannel section 2.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterable
from itertools import accumulate
from json.encoder import encode_basestring
from typing import Any, Final, NoReturn, TypeAlias

from engine.errors import DecodeError, LocalProtocolError

JsonValue: TypeAlias = "bool | int | float | str | list[JsonValue] | dict[str, JsonValue] | None"
"""What :func:`parse` returns."""

MAX_DEPTH: Final = 256
"""Arrays and objects inside each other that :func:`parse` accepts."""

MAX_EXACT_INTEGER: Final = 2**53
_SHORT_INTEGER_DIGITS: Final = 15
_MAX_ARRAY_INDEX: Final = 2**32 - 2
_NOT_FINITE: Final = {"nan": "NaN", "inf": "Infinity", "-inf": "-Infinity"}

_STRING = re.compile(r'"[^"\\]*+(?:\\.[^"\\]*+)*+"?', re.DOTALL)
_SURROGATES = re.compile("[\ud800-\udbff][\udc00-\udfff]|[\ud800-\udfff]")
_STEPS: Final = {ord("["): 1, ord("{"): 1, ord("]"): -1, ord("}"): -1}
_NO_BRACKETS: Final = bytes(byte for byte in range(256) if byte not in _STEPS)


def _parse_int(text: str) -> int | float:
    if len(text) > _SHORT_INTEGER_DIGITS:
        number = float(text)
        return number if abs(number) > MAX_EXACT_INTEGER else int(number)
    return int(text)


def _refuse_constant(name: str) -> NoReturn:
    raise ValueError(f"{name} is not JSON")


_decoder = json.JSONDecoder(parse_int=_parse_int, parse_constant=_refuse_constant)


def _depth(text: str) -> int:
    brackets = _STRING.sub("", text).encode("utf-8", "replace").translate(None, _NO_BRACKETS)
    return max(accumulate(map(_STEPS.__getitem__, brackets)), default=0)


def parse(text: str | bytes) -> JsonValue:
    """The value of a JSON text, as ``JSON.parse`` gives it. Bytes are UTF-8; invalid sequences become U+FFFD.

    Integers of at most 2^53 are ``int``, all other numbers ``float`` (``1e400`` is infinite).

    Raises:
        DecodeError: no JSON, or nested more than :data:`MAX_DEPTH` deep.
    """
    if not isinstance(text, str):
        text = text.decode("utf-8", "replace")
    if text.count("[") + text.count("{") > MAX_DEPTH and _depth(text) > MAX_DEPTH:
        raise DecodeError(f"JSON is nested more than {MAX_DEPTH} deep.")
    try:
        value: JsonValue = _decoder.decode(text)
    except ValueError as error:
        raise DecodeError(f"Not JSON: {error}.") from None
    return value


def stringify(value: object) -> str:
    """The text ``JSON.stringify(value)`` gives: integer-like keys first, no white space, NaN and infinities as null.

    Raises:
        LocalProtocolError: *value* holds something that is not JSON or is nested too deeply.
    """
    return _serialise(value, property_order)


def stable_stringify(value: object) -> str:
    """The canonical text that is hashed and signed: like :func:`stringify`, keys sorted by UTF-16 code units.

    Raises:
        LocalProtocolError: as :func:`stringify`.

    Protocol reference: 06-sidechannel section 2.
    """
    return _serialise(value, _sorted_order)


_Order: TypeAlias = Callable[[dict[str, Any]], Iterable[str]]


def _serialise(value: object, order: _Order) -> str:
    if not isinstance(value, (dict, list)):
        return _scalar_text(value)
    parts: list[str] = []
    try:
        _write(value, parts.append, order)
    except (RecursionError, TypeError):
        raise LocalProtocolError("The value is nested too deeply or has a key that is not text.") from None
    return "".join(parts)


def _write(value: Any, emit: Callable[[str], None], order: _Order) -> None:
    kind = type(value)
    if kind is dict:
        separator = "{"
        for key in order(value):
            item = value[key]
            if type(item) is dict or type(item) is list:
                emit(f"{separator}{_quote(key)}:")
                _write(item, emit, order)
            else:
                emit(f"{separator}{_quote(key)}:{_scalar_text(item)}")
            separator = ","
        emit("}" if value else "{}")
    elif kind is list:
        separator = "["
        for item in value:
            emit(separator)
            _write(item, emit, order)
            separator = ","
        emit("]" if value else "[]")
    else:
        emit(_scalar_text(value))


def _scalar_text(value: Any) -> str:
    if type(value) is str:
        return _quote(value)
    if value is None:
        return "null"
    if value is True:
        return "true"
    if value is False:
        return "false"
    if isinstance(value, (int, float)):
        text = number_text(value)
        return "null" if text[-1] in "Ny" else text  # NaN, Infinity
    raise LocalProtocolError(f"A {type(value).__name__} is not a JSON value.")


def _quote(text: str) -> str:
    quoted: str = encode_basestring(text)
    if not quoted.isascii():
        try:
            quoted.encode()
        except UnicodeEncodeError:
            return _SURROGATES.sub(_join_or_escape, quoted)
    return quoted


def _join_or_escape(match: re.Match[str]) -> str:
    units = match[0]
    if len(units) == 2:
        return units.encode("utf-16-le", "surrogatepass").decode("utf-16-le")
    return f"\\u{ord(units):04x}"


def property_order(members: dict[str, Any]) -> Iterable[str]:
    """The keys as JavaScript lists them: integer-like ones first, ascending, the others as they were added."""
    if not any(map(str.isdigit, members)):
        return members
    indices = [key for key in members if _is_array_index(key)]
    if not indices:
        return members
    indices.sort(key=int)
    return indices + [key for key in members if not _is_array_index(key)]


def _is_array_index(key: str) -> bool:
    plain = key.isascii() and key.isdigit() and len(key) <= 10
    return plain and (key == "0" or key[0] != "0") and int(key) <= _MAX_ARRAY_INDEX


def _sorted_order(members: dict[str, Any]) -> Iterable[str]:
    if "".join(members).isascii():
        return sorted(members)
    return sorted(members, key=lambda key: key.encode("utf-16-be", "surrogatepass"))


def number_text(value: int | float) -> str:
    """The text of a number as ``String(value)`` gives it, including ``NaN`` and ``Infinity``.

    Protocol reference: 06-sidechannel section 2.1.
    """
    if isinstance(value, int):
        if -MAX_EXACT_INTEGER <= value <= MAX_EXACT_INTEGER:
            return str(int(value))
        try:
            value = float(value)
        except OverflowError:
            return "-Infinity" if value < 0 else "Infinity"
    text = float.__repr__(value)
    if text[-2:] == ".0":
        return "0" if text == "-0.0" else text[:-2]
    if "e" in text:
        return _exponent_text(text)
    return _NOT_FINITE.get(text, text)


def _exponent_text(text: str) -> str:
    sign, text = ("-", text[1:]) if text[0] == "-" else ("", text)
    mantissa, _, exponent = text.partition("e")
    digits = mantissa.replace(".", "").rstrip("0")
    point = int(exponent) + 1
    if len(digits) <= point <= 21:
        return f"{sign}{digits.ljust(point, '0')}"
    if -6 < point <= 0:
        return f"{sign}0.{'0' * -point}{digits}"
    fraction = f".{digits[1:]}" if len(digits) > 1 else ""
    return f"{sign}{digits[0]}{fraction}e{point - 1:+d}"
