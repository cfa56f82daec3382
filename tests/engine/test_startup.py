from __future__ import annotations

import asyncio

import pytest

from engine.clock import SystemClock
from engine.errors import BindFailed, TimedOut
from engine.startup import StartupBoard
from engine.status import StepState


def board(changes: list[str]) -> StartupBoard:
    result = StartupBoard(("network",), SystemClock(), lambda: changes.append(result.steps[0].state.value))
    return result


async def test_a_step_runs_and_is_done() -> None:
    changes: list[str] = []
    steps = board(changes)

    async def work() -> int:
        return 7

    assert await steps.run("network", work, deadline_s=1.0) == 7
    assert changes == ["running", "done"]


async def test_a_failed_step_is_tried_again() -> None:
    changes: list[str] = []
    steps = board(changes)
    attempts = iter([BindFailed("taken"), None])

    async def work() -> None:
        if (error := next(attempts)) is not None:
            raise error

    await steps.run("network", work, deadline_s=1.0, retry_s=(0.0,))
    assert changes == ["running", "failed", "running", "done"]
    assert steps.steps[0].attempt == 2


async def test_the_last_failure_is_raised_and_shown() -> None:
    steps = board([])

    async def work() -> None:
        raise BindFailed("port 1 is taken")

    with pytest.raises(BindFailed):
        await steps.run("network", work, deadline_s=1.0, retry_s=(0.0,))
    assert (steps.steps[0].state, steps.steps[0].detail) == (StepState.FAILED, "port 1 is taken")


async def test_a_step_that_hangs_ends_at_its_deadline() -> None:
    steps = board([])
    with pytest.raises(TimedOut, match="network"):
        await steps.run("network", asyncio.Event().wait, deadline_s=0.01)


async def test_a_failure_is_reported_once() -> None:
    steps = board([])
    reported: list[str] = []

    async def work() -> None:
        raise BindFailed("taken")

    with pytest.raises(BindFailed):
        await steps.run(
            "network",
            work,
            deadline_s=1.0,
            retry_s=(0.0, 0.0),
            on_failure=lambda error: reported.append(str(error)),
        )
    assert reported == ["taken"]
