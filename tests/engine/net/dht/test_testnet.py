"""A private DHT on real loopback sockets."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator

import pytest

from engine.errors import BindFailed
from engine.net.dht.config import DhtConfig
from engine.net.dht.node import DhtNode
from engine.net.dht.testnet import bootstrapper_config, start_bootstrap_network
from engine.net.tasks import TaskScope
from engine.net.udp import OsNetwork

HOST = "127.0.0.1"


@pytest.fixture
async def scope() -> AsyncIterator[TaskScope]:
    scope = TaskScope("testnet")
    yield scope
    await scope.close()


async def test_ten_nodes_and_a_client(scope: TaskScope) -> None:
    network = OsNetwork()
    nodes = await start_bootstrap_network(network, HOST, 0, 10, scope)
    client = DhtNode(network, DhtConfig((nodes[0].server_socket.local_address,), host=HOST, port=0), scope)
    try:
        await client.start()
        await client.fully_bootstrapped()
        assert len(client.known_nodes()) == 10
        assert client.host == HOST
        assert client.local_addresses() == [(HOST, client.server_socket.local_address[1])]
        for node in nodes:
            assert not node.ephemeral
            assert not node.firewalled
            assert len(node.known_nodes()) == 9
            assert not node.drops
    finally:
        for node in (*nodes, client):
            await node.destroy()


async def test_a_taken_port_is_an_error_and_leaves_nothing_behind(scope: TaskScope) -> None:
    network = OsNetwork()
    (node,) = await start_bootstrap_network(network, HOST, 0, 1, scope)
    try:
        with pytest.raises(BindFailed):
            await start_bootstrap_network(network, HOST, node.server_socket.local_address[1], 3, scope)
    finally:
        await node.destroy()
    assert scope.count == 0


async def test_cancelling_the_start_stops_all_nodes(scope: TaskScope) -> None:
    task = scope.spawn("start", start_bootstrap_network(OsNetwork(), HOST, 0, 50, scope))
    await asyncio.sleep(0.01)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert scope.count == 0


def test_a_bootstrap_node_never_moves_to_another_port() -> None:
    config = bootstrapper_config("10.0.0.1", 49737)
    assert config.public_address == ("10.0.0.1", 49737)
    assert not config.any_port
    assert config.bootstrap == ()
