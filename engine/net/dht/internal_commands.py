"""Answers to the commands of the RPC layer itself.

Protocol reference: 02-hyperdht section 6.
"""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Callable

from engine.net.dht.messages import IncomingRequest
from engine.proto.dht.commands import ErrorNumber, Internal
from engine.wire.compact import Address, decode_address

MAX_PING_DELAY_MS = 10_000
"""Longest delay that DELAYED_PING may ask for."""
MAX_DELAYED_PINGS = 256
"""Delayed answers that wait at once."""


class InternalCommands:
    """PING, PING_NAT, FIND_NODE, DOWN_HINT and DELAYED_PING.

    Args:
        drops: counts requests that stay unanswered, by reason.
        on_down_hint: gets the address that somebody calls dead.
    """

    def __init__(self, drops: Counter[str], on_down_hint: Callable[[Address], None]) -> None:
        self._drops = drops
        self._on_down_hint = on_down_hint
        self._delayed: dict[int, asyncio.TimerHandle] = {}
        self._sequence = 0
        self._handlers: dict[int, Callable[[IncomingRequest], None]] = {
            Internal.PING: _empty_reply,
            Internal.PING_NAT: self._ping_nat,
            Internal.FIND_NODE: self._find_node,
            Internal.DOWN_HINT: self._down_hint,
            Internal.DELAYED_PING: self._delayed_ping,
        }

    def handle(self, request: IncomingRequest) -> None:
        """Answer an internal command; unknown numbers get error 1."""
        handler = self._handlers.get(request.command)
        if handler is None:
            request.reply(error=ErrorNumber.UNKNOWN_COMMAND, token=False)
        else:
            handler(request)

    def close(self) -> None:
        """Forget delayed answers."""
        for timer in self._delayed.values():
            timer.cancel()
        self._delayed.clear()

    def _ping_nat(self, request: IncomingRequest) -> None:
        port = int.from_bytes((request.value or b"")[:2], "little")
        if request.value is None or len(request.value) < 2 or port == 0:
            self._drops["malformed_value"] += 1
            return
        request.reply(token=False, closer_nodes=False, to=(request.source[0], port))

    def _find_node(self, request: IncomingRequest) -> None:
        if request.target is None:
            self._drops["no_target"] += 1
            return
        request.reply(token=False)

    def _down_hint(self, request: IncomingRequest) -> None:
        if request.value is None or len(request.value) < 6:
            self._drops["malformed_value"] += 1
            return
        self._on_down_hint(decode_address(request.value[:6]))
        _empty_reply(request)

    def _delayed_ping(self, request: IncomingRequest) -> None:
        delay_ms = int.from_bytes((request.value or b"")[:4], "little")
        if request.value is None or len(request.value) < 4 or delay_ms > MAX_PING_DELAY_MS:
            self._drops["malformed_value"] += 1
        elif len(self._delayed) >= MAX_DELAYED_PINGS:
            self._drops["delayed_ping_limit"] += 1
        else:
            self._sequence += 1
            loop = asyncio.get_running_loop()
            timer = loop.call_later(delay_ms / 1000, self._answer_delayed, self._sequence, request)
            self._delayed[self._sequence] = timer

    def _answer_delayed(self, sequence: int, request: IncomingRequest) -> None:
        del self._delayed[sequence]
        _empty_reply(request)


def _empty_reply(request: IncomingRequest) -> None:
    request.reply(token=False, closer_nodes=False)
