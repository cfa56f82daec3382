"""How a setting is described, once.

A setting is a dataclass field made with :func:`opt`. From its metadata come the TOML key, the command-line flags, the
environment names, the wizard's question, the settings form and the documentation tables.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

_KEY = "option"


@dataclass(frozen=True, slots=True)
class Option:
    """Everything known about one setting."""

    section: str
    """TOML table."""
    name: str
    """TOML key and field name."""
    kind: str
    """One of bool, int, float, text, list, map, path."""
    default: Any
    help: str
    flags: tuple[str, ...] = ()
    """Command-line spellings with the leading dashes; the first one given wins."""
    env: tuple[str, ...] = ()
    """Environment names; the first one set wins."""
    ge: float | None = None
    le: float | None = None
    choices: tuple[str, ...] = ()
    unit: str = ""
    step: str = ""
    """Wizard step that asks for it; empty = settings form only."""
    why: str = ""
    cost: str = ""
    secret: bool = False
    """Never printed; belongs in its own file."""

    @property
    def key(self) -> str:
        """``section.name``."""
        return f"{self.section}.{self.name}"

    @property
    def label(self) -> str:
        """The name as a person reads it."""
        return self.name.replace("_", " ")


def opt(
    default: Any,
    help: str,
    *,
    flag: str | Sequence[str] = (),
    env: str | Sequence[str] = (),
    kind: str = "",
    ge: float | None = None,
    le: float | None = None,
    choices: Sequence[str] = (),
    unit: str = "",
    step: str = "",
    why: str = "",
    cost: str = "",
    secret: bool = False,
) -> Any:
    """A dataclass field that is a setting; see :class:`Option` for the arguments."""
    metadata = {
        _KEY: {
            "kind": kind or _kind_of(default),
            "default": default,
            "help": help,
            "flags": (flag,) if isinstance(flag, str) else tuple(flag),
            "env": (env,) if isinstance(env, str) else tuple(env),
            "ge": ge,
            "le": le,
            "choices": tuple(choices),
            "unit": unit,
            "step": step,
            "why": why,
            "cost": cost,
            "secret": secret,
        }
    }
    if isinstance(default, dict):
        factory: Callable[[], Any] = lambda: dict(default)  # noqa: E731
        return dataclasses.field(default_factory=factory, metadata=metadata)
    return dataclasses.field(default=default, metadata=metadata)


def _kind_of(default: Any) -> str:
    match default:
        case bool():
            return "bool"
        case int():
            return "int"
        case float():
            return "float"
        case tuple():
            return "list"
        case dict():
            return "map"
        case _:
            return "text"


def section_options(section: str, cls: type[Any]) -> Iterator[Option]:
    """The settings of one section's dataclass, in order."""
    for field in dataclasses.fields(cls):
        if _KEY in field.metadata:
            yield Option(section=section, name=field.name, **field.metadata[_KEY])
