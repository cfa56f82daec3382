"""The five-second tick of a node: pings, refreshes, wake-ups, expiry.

Protocol reference: 02-hyperdht section 7.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from dataclasses import dataclass

from engine.net.dht.messages import Reply
from engine.net.dht.rpc_endpoint import RpcEndpoint
from engine.net.udp import UdpSocket
from engine.proto.dht.commands import Internal
from engine.proto.dht.health import Health
from engine.proto.dht.neighbours import SLEEP_S, TICK_S, Check, Neighbours
from engine.proto.dht.rpc import Failure
from engine.wire.compact import Address, encode_address

MAX_DOWN_HINTS_PER_TICK = 50
"""Down hints sent per tick."""


@dataclass(frozen=True, slots=True)
class Hooks:
    """What the tick may ask of the node."""

    refresh: Callable[[], None]
    """Run a refresh query."""
    adaptive: Callable[[], bool]
    """Whether the node is ephemeral and may become persistent."""
    overdue: Callable[[], bool]
    """Whether the node should be persistent and is not yet."""
    try_persistent: Callable[[], None]
    """Examine the network state."""
    woke_up: Callable[[], None]
    """The machine slept or the interface addresses changed."""
    lost: Callable[[], None]
    """Nobody answers any more."""
    expire: Callable[[float], None]
    """Drop stored entries that are too old."""


def time_since_boot() -> float:
    """Seconds that also count while the machine sleeps, where the system has such a clock."""
    clock = getattr(time, "CLOCK_BOOTTIME", None)
    return time.monotonic() if clock is None else time.clock_gettime(clock)


class Maintenance:
    """Keeps the routing table alive.

    Args:
        rpc: sends pings.
        neighbours: whom to ping.
        socket: current socket of own requests.
        interface_addresses: addresses of this machine.
        hooks: the node.
    """

    def __init__(
        self,
        rpc: RpcEndpoint,
        neighbours: Neighbours,
        socket: Callable[[], UdpSocket],
        interface_addresses: Callable[[], list[str]],
        hooks: Hooks,
    ) -> None:
        self.health = Health()
        """Judges connectivity from replies and timeouts."""
        self._rpc = rpc
        self._neighbours = neighbours
        self._socket = socket
        self._interface_addresses = interface_addresses
        self._hooks = hooks
        self._addresses = interface_addresses()
        self._down_hints = 0

    async def run(self) -> None:
        """Tick for ever."""
        loop = asyncio.get_running_loop()
        loop_time, boot_time = loop.time(), time_since_boot()
        while True:
            await asyncio.sleep(TICK_S)
            gap = max(loop.time() - loop_time, time_since_boot() - boot_time)
            loop_time, boot_time = loop.time(), time_since_boot()
            self.tick(slept=gap > SLEEP_S)
            self._hooks.expire(loop_time)

    def tick(self, *, slept: bool) -> None:
        """Do what one tick asks for."""
        self._down_hints = 0
        plan = self._neighbours.tick(slept=slept, in_flight=len(self._rpc.requests), adaptive=self._hooks.adaptive())
        if slept:
            self.health.reset()
        else:
            self.health.update(self._rpc.requests.replies, self._rpc.requests.timeouts)
        addresses = self._interface_addresses()
        if slept or addresses != self._addresses:
            self._addresses = addresses
            self._hooks.woke_up()
        for check in plan.checks:
            self.check(check)
        if plan.refresh:
            self._hooks.refresh()
        if plan.try_persistent or self._hooks.overdue():
            self._hooks.try_persistent()
        if self.health.offline:
            self._hooks.lost()

    def check(self, check: Check | None) -> None:
        """Ping a node and tell the table whether it lives."""
        if check is None:
            return

        def replied(reply: Reply) -> None:
            self._neighbours.check_done(check, alive=reply.id is not None)

        def failed(failure: Failure) -> None:
            self._neighbours.check_done(check, alive=failure is Failure.CANCELLED)

        request = self._rpc.send(
            check.node.address,
            Internal.PING,
            socket=self._socket(),
            on_reply=replied,
            on_failure=failed,
            internal=True,
        )
        if request is None:
            failed(Failure.CANCELLED)

    def send_down_hint(self, referrer: Address, down: Address) -> None:
        """Tell a node that another one it named is dead, at most 50 times per tick."""
        if self._down_hints >= MAX_DOWN_HINTS_PER_TICK:
            return
        self._down_hints += 1
        self._rpc.send(
            referrer,
            Internal.DOWN_HINT,
            socket=self._socket(),
            on_reply=lambda reply: None,
            on_failure=lambda failure: None,
            value=encode_address(down),
            internal=True,
        )
