"""The bootstrap network that local peers share, and who runs it."""

from __future__ import annotations

import asyncio
import socket
from functools import partial

from engine.config.sections import LOCAL_HOST
from engine.local_network import LocalNetwork
from engine.net.dht.config import DhtConfig
from engine.net.dht.node import DhtNode
from engine.net.tasks import TaskScope
from engine.net.udp import OsNetwork
from tests.harness.processes import free_port


async def answers(port: int) -> bool:
    """Whether a bootstrap node answers on the port."""
    scope = TaskScope("probe")
    config = DhtConfig(bootstrap=((LOCAL_HOST, port),), host=LOCAL_HOST, port=0)
    node = DhtNode(OsNetwork(), config, scope)
    await node.start()
    try:
        async with asyncio.timeout(5):
            await node.fully_bootstrapped()
        return True
    except TimeoutError:
        return False
    finally:
        await node.destroy()
        await scope.close()


async def test_the_second_peer_takes_over_when_the_first_ends() -> None:
    port = free_port(socket.SOCK_DGRAM)
    scope = TaskScope("test")
    restarted = asyncio.Event()
    first = LocalNetwork(OsNetwork(), port, scope, lambda: None)
    second = LocalNetwork(OsNetwork(), port, scope, restarted.set)
    await first.ensure()
    await second.ensure()
    assert (first.ours, second.ours) == (True, False)
    await asyncio.sleep(0.15)
    await first.close()
    async with asyncio.timeout(5):
        await restarted.wait()
    assert second.ours
    assert await answers(port)
    await second.close()
    await scope.close()


async def test_every_other_peer_learns_that_the_nodes_are_new() -> None:
    port = free_port(socket.SOCK_DGRAM)
    scope = TaskScope("test")
    told: asyncio.Queue[str] = asyncio.Queue()
    first = LocalNetwork(OsNetwork(), port, scope, lambda: None)
    others = [LocalNetwork(OsNetwork(), port, scope, partial(told.put_nowait, name)) for name in "ab"]
    await first.ensure()
    for other in others:
        await other.ensure()
    await asyncio.sleep(0.15)
    await first.close()
    async with asyncio.timeout(10):
        names = {await told.get(), await told.get()}
    assert names == {"a", "b"}
    assert sorted(other.ours for other in others) == [False, True]
    for other in others:
        await other.close()
    await scope.close()
