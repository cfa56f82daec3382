"""Python and JavaScript peers dial each other by key, over a DHT of either language."""

from __future__ import annotations

import asyncio
import json
import os
from collections.abc import AsyncIterator
from typing import Any

import pytest

from engine.crypto.keys import KeyPair
from engine.errors import PeerUnreachable
from engine.net.connection import PeerConnection
from engine.net.dht.config import DhtConfig
from engine.net.dht.context import ConnectOptions
from engine.net.dht.handover import Handover
from engine.net.dht.hyperdht import HyperDht
from engine.net.dht.testnet import start_bootstrap_network
from engine.net.tasks import TaskScope
from engine.net.udp import OsNetwork
from engine.wire.compact import Address

pytestmark = pytest.mark.interop

HOST = "127.0.0.1"
NODES = 5
WAYS = ("open", "lan", "punch", "rounds")
"""Both sides reachable; both behind the same host; holepunching with and without fast open."""
SERVER_SEED, CLIENT_SEED = b"\x11" * 32, b"\x22" * 32
SERVER_KEYS, CLIENT_KEYS = KeyPair.from_seed(SERVER_SEED), KeyPair.from_seed(CLIENT_SEED)


class World:
    """A DHT of one language, with peers of both."""

    def __init__(self, stack: Any) -> None:
        self._stack = stack
        self._scope = TaskScope("interop")
        self._started: list[Any] = []
        self.bootstrap: Address = (HOST, 0)

    async def start(self, language: str) -> None:
        """Start the DHT."""
        if language == "javascript":
            js = await self._stack.spawn("hyperdht_peer.js", "testnet", NODES)
            host, port = (await js.read_until("ready"))["bootstrap"]
            self.bootstrap = (host, port)
        else:
            nodes = await start_bootstrap_network(OsNetwork(), HOST, 0, NODES, self._scope)
            self._started += nodes
            self.bootstrap = nodes[0].server_socket.local_address

    async def javascript(self, way: str) -> Any:
        """A JavaScript peer."""
        options = {"open": way == "open", "punch": way in ("punch", "rounds"), "rounds": way == "rounds"}
        host, port = self.bootstrap
        js = await self._stack.spawn("hyperdht_peer.js", "peer", f"{host}:{port}", json.dumps(options))
        await js.read_until("ready")
        return js

    async def python(self, way: str) -> HyperDht:
        """A Python peer."""
        reachable = False if way == "open" else None
        dht = HyperDht(
            OsNetwork(),
            DhtConfig(
                bootstrap=(self.bootstrap,),
                host=HOST,
                port=0,
                ephemeral=reachable,
                firewalled=reachable,
                quick_firewall=way not in ("punch", "rounds"),
            ),
            self._scope,
            options=ConnectOptions(local_connection=way not in ("punch", "rounds"), fast_open=way != "rounds"),
        )
        self._started.append(dht)
        await dht.start()
        async with asyncio.timeout(10):
            await dht.fully_bootstrapped()
        return dht

    async def close(self) -> None:
        """End everything that was started in this process."""
        for node in reversed(self._started):
            await node.destroy()
        await self._scope.close()


@pytest.fixture(params=["javascript", "python"])
async def world(request: pytest.FixtureRequest, js_stack: Any) -> AsyncIterator[World]:
    world = World(js_stack)
    try:
        await world.start(request.param)
        yield world
    finally:
        await world.close()


@pytest.fixture
async def python_world(js_stack: Any) -> AsyncIterator[World]:
    world = World(js_stack)
    try:
        await world.start("python")
        yield world
    finally:
        await world.close()


def echo_server(handover: Handover) -> None:
    """Answer every message of a connection."""
    connection = PeerConnection(handover.udx, handover.handshake, route=handover.route)
    connection.on_message = lambda message: answer(connection, message)


def answer(connection: PeerConnection, message: bytes) -> None:
    """Send a message back."""
    connection.write(b"echo:" + message)


async def talk(dht: HyperDht, text: bytes, seed: bytes = CLIENT_SEED) -> tuple[str, str]:
    """Dial, exchange one message, close; returns the route and the answer."""
    async with asyncio.timeout(20):
        handover = await dht.connect(SERVER_KEYS.public_key, KeyPair.from_seed(seed))
        connection = PeerConnection(handover.udx, handover.handshake, route=handover.route)
        assert connection.remote_public_key == SERVER_KEYS.public_key
        received: asyncio.Future[bytes] = asyncio.get_running_loop().create_future()
        closed: asyncio.Future[Exception | None] = asyncio.get_running_loop().create_future()
        connection.on_message = received.set_result
        connection.on_close.append(closed.set_result)
        connection.write(text)
        message = await received
        connection.end()
        assert await closed is None
        return handover.route, message.decode()


async def listen(js: Any) -> None:
    """Let a JavaScript peer serve."""
    js.write_json({"op": "listen", "seed": SERVER_SEED.hex()})
    assert (await js.read_until("listen")).get("error") is None


async def dial(js: Any, text: str) -> Any:
    """Let a JavaScript peer dial and exchange one message."""
    js.write_json({"op": "connect", "key": SERVER_KEYS.public_key.hex(), "seed": CLIENT_SEED.hex(), "text": text})
    return await js.read_until("connect")


ROUTES = {
    "open": ("open", "passive", "direct"),
    "lan": ("lan", "open", "passive"),
    "punch": ("holepunch",),
    "rounds": ("holepunch",),
}


@pytest.mark.parametrize("way", WAYS)
async def test_python_dials_javascript(world: World, way: str) -> None:
    server = await world.javascript(way)
    await listen(server)
    client = await world.python(way)
    route, message = await talk(client, b"hello")
    assert message == "echo:hello"
    assert route in ROUTES[way]
    assert (await server.read_until("connection"))["remote"] == CLIENT_KEYS.public_key.hex()


@pytest.mark.parametrize("way", WAYS)
async def test_javascript_dials_python(world: World, way: str) -> None:
    serving = await world.python(way)
    keys: list[bytes] = []

    def accept(handover: Handover) -> None:
        keys.append(handover.handshake.remote_public_key)
        echo_server(handover)

    await serving.create_server(SERVER_KEYS, accept).listen()
    client = await world.javascript(way)
    assert (await dial(client, "hello"))["echo"] == "echo:hello"
    assert keys == [CLIENT_KEYS.public_key]
    assert serving.counts["holepunch"] == (1 if way in ("punch", "rounds") else 0)


@pytest.mark.parametrize("way", WAYS)
async def test_javascript_peers_meet_over_python_nodes(python_world: World, way: str) -> None:
    server = await python_world.javascript(way)
    await listen(server)
    client = await python_world.javascript(way)
    assert (await dial(client, "hello"))["echo"] == "echo:hello"


@pytest.mark.parametrize("way", ["lan", "punch"])
async def test_python_finds_a_javascript_server_that_was_killed_and_came_back(world: World, way: str) -> None:
    client = await world.python(way)
    for text in (b"first", b"second"):
        server = await world.javascript(way)
        await listen(server)
        assert (await talk(client, text))[1] == "echo:" + text.decode()
        server.kill()


async def test_javascript_finds_a_python_server_that_vanished_and_came_back(world: World) -> None:
    client = await world.javascript("lan")
    for text in ("first", "second"):
        serving = await world.python("lan")
        await serving.create_server(SERVER_KEYS, echo_server).listen()
        assert (await dial(client, text))["echo"] == "echo:" + text
        await serving.node.destroy()


async def test_keys_nobody_serves(world: World) -> None:
    client = await world.python("lan")
    with pytest.raises(PeerUnreachable) as failure:
        await client.connect(os.urandom(32), CLIENT_KEYS)
    assert failure.value.reason in ("PEER_NOT_FOUND", "PEER_CONNECTION_FAILED")


async def test_a_refused_javascript_client_is_told_nothing(pinned_stack: Any) -> None:
    world = World(pinned_stack)
    try:
        await world.start("python")
        serving = await world.python("lan")
        await serving.create_server(SERVER_KEYS, echo_server, firewall=lambda *client: True).listen()
        client = await world.javascript("lan")
        assert (await dial(client, "hello"))["error"] == "PEER_CONNECTION_FAILED"
    finally:
        await world.close()
