"""Events from the engine to its front ends, through bounded queues.

A slow subscriber never slows the network: above its limit the oldest events are left out and one
:class:`~engine.events.Gap` with their number stands in. Of status snapshots only the newest is kept.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import AsyncIterator, Callable

from engine.events import Event, Gap, StatusChanged


class EventSubscription:
    """One subscriber's queue; iterate it to take events, close it to stop."""

    def __init__(
        self, kinds: tuple[type[Event], ...], limit: int, on_close: Callable[[EventSubscription], None]
    ) -> None:
        self._kinds = kinds
        self._limit = limit
        self._on_close = on_close
        self._events: deque[Event] = deque()
        self._left_out = 0
        self._waiter: asyncio.Future[None] | None = None
        self._closed = False

    def wants(self, kind: type[Event]) -> bool:
        """Whether events of that kind are queued."""
        return not self._kinds or issubclass(kind, self._kinds)

    def offer(self, event: Event) -> None:
        """Queue an event if it is of a wanted kind."""
        if self._closed or not self.wants(type(event)):
            return
        if isinstance(event, StatusChanged):
            for position, waiting in enumerate(self._events):
                if isinstance(waiting, StatusChanged):
                    self._events[position] = event
                    return
        if len(self._events) >= self._limit:
            self._events.popleft()
            self._left_out += 1
        self._events.append(event)
        self._wake()

    def take(self) -> list[Event]:
        """Everything that waits now, without waiting."""
        events: list[Event] = []
        if self._left_out:
            events.append(Gap(self._left_out))
            self._left_out = 0
        events.extend(self._events)
        self._events.clear()
        return events

    def close(self) -> None:
        """Stop receiving; the iteration ends."""
        if not self._closed:
            self._closed = True
            self._on_close(self)
            self._wake()

    async def __aiter__(self) -> AsyncIterator[Event]:
        while True:
            for event in self.take():
                yield event
            if self._closed:
                return
            if not self._events:
                self._waiter = asyncio.get_running_loop().create_future()
                await self._waiter
                self._waiter = None

    def _wake(self) -> None:
        if self._waiter is not None and not self._waiter.done():
            self._waiter.set_result(None)


class EventBus:
    """Hands each published event to all subscribers."""

    def __init__(self) -> None:
        self._subscriptions: list[EventSubscription] = []

    def publish(self, event: Event) -> None:
        """Give an event to every subscriber that wants its kind."""
        for subscription in tuple(self._subscriptions):
            subscription.offer(event)

    def wanted(self, kind: type[Event]) -> bool:
        """Whether any subscriber takes events of that kind."""
        return any(subscription.wants(kind) for subscription in self._subscriptions)

    def subscribe(self, *kinds: type[Event], limit: int = 1000) -> EventSubscription:
        """A new subscription; no kinds = all.

        Args:
            kinds: event classes wanted.
            limit: most events that wait; above it the oldest are left out.
        """
        subscription = EventSubscription(kinds, limit, self._subscriptions.remove)
        self._subscriptions.append(subscription)
        return subscription

    def close(self) -> None:
        """End all subscriptions."""
        for subscription in tuple(self._subscriptions):
            subscription.close()
