"""What happens at start, step by step, with deadlines and retries that a person can see."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable
from typing import TypeVar

from engine.clock import Clock
from engine.errors import IntercomError, TimedOut
from engine.status import StartupStep, StepState

_logger = logging.getLogger(__name__)

T = TypeVar("T")


class StartupBoard:
    """The start-up steps and their states.

    Args:
        names: all steps, in order.
        clock: source of time.
        on_change: called after each change.
    """

    def __init__(self, names: tuple[str, ...], clock: Clock, on_change: Callable[[], None]) -> None:
        self._clock = clock
        self._on_change = on_change
        now = clock.monotonic()
        self._steps = {name: StartupStep(name, StepState.WAITING, now) for name in names}

    @property
    def steps(self) -> tuple[StartupStep, ...]:
        """All steps."""
        return tuple(self._steps.values())

    def mark(self, name: str, state: StepState, detail: str = "", attempt: int = 1) -> None:
        """Set the state of a step."""
        self._steps[name] = StartupStep(name, state, self._clock.monotonic(), attempt, detail)
        self._on_change()

    async def run(
        self,
        name: str,
        work: Callable[[], Awaitable[T]],
        *,
        deadline_s: float,
        retry_s: tuple[float, ...] = (),
        on_failure: Callable[[IntercomError], None] = lambda _error: None,
    ) -> T:
        """Do a step, again after a failure as often as ``retry_s`` has pauses.

        Args:
            name: the step.
            work: makes one attempt.
            deadline_s: seconds one attempt may take.
            retry_s: pauses between attempts, seconds.
            on_failure: called after the first failed attempt.

        Raises:
            IntercomError: the last attempt failed; :class:`TimedOut` when it took too long.
        """
        for attempt in range(1, len(retry_s) + 2):
            self.mark(name, StepState.RUNNING, attempt=attempt)
            try:
                async with asyncio.timeout(deadline_s):
                    result = await work()
            except TimeoutError:
                failure: IntercomError = TimedOut(f"{name} took longer than {deadline_s:g} s.")
            except IntercomError as error:
                failure = error
            else:
                self.mark(name, StepState.DONE, attempt=attempt)
                return result
            self.mark(name, StepState.FAILED, str(failure), attempt)
            if attempt == 1:
                on_failure(failure)
            if attempt > len(retry_s):
                raise failure
            _logger.warning("start-up step %s failed, again in %g s: %s", name, retry_s[attempt - 1], failure)
            await asyncio.sleep(retry_s[attempt - 1])
        raise AssertionError("unreachable")
