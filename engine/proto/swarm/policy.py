"""Which peers a swarm dials, when, and which of two connections it keeps.

Theory of operation. Every known peer has a record. It is linked to us by at most one link; a dial counts as a link from
the moment it starts:

    unknown --found, asked for--> queued --a dial is free--> dialling --opened--> connected
    dialling --failed--> waiting          connected (dialled) --closed--> waiting          waiting --time--> queued
    any state --incoming connection--> connected, or the connection is refused (:mod:`engine.proto.swarm.duplicate`)

After four failures in a row (nine if it was connected before) a peer is given up until a lookup finds it again. Peers
that dialled us are not retried by us: dialling again is their task. At most ``max_parallel`` dials run, and none starts
above ``max_peers`` links or while the network is known to be down. Incoming connections do not count as dials: they are
accepted up to ``max_links``, far above what honest peers reach.

What peers may do wrong: announce any number of keys under a topic, or connect with any number of keys. Records are
bounded by ``max_known``; connected, dialled and explicit ones are never dropped for it.

Protocol reference: 05-hyperswarm sections 4 and 5.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass
from enum import Enum
from typing import Final

from engine.proto.swarm.duplicate import keep_incoming
from engine.proto.swarm.peer import PeerInfo, Random, retry_delay_s
from engine.proto.swarm.queue import DialQueue
from engine.proto.swarm.refresh import Company
from engine.wire.compact import Address

MAX_PEERS: Final = 64
MAX_PARALLEL: Final = 3
MAX_KNOWN: Final = 4096
MAX_LINKS: Final = 1024
_EXPLICIT_ATTEMPTS: Final = 5
_EXPLICIT_PAUSE_S: Final = 1.0
_MAX_GIVEN_UP: Final = 64


class PeerState(Enum):
    """What is happening with a peer, for status displays."""

    QUEUED = "queued"
    DIALLING = "dialling"
    CONNECTED = "connected"
    WAITING = "waiting"
    GIVEN_UP = "given up"
    BANNED = "banned"
    IDLE = "idle"


class Link(Enum):
    """How a peer is linked to us."""

    DIALLING = "dialling"
    DIALLED = "dialled"
    ACCEPTED = "accepted"


class Incoming(Enum):
    """What to do with an incoming connection."""

    ACCEPT = "accept"
    REPLACE = "replace"
    """Destroy the existing link, then ask again."""
    REFUSE = "refuse"
    """Destroy the new one and send a keep-alive on the existing link."""


@dataclass(frozen=True, slots=True)
class PeerSnapshot:
    """One peer as a front end shows it."""

    public_key: bytes
    state: PeerState
    client: bool
    """We dialled, or would dial."""
    attempts: int
    """Failures in a row."""
    retry_in_s: float | None
    """Seconds until it is queued again."""
    last_error: str
    """Why the last dial or connection ended; empty if nothing went wrong."""
    topics: tuple[bytes, ...]


class Flush:
    """Waits for the dials that were due when it was made.

    ``on_done`` is called once, with False if the swarm was closed first.
    """

    def __init__(self, pending: set[bytes], on_done: Callable[[bool], None]) -> None:
        self.pending = pending
        self.on_done = on_done


class SwarmPolicy:
    """The peers of one swarm. Times are monotonic seconds.

    Args:
        public_key: our own key.
        random: uniform in [0, 1).
        max_peers: links above which no dial starts.
        max_parallel: dials at the same time.
        max_known: records kept.
        max_links: connections and dials above which incoming connections are refused.
    """

    def __init__(
        self,
        public_key: bytes,
        random: Random,
        *,
        max_peers: int = MAX_PEERS,
        max_parallel: int = MAX_PARALLEL,
        max_known: int = MAX_KNOWN,
        max_links: int = MAX_LINKS,
    ) -> None:
        self.peers: dict[bytes, PeerInfo] = {}
        """Records by public key."""
        self.links: dict[bytes, Link] = {}
        """Connections and dials by public key."""
        self.topics: set[bytes] = set()
        """Topics we are in."""
        self.online = True
        """False: no dial starts."""
        self.refused_records = 0
        """Announced peers not kept because ``max_known`` was reached."""
        self._public_key = public_key
        self._random = random
        self._max_peers = max_peers
        self._max_parallel = max_parallel
        self._max_known = max_known
        self._max_links = max_links
        self._queue = DialQueue(random)
        self._explicit: dict[bytes, PeerInfo] = {}
        self._given_up: OrderedDict[bytes, PeerInfo] = OrderedDict()
        self._flushes: list[Flush] = []

    @property
    def dialling(self) -> int:
        """Dials in progress."""
        return sum(link is Link.DIALLING for link in self.links.values())

    def company(self, topic: bytes) -> Company:
        """Whether *topic* has peers."""
        peers = [peer for peer in self.peers.values() if topic in peer.topics]
        if any(self.links.get(peer.public_key, Link.DIALLING) is not Link.DIALLING for peer in peers):
            return Company.CONNECTED
        return Company.TRYING if peers else Company.ALONE

    def found(self, public_key: bytes, relay_addresses: tuple[Address, ...], topic: bytes) -> None:
        """A lookup has returned a peer."""
        peer = self._record(public_key, relay_addresses)
        if peer is None:
            return
        peer.add_topic(topic)
        if public_key in self.links:
            return
        if peer.priority < peer.priority.NORMAL or not peer.client:
            peer.reset()
        self._enqueue(peer)

    def join_peer(self, public_key: bytes) -> None:
        """Keep a connection to one peer, without a topic and whatever ``max_peers`` says."""
        peer = self._record(public_key, ())
        if peer is not None:
            peer.explicit = True
            self._explicit[public_key] = peer
            if public_key not in self.links:
                self._enqueue(peer)

    def leave_peer(self, public_key: bytes) -> None:
        """Undo :meth:`join_peer`; an existing connection stays."""
        peer = self._explicit.pop(public_key, None)
        if peer is not None:
            peer.explicit = False
            self._drop_unused(peer)

    def next_dial(self, now: float) -> PeerInfo | None:
        """The next peer to dial, which is linked from now on; None if no dial should start."""
        if not self.online or self.dialling >= self._max_parallel:
            return None
        for peer in self._explicit.values():
            if self._explicit_due(peer, now):
                self._queue.discard(peer)
                return self._begin_dial(peer)
        while self._queue and len(self.links) < self._max_peers:
            peer = self._queue.pop()
            if peer.banned or peer.public_key in self.links:
                self._settled(peer.public_key)
                continue
            return self._begin_dial(peer)
        return None

    def _begin_dial(self, peer: PeerInfo) -> PeerInfo:
        peer.retry_at = None
        self.links[peer.public_key] = Link.DIALLING
        return peer

    def dial_opened(self, public_key: bytes, now: float) -> PeerInfo:
        """A dial has become a connection."""
        peer = self.peers[public_key]
        self.links[public_key] = Link.DIALLED
        peer.dial_opened(now)
        self._settled(public_key)
        return peer

    def dial_closed(self, public_key: bytes, now: float, error: str) -> None:
        """A dial has failed, or a dialled connection has ended."""
        peer = self.peers[public_key]
        del self.links[public_key]
        peer.dial_closed(now, error)
        wanted = peer.explicit or any(topic in self.topics for topic in peer.topics)
        delay = retry_delay_s(peer, self._random) if wanted else None
        peer.retry_at = None if delay is None else now + delay
        self._settled(public_key)
        if self._drop_unused(peer) and wanted:
            self._given_up[public_key] = peer
            if len(self._given_up) > _MAX_GIVEN_UP:
                self._given_up.popitem(last=False)

    def incoming(self, public_key: bytes, *, bytes_read: int = 0, bytes_written: int = 0) -> Incoming:
        """Decide about an incoming connection.

        Args:
            public_key: the peer's key.
            bytes_read: data frame bytes the existing connection has received, 0 if there is none.
            bytes_written: data frame bytes it has sent.
        """
        if self.firewalled(public_key):
            return Incoming.REFUSE
        if public_key not in self.links:
            return Incoming.ACCEPT if len(self.links) < self._max_links else Incoming.REFUSE
        keep = keep_incoming(
            own_key=self._public_key,
            remote_key=public_key,
            existing_bytes_read=bytes_read,
            existing_bytes_written=bytes_written,
        )
        return Incoming.REPLACE if keep else Incoming.REFUSE

    def firewalled(self, public_key: bytes) -> bool:
        """True for ourselves and banned peers."""
        peer = self.peers.get(public_key)
        return public_key == self._public_key or (peer is not None and peer.banned)

    def accepted(self, public_key: bytes) -> PeerInfo:
        """An incoming connection was accepted."""
        peer = self.peers.get(public_key)
        if peer is None:
            peer = self.peers[public_key] = PeerInfo(public_key)
            self._given_up.pop(public_key, None)
        peer.relay_addresses = ()
        peer.client = False
        self.links[public_key] = Link.ACCEPTED
        self._settled(public_key)
        return peer

    def accepted_closed(self, public_key: bytes, error: str) -> None:
        """An accepted connection has ended; its peer will dial again if it wants to."""
        peer = self.peers[public_key]
        del self.links[public_key]
        peer.last_error = error
        self._drop_unused(peer)

    def ban(self, public_key: bytes, banned: bool) -> None:
        """Neither dial nor accept a peer, or undo that. An existing connection is the caller's to end."""
        peer = self._record(public_key, ())
        if peer is not None:
            peer.banned = banned
            self._drop_unused(peer)

    def reconnect_now(self) -> None:
        """Queue every peer that waits for a retry or was given up, as if it had never failed."""
        given_up, self._given_up = self._given_up, OrderedDict()
        for key, peer in given_up.items():
            if len(self.peers) < self._max_known:
                self.peers[key] = peer
        for key, peer in self.peers.items():
            if key not in self.links and (peer.retry_at is not None or key in given_up):
                peer.attempts = 0
                self._enqueue(peer)

    @property
    def next_timer(self) -> float | None:
        """When :meth:`handle_timer` should be called."""
        return min((peer.retry_at for peer in self.peers.values() if peer.retry_at is not None), default=None)

    def handle_timer(self, now: float) -> None:
        """Queue the peers whose time has come."""
        for peer in list(self.peers.values()):
            if peer.retry_at is not None and now >= peer.retry_at:
                peer.retry_at = None
                if peer.public_key not in self.links:
                    self._enqueue(peer)

    def flush(self, on_done: Callable[[bool], None]) -> Flush | None:
        """Call *on_done* when every peer that is queued or dialled now was tried; None if there is none."""
        pending = {key for key, peer in self.peers.items() if peer.queued}
        pending |= {key for key, link in self.links.items() if link is Link.DIALLING}
        if not pending or self._full():
            return None
        flush = Flush(pending, on_done)
        self._flushes.append(flush)
        return flush

    def cancel_flush(self, flush: Flush) -> None:
        """Forget a flush nobody waits for any more."""
        if flush in self._flushes:
            self._flushes.remove(flush)

    def close(self) -> None:
        """The swarm is destroyed: no dial starts any more and every flush ends."""
        self.online = False
        flushes, self._flushes = self._flushes, []
        for flush in flushes:
            flush.on_done(False)

    def snapshot(self, now: float) -> tuple[PeerSnapshot, ...]:
        """All known peers and the last ones that were given up."""
        return tuple(self._describe(peer, now) for peer in [*self.peers.values(), *self._given_up.values()])

    def _describe(self, peer: PeerInfo, now: float) -> PeerSnapshot:
        link = self.links.get(peer.public_key)
        if link is not None:
            state = PeerState.DIALLING if link is Link.DIALLING else PeerState.CONNECTED
        elif peer.banned:
            state = PeerState.BANNED
        elif peer.queued:
            state = PeerState.QUEUED
        elif peer.retry_at is not None:
            state = PeerState.WAITING
        else:
            state = PeerState.GIVEN_UP if peer.public_key in self._given_up else PeerState.IDLE
        return PeerSnapshot(
            public_key=peer.public_key,
            state=state,
            client=peer.client if link is None else link is not Link.ACCEPTED,
            attempts=peer.attempts,
            retry_in_s=None if peer.retry_at is None else max(0.0, peer.retry_at - now),
            last_error=peer.last_error,
            topics=tuple(peer.topics),
        )

    def _record(self, public_key: bytes, relay_addresses: tuple[Address, ...]) -> PeerInfo | None:
        """The record of a peer, made if needed; None for ourselves and above the limit."""
        if public_key == self._public_key:
            return None
        peer = self.peers.get(public_key)
        if peer is None:
            if len(self.peers) >= self._max_known:
                self.refused_records += 1
                return None
            peer = self.peers[public_key] = PeerInfo(public_key)
            self._given_up.pop(public_key, None)
        peer.relay_addresses = relay_addresses
        return peer

    def _enqueue(self, peer: PeerInfo) -> None:
        if peer.may_queue():
            peer.retry_at = None
            self._queue.push(peer)

    def _explicit_due(self, peer: PeerInfo, now: float) -> bool:
        if peer.public_key in self.links or peer.banned or peer.attempts >= _EXPLICIT_ATTEMPTS:
            return False
        last = peer.disconnected_at
        return last is None or now - last >= peer.attempts * _EXPLICIT_PAUSE_S

    def _full(self) -> bool:
        return not self.dialling and len(self.links) >= self._max_peers

    def _settled(self, public_key: bytes) -> None:
        """A peer was tried, or will not be."""
        full = self._full()
        for flush in list(self._flushes):
            flush.pending.discard(public_key)
            if full or not flush.pending:
                self._flushes.remove(flush)
                flush.on_done(True)

    def _drop_unused(self, peer: PeerInfo) -> bool:
        kept = peer.banned or peer.queued or peer.explicit or peer.retry_at is not None
        if kept or peer.public_key in self.links:
            return False
        return self.peers.pop(peer.public_key, None) is not None
