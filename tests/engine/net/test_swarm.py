"""Swarms on a simulated network, in virtual time."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from engine.errors import LocalProtocolError
from engine.net.swarm import HEARTBEAT_S, Duplicate
from engine.proto.swarm.policy import PeerState
from tests.harness.swarms import Peer, World, simulate, until

_TOPIC, _OTHER = b"t" * 32, b"u" * 32


def test_two_peers_of_a_topic_find_each_other() -> None:
    async def scenario(world: World) -> None:
        a, b = await world.peer(), await world.peer()
        assert await a.swarm.join(_TOPIC).flushed()
        b.swarm.join(_TOPIC)
        assert await b.swarm.flush(10)
        assert (a.log, b.log) == ([("open", b.key, False)], [("open", a.key, True)])
        (connection,) = b.swarm.connections
        assert b.swarm.connection_to(a.key) is connection
        assert connection.route != ""
        (known,) = b.swarm.peers
        assert (known.public_key, known.state, known.client, known.topics) == (
            a.key,
            PeerState.CONNECTED,
            True,
            (_TOPIC,),
        )

    simulate(scenario)


@pytest.mark.parametrize("seed", range(6))
def test_peers_that_join_at_the_same_moment_do_not_wait_for_the_next_refresh(seed: int) -> None:
    async def scenario(world: World) -> None:
        a, b = await world.peer(), await world.peer()
        a.swarm.join(_TOPIC)
        b.swarm.join(_TOPIC)
        assert await until(lambda: a.connected_to(b) and b.connected_to(a)) < 10
        await asyncio.sleep(60)
        assert (len(a.swarm.connections), len(b.swarm.connections)) == (1, 1)

    simulate(scenario, seed=seed)


def test_channels_of_all_topics_share_one_connection() -> None:
    async def scenario(world: World) -> None:
        a, b = await world.peer(), await world.peer()
        for topic in (_TOPIC, _OTHER):
            assert await a.swarm.join(topic).flushed()
        for topic in (_TOPIC, _OTHER):
            b.swarm.join(topic)
        assert await b.swarm.flush(10)
        await asyncio.sleep(30)
        assert len(b.swarm.connections) == 1
        assert set(b.swarm.peers[0].topics) == {_TOPIC, _OTHER}

    simulate(scenario)


def test_a_lookup_alone_does_not_announce() -> None:
    async def scenario(world: World) -> None:
        a, b = await world.peer(), await world.peer()
        assert await a.swarm.join(_TOPIC, server=False).flushed()
        assert await b.swarm.join(_TOPIC, server=False).flushed()
        await asyncio.sleep(60)
        assert not a.swarm.connections
        assert not any(topic.announced for topic in a.swarm.topics)

    simulate(scenario)


def test_more_sessions_of_one_topic_widen_and_narrow_what_is_done() -> None:
    async def scenario(world: World) -> None:
        a, b = await world.peer(), await world.peer()
        quiet = a.swarm.join(_TOPIC, server=False)
        assert await quiet.flushed()
        assert await a.swarm.join(_TOPIC, client=False).flushed()
        loud = a.swarm.join(_TOPIC)
        assert await loud.flushed()
        assert a.swarm.topics[0].announced
        assert await loud.refresh()
        await loud.destroy()
        await loud.destroy()
        assert a.swarm.topics[0].announced
        assert (loud.topic, loud.server, quiet.client) == (_TOPIC, True, True)
        assert await b.swarm.join(_TOPIC).flushed()
        await until(lambda: b.connected_to(a))

    simulate(scenario)


def test_the_last_server_session_takes_the_announce_away() -> None:
    async def scenario(world: World) -> None:
        a, b = await world.peer(), await world.peer()
        server, client = a.swarm.join(_TOPIC, client=False), a.swarm.join(_TOPIC, server=False)
        assert await client.flushed()
        await server.destroy()
        assert not a.swarm.topics[0].announced
        assert await b.swarm.join(_TOPIC).flushed()
        await asyncio.sleep(1)
        assert not b.swarm.connections
        await client.destroy()

    simulate(scenario)


def test_leaving_removes_the_announce_and_keeps_the_connection() -> None:
    async def scenario(world: World) -> None:
        a, b, c = await world.peer(), await world.peer(), await world.peer()
        assert await a.swarm.join(_TOPIC).flushed()
        b.swarm.join(_TOPIC, server=False)
        await until(lambda: a.connected_to(b))
        await a.swarm.leave(_TOPIC)
        await a.swarm.leave(_OTHER)
        assert a.swarm.topics == ()
        c.swarm.join(_TOPIC)
        await asyncio.sleep(60)
        assert not c.connected_to(a)
        assert a.connected_to(b)

    simulate(scenario)


def test_a_topic_can_be_joined_again_while_it_is_being_left() -> None:
    async def scenario(world: World) -> None:
        a, b = await world.peer(), await world.peer()
        assert await a.swarm.join(_TOPIC).flushed()
        leaving = asyncio.gather(a.swarm.leave(_TOPIC))
        await asyncio.sleep(0)
        again = a.swarm.join(_TOPIC)
        await leaving
        assert await again.flushed()
        b.swarm.join(_TOPIC)
        await until(lambda: b.connected_to(a), 10)

    simulate(scenario)


def test_crossing_dials_leave_the_one_of_the_greater_key() -> None:
    async def scenario(world: World) -> None:
        a, b = await world.peer(), await world.peer()
        for peer in (a, b):
            assert await peer.swarm.join(_TOPIC, client=False).flushed()
        a.swarm.join_peer(b.key)
        b.swarm.join_peer(a.key)
        await until(lambda: a.connected_to(b) and b.connected_to(a))
        await asyncio.sleep(1)
        greater, smaller = (a, b) if a.key > b.key else (b, a)
        (kept,) = greater.swarm.connections
        (same,) = smaller.swarm.connections
        assert kept.is_initiator
        assert not same.is_initiator
        assert kept.handshake_hash == same.handshake_hash
        assert greater.swarm.counts["duplicates_refused"] == 1

    simulate(scenario)


def test_a_peer_that_lost_its_side_replaces_the_old_connection() -> None:
    async def scenario(world: World) -> None:
        a = await world.peer()
        b = await world.peer()
        greater, smaller = (a, b) if a.key > b.key else (b, a)
        assert await greater.swarm.join(_TOPIC).flushed()
        smaller.swarm.join(_TOPIC)
        await until(lambda: smaller.connected_to(greater))
        (old,) = greater.swarm.connections
        await asyncio.sleep(6)  # keep-alives have gone both ways
        assert old.raw_bytes_read
        assert old.raw_bytes_written
        (lost,) = smaller.swarm.connections
        smaller.host.up = False  # the reset never arrives
        lost.destroy()
        await asyncio.sleep(0.1)
        smaller.host.up = True
        await until(lambda: old.closed, 10)
        assert isinstance(old.error, Duplicate)
        await until(lambda: smaller.connected_to(greater) and greater.connected_to(smaller))
        assert greater.swarm.counts["duplicates_replaced"] == 1

    simulate(scenario)


def test_a_peer_that_vanished_is_found_again_when_it_is_back() -> None:
    async def scenario(world: World) -> None:
        a, b = await world.peer(), await world.peer()
        assert await a.swarm.join(_TOPIC).flushed()
        b.swarm.join(_TOPIC)
        await until(lambda: a.connected_to(b))
        b.crash()
        await until(lambda: not a.swarm.connections, 30)
        await asyncio.sleep(60)
        assert a.swarm.peers[0].last_error or a.swarm.peers[0].state is PeerState.DIALLING
        b.host.up = True
        assert await until(lambda: a.connected_to(b) and b.connected_to(a)) < 60

    simulate(scenario)


@pytest.mark.parametrize("seed", range(4))
def test_a_minute_without_network_is_over_in_fifteen_seconds(seed: int) -> None:
    async def scenario(world: World) -> None:
        a, b = await world.peer(), await world.peer()
        assert await a.swarm.join(_TOPIC).flushed()
        b.swarm.join(_TOPIC)
        await until(lambda: a.connected_to(b))
        await asyncio.sleep(30)
        b.host.up = False
        await asyncio.sleep(60)
        b.host.up = True
        assert await until(lambda: a.connected_to(b) and b.connected_to(a)) < 15

    simulate(scenario, seed=seed)


def test_after_a_long_sleep_dead_connections_are_closed_at_once() -> None:
    async def scenario(world: World) -> None:
        loop = asyncio.get_running_loop()
        slept = [0.0]
        a = await world.peer(awake_clock=lambda: loop.time() + slept[0])
        b = await world.peer()
        assert await a.swarm.join(_TOPIC).flushed()
        b.swarm.join(_TOPIC)
        await until(lambda: a.connected_to(b))
        (old,) = a.swarm.connections
        slept[0] = 20.0
        await asyncio.sleep(HEARTBEAT_S)
        assert not old.closed
        slept[0] = 140.0
        await until(lambda: old.closed, HEARTBEAT_S + 0.1)
        assert "slept" in old.close_reason
        assert await until(lambda: a.connected_to(b) and b.connected_to(a)) < 5

    simulate(scenario)


def test_reconnect_tries_waiting_peers_at_once() -> None:
    async def scenario(world: World) -> None:
        a, b = await world.peer(), await world.peer()
        assert await b.swarm.join(_TOPIC, client=False).flushed()
        b.crash()
        a.swarm.join(_TOPIC)
        await until(lambda: a.swarm.peers and a.swarm.peers[0].state is PeerState.WAITING)
        b.host.up = True
        dials = a.swarm.counts["dials"]
        await a.swarm.reconnect()
        assert a.swarm.counts["dials"] == dials + 1
        await until(lambda: a.connected_to(b), 5)

    simulate(scenario)


def test_a_network_change_probes_connections_and_refreshes_topics() -> None:
    async def scenario(world: World) -> None:
        a, b = await world.peer(), await world.peer()
        assert await a.swarm.join(_TOPIC).flushed()
        b.swarm.join(_TOPIC)
        await until(lambda: a.connected_to(b))
        await asyncio.sleep(1)
        (connection,) = a.swarm.connections
        written, refreshes = connection.raw_bytes_written, a.swarm.topics[0].refreshes
        for callback in list(a.dht.node.on_network_change):
            callback()
        assert connection.raw_bytes_written == written + 20
        assert a.swarm.topics[0].refreshing
        await asyncio.sleep(1)
        assert a.swarm.topics[0].refreshes == refreshes + 1

    simulate(scenario)


def test_a_join_before_the_dht_answers_is_made_up_for() -> None:
    async def scenario(world: World) -> None:
        world.dht_host.up = False
        a = Peer(world, 1)
        world.peers.append(a)
        await a.dht.start()
        discovery = a.swarm.join(_TOPIC)
        assert await a.swarm.flush(10) is False
        world.dht_host.up = True
        assert await discovery.flushed()
        assert a.swarm.topics[0].refreshes == 1

    simulate(scenario)


def test_a_refresh_nobody_answers_is_repeated_and_the_reason_is_shown() -> None:
    async def scenario(world: World) -> None:
        a = await world.peer()
        assert await a.swarm.join(_TOPIC).flushed()
        world.dht_host.up = False
        assert await a.swarm.join(_TOPIC).refresh() is False
        (topic,) = a.swarm.topics
        assert topic.last_error
        assert topic.next_refresh_in_s is not None
        assert topic.next_refresh_in_s < 10
        world.dht_host.up = True
        await until(lambda: not a.swarm.topics[0].last_error, 120)

    simulate(scenario)


def test_a_banned_peer_is_cut_off_and_kept_out() -> None:
    async def scenario(world: World) -> None:
        a, b = await world.peer(), await world.peer()
        assert await a.swarm.join(_TOPIC).flushed()
        b.swarm.join(_TOPIC)
        await until(lambda: a.connected_to(b))
        a.swarm.ban(b.key)
        await asyncio.sleep(300)
        assert not a.swarm.connections
        a.swarm.ban(b.key, False)
        b.swarm.reconnect_soon()
        await until(lambda: a.connected_to(b), 60)

    simulate(scenario)


def test_explicit_peers_are_dialled_without_a_topic() -> None:
    async def scenario(world: World) -> None:
        a, b = await world.peer(), await world.peer()
        await b.swarm.listen()
        a.swarm.join_peer(b.key)
        assert await a.swarm.flush(10)
        assert a.connected_to(b)
        a.swarm.leave_peer(b.key)
        assert a.connected_to(b)

    simulate(scenario)


def test_destroy_unannounces_and_closes_everything() -> None:
    async def scenario(world: World) -> None:
        a, b, c = await world.peer(), await world.peer(), await world.peer()
        assert await a.swarm.join(_TOPIC).flushed()
        b.swarm.join(_TOPIC)
        await until(lambda: a.connected_to(b))
        flush = asyncio.gather(a.swarm.flush())
        await a.swarm.destroy()
        await a.swarm.destroy()
        await flush
        assert a.log[-1][0] == "close"
        with pytest.raises(LocalProtocolError):
            a.swarm.join(_TOPIC)
        a.swarm.reconnect_soon()
        c.swarm.join(_TOPIC)
        assert await c.swarm.flush(10)
        assert not c.connected_to(a)
        assert c.connected_to(b)

    simulate(scenario)


def test_destroy_without_network_takes_a_bounded_time() -> None:
    async def scenario(world: World) -> None:
        loop = asyncio.get_running_loop()
        a = await world.peer()
        for topic in range(20):
            a.swarm.join(bytes([topic]) * 32)
        assert await a.swarm.flush(30)
        a.host.up = False
        start = loop.time()
        await a.swarm.destroy(timeout_s=3.0)
        assert loop.time() - start <= 3.1

    simulate(scenario)


@pytest.mark.parametrize("options", [{"server": False, "client": False}, {}])
def test_a_join_that_makes_no_sense_is_refused(options: dict[str, bool]) -> None:
    async def scenario(world: World) -> None:
        a = await world.peer()
        with pytest.raises(LocalProtocolError):
            a.swarm.join(_TOPIC if options else b"short", **options)

    simulate(scenario)


def test_a_failing_listener_costs_one_connection(caplog: pytest.LogCaptureFixture) -> None:
    async def scenario(world: World) -> None:
        a, b = await world.peer(), await world.peer()

        def broken(*args: Any) -> None:
            raise KeyError("bug")

        a.swarm.on_connection = broken
        assert await a.swarm.join(_TOPIC, client=False).flushed()
        b.swarm.join(_TOPIC, server=False)
        await until(lambda: b.swarm.counts["closed"] >= 1)
        assert "the listener for connections failed" in caplog.text
        assert not a.swarm.connections

    simulate(scenario)


def test_updates_are_reported() -> None:
    async def scenario(world: World) -> None:
        a, b = await world.peer(), await world.peer()
        seen: list[int] = []
        b.swarm.on_update = lambda: seen.append(len(b.swarm.connections))
        assert await a.swarm.join(_TOPIC).flushed()
        b.swarm.join(_TOPIC)
        assert await b.swarm.flush(10)
        next(iter(b.swarm.connections)).destroy()
        assert (seen[0], max(seen), seen[-1]) == (0, 1, 0)

    simulate(scenario)


def test_an_idle_swarm_asks_the_dht_little() -> None:
    """One hour alone in a topic: the refreshes of the reference plus a handful of lookups."""

    async def scenario(world: World) -> None:
        a = await world.peer()
        assert await a.swarm.join(_TOPIC).flushed()
        await asyncio.sleep(3600)
        assert 5 <= a.swarm.topics[0].refreshes <= 7

    simulate(scenario)
