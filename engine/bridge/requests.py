"""Requests: how their fields are read, and the ones that take time, as work for the shell.

Protocol reference: 07-sc-bridge section 4.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import ClassVar, Final, TypeAlias

from engine.bridge.replies import Echo, Refused, invalid_json, invalid_message, missing_channel
from engine.errors import BadRequest, DecodeError
from engine.wire.jsjson import JsonValue, parse
from engine.wire.jstext import js_trim
from engine.wire.jsvalues import is_integral, json_from_base64, shown_text, truthy

Request: TypeAlias = Mapping[str, JsonValue]
"""Members of a request."""

MAX_REPLAY: Final = 500
"""Stored events given at once."""

_LABEL = re.compile(r"[A-Za-z0-9._-]{1,32}")


@dataclass(frozen=True, slots=True)
class Operation:
    """One request that the shell carries out."""

    ordered: ClassVar[bool] = False
    """True: later requests of the client wait until this one is answered."""
    echo: Echo
    """The request's id."""


@dataclass(frozen=True, slots=True)
class ChannelOperation(Operation):
    """A request about one channel."""

    channel: str


@dataclass(frozen=True, slots=True)
class SendMessage(ChannelOperation):
    """``send``."""

    ordered: ClassVar[bool] = True
    message: JsonValue
    has_message: bool
    invite: JsonValue
    welcome: JsonValue


@dataclass(frozen=True, slots=True)
class JoinChannel(ChannelOperation):
    """``join``."""

    invite: JsonValue
    welcome: JsonValue


@dataclass(frozen=True, slots=True)
class LeaveChannel(ChannelOperation):
    """``leave``."""


@dataclass(frozen=True, slots=True)
class RequestOpen(ChannelOperation):
    """``open``."""

    ordered: ClassVar[bool] = True
    via: str | None
    """Untrimmed; None = the entry channel."""
    invite: JsonValue
    welcome: JsonValue


@dataclass(frozen=True, slots=True)
class RunCommand(Operation):
    """``cli``."""

    command: str


def channel_of(request: Request) -> str:
    """The trimmed channel of a request.

    Raises:
        Refused: missing or empty.
    """
    value = request.get("channel")
    channel = js_trim(shown_text(value)) if value is not None else ""
    if not channel:
        raise missing_channel()
    return channel


def send_message(echo: Echo, request: Request) -> SendMessage:
    """Read a ``send`` request; a welcome goes into an invite that has none."""
    channel = channel_of(request)
    invite, welcome = _signed(request)
    if welcome is not None and invite is not None:
        if isinstance(invite, dict) and not truthy(invite.get("welcome")):
            invite = {**invite, "welcome": welcome}
        welcome = None
    return SendMessage(echo, channel, request.get("message"), "message" in request, invite, welcome)


def join_channel(echo: Echo, request: Request) -> JoinChannel:
    """Read a ``join`` request."""
    return JoinChannel(echo, channel_of(request), *_signed(request))


def leave_channel(echo: Echo, request: Request) -> LeaveChannel:
    """Read a ``leave`` request."""
    return LeaveChannel(echo, channel_of(request))


def request_open(echo: Echo, request: Request) -> RequestOpen:
    """Read an ``open`` request."""
    channel = channel_of(request)
    value = request.get("via")
    via = shown_text(value) if truthy(value) else None
    return RequestOpen(echo, channel, via, *_signed(request))


def signed_object(value: JsonValue) -> JsonValue:
    """An invite or welcome as a request carries it: the object itself, its JSON text, or base64 of that text.

    Returns:
        the value; None where the request has none (missing, empty, zero or false).

    Raises:
        DecodeError: it is something else.

    Protocol reference: 07-sc-bridge section 4.
    """
    if not truthy(value) or isinstance(value, (dict, list)):
        return value if isinstance(value, (dict, list)) else None
    if not isinstance(value, str):
        raise DecodeError("Expected an object or text.")
    text = js_trim(value)
    if text.startswith("{"):
        return parse(text)
    decoded = json_from_base64(text)
    if not truthy(decoded):
        raise DecodeError("There is no object inside.")
    return decoded


def _signed(request: Request) -> tuple[JsonValue, JsonValue]:
    values: list[JsonValue] = []
    for name in ("invite", "welcome"):
        try:
            values.append(signed_object(request.get(name)))
        except DecodeError:
            raise Refused(f"Invalid {name} (expected JSON or base64).", f"bridge.invalid_{name}") from None
    return values[0], values[1]


def object_of(data: str | bytes) -> Request:
    """The members of a frame; an array counts as an object without any.

    Raises:
        Refused: no JSON, or neither object nor array.
    """
    try:
        value = parse(data if isinstance(data, str) else data.decode())
    except (DecodeError, UnicodeDecodeError):
        raise invalid_json() from None
    if isinstance(value, list):
        return {}
    if not isinstance(value, dict):
        raise invalid_message()
    return value


def names_of(request: Request) -> list[str]:
    """The channels of a ``subscribe`` or ``unsubscribe`` request, untrimmed; ``channels`` wins over ``channel``."""
    channels = request.get("channels")
    if isinstance(channels, list):
        return [shown_text(item) for item in channels]
    channel = request.get("channel")
    return [shown_text(channel)] if truthy(channel) else []


def cursor_of(request: Request, name: str) -> int:
    """A cursor or count.

    Raises:
        Refused: missing, or not a whole number.
    """
    value = request.get(name)
    if not is_integral(value) or not isinstance(value, (int, float)) or not 0 <= value <= 2**53:
        raise Refused(f"Invalid {name} (expected a whole number).", BadRequest.code)
    return int(value)


def limit_of(request: Request) -> int:
    """Stored events wanted at most."""
    if "limit" not in request:
        return MAX_REPLAY
    return max(1, min(MAX_REPLAY, cursor_of(request, "limit")))


def flag_of(request: Request, name: str, current: bool) -> bool:
    """A switch; *current* where the request has none.

    Raises:
        Refused: not true or false.
    """
    value = request.get(name, current)
    if not isinstance(value, bool):
        raise Refused(f"Invalid {name} (expected true or false).", BadRequest.code)
    return value


def label_of(request: Request) -> str | None:
    """The name a client gives itself, None where the request has none.

    Raises:
        Refused: not usable.
    """
    label = request.get("label")
    if label is None:
        return None
    if not isinstance(label, str) or not _LABEL.fullmatch(label):
        raise Refused("Invalid label (1 to 32 letters, digits, dots, dashes).", BadRequest.code)
    return label
