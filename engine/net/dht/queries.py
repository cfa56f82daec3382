"""Starting queries: from what a node knows to a :class:`~engine.net.dht.query_run.QueryRun`.

Protocol reference: 02-hyperdht section 10.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from engine.net.dht.messages import Reply
from engine.net.dht.query_run import Commit, Prepare, QueryPlan, QueryRun
from engine.net.dht.rpc_endpoint import RpcEndpoint
from engine.net.tasks import TaskScope
from engine.net.udp import UdpSocket
from engine.proto.dht.commands import Internal
from engine.proto.dht.neighbours import Neighbours
from engine.proto.dht.query import BACKGROUND_CONCURRENCY, CONCURRENCY, Query
from engine.wire.compact import Address

_BUSY_REQUESTS = 3


@dataclass(frozen=True, slots=True)
class QueryOptions:
    """Settings of one query; see :meth:`engine.net.dht.node.DhtNode.query`."""

    value: bytes | None = None
    internal: bool = False
    nodes: Sequence[Address] | None = None
    only_nodes: bool = False
    concurrency: int = CONCURRENCY
    retries: int = 5
    commit: Commit | None = None
    prepare: Prepare | None = None
    impatient: bool = False


class Queries:
    """Starts the queries of a node.

    Args:
        rpc: sends requests.
        neighbours: known nodes.
        bootstrap: addresses of bootstrap nodes, asked when few nodes are known.
        socket: current socket of own requests.
        scope: owner of commit tasks.
        down_hint: tells the first node that the second one is dead.
    """

    def __init__(
        self,
        rpc: RpcEndpoint,
        neighbours: Neighbours,
        bootstrap: Callable[[], Sequence[Address]],
        socket: Callable[[], UdpSocket],
        scope: TaskScope,
        down_hint: Callable[[Address, Address], None],
    ) -> None:
        self._rpc = rpc
        self._neighbours = neighbours
        self._bootstrap = bootstrap
        self._socket = socket
        self._scope = scope
        self._down_hint = down_hint

    def start(self, target: bytes, command: int, options: QueryOptions) -> QueryRun:
        """Start a query; it runs at once."""
        neighbours = self._neighbours
        neighbours.queried()
        query: Query[Reply] = Query(
            target,
            neighbours.table.id,
            lambda count: [node.address for node in neighbours.table.closest(target, count)],
            concurrency=options.concurrency,
            nodes=options.nodes or (),
            only_nodes=options.only_nodes,
        )
        if query.wants_bootstrap:
            query.add(self._bootstrap())
        plan = QueryPlan(
            rpc=self._rpc,
            socket=self._socket,
            scope=self._scope,
            target=target,
            command=command,
            value=options.value,
            internal=options.internal,
            retries=options.retries,
            commit=options.commit,
            prepare=options.prepare,
            down_hint=self._down_hint,
            impatient=options.impatient,
        )
        return QueryRun(plan, query)

    def start_background(self, target: bytes, retries: int = 5) -> QueryRun:
        """Look for nodes near ``target`` and yield to other traffic."""
        options = QueryOptions(internal=True, concurrency=BACKGROUND_CONCURRENCY, retries=retries, impatient=True)
        run = self.start(target, Internal.FIND_NODE, options)

        def yield_to_other_traffic(reply: Reply) -> None:
            busy = len(self._rpc.requests) >= _BUSY_REQUESTS
            run.query.concurrency = BACKGROUND_CONCURRENCY if busy else CONCURRENCY

        run.on_reply.append(yield_to_other_traffic)
        return run
