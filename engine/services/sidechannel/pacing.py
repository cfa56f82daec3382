"""Sending no faster than the other side accepts.

A neighbour that gets more than its limiter allows drops the surplus and, after a few strikes, everything for 30 s. So
each link keeps the bucket it assumes on the other side, slightly smaller because the network bunches what was sent
evenly, and waits rather than overrun it. What fits the burst is never delayed.

Time is seconds that never jump. Protocol reference: 06-sidechannel section 8.1.
"""

from __future__ import annotations

from collections import OrderedDict
from typing import Final

_BURST_SHARE: Final = 0.9
_RATE_SHARE: Final = 0.95
DEFAULT_PEERS: Final = 1024


class Pacer:
    """What one neighbour can take.

    Args:
        bytes_per_s: rate its limiter is assumed to have; 0 or less = no limit.
        burst_bytes: its burst.
        now: seconds.
    """

    __slots__ = ("_burst", "_rate", "_tokens", "_updated")

    def __init__(self, bytes_per_s: float, burst_bytes: float, now: float) -> None:
        self._rate = bytes_per_s * _RATE_SHARE
        self._burst = burst_bytes * _BURST_SHARE
        self._tokens = self._burst
        self._updated = now

    def take(self, size: int, now: float) -> bool:
        """Whether *size* bytes may go now; they are then counted. A message above the burst goes when it is full."""
        if self._rate <= 0:
            return True
        self._refill(now)
        if min(size, self._burst) > self._tokens:
            return False
        self._tokens -= size
        return True

    def delay(self, size: int, now: float) -> float:
        """Seconds until *size* bytes may go."""
        if self._rate <= 0:
            return 0.0
        self._refill(now)
        return max(0.0, (min(size, self._burst) - self._tokens) / self._rate)

    def _refill(self, now: float) -> None:
        if now > self._updated:
            self._tokens = min(self._burst, self._tokens + (now - self._updated) * self._rate)
            self._updated = now


class Pacers:
    """The pacers of all neighbours by public key: a reconnect does not refill the other side's bucket.

    Args:
        bytes_per_s: rate assumed of all neighbours; 0 or less = no limit.
        burst_bytes: their burst.
        capacity: pacers kept; the least recently used one goes first.
    """

    def __init__(self, bytes_per_s: float, burst_bytes: float, capacity: int = DEFAULT_PEERS) -> None:
        self._bytes_per_s = bytes_per_s
        self._burst_bytes = burst_bytes
        self._capacity = capacity
        self._pacers: OrderedDict[str, Pacer] = OrderedDict()

    def of(self, key: str, now: float) -> Pacer:
        """The pacer of a neighbour."""
        pacer = self._pacers.pop(key, None) or Pacer(self._bytes_per_s, self._burst_bytes, now)
        self._pacers[key] = pacer
        if len(self._pacers) > self._capacity:
            self._pacers.popitem(last=False)
        return pacer
