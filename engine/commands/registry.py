"""The table of commands, and how a line finds its row.

Lines are matched as the reference matches them: four exact commands, then prefixes in its order, so ``/sc_statsfoo`` is
``/sc_stats``. Only what nothing in the reference matches can be one of our own commands or short forms, which are whole
words.

Protocol reference: 15-terminal-commands section 1, 06-sidechannel section 10.
"""

from __future__ import annotations

import difflib
from collections.abc import Iterator
from typing import Final

from engine.api import CommandResult, EngineAPI
from engine.commands.channel import CHANNEL, CHANNEL_COMMANDS, LEAVE
from engine.commands.command import Call, Command, CommandHost, Match, Role, lines
from engine.commands.subnet import BUILT_IN_COMMANDS, CHAT, PROTOCOL_COMMANDS, SAMPLE, SETUP
from engine.commands.system import EXIT, GET_KEYS, PEERS, PRINT, RECONNECT, STATS, SYSTEM
from engine.errors import IntercomError
from engine.wire.jstext import js_trim

NOT_ALLOWED: Final = "Not allowed for agents. The peer's owner can allow it with --sc-bridge-cli-dangerous 1."


async def _help(call: Call) -> CommandResult:
    word = call.line.removeprefix("/help").strip()
    if word:
        found = find(word if word.startswith("/") else f"/{word}")
        return lines(*_describe(found[0])) if found is not None else lines(suggestion(word))
    return lines(*help_lines(short=call.human))


HELP: Final = Command(
    name="system.help",
    slash="/help",
    title="system: help",
    help="Show this help; /help <command> shows one command.",
    group=SYSTEM,
    handler=_help,
    match=Match.EXACT,
    shorts=("/help",),
    positions=("command",),
    takes_rest=True,
)

COMMANDS: Final[tuple[Command, ...]] = (
    STATS,
    HELP,
    EXIT,
    GET_KEYS,
    *BUILT_IN_COMMANDS,
    *PROTOCOL_COMMANDS,
    *CHANNEL_COMMANDS,
    PRINT,
    LEAVE,
    PEERS,
    RECONNECT,
)
"""Every command, in the order in which lines are matched."""

_SHORTS: Final = {short: command for command in COMMANDS for short in command.shorts}


def find(line: str) -> tuple[Command, bool] | None:
    """The command a line means, and whether it is a short form; None for unknown lines."""
    for command in COMMANDS:
        if command.match is not Match.WORD and command.matches(line):
            return command, False
    word = line.split(maxsplit=1)[0] if line else ""
    command_of_short = _SHORTS.get(word)
    return (command_of_short, True) if command_of_short is not None else None


async def execute(
    engine: EngineAPI, line: str, *, admin: bool = True, human: bool = True, host: CommandHost | None = None
) -> CommandResult:
    """Run one command line.

    Args:
        engine: the peer.
        line: what was typed or sent.
        admin: commands of the operator are allowed.
        human: a person reads the answer: reasons, short usage lines and suggestions are added. Otherwise the answer is
            the reference's: nothing at all for an unknown command.
        host: the process around the peer.
    """
    line = js_trim(line)
    found = find(line)
    if found is None:
        error = suggestion(line) if human else None
        return CommandResult(ok=not human, output=(), error=error)
    command, short = found
    if command.role is Role.OPERATOR and not admin:
        return CommandResult(ok=False, output=(), error=NOT_ALLOWED)
    try:
        return await command.handler(Call(engine, command, line, short, human, host))
    except IntercomError as error:
        text = f"{error} {error.hint}".rstrip() if human else str(error)
        return CommandResult(ok=False, output=(), error=text)


def suggestion(line: str) -> str:
    """What to tell a person about a line that is no command."""
    word = line.split(maxsplit=1)[0] if line.strip() else ""
    if not word:
        return "Nothing to run. /help lists the commands."
    known = [*_SHORTS, *(command.slash for command in COMMANDS)]
    near = difflib.get_close_matches(f"/{word.lstrip('/')}", known, n=1, cutoff=0.5)
    hint = f"Did you mean {near[0]}?" if near else "/help lists the commands."
    return f"Unknown command {word[:64]!r}. {hint}"


def help_lines(*, short: bool = False) -> Iterator[str]:
    """The help text, made from the table.

    Args:
        short: list the short forms too.
    """
    yield "Node started. Available commands:"
    for group in (SETUP, CHAT, SYSTEM, SAMPLE, CHANNEL):
        yield " "
        yield f"- {group}:"
        for command in COMMANDS:
            if command.group == group:
                yield f"- {command.slash} | {command.help} '{command.full_usage}'{_note(command)}"
    if short:
        yield " "
        yield "- Short Forms:"
        yield from (f"- {command.short_usage}" for command in COMMANDS if command.short_usage)


def _note(command: Command) -> str:
    return "" if command.available else " (not in this version)"


def _describe(command: Command) -> Iterator[str]:
    yield f"{command.title} | {command.help}{_note(command)}"
    yield f"Usage: {command.full_usage}"
    if command.short_usage and command.match is not Match.WORD:
        yield f"Short: {command.short_usage}"


def commands_table() -> str:
    """All commands of this version as a Markdown table."""
    rows = ["| command | short form | meaning |", "|---|---|---|"]
    for command in COMMANDS:
        if command.available:
            cells = [f"`{text}`" if text else "" for text in (command.full_usage, command.short_usage)]
            cells.append(command.help + (" Not for agents by default." if command.role is Role.OPERATOR else ""))
            rows.append("| " + " | ".join(cell.replace("|", "\\|") for cell in cells) + " |")
    return "\n".join(rows)
