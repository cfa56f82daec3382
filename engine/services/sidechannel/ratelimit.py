"""How many bytes a neighbour may send: token buckets with strikes.

Theory of operation. A bucket starts full and refills continuously. A message larger than what is in it is refused,
costs nothing and earns a strike; enough strikes within the window block the neighbour, and everything it sends is
dropped until the block ends. The connection stays open.

A neighbour may reconnect to get a fresh bucket: :class:`PeerLimits` therefore keeps one for each public key, the most
recently used :data:`DEFAULT_PEERS` of them.

Time is milliseconds that never jump. Protocol reference: 06-sidechannel section 8.1.
"""

from __future__ import annotations

from collections import OrderedDict
from dataclasses import dataclass
from typing import Final

DEFAULT_PEERS: Final = 1024


@dataclass(frozen=True, slots=True)
class RateLimits:
    """Settings of all buckets."""

    bytes_per_s: float = 64_000
    """Refill; 0 or less accepts everything."""
    burst_bytes: float = 256_000
    max_strikes: int = 3
    strike_window_ms: float = 5_000
    block_ms: float = 30_000


class RateLimiter:
    """The bucket of one neighbour."""

    __slots__ = ("_limits", "blocked_until", "last_refill", "strike_reset_at", "strikes", "tokens")

    def __init__(self, limits: RateLimits, now_ms: float) -> None:
        self._limits = limits
        self.tokens = limits.burst_bytes
        """Bytes that may come now."""
        self.last_refill = now_ms
        self.strikes = 0
        """Strikes in the current window."""
        self.strike_reset_at = now_ms + limits.strike_window_ms
        self.blocked_until = 0.0
        """Time the block ends; in the past or 0 when there is none."""

    def blocked(self, now_ms: float) -> bool:
        """Whether everything is dropped now."""
        return now_ms < self.blocked_until

    def check(self, size: int, now_ms: float) -> bool:
        """Take *size* bytes from the bucket; False (and a strike) if they are not there."""
        if self._limits.bytes_per_s <= 0:
            return True
        if now_ms < self.blocked_until:
            return False
        self._forget_strikes(now_ms)
        elapsed = now_ms - self.last_refill
        if elapsed > 0:
            self.tokens = min(self._limits.burst_bytes, self.tokens + elapsed / 1000 * self._limits.bytes_per_s)
            self.last_refill = now_ms
        if size > self.tokens:
            self._strike(now_ms)
            return False
        self.tokens -= size
        return True

    def strike(self, now_ms: float) -> None:
        """Count a forgery; enough of them block, whatever the rate is."""
        self._forget_strikes(now_ms)
        self._strike(now_ms)

    def charge(self, size: int) -> None:
        """Make a neighbour pay for passing on a forgery it cannot be blamed for."""
        self.tokens = max(0.0, self.tokens - size)

    def _forget_strikes(self, now_ms: float) -> None:
        if now_ms > self.strike_reset_at:
            self.strikes = 0
            self.strike_reset_at = now_ms + self._limits.strike_window_ms

    def _strike(self, now_ms: float) -> None:
        self.strikes += 1
        if self.strikes >= self._limits.max_strikes:
            self.blocked_until = now_ms + self._limits.block_ms


class PeerLimits:
    """The buckets of all neighbours, by public key.

    Args:
        limits: settings of every bucket.
        capacity: buckets kept; the least recently used one goes first.
    """

    def __init__(self, limits: RateLimits, capacity: int = DEFAULT_PEERS) -> None:
        self._limits = limits
        self._capacity = capacity
        self._limiters: OrderedDict[str, RateLimiter] = OrderedDict()

    def of(self, key: str, now_ms: float) -> RateLimiter:
        """The bucket of a neighbour; a full one for a new neighbour."""
        limiter = self._limiters.get(key)
        if limiter is None:
            limiter = self._limiters[key] = RateLimiter(self._limits, now_ms)
            if len(self._limiters) > self._capacity:
                self._limiters.popitem(last=False)
        else:
            self._limiters.move_to_end(key)
        return limiter

    def peek(self, key: str) -> RateLimiter | None:
        """The bucket of a neighbour, if it has sent anything yet."""
        return self._limiters.get(key)
