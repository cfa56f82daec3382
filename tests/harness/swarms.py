"""Swarms on the simulated network: a small DHT and peers with an address of their own."""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine
from random import Random
from typing import Any

from engine.crypto.keys import KeyPair
from engine.net.connection import PeerConnection
from engine.net.dht.config import DhtConfig
from engine.net.dht.hyperdht import HyperDht
from engine.net.dht.node import DhtNode
from engine.net.dht.testnet import start_bootstrap_network
from engine.net.swarm import Hyperswarm
from engine.net.tasks import TaskScope
from engine.proto.swarm.peer import PeerInfo
from tests.harness.fakenet import FakeHost, FakeNet
from tests.harness.virtual_loop import VirtualClock, run_virtual

DHT_HOST = "1.0.0.1"


class Peer:
    """One swarm on a host of its own."""

    def __init__(self, world: World, number: int, **options: Any) -> None:
        self.world = world
        self.address = f"2.0.0.{number}"
        self.host: FakeHost = world.net.host(self.address)
        self.key_pair: KeyPair = options.pop("key_pair", KeyPair.from_seed(bytes([number]) * 32))
        self.dht = HyperDht(
            self.host,
            DhtConfig(bootstrap=((DHT_HOST, world.port),), **options.pop("config", {})),
            world.scope,
            random_bytes=world.random.randbytes,
            clock=VirtualClock(),
        )
        self.swarm = Hyperswarm(
            self.dht,
            self.key_pair,
            world.scope,
            random=world.random.random,
            random_bytes=world.random.randbytes,
            awake_clock=options.pop("awake_clock", asyncio.get_running_loop().time),
            **options,
        )
        self.log: list[tuple[str, bytes, bool]] = []
        """("open" or "close", the peer's key, whether we dialled), in order."""
        self.swarm.on_connection = self._opened

    @property
    def key(self) -> bytes:
        """Own public key."""
        return self.key_pair.public_key

    def _opened(self, connection: PeerConnection, peer: PeerInfo) -> None:
        assert peer.public_key == connection.remote_public_key
        self.log.append(("open", connection.remote_public_key, connection.is_initiator))
        connection.on_close.append(
            lambda error: self.log.append(("close", connection.remote_public_key, connection.is_initiator))
        )

    def connected_to(self, *others: Peer) -> bool:
        """True if there is an open connection to each of them."""
        return {other.key for other in others} <= {each.remote_public_key for each in self.swarm.connections}

    async def start(self) -> Peer:
        """Bind and bootstrap."""
        await self.dht.start()
        await self.dht.fully_bootstrapped()
        return self

    async def stop(self) -> None:
        """Leave properly."""
        await self.swarm.destroy()
        await self.dht.destroy()

    def crash(self) -> None:
        """Vanish without a word."""
        self.host.up = False


class World:
    """A network with a DHT of some nodes."""

    def __init__(self, seed: int = 1, **net: Any) -> None:
        self.net = FakeNet(seed=seed, **net)
        self.random = Random(seed)
        self.scope = TaskScope("world")
        self.nodes: list[DhtNode] = []
        self.peers: list[Peer] = []
        self.dht_host = self.net.host(DHT_HOST)

    @property
    def port(self) -> int:
        """Port of the bootstrap node."""
        return self.nodes[0].server_socket.local_address[1]

    async def open(self, nodes: int = 5) -> None:
        """Start the DHT."""
        self.nodes = await start_bootstrap_network(self.dht_host, DHT_HOST, 49_737, nodes, self.scope)

    async def peer(self, **options: Any) -> Peer:
        """A started peer."""
        peer = Peer(self, len(self.peers) + 1, **options)
        self.peers.append(peer)
        return await peer.start()

    async def close(self) -> None:
        """Stop everything."""
        for peer in self.peers:
            await peer.stop()
        for node in self.nodes:
            await node.destroy()
        await self.scope.close()


async def until(condition: Any, timeout_s: float = 120.0) -> float:
    """Wait, in virtual time, until *condition()* holds; returns the seconds that took.

    Raises:
        AssertionError: it does not.
    """
    loop = asyncio.get_running_loop()
    start = loop.time()
    while not condition():
        assert loop.time() - start < timeout_s, f"not within {timeout_s} s"
        await asyncio.sleep(0.05)
    return loop.time() - start


def simulate(scenario: Any, *, seed: int = 1, nodes: int = 5, limit_s: float = 86_400.0, **net: Any) -> None:
    """Run ``scenario(world)`` in a fresh world."""

    async def main() -> None:
        world = World(seed, **net)
        await world.open(nodes)
        try:
            await scenario(world)
        finally:
            await world.close()

    run: Coroutine[Any, Any, None] = main()
    run_virtual(run, limit_s=limit_s)
