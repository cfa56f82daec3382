"""Completions of commands, names and channels."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from difflib import get_close_matches
from functools import lru_cache

from engine.status import EngineStatus
from intercom_tui.actions import ACTIONS, Action
from intercom_tui.people import People
from intercom_tui.safe import safe_line
from intercom_tui.widgets.completions import Completion


@dataclass(frozen=True, slots=True)
class EngineCommand:
    """A command that the engine runs."""

    name: str
    usage: str
    help: str
    available: bool


@lru_cache(maxsize=1)
def engine_commands() -> tuple[EngineCommand, ...]:
    """Commands of the engine, each under its slash name and its short forms; read when first needed."""
    from engine.commands.registry import COMMANDS

    own = {action.slash_name for action in ACTIONS}
    found = []
    for command in COMMANDS:
        if command.slash in own:
            continue
        found.append(EngineCommand(command.slash, command.usage, command.help, command.available))
        places = " ".join(f"<{place}>" for place in command.positions)
        found += [
            EngineCommand(short, places, command.help, command.available)
            for short in command.shorts
            if short not in own and short != command.slash
        ]
    return tuple(found)


def is_engine_command(line: str) -> bool:
    """True when the engine knows what a line means."""
    from engine.commands.registry import find

    return find(line.strip()) is not None


def find_action(word: str) -> Action | None:
    """The app's action with that slash command."""
    if word == "/exit":
        word = "/quit"
    return next((action for action in ACTIONS if action.slash and action.slash_name == word), None)


def nearest_command(word: str) -> str | None:
    """The command that ``word`` probably means."""
    names = [action.slash_name for action in ACTIONS if action.slash]
    names += [command.name for command in engine_commands() if command.available]
    found = get_close_matches(word, names, n=1, cutoff=0.5)
    return found[0] if found else None


def complete(before: str, status: EngineStatus, people: People) -> list[Completion]:
    """What could stand in place of the last word before the cursor."""
    word = before.rsplit(" ", 1)[-1]
    if before.startswith("/") and " " not in before:
        return _commands(before)
    if word.startswith("@") and len(word) > 1:
        return _people(word, status, people)
    if word.startswith("#") and len(word) > 1:
        return _channels(word, "#", status)
    if before.startswith(("/join ", "/goto ", "/open ")):
        return _channels(word, "", status)
    return []


def _commands(before: str) -> list[Completion]:
    found = []
    for action in ACTIONS:
        if action.slash and action.slash_name.startswith(before):
            hint = action.slash[len(action.slash_name) + 1 :]
            found.append(Completion(action.slash_name + (" " if hint else ""), len(before), hint, action.title))
    for command in engine_commands():
        if command.name.startswith(before) and command.available:
            text = command.name + (" " if command.usage else "")
            found.append(Completion(text, len(before), command.usage, command.help))
    if len(found) == 1 and found[0].text.strip() == before and not found[0].hint:
        return []
    return found


def _people(word: str, status: EngineStatus, people: People) -> list[Completion]:
    wanted = word[1:].casefold()
    found = []
    for key in _keys(status, people):
        name = people.petname(key)
        if name and name != "you" and name.casefold().startswith(wanted) and name.casefold() != wanted:
            found.append(Completion(f"@{name} ", len(word), "", people.full_label(key)))
        elif key.startswith(wanted) and len(wanted) < 8:
            found.append(Completion(f"@{key[:8]} ", len(word), "", people.full_label(key)))
    return found


def _keys(status: EngineStatus, people: People) -> Iterable[str]:
    seen = dict.fromkeys(people.petnames)
    seen.update(dict.fromkeys(peer.public_key for peer in status.peers))
    return seen


def _channels(word: str, prefix: str, status: EngineStatus) -> list[Completion]:
    wanted = word.removeprefix(prefix).casefold()
    found = []
    for channel in status.channels:
        name = safe_line(channel.name, 60)
        if name.casefold().startswith(wanted) and name.casefold() != wanted:
            found.append(Completion(f"{prefix}{name} ", len(word), "", channel.kind.value))
    return found
