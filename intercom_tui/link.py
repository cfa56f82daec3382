"""The one subscriber of the app: engine events to Textual messages, thirty times a second.

A flood of events becomes a few messages with many entries each. Status snapshots replace each other: only the newest is
shown, at most four times a second.
"""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections.abc import Callable, Sequence

from textual.message import Message
from textual.message_pump import MessagePump

from engine.api import EngineAPI, Subscription
from engine.events import Event, MessageReceived, MessageSent, StatusChanged
from engine.messages import ChannelMessage
from engine.status import EngineStatus

BATCH_S = 1 / 30
"""Time between two batches."""
TYPING_BATCH_S = 0.15
"""Time between two batches while somebody types: letters come first."""
TYPING_S = 0.5
"""How long after a key somebody still types."""
STATUS_S = 0.25
"""Time between two status updates."""
QUEUE_LIMIT = 5_000
"""Events that wait before the engine puts a :class:`~engine.events.Gap` in their place."""


class MessagesArrived(Message):
    """Messages were received or sent, in order."""

    def __init__(self, messages: Sequence[ChannelMessage]) -> None:
        super().__init__()
        self.messages = messages


class StatusUpdated(Message):
    """There is a newer status snapshot."""

    def __init__(self, status: EngineStatus) -> None:
        super().__init__()
        self.status = status

    def can_replace(self, message: Message) -> bool:
        """A newer snapshot makes a waiting one useless."""
        return isinstance(message, StatusUpdated)


class EventsHappened(Message):
    """Other events, in order."""

    def __init__(self, events: Sequence[Event]) -> None:
        super().__init__()
        self.events = events


class EngineLink:
    """Pumps events of an engine into a message pump.

    Args:
        engine: whom to listen to.
        target: who gets the messages.
        monotonic: seconds that never jump; pacing needs real ones.
    """

    def __init__(self, engine: EngineAPI, target: MessagePump, monotonic: Callable[[], float] = time.monotonic) -> None:
        self._engine = engine
        self._target = target
        self._monotonic = monotonic
        self._messages: list[ChannelMessage] = []
        self._events: list[Event] = []
        self._status: EngineStatus | None = None
        self._status_at = -STATUS_S
        self._typing_until = 0.0
        self._wake = asyncio.Event()
        self._subscription: Subscription | None = None

    async def read(self) -> None:
        """Collect events until the engine or the caller ends."""
        self._subscription = self._engine.events(limit=QUEUE_LIMIT)
        try:
            async for event in self._subscription:
                self.collect(event)
        finally:
            self._subscription.close()

    async def pump(self) -> None:
        """Post batches until cancelled."""
        while True:
            await self._wake.wait()
            self._wake.clear()
            self.flush()
            await asyncio.sleep(TYPING_BATCH_S if self._monotonic() < self._typing_until else BATCH_S)
            if self._status is not None:
                wait = self._status_at + STATUS_S - self._monotonic()
                if wait > 0 and not self._wake.is_set():
                    with contextlib.suppress(TimeoutError):
                        await asyncio.wait_for(self._wake.wait(), wait)
                self._wake.set()

    def typing(self) -> None:
        """A key was pressed."""
        self._typing_until = self._monotonic() + TYPING_S

    def collect(self, event: Event) -> None:
        """Put one event into the next batch."""
        match event:
            case MessageReceived(message) | MessageSent(message):
                self._messages.append(message)
            case StatusChanged(status):
                self._status = status
            case _:
                self._events.append(event)
        self._wake.set()

    def flush(self) -> None:
        """Post what is waiting."""
        if self._messages:
            messages, self._messages = self._messages, []
            self._target.post_message(MessagesArrived(messages))
        if self._events:
            events, self._events = self._events, []
            self._target.post_message(EventsHappened(events))
        now = self._monotonic()
        if self._status is not None and now - self._status_at >= STATUS_S:
            status, self._status = self._status, None
            self._status_at = now
            self._target.post_message(StatusUpdated(status))
