from __future__ import annotations

import asyncio

from tests.harness.swarms import World, simulate, until

_TOPIC = b"t" * 32


def test_a_snapshot_says_what_a_topic_is_doing() -> None:
    async def scenario(world: World) -> None:
        peer = await world.peer()
        session = peer.swarm.join(_TOPIC)
        (before,) = peer.swarm.topics
        assert (before.topic, before.announced, before.refreshing, before.nodes) == (_TOPIC, False, True, 0)
        assert await session.flushed()
        (after,) = peer.swarm.topics
        assert (after.announced, after.refreshing, after.refreshes, after.nodes) == (True, False, 1, 5)
        assert after.next_refresh_in_s is not None
        assert after.next_refresh_in_s < 3
        await asyncio.sleep(300)
        (later,) = peer.swarm.topics
        assert later.next_refresh_in_s is not None
        assert 299 < later.next_refresh_in_s < 421

    simulate(scenario)


def test_a_left_topic_cannot_be_refreshed() -> None:
    async def scenario(world: World) -> None:
        peer = await world.peer()
        session = peer.swarm.join(_TOPIC)
        await session.destroy()
        assert await session.refresh() is False
        assert await session.flushed() is False

    simulate(scenario)


def test_a_change_of_mode_replaces_the_running_refresh_and_joining_again_does_not() -> None:
    async def scenario(world: World) -> None:
        peer = await world.peer()
        first = peer.swarm.join(_TOPIC, server=False)
        same = peer.swarm.join(_TOPIC, server=False)
        assert peer.swarm.topics[0].refreshes == 0
        assert await same.flushed()
        assert peer.swarm.topics[0].refreshes == 1
        refresh = asyncio.gather(first.refresh())
        await asyncio.sleep(0.01)
        wider = peer.swarm.join(_TOPIC)
        assert await wider.flushed()
        await refresh
        assert (peer.swarm.topics[0].refreshes, peer.swarm.topics[0].announced) == (2, True)

    simulate(scenario)


def test_a_crashed_peer_that_restarts_elsewhere_is_reached_there() -> None:
    async def scenario(world: World) -> None:
        before, seeker = await world.peer(), await world.peer()
        assert await before.swarm.join(_TOPIC, client=False).flushed()
        before.crash()
        after = await world.peer(key_pair=before.key_pair)
        assert await after.swarm.join(_TOPIC, client=False).flushed()
        seeker.swarm.join(_TOPIC, server=False)
        await until(lambda: after.connected_to(seeker) and seeker.connected_to(after), 30)
        (connection,) = seeker.swarm.connections
        assert connection.remote_address is not None
        assert connection.remote_address[0] == after.address

    simulate(scenario)


def test_refreshes_go_on_for_hours() -> None:
    async def scenario(world: World) -> None:
        a, b = await world.peer(), await world.peer()
        for peer in (a, b):
            assert await peer.swarm.join(_TOPIC).flushed()
        await until(lambda: a.connected_to(b))
        await asyncio.sleep(4 * 3600)
        assert a.connected_to(b)
        for peer in (a, b):
            assert 20 <= peer.swarm.topics[0].refreshes <= 25

    simulate(scenario)
