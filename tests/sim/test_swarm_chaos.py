"""Ten swarms in fifteen topics, cut thirty times: every expected link comes back."""

from __future__ import annotations

import asyncio
from collections import Counter

import pytest

from tests.harness.published import record_reliability
from tests.harness.swarms import Peer, World, simulate, until

_PEERS, _CUTS, _BACK_WITHIN_S = 10, 30, 60.0
_TOPICS = [bytes([number]) * 32 for number in range(1, 16)]


async def _cut(world: World, peer: Peer) -> None:
    """Reset some connections of a peer, or unplug it for a while."""
    if world.random.random() < 0.5:
        for connection in sorted(peer.swarm.connections, key=lambda each: each.remote_public_key):
            if world.random.random() < 0.5:
                connection.destroy()
    else:
        peer.host.up = False
        await asyncio.sleep(world.random.choice([1.0, 10.0, 25.0, 60.0]))
        peer.host.up = True


def _assert_tidy(world: World) -> None:
    """Nothing is kept for connections that are gone."""
    for peer in world.peers:
        swarm = peer.swarm
        assert set(swarm._by_key) == {connection.remote_public_key for connection in swarm.connections}
        assert set(swarm._policy.links) == set(swarm._by_key) | set(swarm._dials)
        assert peer.dht.node.udx.stream_count <= len(swarm.connections) + len(swarm._dials)
        assert not any(connection.closed for connection in swarm.connections)


@pytest.mark.parametrize(("seed", "loss"), [(1, 0.0), (2, 0.05)])
def test_every_expected_link_comes_back(seed: int, loss: float, request: pytest.FixtureRequest) -> None:
    async def scenario(world: World) -> None:
        joined: dict[bytes, set[bytes]] = {}
        for _ in range(_PEERS):
            peer = await world.peer()
            joined[peer.key] = set(world.random.sample(_TOPICS, 4))
            for topic in sorted(joined[peer.key]):
                peer.swarm.join(topic)
        pairs = [
            (one, other)
            for one in world.peers
            for other in world.peers
            if one is not other and joined[one.key] & joined[other.key]
        ]

        def complete() -> bool:
            return all(one.connected_to(other) for one, other in pairs)

        await until(complete, _BACK_WITHIN_S)
        for _ in range(_CUTS):
            await _cut(world, world.random.choice(world.peers))
            await until(complete, _BACK_WITHIN_S)
            await asyncio.sleep(5 * world.random.random())
        await asyncio.sleep(60)
        assert complete()
        _assert_tidy(world)
        counts = sum((peer.swarm.counts for peer in world.peers), Counter[str]())
        assert counts["closed"] > _CUTS

    simulate(scenario, seed=seed, loss=loss, jitter_s=0.005)
    record_reliability(
        request,
        "8. swarm chaos",
        f"{_PEERS} peers, {len(_TOPICS)} topics, {_CUTS} cuts, without and with 5 % loss: every link back in 60 s",
    )


def test_five_hundred_connects_and_closes_leave_nothing_behind(request: pytest.FixtureRequest) -> None:
    async def scenario(world: World) -> None:
        a, b = await world.peer(), await world.peer()
        await b.swarm.listen()
        for _ in range(500):
            a.swarm.join_peer(b.key)
            await until(lambda: a.connected_to(b) and b.connected_to(a), 30)
            a.swarm.leave_peer(b.key)
            next(iter(world.random.choice([a, b]).swarm.connections)).destroy()
            await until(lambda: not a.swarm.connections and not b.swarm.connections, 30)
        await asyncio.sleep(60)
        _assert_tidy(world)
        for peer in (a, b):
            assert peer.swarm._policy.peers == {}
            assert peer.dht.node.udx.stream_count == 0
        assert (a.swarm.counts["dialled"], a.swarm.counts["closed"]) == (500, 500)

    simulate(scenario)
    record_reliability(request, "6e. dial and close", "500 cycles of two swarms: no peer, link or stream is kept")
