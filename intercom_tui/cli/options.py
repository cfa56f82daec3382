"""Flags made from the settings schema, in the reference's syntax.

``--name value``, ``--name=value`` and, for switches, ``--name`` alone are accepted on every command, before and after
its name. Later ones win.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, TypeVar

import click

from engine.config.load import LoadedConfig, load_config, nearest_option
from engine.config.schema import Option
from engine.config.sections import OPTIONS
from engine.paths import Paths, config_path, resolve_paths

F = TypeVar("F", bound=Callable[..., Any])

_SWITCHES = {flag for option in OPTIONS if option.kind == "bool" for flag in option.flags}
_VALUED = {flag for option in OPTIONS for flag in option.flags} - _SWITCHES
_VALUED |= {"--home", "--output", "--invitee", "--host", "--port", "--nodes"}
_SPELLINGS = [option.flags for option in OPTIONS if len(option.flags) > 1]
_STORE_NAME = "identity.peer_store_name"


@dataclass(frozen=True)
class Invocation:
    """What the user asked for: settings, where they came from, and where the files are."""

    loaded: LoadedConfig
    paths: Paths
    home: str
    flags: Mapping[str, str]
    """Option key to the text given on the command line."""


def normalise(argv: Sequence[str], commands: Collection[str] = ()) -> list[str]:
    """Give every flag its value: ``--local run`` becomes ``--local=true run``, ``--theme x`` becomes ``--theme=x``.

    A word that begins with ``--`` is never a value, and the first of several names of one setting wins over the others.

    Args:
        argv: words of the command line.
        commands: names of commands, which are no values of switches.

    Raises:
        click.UsageError: a flag has no value.
    """
    result: list[str] = []
    words = list(argv)
    commands = set(commands)
    while words:
        word = words.pop(0)
        following = words[0] if words and not words[0].startswith("--") else None
        if word in _SWITCHES:
            if following is None or following in commands:
                word += "=true"
            else:
                word += f"={words.pop(0)}"
        elif word in _VALUED:
            if following is None:
                raise click.UsageError(f"{word} needs a value.")
            word += f"={words.pop(0)}"
        if word in commands:
            commands.clear()
        result.append(word)
    return _preferred(result)


def _preferred(words: list[str]) -> list[str]:
    """Without the second spelling of a setting whose first one has a value."""
    for preferred, *others in _SPELLINGS:
        if any(word.startswith(f"{preferred}=") and word != f"{preferred}=" for word in words):
            words = [word for word in words if not word.startswith(tuple(f"{other}=" for other in others))]
    return words


def settings_options(function: F) -> F:
    """Add a flag for every setting, and ``--home``, to a command."""
    for option in reversed(OPTIONS):
        if option.flags:
            function = _click_option(option)(function)
    return click.option("--home", default="", metavar="DIR", help="Keep all files of this peer in one directory.")(
        function
    )


def _click_option(option: Option) -> Callable[[F], F]:
    name = "setting:" + option.key
    default = "***" if option.secret else _shown(option.default)
    return click.option(
        *option.flags,
        name.replace(":", "__").replace(".", "__"),
        default=None,
        metavar=option.kind.upper(),
        help=f"{option.help}  [default: {default}]",
        multiple=True,
    )


def _shown(value: Any) -> str:
    if isinstance(value, bool):
        return "1" if value else "0"
    if isinstance(value, tuple):
        return ",".join(value) or "none"
    return str(value) if value not in ("", {}) else "none"


def given_settings(arguments: Mapping[str, Any]) -> dict[str, str]:
    """Option key to text, for the flags that were given; the last one wins."""
    given: dict[str, str] = {}
    for name, values in arguments.items():
        if name.startswith("setting__") and values:
            _, section, field = name.split("__", 2)
            given[f"{section}.{field}"] = values[-1]
    return given


def invocation(context: click.Context, arguments: Mapping[str, Any], *, label: str = "") -> Invocation:
    """Merge the group's flags with the command's and load the configuration.

    Args:
        context: of the command.
        arguments: of the command.
        label: store label given as a first word; a flag wins over it.

    Raises:
        ConfigError: a source is not usable.
    """
    outer: dict[str, Any] = dict(context.find_root().params) if context.parent is not None else {}
    flags = {**given_settings(outer), **given_settings(arguments)}
    if label:
        flags.setdefault(_STORE_NAME, label)
    home = arguments.get("home") or outer.get("home") or os.environ.get("INTERCOM_HOME", "")
    store_name = flags.get(_STORE_NAME) or os.environ.get("PEER_STORE_NAME", "") or "peer"
    return _invocation(config_path(home, store_name), home, flags)


def reload(call: Invocation) -> Invocation:
    """The same invocation after the configuration file was written."""
    return _invocation(call.paths.config_file, call.home, call.flags)


def _invocation(config_file: Path, home: str, flags: Mapping[str, str]) -> Invocation:
    loaded = load_config(config_file, os.environ, flags)
    paths = replace(resolve_paths(home, loaded.config), config_file=config_file)
    return Invocation(loaded, paths, home, flags)


def explain_unknown_flag(error: click.NoSuchOption) -> str:
    """The error text for a flag that does not exist, with the nearest one that does."""
    near = nearest_option(error.option_name)
    hint = f" Did you mean {near.flags[0]}?" if near is not None and near.flags else ""
    return f"There is no flag {error.option_name}.{hint}"
