"""One topic of a swarm: announced and looked up again and again.

Theory of operation. A topic lives as long as the program is in it. Sessions say whether it is announced (server) and
looked up (client). A refresh does both in one query and reports peers while it runs:

    joined --refresh--> refreshed --timer, network change, another join--> refresh ...
    any --close()--> left: the query is stopped and our record removed from the DHT

When the wish for server or client changes, the running refresh is replaced; otherwise asking again joins it. The first
announce removes stale records of our key. Times come from :class:`~engine.proto.swarm.refresh.RefreshSchedule`.

What others may do wrong: answer with any number of invented peers; the swarm's policy bounds what is kept.

Protocol reference: 05-hyperswarm section 3.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Protocol

from engine.crypto.keys import KeyPair
from engine.errors import NetworkError
from engine.net.dht.node import DhtNode
from engine.net.dht.operations import Lookup, announce, lookup, unannounce
from engine.net.tasks import TaskScope
from engine.proto.dht.commands import PeerRecord
from engine.proto.swarm.peer import Random
from engine.proto.swarm.refresh import Company, Due, RefreshSchedule
from engine.wire.compact import Address


class DiscoveryHost(Protocol):
    """What a topic needs of its swarm."""

    @property
    def node(self) -> DhtNode:
        """Asks the DHT."""

    @property
    def key_pair(self) -> KeyPair:
        """Identity that is announced."""

    @property
    def relay_addresses(self) -> tuple[Address, ...]:
        """Nodes that relay to us."""

    async def listen(self) -> None:
        """Make sure that connections are accepted."""

    def found(self, peers: Sequence[PeerRecord], topic: bytes) -> None:
        """Peers were found."""

    def company(self, topic: bytes) -> Company:
        """Whether the topic has peers."""


@dataclass(frozen=True, slots=True)
class TopicSnapshot:
    """One topic as a front end shows it."""

    topic: bytes
    announced: bool
    """Our record is in the DHT, as far as we know."""
    refreshes: int
    """Refreshes that got answers."""
    nodes: int
    """DHT nodes that answered the last one."""
    refreshing: bool
    next_refresh_in_s: float | None
    last_error: str
    """Why the last refresh failed; empty after a success."""


class Discovery:
    """One session of a topic, made by ``Hyperswarm.join``."""

    def __init__(self, topic: TopicDiscovery, *, server: bool, client: bool) -> None:
        self.server = server
        """Announce."""
        self.client = client
        """Look up."""
        self._topic = topic

    @property
    def topic(self) -> bytes:
        """32 bytes."""
        return self._topic.topic

    async def flushed(self) -> bool:
        """Wait for the refresh that runs now; False if it failed or the topic was left."""
        return await self._topic.flushed()

    async def refresh(self) -> bool:
        """Announce and look up again now; False if it failed."""
        return await self._topic.refresh()

    async def destroy(self) -> None:
        """End this session; the topic is left with the last one."""
        await self._topic.remove(self)


class TopicDiscovery:
    """The discovery of one topic.

    Args:
        host: the swarm.
        topic: 32 bytes.
        scope: owner of the tasks.
        random: uniform in [0, 1).
        after: a discovery of the same topic that is being left; the first refresh waits for it.
        on_left: called when the last session has ended, before the topic is left.
    """

    def __init__(
        self,
        host: DiscoveryHost,
        topic: bytes,
        scope: TaskScope,
        random: Random,
        *,
        after: TopicDiscovery | None = None,
        on_left: Callable[[], None] = lambda: None,
    ) -> None:
        self.topic = topic
        """32 bytes."""
        self.closed = False
        """True once the topic is being left."""
        self._host = host
        self._scope = scope
        self._after = after
        self._on_left = on_left
        self._loop = asyncio.get_running_loop()
        self._schedule = RefreshSchedule(random)
        self._timer: asyncio.TimerHandle | None = None
        self._sessions: list[Discovery] = []
        self._mode = (False, False)
        self._running: asyncio.Task[bool] | None = None
        self._quick: asyncio.Task[None] | None = None
        self._closing: asyncio.Task[None] | None = None
        self._closest_nodes: list[Address] | None = None
        self._first_announce = True
        self._announced = False
        self._refreshes = 0
        self._last_error = ""

    def add(self, *, server: bool, client: bool) -> Discovery:
        """A new session; a refresh starts at once."""
        session = Discovery(self, server=server, client=client)
        self._sessions.append(session)
        self.start_refresh()
        return session

    async def remove(self, session: Discovery) -> None:
        """End a session."""
        if session not in self._sessions:
            return
        self._sessions.remove(session)
        if not self._sessions:
            self._on_left()
            await self.close()
        elif self._announced and not any(each.server for each in self._sessions):
            await self.refresh()

    def start_refresh(self) -> asyncio.Task[bool] | None:
        """The running refresh, or a new one; None once the topic is left."""
        if self.closed:
            return None
        mode = any(each.server for each in self._sessions), any(each.client for each in self._sessions)
        if self._running is not None:
            if mode == self._mode:
                return self._running
            self._running.cancel()
        self._mode = mode
        self._running = self._scope.spawn("refresh", self._refresh(*mode))
        self._running.add_done_callback(self._refresh_ended)
        return self._running

    async def refresh(self) -> bool:
        """Announce and look up again; False if it failed."""
        self.start_refresh()
        return await self.flushed()

    async def flushed(self) -> bool:
        """Wait for the running refresh, if any."""
        while (running := self._running) is not None:
            await asyncio.wait([running])
            if self._running is running:
                self._running = None
        return not self.closed and not self._last_error

    def lost_peer(self) -> None:
        """A connection has ended that may have been of this topic."""
        if not self.closed:
            self._schedule.lost_peer(self._loop.time())
            self._arm()

    async def close(self) -> None:
        """Stop, and remove our record from the DHT. May be called again to wait for the end."""
        if self._closing is None:
            self.closed = True
            self._sessions.clear()
            self._schedule.cancel()
            self._arm()
            self._closing = self._scope.spawn("leave", self._leave())
        await asyncio.wait([self._closing])

    def snapshot(self, now: float) -> TopicSnapshot:
        """The state for display."""
        due = self._schedule.next_timer
        return TopicSnapshot(
            topic=self.topic,
            announced=self._announced,
            refreshes=self._refreshes,
            nodes=len(self._closest_nodes or ()),
            refreshing=self._running is not None,
            next_refresh_in_s=None if due is None else max(0.0, due - now),
            last_error=self._last_error,
        )

    async def _refresh(self, server: bool, client: bool) -> bool:
        self._schedule.cancel()
        self._arm()
        try:
            if self._after is not None:
                await self._after.close()
                self._after = None
            await self._host.node.fully_bootstrapped()
            await self._query(await self._start_query(server), client)
        except NetworkError as error:
            self._last_error = str(error)
            return False
        self._last_error = ""
        self._refreshes += 1
        return True

    async def _start_query(self, server: bool) -> Lookup:
        host, nodes = self._host, self._closest_nodes
        if server:
            await host.listen()
            clear, self._first_announce = self._first_announce, False
            self._announced = True
            return announce(
                host.node, self.topic, host.key_pair, host.relay_addresses, closest_nodes=nodes, clear=clear
            )
        if self._announced:
            await unannounce(host.node, self.topic, host.key_pair, closest_nodes=nodes)
            self._announced = False
        return lookup(host.node, self.topic, closest_nodes=nodes)

    async def _query(self, query: Lookup, client: bool) -> None:
        try:
            async for hit in query:
                if client:
                    self._host.found(hit.peers, self.topic)
            await query.finished()
        finally:
            query.destroy()
        if not query.closest_nodes:
            raise NetworkError("No DHT node answered.")
        self._closest_nodes = query.closest_nodes

    def _refresh_ended(self, task: asyncio.Task[bool]) -> None:
        if self._running is task:
            self._running = None
        if self.closed or self._running is not None:
            return
        now = self._loop.time()
        if not task.cancelled() and task.exception() is None and task.result():
            self._schedule.refreshed(now)
        else:
            self._schedule.failed(now)
        self._arm()

    def _arm(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        due = self._schedule.next_timer
        if due is not None:
            self._timer = self._loop.call_at(due, self._timer_fired)

    def _timer_fired(self) -> None:
        due = self._schedule.due(self._loop.time(), self._host.company(self.topic))
        if due is Due.REFRESH:
            self.start_refresh()
        elif due is Due.QUICK_LOOKUP and self._mode[1] and self._running is None and self._quick is None:
            self._quick = self._scope.spawn("quick-lookup", self._quick_lookup())
        self._arm()

    async def _quick_lookup(self) -> None:
        try:
            with contextlib.suppress(NetworkError):
                query = lookup(self._host.node, self.topic, closest_nodes=self._closest_nodes)
                await self._query(query, client=True)
        finally:
            self._quick = None

    async def _leave(self) -> None:
        for task in (self._running, self._quick):
            if task is not None:
                task.cancel()
                await asyncio.wait([task])
        if self._announced:
            host = self._host
            await unannounce(host.node, self.topic, host.key_pair, closest_nodes=self._closest_nodes)
            self._announced = False
