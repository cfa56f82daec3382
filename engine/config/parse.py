"""Text to setting values, as flags and environment variables give it (protocol reference 06-sidechannel section 5.1).

The reference takes odd text silently (``12x`` is 12, ``maybe`` is false, a difficulty that is not a number switches
proof of work off). Here such text is an error that names the setting and what it accepts.
"""

from __future__ import annotations

import re
from typing import Any

from engine.config.rules import RULES, VERBATIM
from engine.config.schema import Option
from engine.errors import InvalidValue
from engine.wire.jstext import js_trim

_TRUE = frozenset({"1", "true", "yes", "on"})
_FALSE = frozenset({"0", "false", "no", "off"})


def parse_text(option: Option, text: str, *, origin: str = "") -> Any:
    """The value of a setting given as text.

    Args:
        option: the setting.
        text: what was given; not empty.
        origin: where it was given, for the error text.

    Raises:
        InvalidValue: the text is not a value of this setting.
    """
    match option.kind:
        case "bool":
            value: Any = _parse_bool(option, text, origin)
        case "int":
            value = _parse_int(option, text, origin)
        case "list":
            value = parse_list(text)
        case "map":
            value = _parse_map(option, text, origin)
        case _:
            value = text
    return check(option, value, origin=origin)


def parse_list(text: str) -> tuple[str, ...]:
    """Items between commas, trimmed, empty ones dropped."""
    return tuple(item for item in map(js_trim, text.split(",")) if item)


def parse_map(text: str) -> dict[str, str]:
    """``a:x,b=y``: each item is split at its first colon, or at its first ``=`` when it has no colon.

    Raises:
        ValueError: an item has no name or no value.
    """
    result: dict[str, str] = {}
    for item in parse_list(text):
        name, _, value = item.partition(":" if ":" in item else "=")
        if not js_trim(name) or not js_trim(value):
            raise ValueError(f"{item!r} is not of the form name:value")
        result[js_trim(name)] = js_trim(value)
    return result


def check(option: Option, value: Any, *, origin: str = "") -> Any:
    """The value when it is allowed for the setting.

    Raises:
        InvalidValue: wrong kind, out of range, or not one of the choices.
    """
    kinds: dict[str, tuple[type, ...]] = {
        "bool": (bool,),
        "int": (int,),
        "float": (int, float),
        "list": (tuple, list),
        "map": (dict,),
    }
    expected = kinds.get(option.kind, (str,))
    if not isinstance(value, expected) or (isinstance(value, bool) and option.kind != "bool"):
        raise _invalid(option, value, f"it must be {_describe(option)}", origin)
    if isinstance(value, int | float) and not _in_range(option, value):
        raise _invalid(option, value, f"it must be {_describe(option)}", origin)
    if option.choices and value not in option.choices:
        raise _invalid(option, value, "it must be one of " + ", ".join(option.choices), origin)
    if isinstance(value, list | tuple):
        value = tuple(value)
        if not all(isinstance(item, str) for item in value):
            raise _invalid(option, value, "it must be a list of text", origin)
    if isinstance(value, dict) and not all(isinstance(item, str) for item in value.values()):
        raise _invalid(option, value, "it must be a table of text", origin)
    rule = RULES.get(option.key)
    try:
        return value if rule is None else rule(value)
    except ValueError as error:
        if option.key in VERBATIM:
            raise InvalidValue(str(error), hint=option.help) from error
        raise _invalid(option, value, str(error), origin) from error


def _parse_map(option: Option, text: str, origin: str) -> dict[str, str]:
    try:
        return parse_map(text)
    except ValueError as error:
        raise _invalid(option, text, str(error), origin) from error


def _in_range(option: Option, value: float) -> bool:
    return (option.ge is None or value >= option.ge) and (option.le is None or value <= option.le)


def _parse_bool(option: Option, text: str, origin: str) -> bool:
    word = text.strip().lower()
    if word in _TRUE:
        return True
    if word in _FALSE:
        return False
    raise _invalid(option, text, "it must be 1 or 0 (also true/false, yes/no, on/off)", origin)


def _parse_int(option: Option, text: str, origin: str) -> int:
    digits = text.strip()
    if re.fullmatch(r"-?[0-9]{1,18}", digits) is None:
        raise _invalid(option, text, f"it must be {_describe(option)}", origin)
    return int(digits)


def _describe(option: Option) -> str:
    match option.kind:
        case "bool":
            return "true or false"
        case "int" | "float":
            unit = f" {option.unit}" if option.unit else ""
            if option.ge is not None and option.le is not None:
                return f"a whole number of {option.ge:g} to {option.le:g}{unit}"
            if option.ge is not None:
                return f"a whole number of at least {option.ge:g}{unit}"
            return f"a whole number{unit}"
        case "list":
            return "a list of text"
        case "map":
            return "a table of text"
        case _:
            return "text"


def _invalid(option: Option, value: Any, why: str, origin: str) -> InvalidValue:
    shown = "***" if option.secret else repr(",".join(map(str, value)) if isinstance(value, tuple) else value)
    name = origin or (option.flags[0] if option.flags else option.key)
    return InvalidValue(f"{name} is {shown}, but {why}.", hint=option.help)
