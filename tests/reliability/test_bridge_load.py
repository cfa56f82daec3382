"""Fifty bridge clients on loopback, one of which stops reading: it is cut off, the others miss nothing."""

from __future__ import annotations

import asyncio
import json
import socket
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path

import pytest
from websockets.asyncio.client import connect
from websockets.exceptions import ConnectionClosedError

from engine.bridge.queue import MAX_EVENTS
from engine.bridge.server import BridgeServer
from tests.harness.bridge_client import TOKEN, Agent, agent, bridge
from tests.harness.fake_engine import FakeEngine
from tests.harness.published import record_reliability

CLIENTS = 50
EVENTS = 2_000
TEXT_BYTES = 6_000
SMALL_BUFFER = 4_096


@asynccontextmanager
async def narrow_agent(server: BridgeServer) -> AsyncIterator[Agent]:
    """A client whose kernel buffers little, so that it stalls soon once it stops reading."""
    raw = socket.socket()
    raw.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, SMALL_BUFFER)
    raw.setblocking(False)
    await asyncio.get_running_loop().sock_connect(raw, ("127.0.0.1", server.port))
    async with connect(
        f"ws://127.0.0.1:{server.port}", sock=raw, compression=None, proxy=None, max_queue=1, close_timeout=0.1
    ) as ws:
        client = Agent(ws)
        await client.next()
        assert (await client.ask({"type": "auth", "token": TOKEN}))["type"] == "auth_ok"
        yield client


async def listen(client: Agent) -> int:
    """Take all events; they come in order and without a gap."""
    for number in range(EVENTS):
        assert f'"n":{number},' in await asyncio.wait_for(client.socket.recv(decode=True), 30)
    return EVENTS


async def read_on(client: Agent) -> None:
    """Take whatever still comes."""
    while True:
        await asyncio.wait_for(client.socket.recv(), 30)


@pytest.mark.timeout(180)
async def test_a_stalled_client_is_cut_off_and_the_others_lose_nothing(
    tmp_path: Path, request: pytest.FixtureRequest
) -> None:
    engine = FakeEngine()
    async with AsyncExitStack() as stack:
        server = await stack.enter_async_context(bridge(engine, tmp_path / "tokens"))
        stalled = await stack.enter_async_context(narrow_agent(server))
        stalled.socket.transport.pause_reading()
        others = [await stack.enter_async_context(agent(server)) for _ in range(CLIENTS - 1)]
        async with asyncio.TaskGroup() as group:
            counts = [group.create_task(listen(other)) for other in others]
            for number in range(EVENTS):
                engine.receive("a", {"n": number, "text": "x" * TEXT_BYTES})
                if number % 4 == 0:
                    await asyncio.sleep(0.001)
        assert [count.result() for count in counts] == [EVENTS] * (CLIENTS - 1)
        stalled.socket.transport.resume_reading()
        with pytest.raises(ConnectionClosedError):
            await read_on(stalled)
        code, reason = await stalled.closed()
        assert code == 1013
        cursor = json.loads(reason)["cursor"]
        assert 0 < cursor < EVENTS
        assert EVENTS - cursor >= MAX_EVENTS // 2
        assert (await others[0].ask({"type": "ping"}))["type"] == "pong"
    record_reliability(
        request,
        "6c. bridge clients",
        f"{CLIENTS} clients, {EVENTS:,} events; one stalls and is cut off with 1013 and a cursor, the others get all",
    )
