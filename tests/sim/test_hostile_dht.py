"""Sixty nodes, half of them hostile: lookups still find what honest peers announced, and nothing forged."""

from __future__ import annotations

import random
from collections.abc import Callable
from typing import cast

import pytest

from engine.crypto.hashes import blake2b
from engine.crypto.keys import KeyPair
from engine.net.dht.messages import IncomingRequest
from engine.net.dht.node import DhtNode
from engine.net.dht.operations import announce, find_peer, lookup, peer_hit
from engine.net.dht.values import immutable_get, immutable_put, mutable_get, mutable_put
from engine.proto.dht.commands import Command, MutableRecord, PeerRecord, encode_lookup_answer
from engine.wire.compact import Address
from tests.harness.dht_network import DhtNetwork, dht_network
from tests.harness.published import record_reliability
from tests.harness.virtual_loop import run_virtual

NODES = 60
ROUNDS = 12
Handler = Callable[[IncomingRequest], None]


def dropper() -> Handler:
    """Takes requests and never answers."""
    return lambda request: None


def forger(rng: random.Random) -> Handler:
    """Answers everything with records that nobody signed, and with nodes that do not exist."""

    def handle(request: IncomingRequest) -> None:
        record = PeerRecord(rng.randbytes(32), (("66.66.66.66", 6),))
        forged = {
            Command.LOOKUP: encode_lookup_answer([record.encode()], 2**50),
            Command.FIND_PEER: record.encode(),
            Command.MUTABLE_GET: MutableRecord(2**40, b"forged", rng.randbytes(64)).encode(),
            Command.IMMUTABLE_GET: b"forged",
        }
        request.reply(forged.get(Command(request.command), b"\xff\xff"))

    return handle


def corrupt(node: DhtNode, handler: Handler) -> None:
    for command in Command:
        node.set_handler(command, handler)


@pytest.mark.parametrize("seed", [1, 2])
def test_honest_data_survives_a_hostile_half(seed: int, request: pytest.FixtureRequest) -> None:
    async def main() -> tuple[int, int]:
        async with dht_network(NODES, seed=seed, latency_s=0.01) as net:
            rng = random.Random(seed)
            for number, node in enumerate(rng.sample(net.nodes[1:], NODES // 2)):
                corrupt(node, dropper() if number % 2 else forger(rng))
            return await exchange(net, rng)

    found, forged = run_virtual(main())
    assert found >= 0.95 * 4 * ROUNDS
    assert forged == 0
    record_reliability(
        request,
        "11b. hostile DHT",
        f"{NODES} nodes, half forging or silent, {4 * ROUNDS} lookups a seed: at least 95 % succeed, no forged record",
    )


async def exchange(net: DhtNetwork, rng: random.Random) -> tuple[int, int]:
    """Announce, look up, store and read; returns how much was found and how much of that was forged."""
    writer, reader = await net.client("20.0.0.1"), await net.client("20.0.0.2")
    found = forged = 0
    for number in range(ROUNDS):
        keys = KeyPair.from_seed(rng.randbytes(32))
        topic, value = rng.randbytes(32), rng.randbytes(100)
        await announce(writer, topic, keys).finished()
        seen = {peer.public_key async for hit in lookup(reader, topic) for peer in hit.peers}
        found += keys.public_key in seen

        await announce(writer, blake2b(keys.public_key), keys).finished()
        hits = [peer_hit(reply, keys.public_key) async for reply in find_peer(reader, keys.public_key)]
        found += any(hits)

        digest = await immutable_put(writer, value)
        read = await immutable_get(reader, digest)
        found += read == value
        forged += read not in (value, None)

        await mutable_put(writer, keys, value, seq=number)
        record = await mutable_get(reader, keys.public_key)
        found += record is not None and record.value == value
        forged += record is not None and record.value != value
    return found, forged


def test_a_network_survives_losing_half_its_nodes() -> None:
    async def main() -> tuple[int, int]:
        async with dht_network(40, seed=5) as net:
            rng = random.Random(5)
            for node in rng.sample(net.nodes[1:], 20):
                await node.destroy()
                net.nodes.remove(node)
            found, forged = await exchange(net, rng)
            alive = {cast("Address", node.remote_address()) for node in net.nodes}
            stale = [len(set(node.known_nodes()) - alive) for node in net.nodes]
            assert forged == 0
            return found, max(stale)

    found, stale = run_virtual(main())
    assert found == 4 * ROUNDS
    assert stale <= 20
