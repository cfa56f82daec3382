"""Retrying, pauses and the way back online, on a simulated network."""

from __future__ import annotations

import asyncio
from itertools import pairwise

from engine.net.dht.bootstrap import MAX_PAUSE_S
from engine.net.dht.config import DhtConfig
from engine.net.dht.testnet import bootstrapper_config
from tests.harness.dht_network import BOOTSTRAP, dht_network
from tests.harness.virtual_loop import run_virtual


def test_attempts_go_on_with_bounded_pauses() -> None:
    async def main() -> list[float]:
        async with dht_network(0) as net:
            silent = await net.wire(*BOOTSTRAP)
            node = net.create(net.fake.host("20.0.0.1"), DhtConfig((BOOTSTRAP,)))
            await node.start()
            times: list[float] = []
            count = 0
            loop = asyncio.get_running_loop()
            for _ in range(1200):
                await asyncio.sleep(0.5)
                if len(silent.received) > count:
                    count = len(silent.received)
                    times.append(loop.time())
            return times

    times = run_virtual(main())
    gaps = [later - earlier for earlier, later in pairwise(times)]
    assert max(gaps) <= MAX_PAUSE_S + 1.5
    assert len(times) > 150


def test_a_node_without_bootstrap_entries_is_online_alone() -> None:
    async def main() -> str:
        async with dht_network(0) as net:
            node = await net.start(net.fake.host("20.0.0.1"), DhtConfig(()))
            await asyncio.sleep(600)
            return node.state.phase

    assert run_virtual(main()) == "online"


def test_a_bootstrap_node_that_restarts_is_found_again() -> None:
    async def main() -> None:
        async with dht_network(1) as net:
            client = await net.client()
            phases = [client.state.phase]
            client.on_state.append(lambda state: phases.append(state.phase))
            await net.nodes[0].destroy()
            await asyncio.sleep(120)
            assert set(phases[1:]) == {"offline"}
            await net.start(net.fake.host(BOOTSTRAP[0]), bootstrapper_config(*BOOTSTRAP))
            await asyncio.sleep(15)
            assert phases[-1] == "online"
            assert client.known_nodes() == [BOOTSTRAP]

    run_virtual(main())
