"""Carries out the requests that take time, and words their replies as the reference does.

Protocol reference: 07-sc-bridge sections 4 and 7.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from engine.api import EngineAPI
from engine.bridge.replies import Reply, not_ready
from engine.bridge.requests import JoinChannel, LeaveChannel, Operation, RequestOpen, RunCommand, SendMessage
from engine.errors import IntercomError, NotReady, PolicyDenied
from engine.wire.jsjson import JsonValue
from engine.wire.jstext import js_trim

SEND_DENIED: Final = "Send denied (invite required or invalid)."
JOIN_DENIED: Final = "Join denied (invite required or invalid)."
OPEN_DENIED: Final = "Open request denied (invalid input or missing invite/welcome)."


async def perform(engine: EngineAPI, operation: Operation, *, label: str, extended: bool, dangerous: bool) -> Reply:
    """Do what a client asked for; every failure becomes an error reply.

    Args:
        engine: the peer.
        operation: what to do.
        label: client, shown beside its messages.
        extended: the client wants our additions.
        dangerous: terminal commands that end the peer or show its secret key are allowed.
    """
    try:
        match operation:
            case SendMessage():
                return await _send(engine, operation, label, extended)
            case JoinChannel(channel=channel, invite=invite, welcome=welcome):
                joined = await engine.sidechannel.join(channel, invite=invite, welcome=welcome)
                return Reply(
                    {"type": "joined", "channel": channel, **({"already": joined.already} if extended else {})}
                )
            case LeaveChannel(channel=channel):
                return Reply({"type": "left", "channel": channel, "ok": await engine.sidechannel.leave(channel)})
            case RequestOpen():
                return await _request_open(engine, operation, extended)
            case RunCommand(command=command):
                return await _run_command(engine, command, dangerous)
    except NotReady:
        return not_ready().reply()
    except IntercomError as error:
        return _failure(operation, error, extended)
    raise TypeError(f"unknown operation {operation!r}")


async def _send(engine: EngineAPI, operation: SendMessage, label: str, extended: bool) -> Reply:
    sent = await engine.sidechannel.send(
        operation.channel,
        operation.message,
        has_message=operation.has_message,
        invite=operation.invite,
        welcome=operation.welcome,
        label=label,
    )
    members: dict[str, JsonValue] = {"type": "sent", "channel": operation.channel}
    if extended:
        members |= {"peers": sent.peers, "queued": sent.queued, "messageId": sent.id, "seq": sent.seq, "ts": sent.ts_ms}
    return Reply(members)


async def _request_open(engine: EngineAPI, operation: RequestOpen, extended: bool) -> Reply:
    via = operation.via
    if via is not None and not js_trim(via):
        return Reply({"type": "error", "error": OPEN_DENIED}, "policy.invalid_channel")
    asked = await engine.sidechannel.request_open(
        operation.channel,
        via=None if via is None else js_trim(via),
        invite=operation.invite,
        welcome=operation.welcome,
    )
    members: dict[str, JsonValue] = {"type": "open_requested", "channel": operation.channel, "via": via}
    return Reply({**members, "peers": asked.peers} if extended else members)


async def _run_command(engine: EngineAPI, command: str, dangerous: bool) -> Reply:
    result = await engine.execute(command, admin=dangerous, human=False)
    members: dict[str, JsonValue] = {
        "type": "cli_result",
        "command": command,
        "ok": result.ok,
        "output": list(result.output),
        "error": result.error,
    }
    if result.has_result or not result.ok:
        members["result"] = result.result
    return Reply(members)


def _failure(operation: Operation, error: IntercomError, extended: bool) -> Reply:
    denied = isinstance(error, PolicyDenied)
    match operation:
        case SendMessage():
            text = SEND_DENIED if denied else f"Send failed: {error}"
        case JoinChannel():
            text = JOIN_DENIED if denied else f"Join failed: {error}"
        case RequestOpen():
            text = OPEN_DENIED if denied else f"Open request failed: {error}"
        case _:
            text = str(error)
    more: Mapping[str, JsonValue] = {"reason": str(error), "hint": error.hint} if extended else {}
    return Reply({"type": "error", "error": text, **more}, error.code)
