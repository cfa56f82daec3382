"""SC-Bridge: the WebSocket server through which local programs and agents use this peer.

It knows the peer only through :class:`~engine.api.EngineAPI`. Each event is rendered once for all clients.

Protocol reference: 07-sc-bridge; design reference: ecosystem A2 B1 to B6.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import os
from collections.abc import Callable
from pathlib import Path
from typing import Final

from engine.api import EngineAPI, Subscription
from engine.bridge.client import Client, ClientContext
from engine.bridge.events import EventView
from engine.bridge.protocol import Session, SessionSettings
from engine.bridge.security import AccessRules, check_bind
from engine.bridge.throttle import AuthThrottle
from engine.bridge.tokens import TokenSet, load_tokens
from engine.bridge.view import EngineView
from engine.bridge.websocket import GOING_AWAY, WebSocketConnection, text_frame
from engine.clock import Clock, SystemClock
from engine.config.sections import BridgeConfig
from engine.errors import BindFailed, IntercomError
from engine.events import Gap, MessageReceived, MessageSent
from engine.messages import ChannelMessage
from engine.net.tasks import TaskScope
from engine.status import BridgeFailed, BridgeListening, BridgeOff, BridgeStatus

_logger = logging.getLogger(__name__)

MAX_CLIENTS: Final = 256
EVENT_LIMIT: Final = 10_000
"""Events that wait for the bridge as a whole; missed ones are read from the store."""
RECOVER_LIMIT: Final = 1000
STOP_DEADLINE_S: Final = 1.0
KICKED: Final = 4000
"""WebSocket close code for clients the user sent away."""


class BridgeServer:
    """The bridge of one peer.

    Args:
        config: settings.
        engine: the peer.
        tokens_path: token file unless the settings name one.
        scope: owner of the tasks.
        clock: source of time.
        random_bytes: entropy for new tokens.
    """

    def __init__(
        self,
        config: BridgeConfig,
        engine: EngineAPI,
        tokens_path: Path,
        scope: TaskScope,
        *,
        clock: Clock | None = None,
        random_bytes: Callable[[int], bytes] = os.urandom,
    ) -> None:
        self._config = config
        self._engine = engine
        self._tokens_path = Path(config.token_file).expanduser() if config.token_file else tokens_path
        self._scope = scope
        self._clock = clock if clock is not None else SystemClock()
        self._random_bytes = random_bytes
        self._throttle = AuthThrottle()
        self._clients: dict[Client, None] = {}
        self._no_clients = asyncio.Event()
        self._no_clients.set()
        self._numbers = 0
        self._server: asyncio.Server | None = None
        self._tasks: TaskScope | None = None
        self._events: Subscription | None = None
        self._failure: BridgeFailed | None = None
        self._last_seq = 0
        self._recovered_to = -1
        self.on_status_change: Callable[[], None] = lambda: None
        """Called when :meth:`status` has changed."""

    @property
    def tokens_path(self) -> Path:
        """File of the tokens."""
        return self._tokens_path

    @property
    def port(self) -> int:
        """Port it listens on; 0 while it does not."""
        return int(self._server.sockets[0].getsockname()[1]) if self._server is not None else 0

    def status(self) -> BridgeStatus:
        """Whether it listens, and to whom."""
        if self._failure is not None:
            return self._failure
        if self._server is None:
            return BridgeOff()
        return BridgeListening(self._config.host, self.port, tuple(client.status() for client in self._clients))

    async def start(self) -> None:
        """Listen; see :meth:`engine.api.BridgeAPI.start`."""
        if self._server is not None:
            return
        try:
            await self._listen()
        except IntercomError as error:
            self._failure = BridgeFailed(str(error), error.hint)
            self.on_status_change()
            raise
        self._failure = None
        _logger.info("SC-Bridge listens on ws://%s:%d", self._config.host, self.port)
        self.on_status_change()

    async def stop(self) -> None:
        """Close all clients and the port."""
        server, tasks, events = self._server, self._tasks, self._events
        self._server = self._tasks = self._events = None
        if server is None or tasks is None or events is None:
            return
        server.close()
        events.close()
        for client in tuple(self._clients):
            client.close(GOING_AWAY, "the peer stops")
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(STOP_DEADLINE_S):
                await self._no_clients.wait()
        for client in tuple(self._clients):
            client.abort()
        await tasks.close()
        await server.wait_closed()
        self.on_status_change()

    def kick(self, label: str) -> bool:
        """Close one client; see :meth:`engine.api.BridgeAPI.kick`."""
        for client in self._clients:
            if client.label == label:
                client.close(KICKED, "closed by the user")
                return True
        return False

    # -- parts --------------------------------------------------------------------------------------------------

    async def _listen(self) -> None:
        config = self._config
        check_bind(config.host, unsafe=config.unsafe_bind)
        tokens = await asyncio.to_thread(load_tokens, config.token, self._tokens_path, self._random_bytes)
        tasks = self._scope.child("clients")
        accept = self._acceptor(tokens, tasks)
        rules = AccessRules(config.host, config.allowed_origins)
        loop = asyncio.get_running_loop()
        try:
            self._server = await loop.create_server(
                lambda: WebSocketConnection(rules, accept), config.host, config.port
            )
        except OSError as error:
            raise BindFailed.because(f"SC-Bridge cannot listen on {config.host}:{config.port}", error) from None
        self._tasks = tasks
        self._events = self._engine.events(MessageReceived, MessageSent, limit=EVENT_LIMIT)
        tasks.spawn("events", self._pump(self._events))

    def _acceptor(self, tokens: TokenSet, tasks: TaskScope) -> Callable[[WebSocketConnection], Client | None]:
        config = self._config
        view = EngineView(self._engine, self._clock)
        settings = SessionSettings(config.filter, frozenset(config.filter_channels), config.cli)
        context = ClientContext(
            engine=self._engine,
            scope=tasks,
            clock=self._clock,
            changed=lambda: self.on_status_change(),
            gone=self._client_gone,
            dangerous=config.cli_dangerous,
            debug=config.debug,
        )

        def accept(connection: WebSocketConnection) -> Client | None:
            if len(self._clients) >= MAX_CLIENTS or tasks.closed:
                return None
            self._numbers += 1
            session = Session(view, tokens, self._throttle, settings, self._numbers, self._clock.monotonic())
            client = Client(connection, session, context)
            self._clients[client] = None
            self._no_clients.clear()
            self.on_status_change()
            return client

        return accept

    def _client_gone(self, client: Client) -> None:
        self._clients.pop(client, None)
        if not self._clients:
            self._no_clients.set()
        self.on_status_change()

    async def _pump(self, events: Subscription) -> None:
        async for event in events:
            match event:
                case MessageReceived(message=message) | MessageSent(message=message):
                    if message.seq > self._recovered_to:
                        self._broadcast(message)
                case Gap(count=count):
                    _logger.warning("the bridge was too slow for %d events; reading them from the store", count)
                    self._recover()

    def _recover(self) -> None:
        if not self._last_seq:
            return
        while messages := self._engine.sidechannel.since(self._last_seq, limit=RECOVER_LIMIT):
            for message in messages:
                self._broadcast(message)
            self._recovered_to = self._last_seq
            if len(messages) < RECOVER_LIMIT:
                return

    def _broadcast(self, message: ChannelMessage) -> None:
        self._last_seq = message.seq
        event = EventView(message)
        frames: dict[bool, bytes] = {}
        for client in tuple(self._clients):
            if client.wants(event):
                extended = client.extended
                if extended not in frames:
                    frames[extended] = text_frame(event.text(extended))
                client.send_event(frames[extended], message.seq)
