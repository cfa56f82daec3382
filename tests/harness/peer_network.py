"""A simulated DHT with peers behind NAT boxes, and what its tests exchange."""

from __future__ import annotations

import asyncio
import random
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

from engine.crypto.keys import KeyPair
from engine.net.dht.config import DhtConfig
from engine.net.dht.context import ConnectOptions
from engine.net.dht.handover import Handover
from engine.net.dht.hyperdht import HyperDht
from engine.net.dht.testnet import bootstrapper_config
from engine.net.tasks import TaskScope
from tests.harness.fakenet import FakeHost, FakeNet, NatKind
from tests.harness.virtual_loop import VirtualClock

NODES = 5
SERVER_KEYS = KeyPair.from_seed(b"s" * 32)
CLIENT_KEYS = KeyPair.from_seed(b"c" * 32)


@dataclass
class Network:
    """A public DHT and the peers a test adds."""

    fake: FakeNet
    scope: TaskScope
    random: random.Random
    bootstrap: tuple[str, int] = ("10.200.0.1", 49737)
    peers: list[HyperDht] = field(default_factory=list)

    async def node(self, host: FakeHost, config: DhtConfig, options: ConnectOptions | None = None) -> HyperDht:
        """Start a node and wait until it is online."""
        dht = HyperDht(
            host, config, self.scope, random_bytes=self.random.randbytes, clock=VirtualClock(), options=options
        )
        self.peers.append(dht)
        await dht.start()
        await dht.fully_bootstrapped()
        return dht

    async def peer(self, host: FakeHost, options: ConnectOptions | None = None) -> HyperDht:
        """A peer with default settings, after its firewall check."""
        dht = await self.node(host, DhtConfig(bootstrap=(self.bootstrap,)), options)
        await asyncio.sleep(10)
        return dht

    def place(self, kind: str, number: int) -> FakeHost:
        """A machine: with a public address, or behind a NAT box of its own."""
        if kind == "open":
            return self.fake.host(f"20.0.{number}.1")
        nat = NatKind.CONSISTENT if kind == "consistent" else NatKind.RANDOM
        return self.fake.nat(f"20.0.{number}.1", nat).host(f"192.168.{number}.2")


@asynccontextmanager
async def peer_network(seed: int = 1, nodes: int = NODES) -> AsyncIterator[Network]:
    """A DHT of public persistent nodes; everything is destroyed at the end."""
    net = Network(FakeNet(seed=seed), TaskScope("sim"), random.Random(seed))
    await net.node(net.fake.host(net.bootstrap[0]), bootstrapper_config(*net.bootstrap))
    for number in range(2, nodes + 1):
        config = DhtConfig(bootstrap=(net.bootstrap,), ephemeral=False, firewalled=False)
        await net.node(net.fake.host(f"10.200.0.{number}"), config)
    try:
        yield net
    finally:
        for peer in reversed(net.peers):
            await peer.destroy()
        await net.scope.close()


GREETING = b"header"
"""Every peer connection begins with a frame of the server."""


class Echo:
    """Greets, then answers what it gets, on the server's side."""

    def __init__(self) -> None:
        self.routes: list[str] = []

    def __call__(self, handover: Handover) -> None:
        self.routes.append(handover.route)
        handover.udx.write(GREETING)
        handover.udx.on_data = lambda data: self.answer(handover, data)
        handover.udx.on_end = handover.udx.end
        handover.udx.on_close = lambda error: None

    @staticmethod
    def answer(handover: Handover, data: bytes) -> None:
        """Send back what came."""
        handover.udx.write(data)


async def exchange(handover: Handover, text: bytes) -> bytes:
    """Send something over a new connection, take the greeting and the echo, and close."""
    received = bytearray()
    complete, closed = asyncio.Event(), asyncio.Event()

    def on_data(data: bytes) -> None:
        received.extend(data)
        if len(received) == len(GREETING) + len(text):
            complete.set()

    handover.udx.on_close = lambda error: closed.set()
    handover.udx.on_data = on_data
    handover.udx.write(text)
    async with asyncio.timeout(20):
        await complete.wait()
        handover.udx.end()
        await closed.wait()
    return bytes(received)
