"""The run script of a peer and the commands with which others join its channels.

Every command is one line with every value filled in and quoted for a POSIX shell: it can be copied as it stands.
"""

from __future__ import annotations

import shlex
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from engine.config.load import values_of
from engine.config.schema import Option
from engine.config.sections import ENTRY_CHANNEL, OPTIONS, Config

_PROGRAM = "intercom-tui"


@dataclass(frozen=True)
class Joiner:
    """How one channel is joined by others."""

    channel: str
    command: str
    """One line; empty when there is none."""
    note: str


def carried_by_flags(name: str) -> bool:
    """Whether flags can carry a channel name: commas and colons separate, and a command is one printable line."""
    return name.isprintable() and not {",", ":"} & set(name)


def flag_arguments(values: Mapping[str, Any], defaults: Mapping[str, Any]) -> list[str]:
    """The flags for settings that differ from their defaults; secrets are left out."""
    arguments: list[str] = []
    for option in OPTIONS:
        value = values.get(option.key, option.default)
        if option.flags and not option.secret and value != defaults[option.key]:
            arguments += [option.flags[0], flag_text(option, value)]
    return arguments


def flag_text(option: Option, value: Any) -> str:
    """A setting's value as text for its flag."""
    if option.kind == "bool":
        return "1" if value else "0"
    if option.kind == "list":
        return ",".join(value)
    if option.kind == "map":
        return ",".join(f"{name}:{text}" for name, text in value.items())
    return str(value)


def start_command(config: Config, *, home: str, headless: bool) -> str:
    """One line that starts this peer as it is configured, from any directory."""
    words = [_PROGRAM] + (["run"] if headless else [])
    if home:
        words += ["--home", _absolute(home)]
    values = values_of(config)
    for option in OPTIONS:
        if option.kind == "path":
            values[option.key] = _absolute(values[option.key])
        elif option.key in ("sidechannel.welcome", "sidechannel.invites"):
            values[option.key] = {name: _absolute_attachment(text) for name, text in values[option.key].items()}
    words += flag_arguments(values, values_of(Config()))
    return shlex.join(words)


def _absolute(path: str) -> str:
    return str(Path(path).expanduser().absolute()) if path else ""


def _absolute_attachment(text: str) -> str:
    return f"@{_absolute(text[1:])}" if text.startswith("@") else text


def joiner_command(
    config: Config,
    channel: str,
    *,
    invite_b64: str | None = None,
    inviter: str | None = None,
    welcome_b64: str | None = None,
    owner: str | None = None,
    headless: bool = True,
) -> str:
    """One line with which somebody else joins a channel of this peer.

    Args:
        config: of this peer; what the joiner must share is taken from it.
        channel: channel to join.
        invite_b64: an invite for the joiner, if the channel is protected.
        inviter: public key hex of who made the invite.
        welcome_b64: the channel's welcome, if there is one.
        owner: the channel's owner, public key hex, if there is one.
        headless: ``run`` instead of the full-screen app.
    """
    shared = {key: value for key, value in values_of(config).items() if key.split(".")[0] == "network"}
    shared["network.bind_host"], shared["network.bind_port"] = "", 0
    shared["sidechannel.channels"] = () if channel == ENTRY_CHANNEL else (channel,)
    if owner:
        shared["sidechannel.owner"] = {channel: owner}
    if welcome_b64:
        shared["sidechannel.welcome"] = {channel: f"b64:{welcome_b64}"}
    if invite_b64:
        shared["sidechannel.invites"] = {channel: f"b64:{invite_b64}"}
        shared["sidechannel.invite_required"] = True
        shared["sidechannel.invite_channels"] = (channel,)
        shared["sidechannel.inviter_keys"] = tuple(filter(None, (inviter,)))
    for name in ("pow", "pow_difficulty", "pow_entry", "pow_channels", "welcome_required"):
        shared[f"sidechannel.{name}"] = getattr(config.sidechannel, name)
    if channel in config.sidechannel.owner_write_channels or config.sidechannel.owner_write_only:
        shared["sidechannel.owner_write_channels"] = (channel,)
    words = [_PROGRAM] + (["run"] if headless else []) + flag_arguments(shared, values_of(Config()))
    return shlex.join(words)


def render_script(config: Config, *, home: str, joiners: Sequence[Joiner]) -> str:
    """A shell script that starts this peer; the joiners' commands stand in it as comments."""
    lines = ["#!/bin/sh", f"# Starts the peer {config.identity.peer_store_name}.", "set -eu", ""]
    for joiner in joiners:
        lines += [f"# To join {_comment(joiner.channel)}: {_comment(joiner.note)}"]
        lines += [f"#   {joiner.command}", ""] if joiner.command else [""]
    lines.append("exec " + start_command(config, home=home, headless=True) + ' "$@"')
    return "\n".join(lines) + "\n"


def _comment(text: str) -> str:
    """Text that cannot leave its line."""
    return "".join(character if character.isprintable() else "?" for character in text)
