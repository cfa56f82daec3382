"""Python and JavaScript DHT nodes in one network, either side as the infrastructure."""

from __future__ import annotations

import asyncio
import os
from collections.abc import AsyncIterator
from typing import Any

import pytest

from engine.crypto.hashes import blake2b
from engine.crypto.keys import KeyPair
from engine.errors import NetworkError
from engine.net.dht import operations, values
from engine.net.dht.config import DhtConfig
from engine.net.dht.node import DhtNode
from engine.net.dht.testnet import start_bootstrap_network
from engine.net.tasks import TaskScope
from engine.net.udp import OsNetwork
from engine.proto.dht.commands import Command, Internal
from engine.wire.compact import Address

pytestmark = pytest.mark.interop

HOST = "127.0.0.1"


@pytest.fixture
async def scope() -> AsyncIterator[TaskScope]:
    scope = TaskScope("interop")
    yield scope
    await scope.close()


async def ask(js: Any, op: str, **arguments: Any) -> Any:
    js.write_json({"op": op, **arguments})
    result = await js.read_until("result")
    assert "error" not in result, result
    return result


async def join(scope: TaskScope, bootstrap: Address, *, persistent: bool = False) -> DhtNode:
    node = DhtNode(
        OsNetwork(),
        DhtConfig(
            bootstrap=(bootstrap,),
            host=HOST,
            port=0,
            ephemeral=False if persistent else None,
            firewalled=False if persistent else None,
        ),
        scope,
    )
    await node.start()
    async with asyncio.timeout(10):
        await node.fully_bootstrapped()
    return node


async def test_python_client_on_a_javascript_network(js_stack: Any, scope: TaskScope) -> None:
    js = await js_stack.spawn("dht_node.js", "testnet", 6)
    ready = await js.read_until("ready")
    node = await join(scope, tuple(ready["bootstrap"]))
    try:
        assert len(node.table) >= 4
        assert node.host == HOST
        await check_exchange(node, js)
    finally:
        await node.destroy()


async def test_javascript_client_on_a_python_network(js_stack: Any, scope: TaskScope) -> None:
    nodes = await start_bootstrap_network(OsNetwork(), HOST, 0, 5, scope)
    bootstrap = nodes[0].server_socket.local_address
    js = await js_stack.spawn("dht_node.js", "node", f"{bootstrap[0]}:{bootstrap[1]}")
    ready = await js.read_until("ready")
    client = await join(scope, bootstrap)
    try:
        assert ready["nodes"] == 5
        assert ready["host"] == HOST
        await check_exchange(client, js)
        reply = await ask(js, "ping", to=bootstrap)
        assert reply["id"] == nodes[0].table.id.hex()
        delayed = await ask(js, "delayedPing", to=bootstrap, ms=120)
        assert delayed["rtt"] >= 119
        assert all(not node.drops for node in nodes)
    finally:
        for node in (*nodes, client):
            await node.destroy()


async def check_exchange(node: DhtNode, js: Any) -> None:
    """Everything one side stores, the other side finds."""
    await check_topics(node, js)
    await check_values(node, js)


async def check_topics(node: DhtNode, js: Any) -> None:
    topic = os.urandom(32)
    seeds = [os.urandom(32), os.urandom(32)]
    mine, theirs = map(KeyPair.from_seed, seeds)
    relay = ("10.1.2.3", 4567)

    await operations.announce(node, topic, mine, [relay], bump=1_700_000_000_000).finished()
    found = await ask(js, "lookup", topic=topic.hex())
    assert len(found["hits"]) >= 4
    for hit in found["hits"]:
        assert hit["peers"] == [[mine.public_key.hex(), [list(relay)]]]
        assert hit["bump"] == 1_700_000_000_000

    await ask(js, "announce", topic=topic.hex(), seed=seeds[1].hex(), relays=[relay], bump=1_700_000_000_001)
    hits = [hit async for hit in operations.lookup(node, topic)]
    assert len(hits) == len(found["hits"])
    for hit in hits:
        assert {peer.public_key for peer in hit.peers} == {mine.public_key, theirs.public_key}
        assert {peer.relay_addresses for peer in hit.peers} == {(relay,)}
        assert hit.bump == 1_700_000_000_001

    await operations.announce(node, topic, mine, clear=True).finished()
    found = await ask(js, "lookup", topic=topic.hex())
    assert all([mine.public_key.hex(), []] in hit["peers"] for hit in found["hits"])

    await operations.unannounce(node, topic, mine)
    await ask(js, "unannounce", topic=topic.hex(), seed=seeds[1].hex())
    assert (await ask(js, "lookup", topic=topic.hex()))["hits"] == []
    assert [hit async for hit in operations.lookup(node, topic)] == []


async def check_values(node: DhtNode, js: Any) -> None:
    value = os.urandom(900)
    target = await values.immutable_put(node, value)
    assert (await ask(js, "immutableGet", hash=target.hex()))["value"] == value.hex()
    put = await ask(js, "immutablePut", value=b"from js".hex())
    assert await values.immutable_get(node, bytes.fromhex(put["hash"])) == b"from js"
    assert await values.immutable_get(node, os.urandom(32)) is None

    seed = os.urandom(32)
    key_pair = KeyPair.from_seed(seed)
    await values.mutable_put(node, key_pair, b"first", seq=1)
    found = await ask(js, "mutableGet", key=key_pair.public_key.hex())
    assert (found["value"], found["seq"]) == (b"first".hex(), 1)
    await ask(js, "mutablePut", seed=seed.hex(), value=b"second".hex(), seq=2)
    record = await values.mutable_get(node, key_pair.public_key)
    assert record is not None
    assert (record.value, record.seq) == (b"second", 2)
    with pytest.raises(NetworkError, match="error 17"):
        await values.mutable_put(node, key_pair, b"late", seq=1)
    with pytest.raises(NetworkError, match="error 16"):
        await values.mutable_put(node, key_pair, b"other", seq=2)


async def test_self_announces_of_javascript_servers_reach_python_nodes(js_stack: Any, scope: TaskScope) -> None:
    nodes = await start_bootstrap_network(OsNetwork(), HOST, 0, 5, scope)
    bootstrap = nodes[0].server_socket.local_address
    js = await js_stack.spawn("dht_node.js", "node", f"{bootstrap[0]}:{bootstrap[1]}")
    await js.read_until("ready")
    seed = os.urandom(32)
    key_pair = KeyPair.from_seed(seed)
    client = await join(scope, bootstrap)
    try:
        await ask(js, "listen", seed=seed.hex())
        hits = [
            operations.peer_hit(reply, key_pair.public_key)
            async for reply in operations.find_peer(client, key_pair.public_key)
        ]
        assert sum(hit is not None for hit in hits) == 3
        target = blake2b(key_pair.public_key)
        holders = [node for node in nodes if node.forwards.get(target)]
        assert len(holders) == 3
        await ask(js, "destroy")
        assert not any(node.forwards.get(target) for node in nodes)
    finally:
        for node in (*nodes, client):
            await node.destroy()


async def test_mixed_persistent_nodes_know_each_other(js_stack: Any, scope: TaskScope) -> None:
    nodes = await start_bootstrap_network(OsNetwork(), HOST, 0, 3, scope)
    bootstrap = nodes[0].server_socket.local_address
    js = await js_stack.spawn("dht_node.js", "node", f"{bootstrap[0]}:{bootstrap[1]}", "persistent")
    ready = await js.read_until("ready")
    late = await join(scope, bootstrap, persistent=True)
    try:
        assert ready["ephemeral"] is False
        js_address = tuple(ready["address"])
        assert js_address in late.known_nodes()
        assert all(js_address in node.known_nodes() for node in nodes)
        known = await ask(js, "nodes")
        assert {tuple(address) for address in known["nodes"]} == {
            node.server_socket.local_address for node in (*nodes, late)
        }
        assert not late.ephemeral
        assert late.id is not None
        reply = await late.request(js_address, Internal.FIND_NODE, target=late.id, internal=True)
        assert reply.id == bytes.fromhex(ready["id"])
        assert late.server_socket.local_address in reply.closer_nodes
        wrong_token = await late.request(js_address, Command.ANNOUNCE, target=bytes(32), token=bytes(32), value=b"x")
        assert wrong_token.error == 2
        assert wrong_token.token is not None
    finally:
        for node in (*nodes, late):
            await node.destroy()


async def test_firewall_check_passes_on_both_sides(js_stack: Any, scope: TaskScope) -> None:
    nodes = await start_bootstrap_network(OsNetwork(), HOST, 0, 6, scope)
    bootstrap = nodes[0].server_socket.local_address
    js = await js_stack.spawn("dht_node.js", "testnet", 6)
    js_ready = await js.read_until("ready")
    python_on_js = await join(scope, tuple(js_ready["bootstrap"]))
    try:
        assert await python_on_js.check_network_state()
        assert not python_on_js.firewalled
        assert python_on_js.remote_address() == python_on_js.server_socket.local_address
        assert not python_on_js.ephemeral
        js_on_python = await js_stack.spawn("dht_node.js", "node", f"{bootstrap[0]}:{bootstrap[1]}")
        await js_on_python.read_until("ready")
        state = await ask(js_on_python, "state")
        assert state["firewalled"] is False or state["remote"] is None
    finally:
        for node in (*nodes, python_on_js):
            await node.destroy()
