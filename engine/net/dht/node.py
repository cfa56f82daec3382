"""A DHT node (skeleton; bodies follow)."""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Awaitable, Callable, Sequence

from engine.clock import Clock, SystemClock
from engine.net.dht.config import DhtConfig, NodeState
from engine.net.dht.messages import IncomingRequest, Reply
from engine.net.dht.query_run import QueryRun
from engine.net.tasks import TaskScope
from engine.net.udp import UdpNetwork, UdpSocket
from engine.net.udx import Udx
from engine.proto.dht.forwards import ForwardTable
from engine.proto.dht.routing_table import RoutingTable
from engine.wire.compact import Address


class DhtNode:
    """One node of the DHT: two UDP sockets, a routing table and, when persistent, storage."""

    udx: Udx
    """Streams over all sockets of this node."""
    table: RoutingTable
    """Known persistent nodes."""
    forwards: ForwardTable
    """``get(target) -> Forward(relay_address, record, server) | None``; ``pin(target, record, server)`` and ``unpin(target)`` for local servers."""
    server_socket: UdpSocket
    client_socket: UdpSocket
    firewalled: bool
    ephemeral: bool
    bootstrapped: bool
    state: NodeState
    drops: Counter[str]
    """Datagrams that were not answered or not used, by reason."""
    on_socket_probe: Callable[[UdpSocket, Address], None]
    """Called for each 1-byte datagram."""
    on_network_change: list[Callable[[], None]]
    """Called when interface addresses changed or the machine woke up."""
    on_state: list[Callable[[NodeState], None]]
    """Called after each change of :attr:`state`."""

    def __init__(
        self,
        network: UdpNetwork,
        config: DhtConfig,
        scope: TaskScope,
        *,
        random_bytes: Callable[[int], bytes] = os.urandom,
        clock: Clock | None = None,
    ) -> None: ...

    @property
    def socket(self) -> UdpSocket:
        """Socket of own requests: the client socket while firewalled, else the server socket."""
        raise NotImplementedError

    @property
    def host(self) -> str | None:
        """Own public host as others see it, None while unknown."""
        raise NotImplementedError

    @property
    def port(self) -> int:
        """Own public port, 0 while unknown or random."""
        raise NotImplementedError

    @property
    def id(self) -> bytes | None:
        """Own node id, None while ephemeral."""
        raise NotImplementedError

    async def start(self) -> None:
        """Bind the sockets and start bootstrapping in the background. Raises BindFailed."""

    async def fully_bootstrapped(self) -> None:
        """Return when at least one node answered (at once for the first node of a network)."""

    async def destroy(self) -> None:
        """Cancel all requests and close all sockets."""

    def remote_address(self) -> Address | None:
        """Own public address when it is known to be reachable; OPEN is claimed exactly then."""

    def local_addresses(self) -> list[Address]:
        """Non-internal interface addresses with the server socket's port (section 14)."""
        raise NotImplementedError

    async def request(
        self,
        to: Address,
        command: int,
        *,
        target: bytes | None = None,
        value: bytes | None = None,
        token: bytes | None = None,
        internal: bool = False,
        retries: int = 3,
        socket: UdpSocket | None = None,
        ttl: int = 0,
    ) -> Reply:
        """Ask a node. Raises RequestTimeout, RequestCancelled. Error replies are returned."""
        raise NotImplementedError

    async def ping(self, to: Address, *, socket: UdpSocket | None = None, retries: int = 3) -> Reply:
        """PING."""
        raise NotImplementedError

    def forward(self, to: Address, request: IncomingRequest, *, value: bytes, socket: UdpSocket | None = None) -> None:
        """Send a new request packet with the same tid, command and target; untracked."""

    def answer(self, tid: int, to: Address, *, value: bytes | None, socket: UdpSocket) -> None:
        """Send a bare reply packet (no token, no closer nodes)."""

    def query(
        self,
        target: bytes,
        command: int,
        *,
        value: bytes | None = None,
        internal: bool = False,
        nodes: Sequence[Address] | None = None,
        only_nodes: bool = False,
        concurrency: int = 10,
        retries: int = 5,
        commit: Callable[[Reply], Awaitable[None]] | None = None,
    ) -> QueryRun:
        """Start a query; it runs at once."""
        raise NotImplementedError

    def set_handler(self, command: int, handler: Callable[[IncomingRequest], None]) -> None:
        """Handle a non-internal command on this node, persistent or not."""

    async def open_pool_socket(self) -> UdpSocket:
        """An extra socket on any port whose RPC, UDX and probe packets go through this node; the caller closes it."""
        raise NotImplementedError

    def stats(self) -> dict[str, int]:
        """Counters for status pages."""
        raise NotImplementedError
