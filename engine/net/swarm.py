"""Topics in, connections out.

Theory of operation. A :class:`Hyperswarm` announces and looks up topics (:mod:`engine.net.discovery`), dials the peers
it finds, accepts those that dial it, and keeps one connection per peer. Whom to dial and when, and which of two
connections survives, is decided by :class:`~engine.proto.swarm.policy.SwarmPolicy`; this shell carries it out: it
starts and cancels dials, makes connections of finished ones, and reports what happens with them. All topics share the
connections.

When the DHT node says that the network has changed or is back, every connection gets a keep-alive, so that dead ones
are noticed, peers that wait for a retry are tried at once and all topics are refreshed. After a sleep that was longer
than any peer waits for acknowledgements, the connections are known to be dead and are closed right away.

What peers may do wrong: dial again and again, dial while we dial them, appear and vanish within milliseconds. Listeners
must survive connections that close right after they were reported.

Protocol reference: 05-hyperswarm.
"""

from __future__ import annotations

import asyncio
import logging
import os
import random
import time
from collections import Counter
from collections.abc import Callable, Sequence
from functools import partial
from typing import Final

from engine.crypto.keys import KeyPair
from engine.errors import IntercomError, LocalProtocolError, NetworkError, PeerUnreachable
from engine.net.connection import PeerConnection
from engine.net.dht.config import NodeState
from engine.net.dht.handover import Handover
from engine.net.dht.hyperdht import HyperDht
from engine.net.dht.node import DhtNode
from engine.net.discovery import Discovery, TopicDiscovery, TopicSnapshot
from engine.net.tasks import TaskScope
from engine.proto.dht.commands import PeerRecord
from engine.proto.swarm.peer import PeerInfo, Random
from engine.proto.swarm.policy import MAX_PARALLEL, MAX_PEERS, Incoming, PeerSnapshot, SwarmPolicy
from engine.proto.swarm.refresh import Company
from engine.wire.compact import Address

_logger = logging.getLogger(__name__)

DESTROY_WAIT_S: Final = 5.0
"""How long leaving all topics may take when the swarm is destroyed."""

HEARTBEAT_S: Final = 5.0
SLEEP_S: Final = 30.0
"""A heartbeat this late means that peers, whose keep-alives we did not acknowledge, have given us up."""


class Duplicate(NetworkError):
    """Another connection to the same peer is kept."""

    code = "network.duplicate"


def _awake_clock() -> float:
    """Seconds that go on while the machine sleeps, where the system has such a clock."""
    clock = getattr(time, "CLOCK_BOOTTIME", getattr(time, "CLOCK_MONOTONIC", None))
    return time.monotonic() if clock is None else time.clock_gettime(clock)


class Hyperswarm:
    """Connections to the peers of some topics.

    Args:
        dht: dials and accepts.
        key_pair: own identity.
        scope: parent of all tasks.
        max_peers: connections above which nobody is dialled; incoming ones are always accepted.
        max_parallel: dials at the same time.
        random: uniform in [0, 1), for delays and order.
        random_bytes: entropy for the connections.
        awake_clock: seconds that count while the machine sleeps.
    """

    def __init__(
        self,
        dht: HyperDht,
        key_pair: KeyPair,
        scope: TaskScope,
        *,
        max_peers: int = MAX_PEERS,
        max_parallel: int = MAX_PARALLEL,
        random: Random = random.random,
        random_bytes: Callable[[int], bytes] = os.urandom,
        awake_clock: Callable[[], float] = _awake_clock,
    ) -> None:
        self.key_pair = key_pair
        """Own identity."""
        self.connections: set[PeerConnection] = set()
        """Open connections."""
        self.on_connection: Callable[[PeerConnection, PeerInfo], None] = lambda connection, peer: None
        """Called with each new connection, before anything was read from it."""
        self.on_update: Callable[[], None] = lambda: None
        """Called after every change of connections, dials and topics."""
        self.counts: Counter[str] = Counter()
        """Dials and connections by what became of them."""
        self.destroyed = False
        """True once :meth:`destroy` has begun."""
        self._dht = dht
        self._scope = scope.child("swarm")
        self._random = random
        self._random_bytes = random_bytes
        self._awake_clock = awake_clock
        self._loop = asyncio.get_running_loop()
        self._policy = SwarmPolicy(key_pair.public_key, random, max_peers=max_peers, max_parallel=max_parallel)
        self._server = dht.create_server(
            key_pair, self._incoming, firewall=lambda key, payload, address: self._policy.firewalled(key)
        )
        self._server.on_return(self.reconnect_soon)
        self._listening: asyncio.Task[None] | None = None
        self._topics: dict[bytes, TopicDiscovery] = {}
        self._dials: dict[bytes, asyncio.Task[None]] = {}
        self._by_key: dict[bytes, PeerConnection] = {}
        self._timer: asyncio.TimerHandle | None = None
        self._last_heartbeat = awake_clock()
        self._heartbeat_timer = self._loop.call_later(HEARTBEAT_S, self._heartbeat)
        dht.node.on_network_change.append(self.reconnect_soon)
        dht.node.on_state.append(self._node_state)

    @property
    def node(self) -> DhtNode:
        """The DHT node below."""
        return self._dht.node

    @property
    def relay_addresses(self) -> tuple[Address, ...]:
        """Nodes that relay to us."""
        return self._server.relay_addresses

    @property
    def peers(self) -> tuple[PeerSnapshot, ...]:
        """What is known about each peer, now."""
        return self._policy.snapshot(self._loop.time())

    @property
    def topics(self) -> tuple[TopicSnapshot, ...]:
        """What is known about each topic, now."""
        now = self._loop.time()
        return tuple(topic.snapshot(now) for topic in self._topics.values())

    def connection_to(self, public_key: bytes) -> PeerConnection | None:
        """The open connection to a peer."""
        return self._by_key.get(public_key)

    def join(self, topic: bytes, *, server: bool = True, client: bool = True) -> Discovery:
        """Be in a topic; joining again refreshes it.

        Args:
            topic: 32 bytes.
            server: announce ourselves.
            client: look for others and dial them.

        Raises:
            LocalProtocolError: the swarm is destroyed, the topic is not 32 bytes, or neither is wanted.
        """
        if self.destroyed or len(topic) != 32 or not (server or client):
            raise LocalProtocolError("A topic of 32 bytes is joined as server or client while the swarm lives.")
        discovery = self._topics.get(topic)
        if discovery is None or discovery.closed:
            discovery = TopicDiscovery(
                self,
                topic,
                self._scope,
                self._random,
                after=discovery,
                on_left=lambda: self._policy.topics.discard(topic),
            )
            self._topics[topic] = discovery
        self._policy.topics.add(topic)
        session = discovery.add(server=server, client=client)
        self.on_update()
        return session

    async def leave(self, topic: bytes) -> None:
        """Leave a topic and unannounce; connections stay."""
        discovery = self._topics.get(topic)
        if discovery is None:
            return
        self._policy.topics.discard(topic)
        await discovery.close()
        if self._topics.get(topic) is discovery:
            del self._topics[topic]
        self.on_update()

    def join_peer(self, public_key: bytes) -> None:
        """Keep a connection to one peer, without a topic."""
        self._policy.join_peer(public_key)
        self._pump()

    def leave_peer(self, public_key: bytes) -> None:
        """Undo :meth:`join_peer`; an existing connection stays."""
        self._policy.leave_peer(public_key)
        self._pump()

    def ban(self, public_key: bytes, banned: bool = True) -> None:
        """Neither dial nor accept a peer; an existing connection is closed."""
        self._policy.ban(public_key, banned)
        connection = self._by_key.get(public_key)
        if banned and connection is not None:
            connection.destroy()
        self._pump()

    async def listen(self) -> None:
        """Accept connections; returns when the key is announced once."""
        if self._listening is None:
            self._listening = self._scope.spawn("listen", self._server.listen())
        await asyncio.shield(self._listening)

    async def flush(self, timeout_s: float | None = None) -> bool:
        """Wait until all topics are refreshed and every peer found by then was tried.

        Returns:
            False if that took longer than *timeout_s* seconds or the swarm was destroyed.
        """
        try:
            async with asyncio.timeout(timeout_s):
                for topic in list(self._topics.values()):
                    await topic.flushed()
                done: asyncio.Future[bool] = self._loop.create_future()
                flush = self._policy.flush(lambda tried: None if done.done() else done.set_result(tried))
                if flush is None:
                    return not self.destroyed
                try:
                    return await done
                finally:
                    self._policy.cancel_flush(flush)
        except TimeoutError:
            return False

    async def reconnect(self) -> None:
        """Probe all connections, try all known peers and refresh all topics; returns when the topics are refreshed."""
        self.reconnect_soon()
        await asyncio.gather(*(topic.flushed() for topic in self._topics.values()))

    def reconnect_soon(self) -> None:
        """As :meth:`reconnect`, without waiting. Called by itself when the network changes."""
        if self.destroyed:
            return
        for connection in self.connections:
            connection.keepalive()
        self._policy.reconnect_now()
        for topic in self._topics.values():
            topic.start_refresh()
        self._pump()

    async def destroy(self, timeout_s: float = DESTROY_WAIT_S) -> None:
        """Leave all topics, stop listening, close all connections. The DHT node lives on.

        Args:
            timeout_s: seconds that unannouncing may take.
        """
        if self.destroyed:
            return
        self.destroyed = True
        self._policy.close()
        self.node.on_network_change.remove(self.reconnect_soon)
        self.node.on_state.remove(self._node_state)
        for timer in (self._timer, self._heartbeat_timer):
            if timer is not None:
                timer.cancel()
        for dial in list(self._dials.values()):
            dial.cancel()
        closing = [self._scope.spawn("leave", topic.close()) for topic in self._topics.values()]
        closing.append(self._scope.spawn("close-server", self._server.close()))
        await asyncio.wait(closing, timeout=timeout_s)
        for connection in list(self.connections):
            connection.destroy()
        await self._scope.close()

    def found(self, peers: Sequence[PeerRecord], topic: bytes) -> None:
        """A lookup has returned peers. For :class:`~engine.net.discovery.TopicDiscovery`."""
        if topic in self._policy.topics and not self.destroyed:
            for peer in peers:
                self._policy.found(peer.public_key, peer.relay_addresses, topic)
            self._pump()

    def company(self, topic: bytes) -> Company:
        """Whether a topic has peers. For :class:`~engine.net.discovery.TopicDiscovery`."""
        return self._policy.company(topic)

    def _pump(self) -> None:
        """Start what may start, and set the timer of the next retry."""
        while not self.destroyed and (peer := self._policy.next_dial(self._loop.time())) is not None:
            self.counts["dials"] += 1
            self._dials[peer.public_key] = self._scope.spawn("dial", self._dial(peer))
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        due = self._policy.next_timer
        if due is not None and not self.destroyed:
            self._timer = self._loop.call_at(due, self._timer_fired)
        self.on_update()

    def _timer_fired(self) -> None:
        self._policy.handle_timer(self._loop.time())
        self._pump()

    async def _dial(self, peer: PeerInfo) -> None:
        key = peer.public_key
        try:
            handover = await self._dht.connect(key, self.key_pair, relay_addresses=peer.relay_addresses)
        except IntercomError as error:
            del self._dials[key]
            reason = error.reason if isinstance(error, PeerUnreachable) else type(error).__name__
            self.counts[f"dial_failed_{reason}"] += 1
            self._policy.dial_closed(key, self._loop.time(), str(error))
            self._pump()
            return
        del self._dials[key]
        connection = self._wrap(handover)
        self._opened(connection, self._policy.dial_opened(key, self._loop.time()))

    def _wrap(self, handover: Handover) -> PeerConnection:
        return PeerConnection(handover.udx, handover.handshake, route=handover.route, random_bytes=self._random_bytes)

    def _incoming(self, handover: Handover) -> None:
        """The DHT has accepted a connection."""
        connection = self._wrap(handover)
        if self.destroyed:
            connection.destroy()
            return
        key = connection.remote_public_key
        existing = self._by_key.get(key)
        read, written = (existing.raw_bytes_read, existing.raw_bytes_written) if existing is not None else (0, 0)
        decision = self._policy.incoming(key, bytes_read=read, bytes_written=written)
        if decision is Incoming.REFUSE:
            duplicate = key in self._policy.links
            self.counts["duplicates_refused" if duplicate else "refused"] += 1
            if existing is not None:
                existing.keepalive()
            connection.destroy(Duplicate() if duplicate else None)
            return
        if decision is Incoming.REPLACE:
            self.counts["duplicates_replaced"] += 1
            self._drop(key)
        self._opened(connection, self._policy.accepted(key))

    def _drop(self, key: bytes) -> None:
        """End the existing connection or dial, for a new connection to the same peer."""
        existing = self._by_key.get(key)
        if existing is not None:
            existing.destroy(Duplicate())
            return
        dial = self._dials.pop(key)
        dial.cancel()
        self._policy.dial_closed(key, self._loop.time(), str(Duplicate()))

    def _opened(self, connection: PeerConnection, peer: PeerInfo) -> None:
        self.counts["dialled" if connection.is_initiator else "accepted"] += 1
        self.connections.add(connection)
        self._by_key[connection.remote_public_key] = connection
        connection.on_close.append(partial(self._closed, connection))
        try:
            self.on_connection(connection, peer)
        except Exception as error:
            _logger.exception("the listener for connections failed")
            connection.destroy(error)
        self._pump()

    def _closed(self, connection: PeerConnection, error: Exception | None) -> None:
        key = connection.remote_public_key
        self.counts["closed"] += 1
        self.connections.discard(connection)
        del self._by_key[key]
        topics = self._policy.peers[key].topics or list(self._topics)
        reason = "" if error is None else connection.close_reason
        if connection.is_initiator:
            self._policy.dial_closed(key, self._loop.time(), reason)
        else:
            self._policy.accepted_closed(key, reason)
        if self.destroyed:
            return
        for topic in topics:
            if topic in self._topics:
                self._topics[topic].lost_peer()
        self._pump()

    def _node_state(self, state: NodeState) -> None:
        online = state.phase != "offline"
        if online != self._policy.online and not self.destroyed:
            self._policy.online = online
            self._pump()

    def _heartbeat(self) -> None:
        now = self._awake_clock()
        slept = now - self._last_heartbeat
        self._last_heartbeat = now
        self._heartbeat_timer = self._loop.call_later(HEARTBEAT_S, self._heartbeat)
        if slept > HEARTBEAT_S + SLEEP_S:
            reason = TimeoutError(f"This machine slept for {slept:.0f} s.")
            for connection in list(self.connections):
                connection.destroy(reason)
            self.reconnect_soon()
