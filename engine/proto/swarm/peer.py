"""What a swarm knows about one peer, and when it tries it again.

Protocol reference: 05-hyperswarm section 4.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from enum import IntEnum
from typing import Final

from engine.wire.compact import Address

STABLE_CONNECTION_S: Final = 15.0
"""A dialled connection that lived this long clears the count of failures."""

MAX_ATTEMPTS: Final = 3
"""A peer with more failures in a row is given up; it comes back with the next lookup."""

MAX_PROVEN_ATTEMPTS: Final = 8
"""The same for a peer that we have been connected to: it is worth some more patience (local policy)."""

Random = Callable[[], float]
"""Uniform in [0, 1)."""

_EARLIEST, _LATEST = 0.66, 1.32
"""Range of a retry around its nominal delay."""

_SHORT, _MEDIUM, _LONG, _PATIENT = (1.0, 2.0), (5.0, 6.5), (15.0, 17.5), (25.0, 35.0)
_DELAYS_S: Final = (_SHORT, _MEDIUM, _LONG, _LONG)
_PROVEN_DELAYS_S: Final = (_SHORT, _SHORT, _MEDIUM, _LONG, *[_PATIENT] * (MAX_PROVEN_ATTEMPTS - MAX_ATTEMPTS))
_EXPLICIT_DELAY_S: Final = (600.0, 720.0)


class Priority(IntEnum):
    """Order in which queued peers are dialled."""

    VERY_LOW = 0
    LOW = 1
    NORMAL = 2
    HIGH = 3
    VERY_HIGH = 4


_PRIORITIES: Final = (Priority.NORMAL, Priority.VERY_HIGH, Priority.HIGH, Priority.LOW)
_TOPICS_PER_PEER: Final = 256


@dataclass(slots=True, eq=False)
class PeerInfo:
    """One known peer."""

    public_key: bytes
    """32 bytes."""

    relay_addresses: tuple[Address, ...] = ()
    """Nodes that can pass a handshake on, from the newest announce."""

    topics: list[bytes] = field(default_factory=list)
    """Topics it was found under; empty for a peer that only ever dialled us."""

    attempts: int = 0
    """Closes in a row of connections we dialled, failed dials included."""

    proven: bool = False
    """A dial has succeeded before."""

    explicit: bool = False
    """Asked for by key, without a topic."""

    banned: bool = False
    """Neither dialled nor accepted."""

    reconnecting: bool = True
    """False: no retries."""

    client: bool = False
    """The last connection was dialled by us."""

    priority: Priority = Priority.NORMAL
    """As of the last time it was queued."""

    queued: bool = False
    """Waits for a free dial."""

    retry_at: float | None = None
    """When it is queued again, monotonic seconds; None if no retry is planned."""

    connected_at: float | None = None
    """When the dialled connection opened, monotonic seconds."""

    disconnected_at: float | None = None
    """When the last dial or dialled connection ended, monotonic seconds."""

    last_error: str = ""
    """Why the last dial or connection ended."""

    def add_topic(self, topic: bytes) -> None:
        """Remember that the peer was found under *topic*."""
        if topic not in self.topics and len(self.topics) < _TOPICS_PER_PEER:
            self.topics.append(topic)

    def dial_opened(self, now: float) -> None:
        """A dial succeeded."""
        self.proven = True
        self.client = True
        self.connected_at = now

    def dial_closed(self, now: float, error: str) -> None:
        """A dial failed or a dialled connection ended."""
        if self.connected_at is not None:
            if now - self.connected_at >= STABLE_CONNECTION_S:
                self.attempts = 0
            self.connected_at = None
        self.disconnected_at = now
        self.attempts += 1
        self.last_error = error

    def reset(self) -> None:
        """Start over, as for a peer that was never tried."""
        self.client = False
        self.proven = False
        self.attempts = 0

    def may_queue(self) -> bool:
        """Set the priority; False if the peer should not be queued now."""
        if self.explicit and self.attempts > MAX_ATTEMPTS:
            self.attempts = MAX_ATTEMPTS
        if self.banned or self.queued or self.hopeless:
            return False
        self.priority = _PRIORITIES[self.attempts] if self.attempts <= MAX_ATTEMPTS else Priority.VERY_LOW
        return True

    @property
    def hopeless(self) -> bool:
        """True after so many failures that only a lookup can bring the peer back."""
        return self.attempts > (MAX_PROVEN_ATTEMPTS if self.proven else MAX_ATTEMPTS)


def retry_delay_s(peer: PeerInfo, random: Random) -> float | None:
    """Seconds until a peer whose dialled connection has ended is queued again, None for never.

    Protocol reference: 05-hyperswarm section 4, the table of S, M, L and X.
    """
    if peer.banned or not peer.reconnecting or (peer.hopeless and not peer.explicit):
        return None
    if peer.explicit and peer.attempts > MAX_ATTEMPTS:
        low, high = _EXPLICIT_DELAY_S
    else:
        low, high = (_PROVEN_DELAYS_S if peer.proven else _DELAYS_S)[peer.attempts]
    return (low + (high - low) * random()) * (_EARLIEST + (_LATEST - _EARLIEST) * random())
