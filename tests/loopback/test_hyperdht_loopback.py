"""Peers dial each other over real UDP sockets on loopback."""

from __future__ import annotations

import asyncio
import os
from collections.abc import AsyncIterator

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

HOST = "127.0.0.1"


class Peers:
    """A local DHT and the peers on it."""

    def __init__(self, bootstrap: Address, scope: TaskScope) -> None:
        self._bootstrap = bootstrap
        self._scope = scope
        self.all: list[HyperDht] = []

    async def start(self, *, punch: bool = False) -> HyperDht:
        """A peer; with *punch* it believes to be behind a NAT and ignores the local network."""
        dht = HyperDht(
            OsNetwork(),
            DhtConfig(bootstrap=(self._bootstrap,), host=HOST, port=0, quick_firewall=not punch),
            self._scope,
            options=ConnectOptions(local_connection=not punch),
        )
        self.all.append(dht)
        await dht.start()
        await dht.fully_bootstrapped()
        return dht


@pytest.fixture
async def peers() -> AsyncIterator[Peers]:
    scope = TaskScope("loopback")
    nodes = await start_bootstrap_network(OsNetwork(), HOST, 0, 5, scope)
    peers = Peers(nodes[0].server_socket.local_address, scope)
    yield peers
    for dht in peers.all:
        await dht.destroy()
    for node in nodes:
        await node.destroy()
    await scope.close()


def accept(handover: Handover) -> None:
    """Echo every message."""
    connection = PeerConnection(handover.udx, handover.handshake)
    connection.on_message = lambda message: answer(connection, message)


def answer(connection: PeerConnection, message: bytes) -> None:
    """Send a message back."""
    connection.write(message)


async def talk(dht: HyperDht, key: bytes, message: bytes) -> tuple[str, bytes]:
    """Dial, exchange a message, close."""
    async with asyncio.timeout(15):
        handover = await dht.connect(key, KeyPair.generate(os.urandom))
        connection = PeerConnection(handover.udx, handover.handshake)
        received = bytearray()
        complete, closed = asyncio.Event(), asyncio.Event()

        def on_message(part: bytes) -> None:
            received.extend(part)
            if len(received) >= len(message):
                complete.set()

        connection.on_message = on_message
        connection.on_close.append(lambda error: closed.set())
        connection.write(message)
        await complete.wait()
        connection.end()
        await closed.wait()
        return handover.route, bytes(received)


@pytest.mark.parametrize("punch", [False, True])
async def test_dial_and_exchange(peers: Peers, punch: bool) -> None:
    serving, dialling = await peers.start(punch=punch), await peers.start(punch=punch)
    keys = KeyPair.generate(os.urandom)
    await serving.create_server(keys, accept).listen()
    message = os.urandom(200_000)
    route, received = await talk(dialling, keys.public_key, message)
    assert received == message
    assert (route == "holepunch") is punch
    assert dialling.stats()[f"connect_{route}"] == 1


async def test_many_dials_at_the_same_time(peers: Peers) -> None:
    serving = await peers.start()
    keys = [KeyPair.generate(os.urandom) for _ in range(4)]
    for key_pair in keys:
        await serving.create_server(key_pair, accept).listen()
    dialling = [await peers.start(), await peers.start(punch=True)]
    results = await asyncio.gather(
        *(talk(dht, key_pair.public_key, b"hello") for dht in dialling for key_pair in keys for _ in range(5))
    )
    assert [message for _, message in results] == [b"hello"] * 40


async def test_a_peer_dials_its_own_server(peers: Peers) -> None:
    dht = await peers.start()
    keys = KeyPair.generate(os.urandom)
    await dht.create_server(keys, accept).listen()
    assert (await talk(dht, keys.public_key, b"me"))[1] == b"me"


async def test_an_unknown_key(peers: Peers) -> None:
    with pytest.raises(PeerUnreachable) as failure:
        await (await peers.start()).connect(os.urandom(32), KeyPair.generate(os.urandom))
    assert failure.value.reason == "PEER_NOT_FOUND"
    assert failure.value.code == "network.unreachable"
