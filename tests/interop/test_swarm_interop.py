"""Swarms of both implementations meet on one topic, in every way two peers can meet."""

from __future__ import annotations

import asyncio
import hashlib
import os
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from random import Random
from typing import Any

import pytest

from engine.crypto.keys import KeyPair
from engine.net.connection import PeerConnection
from engine.net.dht.config import DhtConfig
from engine.net.dht.hyperdht import HyperDht
from engine.net.dht.testnet import start_bootstrap_network
from engine.net.swarm import Hyperswarm
from engine.net.tasks import TaskScope
from engine.net.udp import OsNetwork
from engine.proto.swarm.peer import PeerInfo

pytestmark = pytest.mark.interop

_TOPIC = hashlib.sha256(b"sidechannel:interop").digest()
_LOW, _HIGH = sorted(
    (KeyPair.from_seed(bytes([number]) * 32) for number in (1, 2)), key=lambda key_pair: key_pair.public_key
)


class _Peer:
    """Our peer and what happened to it."""

    def __init__(self, port: int, key_pair: KeyPair) -> None:
        self.scope = TaskScope("interop")
        self.key_pair = key_pair
        self.dht = HyperDht(
            OsNetwork(), DhtConfig(bootstrap=(("127.0.0.1", port),), host="127.0.0.1", port=0), self.scope
        )
        self.swarm = Hyperswarm(self.dht, key_pair, self.scope)
        self.swarm.on_connection = self._connected
        self.events: list[tuple[str, str, bool]] = []
        self.messages: asyncio.Queue[bytes] = asyncio.Queue()
        self._changed = asyncio.Event()

    def _connected(self, connection: PeerConnection, peer: PeerInfo) -> None:
        key = connection.remote_public_key.hex()
        connection.on_message = self.messages.put_nowait
        connection.on_close.append(lambda error: self._note("close", key, connection.is_initiator))
        self._note("connection", key, connection.is_initiator)

    def _note(self, kind: str, key: str, initiator: bool) -> None:
        self.events.append((kind, key, initiator))
        self._changed.set()

    async def wait(self, condition: Callable[[], bool], timeout_s: float = 30.0) -> None:
        async with asyncio.timeout(timeout_s):
            while not condition():
                self._changed.clear()
                await self._changed.wait()

    async def connection(self, key: str, timeout_s: float = 30.0) -> PeerConnection:
        """The open connection to a peer."""
        public_key = bytes.fromhex(key)
        await self.wait(lambda: self.swarm.connection_to(public_key) is not None, timeout_s)
        connection = self.swarm.connection_to(public_key)
        assert connection is not None
        return connection

    async def close(self) -> None:
        await self.swarm.destroy()
        await self.dht.destroy()
        await self.scope.close()


@asynccontextmanager
async def _peer(port: int, key_pair: KeyPair = _LOW) -> AsyncIterator[_Peer]:
    peer = _Peer(port, key_pair)
    await peer.dht.start()
    try:
        async with asyncio.timeout(20):
            await peer.dht.fully_bootstrapped()
        yield peer
    finally:
        await peer.close()


class _Js:
    """A JavaScript peer whose events may come in any order."""

    def __init__(self, js: Any) -> None:
        self._js = js
        self._backlog: list[Any] = []

    def write_json(self, value: Any) -> None:
        self._js.write_json(value)

    def kill(self) -> None:
        self._js.kill()

    async def event(self, kind: str, timeout_s: float = 30.0) -> Any:
        """The first event of a kind that was not taken yet."""
        async with asyncio.timeout(timeout_s):
            while True:
                for index, event in enumerate(self._backlog):
                    if event["event"] == kind:
                        return self._backlog.pop(index)
                self._backlog.append(await self._js.read_json(timeout_s))


async def _js_dht(js_stack: Any) -> int:
    js = await js_stack.spawn("swarm_peer.js", "dht")
    port: int = (await js.read_json())["port"]
    return port


async def _js_peer(js_stack: Any, port: int, key_pair: KeyPair = _HIGH) -> tuple[_Js, str]:
    js = _Js(await js_stack.spawn("swarm_peer.js", "peer", port, key_pair.secret_key[:32].hex()))
    return js, (await js.event("ready"))["key"]


async def _js_join(js: _Js, **options: bool) -> None:
    js.write_json({"do": "join", "topic": _TOPIC.hex(), **options})
    await js.event("joined")


async def _exchange(peer: _Peer, js: _Js, js_key: str) -> None:
    """One message in each direction."""
    connection = await peer.connection(js_key)
    connection.write(b"say hello")
    assert (await js.event("message"))["text"] == "hello"
    js.write_json({"do": "say", "key": peer.key_pair.public_key.hex(), "text": "hello back"})
    async with asyncio.timeout(10):
        assert await peer.messages.get() == b"say hello back"


async def test_we_dial_a_peer_that_was_there_first(js_stack: Any) -> None:
    port = await _js_dht(js_stack)
    js, js_key = await _js_peer(js_stack, port)
    await _js_join(js)
    async with _peer(port) as peer:
        peer.swarm.join(_TOPIC)
        assert await peer.swarm.flush(20)
        assert (await js.event("connection"))["initiator"] is False
        assert peer.events == [("connection", js_key, True)]
        await _exchange(peer, js, js_key)


async def test_a_peer_that_comes_later_dials_us(js_stack: Any) -> None:
    port = await _js_dht(js_stack)
    js, js_key = await _js_peer(js_stack, port)
    async with _peer(port) as peer:
        assert await peer.swarm.join(_TOPIC).flushed()
        await _js_join(js)
        connection = await js.event("connection")
        assert (connection["key"], connection["initiator"]) == (peer.key_pair.public_key.hex(), True)
        await _exchange(peer, js, js_key)
        assert peer.events == [("connection", js_key, False)]


@pytest.mark.parametrize("ours", [_LOW, _HIGH], ids=["our key is smaller", "our key is greater"])
async def test_two_crossing_dials_leave_one_connection(js_stack: Any, ours: KeyPair) -> None:
    theirs = _HIGH if ours is _LOW else _LOW
    port = await _js_dht(js_stack)
    js, js_key = await _js_peer(js_stack, port, theirs)
    async with _peer(port, ours) as peer:
        await _js_join(js, client=False)
        assert await peer.swarm.join(_TOPIC, client=False).flushed()
        js.write_json({"do": "dial", "peer": ours.public_key.hex()})
        peer.swarm.join_peer(theirs.public_key)
        await _exchange(peer, js, js_key)
        await asyncio.sleep(0.2)
        assert len(peer.swarm.connections) == 1
        await _exchange(peer, js, js_key)


async def test_simultaneous_join(js_stack: Any) -> None:
    port = await _js_dht(js_stack)
    js, js_key = await _js_peer(js_stack, port)
    async with _peer(port) as peer:
        js.write_json({"do": "join", "topic": _TOPIC.hex()})
        peer.swarm.join(_TOPIC)
        await _exchange(peer, js, js_key)


async def test_ten_megabytes_each_way_at_the_same_time(js_stack: Any) -> None:
    total = 10_000_000
    port = await _js_dht(js_stack)
    js, js_key = await _js_peer(js_stack, port)
    await _js_join(js)
    async with _peer(port) as peer:
        peer.swarm.join(_TOPIC)
        connection = await peer.connection(js_key)
        await js.event("connection")
        js.write_json({"do": "stream", "key": peer.key_pair.public_key.hex(), "bytes": total})
        sent = asyncio.create_task(_send(connection, total))  # noqa: TID251
        assert await peer.messages.get() == f"expect {total}".encode()
        hash, received = hashlib.sha256(), 0
        async with asyncio.timeout(40):
            while received < total:
                message = await peer.messages.get()
                hash.update(message)
                received += len(message)
        assert (await js.event("received"))["sha256"] == await sent
        assert (await js.event("sent"))["sha256"] == hash.hexdigest()


async def _send(connection: PeerConnection, total: int) -> str:
    random, hash, ready = Random(3), hashlib.sha256(), asyncio.Event()
    connection.on_drain.append(ready.set)
    connection.write(f"expect {total}".encode())
    while total > 0:
        message = os.urandom(min(total, random.randrange(100, 150_000)))
        total -= len(message)
        hash.update(message)
        ready.clear()
        if not connection.write(message):
            await ready.wait()
    return hash.hexdigest()


async def test_a_killed_peer_that_comes_back_is_reached_again(js_stack: Any) -> None:
    port = await _js_dht(js_stack)
    js, js_key = await _js_peer(js_stack, port)
    await _js_join(js)
    async with _peer(port) as peer:
        peer.swarm.join(_TOPIC)
        await _exchange(peer, js, js_key)
        js.kill()
        js, js_key = await _js_peer(js_stack, port)
        await _js_join(js)
        await js.event("connection", 40)
        await peer.wait(lambda: sum(kind == "connection" for kind, _, _ in peer.events) == 2)
        await _exchange(peer, js, js_key)
        assert len(peer.swarm.connections) == 1


async def test_we_come_back_after_a_crash_and_replace_the_old_connection(js_stack: Any) -> None:
    port = await _js_dht(js_stack)
    js, js_key = await _js_peer(js_stack, port)
    await _js_join(js)
    async with _peer(port, _HIGH if js_key == _LOW.public_key.hex() else _LOW) as first:
        first.swarm.join(_TOPIC)
        await _exchange(first, js, js_key)
        first.dht.node.server_socket.close()
        first.dht.node.client_socket.close()
        async with _peer(port, first.key_pair) as second:
            second.swarm.join(_TOPIC)
            await _exchange(second, js, js_key)
        await first.swarm.destroy(timeout_s=0.1)


async def test_a_left_topic_is_gone_from_the_dht(js_stack: Any) -> None:
    port = await _js_dht(js_stack)
    js, _ = await _js_peer(js_stack, port)
    async with _peer(port) as peer:
        key = peer.key_pair.public_key.hex()
        assert await peer.swarm.join(_TOPIC).flushed()
        js.write_json({"do": "lookup", "topic": _TOPIC.hex()})
        assert (await js.event("found"))["keys"] == [key]
        await peer.swarm.leave(_TOPIC)
        js.write_json({"do": "lookup", "topic": _TOPIC.hex()})
        assert (await js.event("found"))["keys"] == []


async def test_swarms_meet_on_our_dht_nodes(js_stack: Any) -> None:
    scope = TaskScope("bootstrap")
    nodes = await start_bootstrap_network(OsNetwork(), "127.0.0.1", 0, 3, scope)
    try:
        port = nodes[0].server_socket.local_address[1]
        js, js_key = await _js_peer(js_stack, port)
        other, other_key = await _js_peer(js_stack, port, KeyPair.from_seed(b"\x03" * 32))
        await _js_join(js)
        await _js_join(other)
        assert (await js.event("connection"))["key"] == other_key
        async with _peer(port) as peer:
            peer.swarm.join(_TOPIC)
            await _exchange(peer, js, js_key)
            await _exchange(peer, other, other_key)
            js.write_json({"do": "destroy"})
            await js.event("destroyed")
            await peer.wait(lambda: len(peer.swarm.connections) == 1)
    finally:
        for node in nodes:
            await node.destroy()
        await scope.close()
