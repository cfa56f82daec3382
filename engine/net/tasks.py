"""Ownership of asyncio tasks.

Every task belongs to one :class:`TaskScope`. A scope that closes cancels and awaits all its tasks, so nothing
outlives its owner, and an unexpected exception is reported once instead of vanishing. ``asyncio.create_task`` is
banned elsewhere.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Coroutine
from typing import Any, TypeVar

from engine.errors import IntercomError

_logger = logging.getLogger(__name__)

T = TypeVar("T")


class TaskScope:
    """A set of tasks with one owner.

    Args:
        name: shown in logs and task names.
        on_error: called with (task name, exception) when a task fails unexpectedly; the failure is logged in any case.
    """

    def __init__(self, name: str, on_error: Callable[[str, BaseException], None] | None = None) -> None:
        self.name = name
        self._on_error = on_error
        self._tasks: set[asyncio.Task[Any]] = set()
        self._closed = False

    @property
    def count(self) -> int:
        """Number of tasks that still run."""
        return len(self._tasks)

    @property
    def closed(self) -> bool:
        """True once :meth:`close` has begun; nothing can be spawned any more."""
        return self._closed

    def spawn(self, name: str, coro: Coroutine[Any, Any, T]) -> asyncio.Task[T]:
        """Start a task that this scope owns.

        Raises:
            RuntimeError: the scope is closed (the coroutine is closed too, so no warning follows).
        """
        if self._closed:
            coro.close()
            raise RuntimeError(f"task scope {self.name} is closed")
        task = asyncio.get_running_loop().create_task(coro, name=f"{self.name}/{name}")
        self._tasks.add(task)
        task.add_done_callback(self._finished)
        return task

    def child(self, name: str) -> TaskScope:
        """A scope with the same error report; the caller closes it."""
        return TaskScope(f"{self.name}/{name}", self._on_error)

    async def close(self) -> None:
        """Cancel all tasks and wait until they have ended."""
        self._closed = True
        current = asyncio.current_task()
        tasks = [task for task in self._tasks if task is not current]
        for task in tasks:
            task.cancel()
        if tasks:
            await asyncio.gather(*tasks, return_exceptions=True)

    def _finished(self, task: asyncio.Task[Any]) -> None:
        self._tasks.discard(task)
        if task.cancelled():
            return
        error = task.exception()
        if error is None:
            return
        trace = None if isinstance(error, IntercomError) else error  # those say themselves what happened
        _logger.error("task %s failed: %s", task.get_name(), error, exc_info=trace)
        if self._on_error is not None:
            self._on_error(task.get_name(), error)
