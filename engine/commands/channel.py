"""Commands about sidechannels (protocol reference: 06-sidechannel section 10, 15-terminal-commands section 5)."""

from __future__ import annotations

import asyncio
import base64
from pathlib import Path
from typing import Final

from engine.api import CommandResult
from engine.commands.arguments import Arguments, leading_integer, pick, signed_argument
from engine.commands.command import Call, Command, Match, lines, refused, usage
from engine.errors import DecodeError, IntercomError, NotReady, PolicyDenied
from engine.wire.hexkeys import parse_key
from engine.wire.jsjson import JsonValue, stringify
from engine.wire.jstext import js_trim

MAX_FILE_BYTES: Final = 1024 * 1024
"""Largest ``@file`` that is read."""
NOT_INITIALISED: Final = "Sidechannel not initialized."
_SIGNED: Final = "[--invite <json|b64|@file>] [--welcome <json|b64|@file>]"


class _Invalid(Exception):
    """An invite or welcome that cannot be read; the text is the line to print."""


def _channel_of(arguments: Arguments) -> str | None:
    return pick(arguments, "channel", "ch", "name")


async def _signed(arguments: Arguments, name: str) -> JsonValue:
    text = pick(arguments, name, f"{name}_b64", f"{name}base64")
    if not text:
        return None
    try:
        text = js_trim(text)
        if text.startswith("@"):
            text = await asyncio.to_thread(_read, text[1:])
        return signed_argument(text)
    except (DecodeError, OSError, ValueError):
        raise _Invalid(f"Invalid {name}. Pass JSON, base64, or @file.") from None


def _read(path: str) -> str:
    with Path(path).expanduser().open("rb") as file:
        return file.read(MAX_FILE_BYTES).decode()


def _why(error: IntercomError) -> str:
    return f"{error} {error.hint}".rstrip()


async def _join(call: Call) -> CommandResult:
    arguments = call.arguments
    channel = _channel_of(arguments)
    if not channel:
        return usage(call)
    try:
        invite, welcome = await _signed(arguments, "invite"), await _signed(arguments, "welcome")
        await call.engine.sidechannel.join(channel, invite=invite, welcome=welcome)
    except _Invalid as error:
        return lines(str(error))
    except NotReady:
        return lines(NOT_INITIALISED)
    except PolicyDenied as error:
        return refused(call, "Join denied (invite required or invalid).", _why(error))
    return lines(f"Joined sidechannel: {channel}")


async def _send(call: Call) -> CommandResult:
    arguments = call.arguments
    channel = _channel_of(arguments)
    message = pick(arguments, "message", "msg")
    if not channel or message is None:
        return usage(call)
    sidechannel = call.engine.sidechannel
    try:
        invite, welcome = await _signed(arguments, "invite"), await _signed(arguments, "welcome")
        await sidechannel.join(channel, invite=invite, welcome=welcome)
    except _Invalid as error:
        return lines(str(error))
    except NotReady:
        return lines(NOT_INITIALISED)
    except PolicyDenied as error:
        return refused(call, "Send denied (invite required or invalid).", _why(error))
    try:
        await sidechannel.send(channel, message, invite=invite)
    except PolicyDenied as error:
        return refused(call, "Send denied (owner-only or invite required).", _why(error))
    return lines()


async def _open(call: Call) -> CommandResult:
    arguments = call.arguments
    channel = _channel_of(arguments)
    if not channel:
        return usage(call)
    sidechannel = call.engine.sidechannel
    requested = f"Requested channel: {channel}"
    try:
        invite, welcome = await _signed(arguments, "invite"), await _signed(arguments, "welcome")
        if welcome is None:
            welcome = sidechannel.stored_welcome(js_trim(channel))
        via = pick(arguments, "via", "channel_via") or None
        asked = await sidechannel.request_open(channel, via=via, invite=invite, welcome=welcome)
    except _Invalid as error:
        return lines(str(error))
    except NotReady:
        return lines(NOT_INITIALISED)
    except PolicyDenied as error:
        return refused(call, requested, f"Nobody was asked: {_why(error)}")
    return refused(call, requested, "Nobody hears it yet." if not asked.peers else "")


async def _invite(call: Call) -> CommandResult:
    arguments = call.arguments
    channel, invitee = _channel_of(arguments), pick(arguments, "pubkey", "invitee", "peer", "key")
    if not channel or not invitee:
        return usage(call)
    invitee = js_trim(invitee).lower()
    if call.human and parse_key(invitee) is None:
        return lines(f"Not a public key: {invitee}. It has 64 hex digits.")
    given = pick(arguments, "ttl", "ttl_sec", "ttl_s")
    ttl_s = leading_integer(given) if given is not None else call.engine.config.sidechannel.invite_ttl
    if not ttl_s or ttl_s < 0:
        return lines("Invite TTL is required. Pass --ttl <sec> or set --sidechannel-invite-ttl.")
    try:
        welcome = await _signed(arguments, "welcome")
        invite = call.engine.sidechannel.create_invite(channel, invitee, ttl_s=ttl_s, welcome=welcome)
    except _Invalid as error:
        return lines(str(error))
    except NotReady:
        return lines(NOT_INITIALISED)
    return _signed_lines("invite", invite)


async def _welcome(call: Call) -> CommandResult:
    arguments = call.arguments
    channel, text = _channel_of(arguments), pick(arguments, "text", "message", "msg")
    if not channel or text is None:
        return usage(call)
    try:
        return _signed_lines("welcome", call.engine.sidechannel.create_welcome(channel, text))
    except NotReady:
        return lines(NOT_INITIALISED)


def _signed_lines(name: str, value: dict[str, JsonValue]) -> CommandResult:
    text = stringify(value)
    return lines(text, f"{name}_b64: {base64.b64encode(text.encode()).decode()}")


async def _stats(call: Call) -> CommandResult:
    stats = call.engine.sidechannel.stats()
    return lines({name: stats.get(name) for name in ("channels", "connectionCount")})


async def _leave(call: Call) -> CommandResult:
    channel = _channel_of(call.arguments)
    if not channel:
        return usage(call)
    left = await call.engine.sidechannel.leave(channel)
    return lines(f"Left channel: {channel}" if left else f"Not left: {channel} is the entry channel or was not joined.")


SAMPLE: Final = "Sample Commands"
CHANNEL: Final = "Channel Commands"

CHANNEL_COMMANDS: Final = (
    Command(
        name="channel.join",
        slash="/sc_join",
        title="channel: join",
        help="Join a channel.",
        group=SAMPLE,
        handler=_join,
        usage=f'--channel "<name>" {_SIGNED}',
        shorts=("/join",),
        positions=("channel",),
    ),
    Command(
        name="channel.send",
        slash="/sc_send",
        title="channel: send",
        help="Send a message; joins the channel first.",
        group=SAMPLE,
        handler=_send,
        usage=f'--channel "<name>" --message "<text>" {_SIGNED}',
        shorts=("/msg",),
        positions=("channel", "message"),
        takes_rest=True,
    ),
    Command(
        name="channel.open",
        slash="/sc_open",
        title="channel: ask others to open",
        help="Ask others to open a channel.",
        group=SAMPLE,
        handler=_open,
        usage=f'--channel "<name>" [--via "<channel>"] {_SIGNED}',
        shorts=("/open",),
        positions=("channel",),
    ),
    Command(
        name="channel.invite",
        slash="/sc_invite",
        title="channel: invite",
        help="Create a signed invite for one peer.",
        group=SAMPLE,
        handler=_invite,
        usage='--channel "<name>" --pubkey "<peer-pubkey-hex>" [--ttl <sec>] [--welcome <json|b64|@file>]',
        shorts=("/invite",),
        positions=("channel", "pubkey"),
    ),
    Command(
        name="channel.welcome",
        slash="/sc_welcome",
        title="channel: welcome",
        help="Create a signed welcome for a channel this peer owns.",
        group=SAMPLE,
        handler=_welcome,
        usage='--channel "<name>" --text "<message>"',
        shorts=("/welcome",),
        positions=("channel", "text"),
        takes_rest=True,
    ),
    Command(
        name="channel.stats",
        slash="/sc_stats",
        title="channel: statistics",
        help="Show channels and the number of connections.",
        group=SAMPLE,
        handler=_stats,
    ),
)
"""Commands of the reference, in its order."""

LEAVE: Final = Command(
    name="channel.leave",
    slash="/leave",
    title="channel: leave",
    help="Leave a channel.",
    group=CHANNEL,
    handler=_leave,
    match=Match.WORD,
    usage="<channel>",
    shorts=("/leave", "/part"),
    positions=("channel",),
)
