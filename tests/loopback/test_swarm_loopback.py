"""Two swarms over real sockets, on every event loop that is supported."""

from __future__ import annotations

import asyncio
import hashlib
import os
from collections.abc import Callable

import pytest
import uvloop

from engine.crypto.keys import KeyPair
from engine.net.connection import PeerConnection
from engine.net.dht.config import DhtConfig
from engine.net.dht.hyperdht import HyperDht
from engine.net.dht.testnet import start_bootstrap_network
from engine.net.swarm import Hyperswarm
from engine.net.tasks import TaskScope
from engine.net.udp import OsNetwork

_TOPIC = b"t" * 32
_MESSAGES, _SIZE = 200, 20_000


async def _meet(portable: bool) -> None:
    scope, network = TaskScope("test"), OsNetwork(portable=portable)
    nodes = await start_bootstrap_network(network, "127.0.0.1", 0, 3, scope)
    bootstrap = (("127.0.0.1", nodes[0].server_socket.local_address[1]),)
    dhts = [HyperDht(network, DhtConfig(bootstrap=bootstrap, host="127.0.0.1", port=0), scope) for _ in range(2)]
    swarms = [Hyperswarm(dht, KeyPair.from_seed(bytes([n]) * 32), scope) for n, dht in enumerate(dhts)]
    received, done = hashlib.sha256(), asyncio.Event()
    count = 0

    def take(payload: bytes) -> None:
        nonlocal count
        received.update(payload)
        count += 1
        if count == _MESSAGES:
            done.set()

    def accept(connection: PeerConnection) -> None:
        channel = connection.mux.create_channel("test", messages=[take])
        assert channel is not None
        channel.open()

    for swarm in swarms:
        swarm.on_connection = lambda connection, peer: accept(connection)
    try:
        for dht in dhts:
            await dht.start()
            await dht.fully_bootstrapped()
        assert await swarms[0].join(_TOPIC).flushed()
        swarms[1].join(_TOPIC)
        assert await swarms[1].flush(10)
        sent = hashlib.sha256()
        (connection,) = swarms[1].connections
        (channel,) = connection.mux.channels
        for _ in range(_MESSAGES):
            payload = os.urandom(_SIZE)
            sent.update(payload)
            channel.send(0, payload)
        async with asyncio.timeout(20):
            await done.wait()
        assert received.digest() == sent.digest()
    finally:
        for swarm, dht in zip(swarms, dhts, strict=True):
            await swarm.destroy()
            await dht.destroy()
        for node in nodes:
            await node.destroy()
        await scope.close()


@pytest.mark.parametrize("factory", [asyncio.new_event_loop, uvloop.new_event_loop], ids=["asyncio", "uvloop"])
@pytest.mark.parametrize("portable", [False, True], ids=["drained", "portable"])
def test_two_swarms_meet_and_talk(factory: Callable[[], asyncio.AbstractEventLoop], portable: bool) -> None:
    with asyncio.Runner(loop_factory=factory) as runner:
        runner.run(_meet(portable))
