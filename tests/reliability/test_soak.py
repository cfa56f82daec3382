"""Peers that come, talk and go for a long time leave nothing behind: tasks, sockets, streams, tables."""

from __future__ import annotations

import asyncio
import gc
import os
from collections.abc import Awaitable, Callable

import pytest

from engine.config.sections import ENTRY_CHANNEL, SidechannelConfig
from engine.crypto.keys import KeyPair
from engine.events import Event, MessageReceived
from engine.net.tasks import TaskScope
from engine.proto.udx.linger import LINGER_S
from engine.services.sidechannel.service import SidechannelService
from engine.store.messages import MEMORY, MessageStore
from tests.harness.connections import Link
from tests.harness.fakenet import FakeNet
from tests.harness.memory_peers import MemoryPeer, started
from tests.harness.published import record_reliability
from tests.harness.sidechannel_peers import local_peers
from tests.harness.swarms import Peer, World, simulate, until
from tests.harness.virtual_loop import VirtualClock, run_virtual

PEERS = 8
ROOM = "room"
MINUTES = 30
CYCLES = 500


class Talker:
    """A peer of the simulated network with sidechannels."""

    def __init__(self, peer: Peer) -> None:
        self.peer = peer
        self.received = 0
        self.store = MessageStore(MEMORY)
        self.scope = TaskScope("talker")
        self.service = SidechannelService(
            SidechannelConfig(pow=False, welcome_required=False, channels=(ROOM,)),
            peer.key_pair,
            None,
            peer.swarm,
            self.store,
            self.scope,
            self._publish,
            clock=VirtualClock(),
            random_bytes=peer.world.random.randbytes,
            ready=self._ready,
        )

    async def _ready(self) -> None:
        await self.peer.dht.fully_bootstrapped()

    def _publish(self, event: Event) -> None:
        self.received += isinstance(event, MessageReceived)

    async def stop(self) -> None:
        """Leave properly."""
        await self.service.stop()
        await self.peer.stop()
        self.store.close()


async def enter(world: World, place: int, address: int) -> Talker:
    """A peer with a known identity joins from a new address."""
    peer = Peer(world, address, key_pair=KeyPair.from_seed(bytes([place + 1]) * 32))
    talker = Talker(await peer.start())
    await talker.service.start()
    return talker


def test_eight_peers_with_churn_for_half_an_hour(request: pytest.FixtureRequest) -> None:
    totals: dict[str, int] = {"sent": 0, "received": 0, "restarts": 0}

    async def scenario(world: World) -> None:
        before = len(asyncio.all_tasks()), world.scope.count
        talkers = [await enter(world, place, place + 1) for place in range(PEERS)]
        for minute in range(MINUTES):
            for talker in talkers:
                for channel in (ENTRY_CHANNEL, ROOM):
                    await talker.service.send(channel, {"minute": minute})
                    totals["sent"] += 1
            if minute % 3 == 2:
                place = world.random.randrange(PEERS)
                old = talkers[place]
                totals["received"] += old.received
                if world.random.random() < 0.5:
                    old.peer.crash()
                await old.stop()
                totals["restarts"] += 1
                talkers[place] = await enter(world, place, PEERS + totals["restarts"])
            await asyncio.sleep(60)
        await until(lambda: all(len(t.peer.swarm.connections) == PEERS - 1 for t in talkers), 120)
        for talker in talkers:
            check_tables(talker)
        totals["received"] += sum(talker.received for talker in talkers)
        for talker in talkers:
            await talker.stop()
            check_empty(talker.peer)
        await asyncio.sleep(60)
        assert (len(asyncio.all_tasks()), world.scope.count) == before

    simulate(scenario)
    assert totals["sent"] == MINUTES * PEERS * 2
    assert totals["received"] > 0.9 * (PEERS - 1) * totals["sent"]
    record_reliability(
        request,
        "6d. soak",
        f"{PEERS} peers, 2 channels, {totals['restarts']} restarts and crashes in {MINUTES} simulated minutes: "
        "tables and tasks back to where they were",
    )


def check_tables(talker: Talker) -> None:
    """Only what belongs to an open connection is kept."""
    swarm, service = talker.peer.swarm, talker.service
    open_now = len(swarm.connections)
    assert len(swarm._by_key) == len(service._links) == open_now
    assert talker.peer.dht.node.udx.stream_count == open_now
    assert swarm._dials == {}
    assert len(swarm._policy.peers) <= PEERS
    assert len(service._limits._limiters) <= PEERS
    for link in service._links:
        assert set(link.seats) <= {ENTRY_CHANNEL, ROOM}
        assert link.retries == {}
        assert link._backlog_bytes == 0
        assert len(link.connection.mux.channels) == len(link.seats)


def check_empty(peer: Peer) -> None:
    """Nothing is left of a peer that has stopped."""
    assert peer.swarm.connections == set()
    assert peer.swarm._by_key == {}
    assert peer.dht.node.udx.stream_count == 0
    assert peer.host.sockets == {}


def test_five_hundred_connections_come_and_go(request: pytest.FixtureRequest) -> None:
    """Both ways a connection can end, under the service that uses it."""

    async def main() -> None:
        one, other = MemoryPeer(1, channels=(ROOM,)), MemoryPeer(2, channels=(ROOM,))
        await started(one, other)
        tasks = len(asyncio.all_tasks())
        for cycle in range(CYCLES):
            connection = one.swarm.dial(other.swarm)
            await asyncio.sleep(0.05)
            await one.service.send(ROOM, cycle)
            await asyncio.sleep(0.05)
            assert len(other.received) == cycle + 1
            assert connection.other is not None
            (connection if cycle % 2 else connection.other).destroy()
            await asyncio.sleep(0.05)
            for peer in (one, other):
                assert peer.swarm.connections == set()
                assert len(peer.service._links) == 0
            assert len(connection.mux._names) == 0
            assert connection.on_drain == []
        for peer in (one, other):
            assert len(peer.service._limits._limiters) <= 1
            assert peer.drops == {}
        assert len(asyncio.all_tasks()) == tasks
        await one.close()
        await other.close()

    run_virtual(main())
    record_reliability(request, "6e. connect and close", f"{CYCLES} cycles: every table of a connection is empty again")


def test_streams_of_five_hundred_connections_are_forgotten() -> None:
    async def main() -> None:
        link = Link(FakeNet(seed=1))
        await link.open()
        for cycle in range(CYCLES):
            a, b = link.connect()
            a.write(b"hello")
            await asyncio.sleep(0.2)
            (a.end if cycle % 3 == 0 else a.destroy if cycle % 3 == 1 else b.destroy)()
            await asyncio.sleep(1)
            assert a.closed
            assert b.closed
        await asyncio.sleep(60)
        for endpoint in link.endpoints:
            assert endpoint.udx.stream_count == 0
            assert len(endpoint.udx._lingering) <= LINGER_S, "at most those of the last seconds: one cycle takes one"
        link.close()

    run_virtual(main())


def open_files() -> int:
    """File descriptors of this process."""
    return len(os.listdir("/dev/fd"))


async def cycles(action: Callable[[], Awaitable[None]], count: int) -> None:
    for _ in range(count):
        await action()


@pytest.mark.timeout(120)
async def test_peers_on_loopback_give_their_files_back() -> None:
    async def come_and_go() -> None:
        async with local_peers(2) as peer:
            one, other = await peer(1, pow=False), await peer(2, pow=False)
            await one.beside(other.key)
            await one.service.send(ENTRY_CHANNEL, "hi")
            await other.message("hi")

    await come_and_go()
    gc.collect()
    before, tasks = open_files(), len(asyncio.all_tasks())
    await cycles(come_and_go, 2)
    await asyncio.sleep(0)
    gc.collect()
    assert open_files() == before
    assert len(asyncio.all_tasks()) == tasks
