"""When one topic is announced and looked up again.

Theory of operation. A full refresh (announce, or lookup for a client) runs every ten to twelve minutes. Two peers that
start at the same moment can miss each other in their first queries and would then wait for those minutes; so the first
refresh is followed by a quick lookup, and while a topic has no peers at all by a few more, ever further apart. They
start over when the topic loses a connected peer. Quick lookups store nothing and start at the nodes the last query
found, so they cost few packets. A refresh that nobody answered is repeated after seconds, then ever later.

A timer that fires far too late means the machine slept: the network is probably not back yet, and every sleeper woke at
the same time, so the refresh is spread over two minutes.

Protocol reference: 05-hyperswarm section 3; the quick lookups are local policy.
"""

from __future__ import annotations

from enum import Enum
from typing import Final

from engine.proto.swarm.peer import Random

REFRESH_S: Final = 600.0
REFRESH_JITTER_S: Final = 120.0
LATE_S: Final = 30.0
"""A timer this late is taken for a machine that slept."""

QUICK_LOOKUPS_S: Final = (2.0, 5.0, 15.0, 45.0, 120.0)
"""Pauses before the quick lookups of a topic without peers."""
_QUICK_JITTER: Final = 0.3
_RECHECK_S: Final = 5.0
_RESTART_S: Final = 60.0
"""Quick lookups start over at most this often."""

RETRY_S: Final = 5.0
"""Pause after the first refresh that failed; it doubles up to :data:`MAX_RETRY_S`."""
MAX_RETRY_S: Final = 80.0


class Company(Enum):
    """Whether a topic has peers."""

    ALONE = "alone"
    """None is known."""
    TRYING = "trying"
    """Some are known; none is connected."""
    CONNECTED = "connected"


class Due(Enum):
    """What a topic should do now."""

    NOTHING = "nothing"
    REFRESH = "refresh"
    QUICK_LOOKUP = "quick lookup"


class RefreshSchedule:
    """The timers of one topic. Times are monotonic seconds.

    Args:
        random: uniform in [0, 1).
    """

    def __init__(self, random: Random) -> None:
        self._random = random
        self._refresh_at: float | None = None
        self._quick_at: float | None = None
        self._quick_index = 0
        self._look_again = True
        self._restarted_at: float | None = None
        self._retry_s = RETRY_S

    @property
    def next_timer(self) -> float | None:
        """When :meth:`due` should be asked next."""
        times = [at for at in (self._refresh_at, self._quick_at) if at is not None]
        return min(times, default=None)

    def refreshed(self, now: float) -> None:
        """A full refresh has ended."""
        self._retry_s = RETRY_S
        self._refresh_at = now + REFRESH_S + REFRESH_JITTER_S * self._random()
        if self._quick_at is None:
            self._plan_quick(now)

    def failed(self, now: float) -> None:
        """A full refresh has ended without an answer from anybody."""
        self._refresh_at = now + self._retry_s * (1 + _QUICK_JITTER * self._random())
        self._retry_s = min(2 * self._retry_s, MAX_RETRY_S)

    def lost_peer(self, now: float) -> None:
        """A connection has ended: look again soon if the topic has no other peer."""
        if self._restarted_at is None or now - self._restarted_at >= _RESTART_S:
            self._restarted_at = now
            self._quick_index = 0
            self._plan_quick(now)

    def cancel(self) -> None:
        """Stop all timers; a refresh is about to run or the topic is left."""
        self._refresh_at = None
        self._quick_at = None

    def due(self, now: float, company: Company) -> Due:
        """What is to be done now.

        Quick lookups but the very first wait while known peers are tried, and end once one is connected.
        """
        if self._refresh_at is not None and now >= self._refresh_at:
            if now <= self._refresh_at + LATE_S:
                self.cancel()
                return Due.REFRESH
            self._refresh_at = now + REFRESH_JITTER_S * self._random()
        if self._quick_at is not None and now >= self._quick_at:
            self._quick_at = None
            if self._look_again or company is Company.ALONE:
                self._look_again = False
                self._plan_quick(now)
                return Due.QUICK_LOOKUP
            if company is Company.TRYING:
                self._quick_at = now + _RECHECK_S
        return Due.NOTHING

    def _plan_quick(self, now: float) -> None:
        if self._quick_index < len(QUICK_LOOKUPS_S):
            pause = QUICK_LOOKUPS_S[self._quick_index]
            self._quick_at = now + pause * (1 + _QUICK_JITTER * self._random())
            self._quick_index += 1
