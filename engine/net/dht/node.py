"""A DHT node.

Theory of operation: two UDP sockets carry RPC packets, stream packets and probes. Own requests leave from the client
socket while the node believes to be behind a firewall, else from the server socket. :class:`DhtNode` wires the parts
together: :class:`~engine.net.dht.rpc_endpoint.RpcEndpoint` (packets), :class:`~engine.proto.dht.neighbours.Neighbours`
(whom we know), :class:`~engine.net.dht.bootstrap.Bootstrap` (getting online),
:class:`~engine.net.dht.reachability.Reachability` (firewall, persistence),
:class:`~engine.net.dht.maintenance.Maintenance` (ticks) and :class:`~engine.proto.dht.persistent.Storage` (for others).

Roles, all with this class: bootstrap node (``public_address``), ephemeral client, adaptive node, persistent node.
Protocol reference: 02-hyperdht sections 1 to 12 and 23.
"""

from __future__ import annotations

import asyncio
import os
from collections import Counter
from collections.abc import Callable, Sequence

from engine.clock import Clock, SystemClock
from engine.errors import LocalProtocolError
from engine.net.dht.bootstrap import Bootstrap
from engine.net.dht.bootstrap_list import BootstrapList
from engine.net.dht.config import DhtConfig, NodeState, Phase
from engine.net.dht.dispatcher import Dispatcher
from engine.net.dht.maintenance import Hooks, Maintenance
from engine.net.dht.messages import IncomingRequest, Reply
from engine.net.dht.queries import Queries, QueryOptions
from engine.net.dht.query_run import Commit, Prepare, QueryRun
from engine.net.dht.reachability import Reachability
from engine.net.dht.rpc_endpoint import RpcEndpoint
from engine.net.dht.sockets import bind_server_socket
from engine.net.tasks import TaskScope
from engine.net.udp import UdpNetwork, UdpSocket
from engine.net.udx import Udx
from engine.proto.dht.budget import ReplyBudget
from engine.proto.dht.commands import Internal
from engine.proto.dht.forwards import ForwardTable
from engine.proto.dht.neighbours import Neighbours
from engine.proto.dht.persistent import Storage
from engine.proto.dht.query import CONCURRENCY
from engine.proto.dht.routing_table import RoutingTable
from engine.proto.dht.rpc import Failure
from engine.wire.compact import Address


class DhtNode:
    """One node of the DHT. Create it inside a running event loop.

    Args:
        network: where sockets come from.
        config: role and addresses.
        scope: owner of this node's tasks; closing the node does not close it.
        random_bytes: entropy.
        clock: wall clock for time stamps in records.

    Raises:
        InvalidValue: a bootstrap entry is malformed.
    """

    def __init__(
        self,
        network: UdpNetwork,
        config: DhtConfig,
        scope: TaskScope,
        *,
        random_bytes: Callable[[int], bytes] = os.urandom,
        clock: Clock | None = None,
    ) -> None:
        self.config = config
        """Role and addresses."""
        self.udx = Udx(random_bytes=random_bytes)
        """Streams over all sockets of this node."""
        self.server_socket: UdpSocket
        """Socket with the well-known port."""
        self.client_socket: UdpSocket
        """Socket of own requests while firewalled."""
        self.on_socket_probe: Callable[[UdpSocket, Address], None] = lambda socket, source: None
        """Called for each 1-byte datagram."""
        self.on_network_change: list[Callable[[], None]] = []
        """Called when interface addresses changed, the machine woke up, or the node is back online."""
        self.on_state: list[Callable[[NodeState], None]] = []
        """Called after each change of :attr:`state`."""
        self._network = network
        self._scope = scope.child("dht")
        self._random_bytes = random_bytes
        self._loop = asyncio.get_running_loop()
        self.forwards = ForwardTable(self._loop.time())
        """Announced keys with their relays, and keys served here."""
        self._entries = BootstrapList(config.bootstrap)
        self._neighbours = Neighbours(random_bytes(32), random_bytes, len(self._entries))
        self._rpc = RpcEndpoint(
            self.udx,
            ReplyBudget(config.reply_bytes_per_s, config.reply_burst_bytes),
            random_bytes,
            on_request=self._on_request,
            on_reply=self._on_reply,
            on_failure=self._on_failure,
            closest=self._closest,
        )
        self._rpc.on_probe = lambda socket, source: self.on_socket_probe(socket, source)
        self._dispatcher = Dispatcher(
            self._rpc.drops, lambda: self.id, (clock or SystemClock()).wall_ms, self._on_down_hint
        )
        self._reachability = Reachability(
            self._rpc,
            self._neighbours,
            firewalled=config.firewalled is not False,
            fallback_nodes=self._entries.addresses,
            on_change=self._on_reachability,
        )
        self._maintenance = Maintenance(
            self._rpc, self._neighbours, lambda: self.socket, network.interface_addresses, self._hooks()
        )
        self._queries = Queries(
            self._rpc,
            self._neighbours,
            self._entries.addresses,
            lambda: self.socket,
            self._scope,
            self._maintenance.send_down_hint,
        )
        self._bootstrap = Bootstrap(
            self._entries,
            known=lambda: len(self.table),
            query=lambda retries: self._queries.start_background(self.table.id, retries),
            settle=self._settle,
            on_first_reply=self._probe_firewall,
            report=self._report,
        )
        self._destroyed = False
        self._state = NodeState("binding", self._loop.time(), 0, 0, None)

    @property
    def table(self) -> RoutingTable:
        """Known persistent nodes."""
        return self._neighbours.table

    @property
    def socket(self) -> UdpSocket:
        """Socket of own requests: the client socket while firewalled, else the server socket."""
        return self.client_socket if self.firewalled else self.server_socket

    @property
    def host(self) -> str | None:
        """Own public host as others see it, None while unknown."""
        return self._neighbours.nat.host

    @property
    def port(self) -> int:
        """Own public port, 0 while unknown or random."""
        return self._neighbours.nat.port

    @property
    def firewalled(self) -> bool:
        """Whether others cannot start talking to us, as far as we know."""
        return self._reachability.firewalled

    @property
    def ephemeral(self) -> bool:
        """Whether we serve nobody and send no id."""
        return self._reachability.ephemeral

    @property
    def bootstrapped(self) -> bool:
        """Whether the node was online at least once."""
        return self._bootstrap.ready.is_set()

    @property
    def id(self) -> bytes | None:
        """Own node id, None while ephemeral."""
        return None if self.ephemeral else self.table.id

    @property
    def storage(self) -> Storage | None:
        """What is kept for others, once persistent."""
        return self._dispatcher.storage

    @property
    def state(self) -> NodeState:
        """What the node is doing."""
        state = self._state
        return NodeState(state.phase, state.since, len(self.table), state.answered, state.last_error)

    @property
    def drops(self) -> Counter[str]:
        """Datagrams that were not used or not answered, by reason."""
        return self._rpc.drops

    async def start(self) -> None:
        """Bind the sockets and begin to bootstrap in the background.

        Raises:
            BindFailed: no port is free.
        """
        self.server_socket = await bind_server_socket(self._network, self.config, self._rpc.receive)
        try:
            self.client_socket = await self._network.bind(self.config.host, 0, self._rpc.receive)
        except BaseException:
            self.server_socket.close()
            raise
        self._rpc.id_socket = self._reachability.server_socket = self.server_socket
        self._reachability.client_socket = self.client_socket
        self._rpc.start()
        if self.config.public_address is not None:
            host, port = self.config.public_address
            self._neighbours.nat.add(host, port or self.server_socket.local_address[1])
            await self._reachability.update(only_firewall=False)
        self._report("bootstrapping", 0, None)
        self._scope.spawn("bootstrap", self._bootstrap.run())
        self._scope.spawn("maintenance", self._maintenance.run())

    async def fully_bootstrapped(self) -> None:
        """Return when at least one node answered (at once for the first node of a network)."""
        await self._bootstrap.ready.wait()

    async def destroy(self) -> None:
        """Cancel all requests and close all sockets."""
        if self._destroyed:
            return
        self._destroyed = True
        self._dispatcher.close()
        self._rpc.close()
        await self._scope.close()
        self.udx.close()
        for name in ("server_socket", "client_socket"):
            socket = getattr(self, name, None)
            if socket is not None:
                socket.close()

    def remote_address(self) -> Address | None:
        """Own public address when it is known to be reachable; OPEN is claimed exactly then."""
        if self.host is None or self.firewalled or self.port != self.server_socket.local_address[1]:
            return None
        return self.host, self.port

    def local_addresses(self) -> list[Address]:
        """Non-internal interface addresses with the server socket's port.

        Protocol reference: 02-hyperdht section 14.
        """
        host, port = self.server_socket.local_address
        if host == "127.0.0.1":
            return [(host, port)]
        hosts = self._network.interface_addresses() or ["127.0.0.1"]
        return [(host, port) for host in hosts]

    def known_nodes(self, limit: int | None = None) -> list[Address]:
        """Known nodes, the ones heard last first."""
        return [node.address for node in self._neighbours.latest(limit)]

    def add_nodes(self, nodes: Sequence[Address]) -> None:
        """Remember nodes of an earlier run; dead ones are found out by use."""
        for node in nodes:
            self._neighbours.learned(node)

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
    ) -> Reply:
        """Ask a node; error replies are returned (``reply.error != 0``).

        Args:
            to: whom.
            command: number of section 6 or 11.
            target: 32 bytes.
            value: payload.
            token: token of that node.
            internal: the number is one of section 6.
            retries: retransmissions, one second apart.
            socket: leave from another socket than :attr:`socket`.

        Raises:
            RequestTimeout: no reply to any transmission.
            RequestCancelled: the node was destroyed, or too many requests wait.
        """
        return await self._rpc.ask(
            to,
            command,
            socket=socket or self.socket,
            target=target,
            value=value,
            token=token,
            internal=internal,
            retries=retries,
        )

    async def ping(self, to: Address, *, socket: UdpSocket | None = None, retries: int = 3) -> Reply:
        """PING a node. Raises as :meth:`request`."""
        return await self.request(to, Internal.PING, internal=True, retries=retries, socket=socket)

    def forward(self, to: Address, request: IncomingRequest, *, value: bytes, socket: UdpSocket | None = None) -> None:
        """Send a new request with the same tid, command and target; nobody waits for a reply.

        Protocol reference: 02-hyperdht section 13.
        """
        self._rpc.forward(to, request, value, socket)

    def answer(self, tid: int, to: Address, *, value: bytes | None, socket: UdpSocket) -> None:
        """Send a reply without token and closer nodes to anybody."""
        self._rpc.answer_bare(tid, to, value, socket)

    def query(
        self,
        target: bytes,
        command: int,
        *,
        value: bytes | None = None,
        internal: bool = False,
        nodes: Sequence[Address] | None = None,
        only_nodes: bool = False,
        concurrency: int = CONCURRENCY,
        retries: int = 5,
        commit: Commit | None = None,
        prepare: Prepare | None = None,
        impatient: bool = False,
    ) -> QueryRun:
        """Start a query; it runs at once.

        Args:
            target: 32 bytes.
            command: number of section 6 or 11.
            value: payload for every node.
            internal: the number is one of section 6.
            nodes: where to start, most promising first.
            only_nodes: ask nobody else.
            concurrency: requests in flight.
            retries: retransmissions per node.
            commit: called for each of the closest nodes at the end.
            prepare: awaited before the commits.
            impatient: end when only nodes are left that were silent for a second.

        Protocol reference: 02-hyperdht section 10.
        """
        if self._destroyed:
            raise LocalProtocolError("The DHT node is closed.")
        options = QueryOptions(value, internal, nodes, only_nodes, concurrency, retries, commit, prepare, impatient)
        return self._queries.start(target, command, options)

    def set_handler(self, command: int, handler: Callable[[IncomingRequest], None]) -> None:
        """Handle a command of section 11 on this node, persistent or not."""
        self._dispatcher.handlers[command] = handler

    async def open_pool_socket(self) -> UdpSocket:
        """An extra socket on any port whose RPC, stream and probe packets go through this node; the caller closes it.

        Raises:
            BindFailed: the system has no port left.
        """
        return await self._network.bind(self.config.host, 0, self._rpc.receive)

    def refresh(self) -> None:
        """Look for nodes near a known one, in the background."""
        self._scope.spawn("refresh", self._refresh())

    async def check_network_state(self) -> bool:
        """Run the firewall check and become persistent if it succeeds; returns whether the state improved.

        Protocol reference: 02-hyperdht section 9.
        """
        changed = await self._reachability.update(only_firewall=self.config.ephemeral is True)
        if changed:
            self.refresh()
        return changed

    def stats(self) -> dict[str, int]:
        """Counters for status pages."""
        requests = self._rpc.requests
        return {
            "nodes": len(self.table),
            "in_flight": len(requests),
            "replies": requests.replies,
            "timeouts": requests.timeouts,
            "retransmissions": requests.retransmissions,
            "forwards": len(self.forwards),
            "records": len(self.storage.records) if self.storage else 0,
            "dropped": self.drops.total(),
        }

    def _hooks(self) -> Hooks:
        return Hooks(
            refresh=self.refresh,
            adaptive=lambda: self.ephemeral and self.config.ephemeral is None,
            overdue=lambda: self.ephemeral and self.config.ephemeral is False and self.bootstrapped,
            try_persistent=self._try_persistent,
            woke_up=self._woke_up,
            lost=self._bootstrap_lost,
            expire=self._expire,
        )

    def _on_request(self, request: IncomingRequest) -> None:
        self._heard(request.source, request.id, request.to, request.socket)
        self._dispatcher.handle(request)

    def _on_reply(self, reply: Reply) -> None:
        self._heard(reply.source, reply.id, reply.to, reply.socket)

    def _on_failure(self, node: Address, failure: Failure) -> None:
        if failure is Failure.TIMED_OUT:
            self._neighbours.silent(node)

    def _heard(self, source: Address, id: bytes | None, to: Address, socket: UdpSocket) -> None:
        check = self._neighbours.heard(source, id, to, sample=socket is self.socket)
        self._maintenance.check(check)

    def _on_down_hint(self, down: Address) -> None:
        self._maintenance.check(self._neighbours.down_hint(down))

    def _closest(self, target: bytes) -> list[Address]:
        return [node.address for node in self.table.closest(target)]

    async def _refresh(self) -> None:
        run = self._queries.start_background(self._neighbours.refresh_target())
        await run.finished()
        if run.query.answers == 0:
            self._bootstrap_lost()

    def _bootstrap_lost(self) -> None:
        if len(self._entries) or self._state.answered:
            self._bootstrap.lost()

    async def _settle(self) -> bool:
        forced = self.config.ephemeral is False
        changed = False
        if forced or self._reachability.probed:
            changed = await self._reachability.update(only_firewall=not forced)
        self._neighbours.bootstrapped = True
        return changed

    def _probe_firewall(self, node: Address) -> None:
        quick = self.config.quick_firewall and self.config.ephemeral is not False
        if quick and self.firewalled and not self._reachability.probed:
            self._reachability.probe(node)

    def _try_persistent(self) -> None:
        self._scope.spawn("network state", self.check_network_state())

    def _on_reachability(self) -> None:
        self._rpc.id = self.id
        if not self.ephemeral and self.storage is None:
            self._dispatcher.storage = Storage(self.forwards, self._random_bytes, self._loop.time())

    def _woke_up(self) -> None:
        if self.config.ephemeral is None and not self.ephemeral:
            self._reachability.become_ephemeral()
        self._network_changed()

    def _network_changed(self) -> None:
        for callback in list(self.on_network_change):
            callback()

    def _expire(self, now: float) -> None:
        self.forwards.expire(now)
        if self.storage is not None:
            self.storage.expire(now)

    def _report(self, phase: Phase, answered: int, error: str | None) -> None:
        back = phase == "online" and self.bootstrapped
        since = self._loop.time() if phase != self._state.phase else self._state.since
        state = NodeState(phase, since, len(self.table), answered, error)
        if state == self._state:
            return
        self._state = state
        for listener in list(self.on_state):
            listener(self.state)
        if back:
            self._network_changed()
