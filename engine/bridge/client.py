"""One connected client: joins a session, a WebSocket and the peer.

Ordered operations run in one task per client, without a task switch as long as nothing has to wait; the others get a
task each. Requests that came in before the client went away are still carried out.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable
from dataclasses import dataclass, field

from engine.api import EngineAPI
from engine.bridge.events import EventView
from engine.bridge.operations import perform
from engine.bridge.protocol import Close, Effect, EventText, Session
from engine.bridge.replies import Refused, Reply
from engine.bridge.requests import Operation, RunCommand
from engine.bridge.websocket import WebSocketConnection, text_frame
from engine.clock import Clock
from engine.net.tasks import TaskScope
from engine.status import BridgeClient

_logger = logging.getLogger(__name__)


@dataclass(frozen=True)
class ClientContext:
    """What all clients of a bridge share."""

    engine: EngineAPI
    scope: TaskScope
    clock: Clock
    changed: Callable[[], None]
    """The status of some client is a new one."""
    gone: Callable[[Client], None]
    """A client has disconnected."""
    dangerous: bool = False
    """Agents may run terminal commands that end the peer or show its secret key."""
    debug: bool = False
    """Log every request."""
    commands: asyncio.Lock = field(default_factory=asyncio.Lock)
    """Terminal commands of all clients run one after the other."""


class Client:
    """One client.

    Args:
        socket: its connection.
        session: its state.
        context: what it shares with others.
    """

    def __init__(self, socket: WebSocketConnection, session: Session, context: ClientContext) -> None:
        self._socket = socket
        self._session = session
        self._context = context
        self._since_ms = context.clock.wall_ms()
        self._next: Operation | None = None
        self._worker: asyncio.Task[None] | None = None
        self._waiter: asyncio.Future[None] | None = None
        self._timer: asyncio.TimerHandle | None = None
        self._revision = session.revision
        self._gone = False

    @property
    def label(self) -> str:
        """Unique name."""
        return self._session.label

    @property
    def extended(self) -> bool:
        """True when the client asked for our additions."""
        return self._session.extended

    def status(self) -> BridgeClient:
        """What a front end shows of this client."""
        session = self._session
        return BridgeClient(
            label=session.label,
            since_ms=self._since_ms,
            authenticated=session.authenticated,
            scopes=tuple(sorted(scope.value for scope in session.scopes)),
            subscriptions=session.subscriptions,
            last_request=session.last_request,
            queued=self._socket.waiting,
        )

    def wants(self, event: EventView) -> bool:
        """True when the event goes to this client."""
        return self._session.wants(event)

    def send_event(self, frame: bytes, seq: int) -> None:
        """Give the client an event."""
        self._socket.send(frame, seq)

    def close(self, code: int, reason: str) -> None:
        """End the connection."""
        self._socket.close(code, reason)

    def abort(self) -> None:
        """Cut the connection."""
        self._socket.abort()

    # -- listener of the WebSocket ------------------------------------------------------------------------------

    def opened(self) -> None:
        """The handshake is done."""
        self._apply(self._session.start())

    def message(self, data: str | bytes) -> None:
        """A request came."""
        self._apply(self._session.receive(data, self._context.clock.monotonic()))
        if self._context.debug:
            _logger.info("bridge client %s: %s", self._session.label, self._session.last_request or "not authenticated")

    def drained(self) -> None:
        """The client reads again."""
        self._balance()

    def closed(self) -> None:
        """The connection is gone."""
        self._gone = True
        self._cancel_timer()
        self._wake()
        self._context.gone(self)

    # -- effects ------------------------------------------------------------------------------------------------

    def _apply(self, effects: list[Effect]) -> None:
        for effect in effects:
            if isinstance(effect, str):
                self._socket.send(text_frame(effect))
            elif isinstance(effect, EventText):
                self._socket.send(text_frame(effect.text), effect.seq)
            elif isinstance(effect, Close):
                self._socket.close(effect.code, effect.reason)
            elif effect.ordered:
                self._next = effect
                self._wake()
            else:
                self._context.scope.spawn(f"{self.label} {type(effect).__name__}", self._run(effect))
        self._balance()
        self._arm()
        if self._session.revision != self._revision:
            self._revision = self._session.revision
            self._context.changed()

    def _balance(self) -> None:
        if self._session.backlogged or self._socket.write_paused:
            self._socket.pause_reading()
        else:
            self._socket.resume_reading()

    def _wake(self) -> None:
        if self._worker is None:
            if self._next is not None:
                self._worker = self._context.scope.spawn(f"{self.label} requests", self._work())
        elif self._waiter is not None and not self._waiter.done():
            self._waiter.set_result(None)

    async def _work(self) -> None:
        while True:
            operation, self._next = self._next, None
            if operation is not None:
                await self._run(operation)
            elif self._gone:
                return
            else:
                self._waiter = asyncio.get_running_loop().create_future()
                await self._waiter
                self._waiter = None

    async def _run(self, operation: Operation) -> None:
        try:
            if isinstance(operation, RunCommand):
                async with self._context.commands:
                    reply = await self._perform(operation)
            else:
                reply = await self._perform(operation)
        except Exception:
            _logger.exception("bridge request %s failed", type(operation).__name__)
            reply = Refused("Internal error.", "bridge.internal").reply()
        self._apply(self._session.complete(operation, reply, self._context.clock.monotonic()))

    async def _perform(self, operation: Operation) -> Reply:
        context = self._context
        return await perform(
            context.engine,
            operation,
            label=self._session.label,
            extended=self._session.extended,
            dangerous=context.dangerous,
        )

    # -- timer --------------------------------------------------------------------------------------------------

    def _arm(self) -> None:
        due = self._session.next_timer()
        if due is None or self._gone:
            self._cancel_timer()
            return
        self._cancel_timer()
        delay = max(0.0, due - self._context.clock.monotonic())
        self._timer = asyncio.get_running_loop().call_later(delay, self._timer_due)

    def _timer_due(self) -> None:
        self._timer = None
        self._apply(self._session.handle_timer(self._context.clock.monotonic()))

    def _cancel_timer(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
