"""A network in memory: hosts, latency, loss, duplicates and NAT boxes.

    net = FakeNet(seed=1)
    public = net.host("1.2.3.4")                                  # a UdpNetwork
    home = net.nat("5.6.7.8", NatKind.CONSISTENT).host("192.168.1.2")

Datagrams leave at once and arrive ``latency_s`` later through the running event loop, so simulations belong on
:mod:`tests.harness.virtual_loop`. The same seed gives the same losses, ports and order.
"""

from __future__ import annotations

import asyncio
import random
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from enum import Enum

from engine.errors import BindFailed

Address = tuple[str, int]
Receive = Callable[["FakeSocket", list[tuple[bytes, Address]]], None]
ANY = "0.0.0.0"


class NatKind(Enum):
    """How a NAT box maps and filters."""

    FULL_CONE = "endpoint-independent mapping, no filter"
    CONSISTENT = "endpoint-independent mapping, only hosts that were contacted may answer"
    RANDOM = "another random port for every destination, only that destination may answer"


class FakeSocket:
    """A bound socket of a fake host."""

    def __init__(self, host: FakeHost, address: Address, receive: Receive) -> None:
        self.host = host
        self.local_address = address
        self._receive = receive
        self._closed = False

    def send(self, data: bytes, to: Address) -> None:
        """Send a datagram."""
        self._send(data, to, 64)

    def send_many(self, packets: Sequence[bytes], to: Address) -> None:
        """Send several datagrams to one address."""
        for data in packets:
            self._send(data, to, 64)

    def send_with_ttl(self, data: bytes, to: Address, ttl: int) -> None:
        """Send a datagram that dies after ``ttl`` hops."""
        self._send(data, to, ttl)

    def close(self) -> None:
        """Stop receiving and free the port."""
        if not self._closed:
            self._closed = True
            del self.host.sockets[self.local_address[1]]

    def deliver(self, data: bytes, source: Address) -> None:
        """Hand a datagram to the owner."""
        if not self._closed:
            self._receive(self, [(data, source)])

    def _send(self, data: bytes, to: Address, ttl: int) -> None:
        if not self._closed:
            self.host.send(self.local_address[1], data, to, ttl)


class FakeHost:
    """One machine; a ``UdpNetwork`` for the node that runs on it."""

    def __init__(self, net: FakeNet, address: str, router: FakeNat | None) -> None:
        self.net = net
        self.address = address
        self.router = router
        self.up = True
        """False: the cable is unplugged."""
        self.sockets: dict[int, FakeSocket] = {}

    async def bind(self, host: str, port: int, receive: Receive) -> FakeSocket:
        """Open a socket. Raises BindFailed when the port is taken."""
        if port in self.sockets:
            raise BindFailed(f"{host}:{port} is in use")
        while port == 0 or port in self.sockets:
            port = self.net.random.randrange(20_000, 60_000)
        socket = self.sockets[port] = FakeSocket(self, (host, port), receive)
        return socket

    def interface_addresses(self) -> list[str]:
        """The host's only address, none while unplugged."""
        return [self.address] if self.up else []

    def send(self, port: int, data: bytes, to: Address, ttl: int) -> None:
        """Put a datagram on the wire."""
        self.net.counts["sent"] += 1
        if not self.up:
            return
        if to[0].startswith("127."):
            self.net.carry(lambda: self.receive(data, ("127.0.0.1", port), to[1]))
        elif self.router is None:
            self.net.send(data, (self.address, port), to, ttl)
        else:
            self.router.send(data, (self.address, port), to, ttl)

    def receive(self, data: bytes, source: Address, port: int) -> None:
        """Take a datagram off the wire."""
        socket = self.sockets.get(port)
        if self.up and socket is not None:
            self.net.counts["delivered"] += 1
            socket.deliver(data, source)
        else:
            self.net.counts["no listener"] += 1


@dataclass
class _Mapping:
    inside: Address
    port: int
    destination: Address | None
    allowed: dict[Address, float]
    used: float


class FakeNat:
    """A NAT box with a private network behind it."""

    def __init__(
        self, net: FakeNet, address: str, kind: NatKind, *, preserve_ports: bool, hairpin: bool, idle_s: float
    ) -> None:
        self.net = net
        self.address = address
        self.kind = kind
        self.hosts: dict[str, FakeHost] = {}
        self._preserve_ports = preserve_ports
        self._hairpin = hairpin
        self._idle_s = idle_s
        self._mappings: dict[tuple[Address, Address | None], _Mapping] = {}
        self._ports: dict[int, _Mapping] = {}

    def host(self, address: str) -> FakeHost:
        """A machine behind this box."""
        host = self.hosts[address] = FakeHost(self.net, address, self)
        return host

    def send(self, data: bytes, inside: Address, to: Address, ttl: int) -> None:
        """Route a datagram of an inside host."""
        neighbour = self.hosts.get(to[0])
        if neighbour is not None:
            self.net.carry(lambda: neighbour.receive(data, inside, to[1]))
            return
        mapping = self._map(inside, to)
        outside = (self.address, mapping.port)
        if to[0] != self.address:
            self.net.send(data, outside, to, ttl)
        elif self._hairpin:
            self.net.carry(lambda: self.receive(data, outside, to[1]))

    def receive(self, data: bytes, source: Address, port: int) -> None:
        """Let a datagram from outside in, or drop it."""
        mapping = self._ports.get(port)
        if mapping is None or not self._admits(mapping, source):
            self.net.counts["filtered"] += 1
            return
        mapping.used = self._now()
        self.hosts[mapping.inside[0]].receive(data, source, mapping.inside[1])

    def _now(self) -> float:
        return asyncio.get_running_loop().time()

    def _map(self, inside: Address, to: Address) -> _Mapping:
        destination = to if self.kind is NatKind.RANDOM else None
        now = self._now()
        mapping = self._mappings.get((inside, destination))
        if mapping is None or now - mapping.used > self._idle_s:
            if mapping is not None:
                del self._ports[mapping.port]
            mapping = _Mapping(inside, self._free_port(inside[1]), destination, {}, now)
            self._mappings[(inside, destination)] = mapping
            self._ports[mapping.port] = mapping
        mapping.used = now
        mapping.allowed[(to[0], 0)] = now
        mapping.allowed[to] = now
        return mapping

    def _free_port(self, wanted: int) -> int:
        if self._preserve_ports and self.kind is not NatKind.RANDOM and wanted not in self._ports:
            return wanted
        while True:
            port = self.net.random.randrange(1024, 65_536)
            if port not in self._ports:
                return port

    def _admits(self, mapping: _Mapping, source: Address) -> bool:
        now = self._now()
        if now - mapping.used > self._idle_s:
            return False
        if self.kind is NatKind.FULL_CONE:
            return True
        key = source if self.kind is NatKind.RANDOM else (source[0], 0)
        seen = mapping.allowed.get(key)
        return seen is not None and now - seen <= self._idle_s


class FakeNet:
    """The internet between hosts and NAT boxes.

    Args:
        seed: of all random choices.
        latency_s: one way.
        jitter_s: up to this much is added per datagram, so datagrams overtake each other.
        loss: share of datagrams that vanish.
        duplicate: share of datagrams that arrive twice.
        hops: datagrams with a smaller TTL die between two public addresses.
    """

    def __init__(
        self,
        *,
        seed: int = 0,
        latency_s: float = 0.02,
        jitter_s: float = 0.0,
        loss: float = 0.0,
        duplicate: float = 0.0,
        hops: int = 8,
    ) -> None:
        self.random = random.Random(seed)
        self.latency_s = latency_s
        self.jitter_s = jitter_s
        self.loss = loss
        self.duplicate = duplicate
        self.hops = hops
        self.counts: Counter[str] = Counter()
        """What happened to datagrams."""
        self.tap: Callable[[bytes, Address, Address], None] | None = None
        """Sees every datagram between public addresses: data, source, destination."""
        self._public: dict[str, FakeHost | FakeNat] = {}
        self._blocked: set[frozenset[str]] = set()

    def host(self, address: str) -> FakeHost:
        """A machine with a public address."""
        host = FakeHost(self, address, None)
        self._public[address] = host
        return host

    def nat(
        self,
        address: str,
        kind: NatKind,
        *,
        preserve_ports: bool = False,
        hairpin: bool = False,
        idle_s: float = 60.0,
    ) -> FakeNat:
        """A NAT box with a public address.

        Args:
            address: public address.
            kind: how it maps and filters.
            preserve_ports: use the inside port outside too when it is free.
            hairpin: inside hosts reach each other through the public address.
            idle_s: unused mappings and permissions die after this time.
        """
        box = FakeNat(self, address, kind, preserve_ports=preserve_ports, hairpin=hairpin, idle_s=idle_s)
        self._public[address] = box
        return box

    def block(self, one: str, other: str) -> None:
        """Drop everything between two public addresses."""
        self._blocked.add(frozenset((one, other)))

    def unblock(self) -> None:
        """Remove all blocks."""
        self._blocked.clear()

    def send(self, data: bytes, source: Address, to: Address, ttl: int) -> None:
        """Route a datagram between public addresses."""
        if self.tap is not None:
            self.tap(data, source, to)
        place = self._public.get(to[0])
        if place is None or ttl < self.hops or frozenset((source[0], to[0])) in self._blocked:
            self.counts["unroutable"] += 1
            return
        self.carry(lambda: place.receive(data, source, to[1]))

    def carry(self, arrive: Callable[[], None]) -> None:
        """Schedule an arrival, with loss and duplication."""
        if self.loss and self.random.random() < self.loss:
            self.counts["lost"] += 1
            return
        copies = 2 if self.duplicate and self.random.random() < self.duplicate else 1
        loop = asyncio.get_running_loop()
        for _ in range(copies):
            delay = self.latency_s + (self.random.random() * self.jitter_s if self.jitter_s else 0.0)
            loop.call_later(delay, arrive)
