"""A real WebSocket client of a bridge that runs in the test."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

from websockets.asyncio.client import ClientConnection, connect
from websockets.typing import Origin

from engine.bridge.server import BridgeServer
from engine.config.sections import BridgeConfig
from engine.net.tasks import TaskScope
from tests.harness.fake_engine import FakeEngine

TOKEN = "tok"
WAIT_S = 10.0


class Agent:
    """A client that keeps replies and events apart."""

    def __init__(self, socket: ClientConnection) -> None:
        self.socket = socket
        self.events: list[dict[str, Any]] = []

    async def next(self) -> dict[str, Any]:
        """The next frame."""
        async with asyncio.timeout(WAIT_S):
            text = await self.socket.recv()
        assert isinstance(text, str)
        return dict(json.loads(text))

    async def reply(self) -> dict[str, Any]:
        """The next frame that is no event; events are kept."""
        while True:
            frame = await self.next()
            if frame["type"] != "sidechannel_message":
                return frame
            self.events.append(frame)

    async def event(self) -> dict[str, Any]:
        """The next event."""
        if not self.events:
            frame = await self.next()
            assert frame["type"] == "sidechannel_message", frame
            return frame
        return self.events.pop(0)

    async def ask(self, request: object) -> dict[str, Any]:
        """Send a request and take its reply."""
        await self.socket.send(json.dumps(request))
        return await self.reply()

    async def closed(self) -> tuple[int, str]:
        """Wait for the end; returns close code and reason."""
        async with asyncio.timeout(WAIT_S):
            await self.socket.wait_closed()
        return self.socket.close_code or 0, self.socket.close_reason or ""


@asynccontextmanager
async def bridge(engine: FakeEngine, tokens: Path, **settings: Any) -> AsyncIterator[BridgeServer]:
    """A running bridge on a free port."""
    scope = TaskScope("test")
    config = BridgeConfig(**{"enabled": True, "port": 0, "token": TOKEN, "cli": True, **settings})
    server = BridgeServer(config, engine, tokens, scope)
    await server.start()
    try:
        yield server
    finally:
        await server.stop()
        await scope.close()


@asynccontextmanager
async def agent(
    server: BridgeServer, token: str | None = TOKEN, *, origin: str | None = None, **options: object
) -> AsyncIterator[Agent]:
    """A connected client; authenticated unless *token* is None."""
    address = f"ws://127.0.0.1:{server.port}"
    async with connect(
        address,
        compression=None,
        proxy=None,
        origin=Origin(origin) if origin is not None else None,
        max_size=None,
        max_queue=None,
    ) as socket:
        client = Agent(socket)
        if token is not None:
            assert (await client.next())["type"] == "hello"
            assert await client.ask({"type": "auth", "token": token}) == {"type": "auth_ok"}
            if options:
                assert (await client.ask({"type": "options", **options}))["type"] == "options_set"
        yield client
