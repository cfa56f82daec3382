"""What a question is, and the questions of every setting.

A question has one or more fields. A field sets settings (by option key) or *notes*: answers that are no settings, such
as where an identity comes from. Notes have keys that begin with ``@`` and are never written to the configuration file.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Literal

from engine.config.schema import Option
from engine.config.sections import OPTIONS
from engine.run_script import flag_text

Answers = Mapping[str, Any]
Kind = Literal["choice", "list", "number", "text", "secret"]
"""``choice``: beside each other; ``list``: below each other, with a sentence each; the others are typed."""

BY_KEY: Mapping[str, Option] = {option.key: option for option in OPTIONS}

YES, NO = "Yes", "No"


def always(_: Answers) -> bool:
    """A question that is asked whatever was answered before."""
    return True


@dataclass(frozen=True, slots=True)
class Choice:
    """One way to answer."""

    label: str
    values: Mapping[str, Any]
    """What choosing it sets."""
    detail: str = ""


@dataclass(frozen=True, slots=True)
class Field:
    """One thing to choose or to type."""

    key: str
    """Option key or note; for a choice that sets several, the first of them."""
    kind: Kind
    label: str = ""
    """Stands left of the field; the first field of a question needs none."""
    choices: tuple[Choice, ...] = ()
    note: str = ""
    """Stands right of the field: unit, range."""
    placeholder: str = ""
    shown: Callable[[Answers], bool] = always

    @property
    def keys(self) -> tuple[str, ...]:
        """Everything it sets."""
        return tuple(dict.fromkeys([self.key, *(key for choice in self.choices for key in choice.values)]))


@dataclass(frozen=True, slots=True)
class Question:
    """A question with what is needed to answer it."""

    id: str
    title: str
    fields: tuple[Field, ...]
    why: str = ""
    cost: str = ""
    default: str = ""
    shown: Callable[[Answers], bool] = always
    what: str = ""

    @property
    def flag_keys(self) -> tuple[str, ...]:
        """Its settings that have a flag."""
        keys = tuple(key for part in self.fields for key in part.keys)
        return tuple(key for key in keys if key in BY_KEY and BY_KEY[key].flags)


def yes_no(key: str, *, label: str = "", shown: Callable[[Answers], bool] = always) -> Field:
    """A field for a switch."""
    return Field(key, "choice", label, (Choice(YES, {key: True}), Choice(NO, {key: False})), shown=shown)


def number(key: str, *, label: str = "", shown: Callable[[Answers], bool] = always) -> Field:
    """A field for a whole number, with its unit and range."""
    return Field(key, "number", label, note=range_note(BY_KEY[key]), shown=shown)


def text(key: str, *, label: str = "", placeholder: str = "", shown: Callable[[Answers], bool] = always) -> Field:
    """A field for text."""
    return Field(key, "text", label, placeholder=placeholder, shown=shown)


def range_note(option: Option) -> str:
    """Unit and range of a number, for example ``bits, 0 to 32``."""
    bounds = ""
    if option.ge is not None and option.le is not None:
        bounds = f"{option.ge:,.0f} to {option.le:,.0f}"
    elif option.ge is not None:
        bounds = f"{option.ge:,.0f} or more"
    return ", ".join(part for part in (option.unit, bounds) if part)


def setting_question(key: str) -> Question:
    """The question of a single setting, made from the schema; the settings form consists of them."""
    option = BY_KEY[key]
    match option.kind:
        case "bool":
            one = yes_no(key)
        case "int" | "float":
            one = number(key)
        case _ if option.choices:
            one = Field(key, "choice", choices=tuple(Choice(word, {key: word}) for word in option.choices))
        case _:
            hints = {"list": "a, b, c", "map": "name:value, name:value", "path": "a path"}
            one = text(key, placeholder=hints.get(option.kind, ""))
    return Question(
        id=key, title=option.label, fields=(one,), what=option.help,
        why=option.why,
        cost=option.cost, default=shown_value(option, option.default),
    )  # fmt: skip


def shown_value(option: Option, value: Any) -> str:
    """A value as a person reads it."""
    if option.kind == "bool":
        return YES.lower() if value else NO.lower()
    if option.kind in ("int", "float"):
        return f"{value:,}" if option.name != "port" and not option.name.endswith("_port") else str(value)
    return flag_text(option, value) or "empty"
