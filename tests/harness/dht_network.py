"""A simulated DHT of bare nodes, and a hand-written peer that speaks raw packets."""

from __future__ import annotations

import asyncio
import random
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

from engine.net.dht.config import DhtConfig
from engine.net.dht.node import DhtNode
from engine.net.dht.testnet import bootstrapper_config
from engine.net.tasks import TaskScope
from engine.proto.dht.messages import ReplyPacket, RequestPacket, decode_message, encode_request
from engine.wire.compact import Address
from tests.harness.fakenet import FakeHost, FakeNet, FakeSocket
from tests.harness.virtual_loop import VirtualClock

BOOTSTRAP = ("10.0.0.1", 49737)


@dataclass
class DhtNetwork:
    """Nodes on hosts of their own."""

    fake: FakeNet
    scope: TaskScope
    random: random.Random
    nodes: list[DhtNode] = field(default_factory=list)

    def create(self, host: FakeHost, config: DhtConfig) -> DhtNode:
        """A node that is not started yet; it is destroyed with the network."""
        node = DhtNode(host, config, self.scope, random_bytes=self.random.randbytes, clock=VirtualClock())
        self.nodes.append(node)
        return node

    async def start(self, host: FakeHost, config: DhtConfig) -> DhtNode:
        """A node that is online."""
        node = self.create(host, config)
        await node.start()
        await node.fully_bootstrapped()
        return node

    async def client(self, host: str = "20.0.0.1", **options: Any) -> DhtNode:
        """A node with default settings on a public host."""
        return await self.start(self.fake.host(host), DhtConfig(bootstrap=(BOOTSTRAP,), **options))

    async def persistent(self, host: str) -> DhtNode:
        """A node that serves others at once."""
        return await self.client(host, ephemeral=False, firewalled=False)

    async def wire(self, host: str = "30.0.0.1", port: int = 3000) -> Wire:
        """A hand-written peer on a new host."""
        return await Wire.open(self.fake.host(host), port)


@asynccontextmanager
async def dht_network(count: int, *, seed: int = 1, **conditions: Any) -> AsyncIterator[DhtNetwork]:
    """A bootstrap node and persistent nodes around it; everything is destroyed at the end.

    Args:
        count: number of nodes, 0 for an empty network.
        seed: of all random choices.
        conditions: latency and faults of the network.
    """
    net = DhtNetwork(FakeNet(seed=seed, **conditions), TaskScope("sim"), random.Random(seed))
    try:
        if count:
            await net.start(net.fake.host(BOOTSTRAP[0]), bootstrapper_config(*BOOTSTRAP))
        for number in range(2, count + 1):
            await net.persistent(f"10.0.{number >> 8}.{number & 255}")
        yield net
    finally:
        for node in reversed(net.nodes):
            await node.destroy()
        await net.scope.close()


class Wire:
    """A peer that sends what it is told and records what arrives."""

    def __init__(self) -> None:
        self.socket: FakeSocket
        self.received: list[tuple[RequestPacket | ReplyPacket, Address]] = []
        """Decoded packets with their sources."""
        self.received_bytes = 0
        self._tid = 0

    @classmethod
    async def open(cls, host: FakeHost, port: int) -> Wire:
        """Bind a port."""
        wire = cls()
        wire.socket = await host.bind("0.0.0.0", port, wire._receive)
        return wire

    @property
    def address(self) -> Address:
        """Where it is reached."""
        return self.socket.host.address, self.socket.local_address[1]

    @property
    def replies(self) -> list[ReplyPacket]:
        """All replies so far."""
        return [message for message, _ in self.received if isinstance(message, ReplyPacket)]

    @property
    def requests(self) -> list[RequestPacket]:
        """All requests so far."""
        return [message for message, _ in self.received if isinstance(message, RequestPacket)]

    async def ask(self, to: Address, command: int, **fields: Any) -> ReplyPacket | None:
        """Send a request and return the reply, or None after a second."""
        self._tid += 1
        self.socket.send(encode_request(self._tid, to, command, **fields), to)
        await asyncio.sleep(1)
        found = [reply for reply in self.replies if reply.tid == self._tid]
        return found[-1] if found else None

    def _receive(self, socket: FakeSocket, datagrams: list[tuple[bytes, Address]]) -> None:
        for data, source in datagrams:
            self.received_bytes += len(data)
            self.received.append((decode_message(data), source))
