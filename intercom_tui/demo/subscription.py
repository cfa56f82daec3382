"""A bounded queue of events, as the engine's."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import AsyncIterator

from engine.events import Event, Gap


class DemoSubscription:
    """Events of some kinds, in order; above the limit one :class:`~engine.events.Gap` stands for the rest.

    Args:
        kinds: event classes, none = all.
        limit: events that wait at most.
    """

    def __init__(self, kinds: tuple[type[Event], ...], limit: int) -> None:
        self._kinds = kinds
        self._limit = limit
        self._queue: deque[Event] = deque()
        self._lost = 0
        self._wake = asyncio.Event()
        self.closed = False

    def put(self, event: Event) -> None:
        """Add an event, or count it as lost."""
        if self._kinds and not isinstance(event, self._kinds):
            return
        if len(self._queue) >= self._limit:
            self._lost += 1
        else:
            self._queue.append(event)
        self._wake.set()

    def close(self) -> None:
        """Stop receiving."""
        self.closed = True
        self._wake.set()

    def __aiter__(self) -> AsyncIterator[Event]:
        return self

    async def __anext__(self) -> Event:
        while not self._queue:
            if self._lost:
                lost, self._lost = self._lost, 0
                return Gap(lost)
            if self.closed:
                raise StopAsyncIteration
            self._wake.clear()
            await self._wake.wait()
        return self._queue.popleft()
