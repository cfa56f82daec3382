"""Commands of the reference that need a subnet or the settlement network, which this version does not have.

They are known, so that nobody who types or scripts them is left without an answer.

Protocol reference: 15-terminal-commands sections 3 and 5.
"""

from __future__ import annotations

from typing import Final

from engine.api import CommandResult
from engine.commands.arguments import state_key
from engine.commands.command import Call, Command, usage

SETUP: Final = "Setup Commands"
CHAT: Final = "Chat Commands"
SYSTEM: Final = "System Commands"
SAMPLE: Final = "Sample Commands"

_GROUPS: Final = {SETUP: "subnet", CHAT: "chat", SYSTEM: "subnet", SAMPLE: "subnet"}


async def _absent(call: Call) -> CommandResult:
    return _not_here(call.command.slash)


async def _get(call: Call) -> CommandResult:
    return usage(call) if state_key(call.line) is None else _not_here("/get")


def _not_here(slash: str) -> CommandResult:
    error = f"{slash} is not available: this version of Intercom TUI has no subnets yet, only sidechannels."
    return CommandResult(ok=False, output=(), error=error)


def _command(slash: str, group: str, usage: str, help: str) -> Command:
    verb = slash[1:]
    return Command(
        name=f"{_GROUPS[group]}.{verb}",
        slash=slash,
        title=f"{_GROUPS[group]}: {verb.replace('_', ' ')}",
        help=help,
        group=group,
        handler=_get if slash == "/get" else _absent,
        usage=usage,
        available=False,
    )


BUILT_IN_COMMANDS: Final = (
    _command("/tx", SYSTEM, '--command "<string>" [--sim 1]', "Perform or simulate a contract transaction."),
    _command("/add_indexer", SETUP, '--key "<key>"', "Admin: make a peer an indexer."),
    _command("/add_writer", SETUP, '--key "<key>"', "Admin: make a peer a writer."),
    _command("/remove_writer", SETUP, '--key "<key>"', "Admin: remove a writer."),
    _command("/remove_indexer", SETUP, '--key "<key>"', "Admin: remove an indexer."),
    _command("/add_admin", SETUP, '--address "<hex>"', "Set the first admin; only on the bootstrap node."),
    _command("/update_admin", SETUP, '--address "<hex>"', "Admin: pass the role on, or waive it with null."),
    _command("/enable_transactions", SETUP, "--enabled 1", "Switch transactions on or off."),
    _command("/set_auto_add_writers", SETUP, "--enabled 1", "Admin: let every peer become a writer."),
    _command("/set_chat_status", CHAT, "--enabled 1", "Admin: switch the subnet's chat on or off."),
    _command("/post", CHAT, '--message "<text>" [--reply_to <n>]', "Post in the subnet's chat."),
    _command("/set_nick", CHAT, '--nick "<name>" [--user "<hex>"]', "Change a nickname."),
    _command("/mute_status", CHAT, '--user "<hex>" --muted 1', "Admin, moderator: mute a user."),
    _command("/pin_message", CHAT, "--id <n> --pin 1", "Admin, moderator: pin a message."),
    _command("/unpin_message", CHAT, "--pin_id <n>", "Admin, moderator: unpin a message."),
    _command("/set_mod", CHAT, '--user "<hex>" --mod 1', "Admin: make a user a moderator."),
    _command("/delete_message", CHAT, "--id <n>", "Admin, moderator: delete a message."),
    _command("/enable_whitelist", CHAT, "--enabled 1", "Admin: only listed users may post."),
    _command("/set_whitelist_status", CHAT, '--user "<hex>" --status 1', "Admin: list a user."),
    _command("/deploy_subnet", SYSTEM, "", "Register the subnet in the settlement network."),
)
"""In the reference's order; matched before all but the exact commands."""

PROTOCOL_COMMANDS: Final = (
    _command("/get", SAMPLE, '--key "<hyperbee-key>" [--confirmed true|false] [--unconfirmed 1]', "Read subnet state."),
    _command("/msb", SAMPLE, "", "Show the settlement network."),
)
"""In the reference's order; matched before the sidechannel commands."""
