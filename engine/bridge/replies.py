"""Text of replies: key order and wording as the reference writes them.

The ``id`` of a request comes back first when it is a whole number, as in the reference; any other JSON value comes back
after the reference's keys, where old clients do not see a difference. ``code`` of an error is the last key.

Protocol reference: 07-sc-bridge sections 3 and 4.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final, NamedTuple

from engine.wire.jsjson import JsonValue, stringify
from engine.wire.jsvalues import is_integral


class Echo(NamedTuple):
    """The ``id`` of a request, ready to be written into its reply."""

    lead: str = ""
    """Text before the reply's keys."""
    tail: str = ""
    """Text after them."""


NO_ID: Final = Echo()


def echo_of(request: Mapping[str, JsonValue]) -> Echo:
    """How the id of a request is echoed."""
    if "id" not in request:
        return NO_ID
    value = request["id"]
    text = f'"id":{stringify(value)}'
    return Echo(lead=f"{text},") if is_integral(value) else Echo(tail=f",{text}")


@dataclass(frozen=True, slots=True)
class Reply:
    """The answer to one request."""

    members: Mapping[str, JsonValue]
    """Keys and values in order."""
    code: str | None = None
    """Stable name of the error, if it is one."""

    def text(self, echo: Echo = NO_ID) -> str:
        """One JSON object on one line."""
        end = f',"code":"{self.code}"}}' if self.code is not None else "}"
        return f"{{{echo.lead}{stringify(self.members)[1:-1]}{echo.tail}{end}"


class Refused(Exception):
    """A request that is answered with an error.

    Args:
        message: text of the error.
        code: its stable name.
    """

    def __init__(self, message: str, code: str) -> None:
        super().__init__(message)
        self.code = code

    def reply(self) -> Reply:
        """The error as the client gets it."""
        return Reply({"type": "error", "error": str(self)}, self.code)


def invalid_json() -> Refused:
    """The frame is not JSON."""
    return Refused("Invalid JSON.", "bridge.invalid_json")


def invalid_message() -> Refused:
    """The frame is JSON but not an object."""
    return Refused("Invalid message.", "bridge.invalid_message")


def unauthorized() -> Refused:
    """There was no right token yet."""
    return Refused("Unauthorized.", "bridge.unauthorized")


def not_ready() -> Refused:
    """The peer is still starting."""
    return Refused("Sidechannel not ready.", "engine.not_ready")


def missing_channel() -> Refused:
    """The request names no channel."""
    return Refused("Missing channel.", "bridge.missing_channel")
