"""An asyncio event loop whose clock only moves when nothing else is left to do.

Simulations of minutes or hours run in no real time and in the same order every time. Threads started by the program
under test do not stop the clock: keep them out of simulations.
"""

from __future__ import annotations

import asyncio
import selectors
from collections.abc import Coroutine
from typing import Any, TypeVar

T = TypeVar("T")

START_S = 1000.0
"""Loop time at the start of a simulation."""
_DEADLOCK_S = 2.0


class _JumpingSelector(selectors.DefaultSelector):
    """Polls real file descriptors and turns waiting into a jump of the loop's clock."""

    loop: VirtualLoop

    def select(self, timeout: float | None = None) -> list[tuple[selectors.SelectorKey, int]]:
        """Ready file descriptors; without any, the clock jumps by ``timeout``."""
        events = super().select(0)
        if events:
            return events
        if timeout is None:
            events = super().select(_DEADLOCK_S)
            if not events:
                raise RuntimeError("simulation deadlock: every task waits and no timer is set")
        elif timeout > 0:
            self.loop.jump(timeout)
        return events


class VirtualLoop(asyncio.SelectorEventLoop):
    """Event loop with a virtual clock."""

    def __init__(self) -> None:
        selector = _JumpingSelector()
        selector.loop = self
        self._now = START_S
        super().__init__(selector)
        self._clock_resolution = 1e-6

    def time(self) -> float:
        """Virtual seconds."""
        return self._now

    def jump(self, seconds: float) -> None:
        """Move the clock forward, as if the machine had slept."""
        self._now += seconds


class VirtualClock:
    """The engine's clock interface on top of the running virtual loop."""

    def monotonic(self) -> float:
        """Virtual seconds."""
        return asyncio.get_running_loop().time()

    def wall_ms(self) -> int:
        """Virtual milliseconds since an arbitrary day in 2026."""
        return 1_790_000_000_000 + int(self.monotonic() * 1000)


def run_virtual(main: Coroutine[Any, Any, T], *, limit_s: float = 86_400.0) -> T:
    """Run a coroutine on a virtual loop.

    Args:
        main: the simulation.
        limit_s: virtual seconds after which it is cancelled.

    Raises:
        TimeoutError: the limit was reached.
    """

    async def limited() -> T:
        async with asyncio.timeout(limit_s):
            return await main

    with asyncio.Runner(loop_factory=VirtualLoop) as runner:
        return runner.run(limited())
