"""What a command is: one row of the table behind the terminal, the palette, the bridge, help and documentation."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from enum import Enum
from typing import Protocol, TypeAlias

from engine.api import CommandResult, EngineAPI
from engine.commands.arguments import Arguments, parse_arguments, parse_short
from engine.wire.jsjson import JsonValue, stringify


class Role(Enum):
    """Who may run a command."""

    ANYONE = "anyone"
    """Whoever may run commands at all."""
    OPERATOR = "operator"
    """The person at the screen; an agent only where the settings say so."""


class Match(Enum):
    """How the reference recognises a command."""

    EXACT = "exact"
    """The whole line."""
    PREFIX = "prefix"
    """The line starts with it, even in the middle of a word."""
    WORD = "word"
    """The first word; commands that the reference does not have."""


@dataclass(frozen=True, slots=True)
class KeyText:
    """The keys of this peer as ``/get_keys`` shows them."""

    address: str
    public_key: str
    """64 hex digits."""
    secret_key: str
    """128 hex digits."""


class CommandHost(Protocol):
    """The process around the peer."""

    def request_exit(self) -> None:
        """Stop the peer and end the process with code 0."""

    def reveal_keys(self) -> KeyText:
        """The keys of this peer.

        Raises:
            NotReady: they are not loaded yet.
        """


@dataclass(frozen=True, slots=True)
class Call:
    """One run of a command."""

    engine: EngineAPI
    command: Command
    line: str
    """The line as it came in, trimmed."""
    short: bool
    """It was called by a short form."""
    human: bool
    """A person reads the answer: it may explain more than the reference does."""
    host: CommandHost | None

    @property
    def arguments(self) -> Arguments:
        """Named values of the line.

        Raises:
            BadRequest: a quote is not closed, or a short form has too many words.
        """
        if self.short:
            return parse_short(self.line, self.command.positions, rest=self.command.takes_rest)
        return parse_arguments(self.line)


Handler: TypeAlias = Callable[[Call], Awaitable[CommandResult]]


@dataclass(frozen=True, slots=True)
class Command:
    """One command."""

    name: str
    """Stable name, ``group.verb``."""
    slash: str
    """Spelling of the reference."""
    title: str
    """As the palette lists it: ``group: verb``."""
    help: str
    """One sentence."""
    group: str
    """Heading in the help text."""
    handler: Handler
    match: Match = Match.PREFIX
    usage: str = ""
    """Arguments of :attr:`slash`."""
    shorts: tuple[str, ...] = ()
    """Short forms for people, whole words."""
    positions: tuple[str, ...] = ()
    """Names of the words after a short form."""
    takes_rest: bool = False
    """The last position takes the rest of the line."""
    role: Role = Role.ANYONE
    available: bool = True
    """False: known, but not part of this version."""

    @property
    def full_usage(self) -> str:
        """The command with its arguments."""
        return f"{self.slash} {self.usage}".rstrip()

    @property
    def short_usage(self) -> str:
        """The short form with its arguments; empty where there is none."""
        if not self.shorts:
            return ""
        return " ".join((self.shorts[0], *(f"<{position}>" for position in self.positions)))

    def matches(self, line: str) -> bool:
        """True when the reference's spelling is meant."""
        match self.match:
            case Match.EXACT:
                return line == self.slash
            case Match.PREFIX:
                return line.startswith(self.slash)
            case Match.WORD:
                return line.split(maxsplit=1)[:1] == [self.slash]


def lines(*values: JsonValue) -> CommandResult:
    """A success that prints: text as it is, other values as JSON."""
    return CommandResult(
        ok=True, output=tuple(value if isinstance(value, str) else stringify(value) for value in values)
    )


def refused(call: Call, text: str, why: str = "") -> CommandResult:
    """A refusal as the reference words it; a person is told the reason too."""
    return lines(text, why) if call.human and why else lines(text)


def usage(call: Call) -> CommandResult:
    """The usage line."""
    text = call.command.short_usage if call.short and call.human else call.command.full_usage
    return lines(f"Usage: {text}")
