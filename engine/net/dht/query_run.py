"""A running query: puts the decisions of :class:`~engine.proto.dht.query.Query` on the wire.

Protocol reference: 02-hyperdht section 10.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass
from functools import partial

from engine.errors import NetworkError
from engine.net.dht.messages import Reply
from engine.net.dht.rpc_endpoint import Request, RpcEndpoint
from engine.net.tasks import TaskScope
from engine.net.udp import UdpSocket
from engine.proto.dht.query import Query
from engine.proto.dht.rpc import Failure
from engine.wire.compact import Address

Commit = Callable[[Reply], Awaitable[None]]
"""Writes to one of the closest nodes after the query; raises when that failed."""
Prepare = Callable[[], Awaitable[None]]
"""Runs between the query and its commits; raises nothing."""


@dataclass(frozen=True, slots=True)
class QueryPlan:
    """What a query asks every node, and through what."""

    rpc: RpcEndpoint
    socket: Callable[[], UdpSocket]
    """The current socket of own requests."""
    scope: TaskScope
    """Owner of commit tasks."""
    target: bytes
    command: int
    value: bytes | None
    internal: bool
    retries: int
    commit: Commit | None
    prepare: Prepare | None
    down_hint: Callable[[Address, Address], None]
    """Tells the first node that the second one is dead."""
    impatient: bool = False
    """Do not wait for nodes that are silent for more than a second when others have answered."""


class QueryRun:
    """A query that visits nodes until the closest ones have answered.

    Iterate over it for replies (error 0) as they arrive; several iterators may run at once.
    """

    def __init__(self, plan: QueryPlan, query: Query[Reply]) -> None:
        self.query = query
        """Who is asked next."""
        self.on_reply: list[Callable[[Reply], None]] = []
        """Called for each reply without an error, before the next nodes are chosen."""
        self._plan = plan
        self._replies: list[Reply] = []
        self._requests: dict[Address, Request] = {}
        self._waiters: list[asyncio.Future[None]] = []
        self._ended = asyncio.Event()
        self._committing = False
        self._commit_task: asyncio.Task[None] | None = None
        self._error: NetworkError | None = None
        self._advance()

    @property
    def closest_replies(self) -> list[Reply]:
        """The up to 20 closest nodes that answered, closest first."""
        return self.query.closest

    @property
    def ended(self) -> bool:
        """Whether the query is over, commits included."""
        return self._ended.is_set()

    async def __aiter__(self) -> AsyncIterator[Reply]:
        """Replies (error 0) as they arrive."""
        position = 0
        while True:
            while position < len(self._replies):
                position += 1
                yield self._replies[position - 1]
            if self._ended.is_set():
                return
            waiter: asyncio.Future[None] = asyncio.get_running_loop().create_future()
            self._waiters.append(waiter)
            await waiter

    async def finished(self) -> None:
        """Wait for the end, commits included.

        Raises:
            NetworkError: the query commits, and nobody answered or no commit succeeded.
        """
        await self._ended.wait()
        if self._error is not None:
            raise self._error

    def destroy(self) -> None:
        """Stop; pending requests are cancelled and iterators end."""
        requests, self._requests = self._requests, {}
        for request in requests.values():
            self._plan.rpc.cancel(request)
        if self._commit_task is not None:
            self._commit_task.cancel()
        self._end()

    def _advance(self) -> None:
        for referrer, down in self.query.take_down_hints():
            self._plan.down_hint(referrer, down)
        if self._committing or self._ended.is_set():
            return
        while nodes := self.query.visits():
            for node in nodes:
                self._visit(node)
        if self.query.finished or (self._plan.impatient and self.query.only_slow_left):
            self._finish()

    def _visit(self, node: Address) -> None:
        plan = self._plan
        request = plan.rpc.send(
            node,
            plan.command,
            socket=plan.socket(),
            on_reply=partial(self._replied, node),
            on_failure=partial(self._failed, node),
            on_slow=partial(self._slow, node),
            target=plan.target,
            value=plan.value,
            internal=plan.internal,
            retries=plan.retries,
        )
        if request is None:
            self.query.failed(node, down=False)
        else:
            self._requests[node] = request

    def _replied(self, node: Address, reply: Reply) -> None:
        self._requests.pop(node, None)
        self.query.answered(node, reply, id=reply.id, error=reply.error, closer_nodes=reply.closer_nodes)
        if reply.error == 0 and not self._committing and not self._ended.is_set():
            self._replies.append(reply)
            for callback in self.on_reply:
                callback(reply)
            self._wake()
        self._advance()

    def _failed(self, node: Address, failure: Failure) -> None:
        self._requests.pop(node, None)
        self.query.failed(node, down=failure is Failure.TIMED_OUT)
        self._advance()

    def _slow(self, node: Address) -> None:
        self.query.slow(node)
        self._advance()

    def _finish(self) -> None:
        if self._plan.commit is None:
            self._end()
        elif not self.query.closest:
            self._error = NetworkError("Too few nodes responded.")
            self._end()
        else:
            self._committing = True
            self._commit_task = self._plan.scope.spawn("commit", self._commit(self._plan.commit))

    async def _commit(self, commit: Commit) -> None:
        try:
            if self._plan.prepare is not None:
                await self._plan.prepare()
            results = await asyncio.gather(*map(commit, self.query.closest), return_exceptions=True)
            failures = [result for result in results if isinstance(result, BaseException)]
            if len(failures) == len(results):
                self._error = NetworkError(f"No node accepted it: {failures[0]}")
            unexpected = [failure for failure in failures if not isinstance(failure, NetworkError)]
            if unexpected:
                raise unexpected[0]
        finally:
            self._end()

    def _end(self) -> None:
        self._ended.set()
        self._wake()

    def _wake(self) -> None:
        waiters, self._waiters = self._waiters, []
        for waiter in waiters:
            if not waiter.done():
                waiter.set_result(None)
