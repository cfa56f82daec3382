"""Reply budget per source host: bounds what a forged source address can be flooded with.

Theory of operation: UDP sources can be forged, and a lookup reply is up to thirty times as large as its request. Each
source host therefore has a bucket of reply bytes that refills at a constant rate; when it is empty requests stay
unanswered. Requests that carry a valid token have proved their source and cost nothing. The table of hosts is bounded;
the host that was quiet for longest is forgotten first and starts again with a full bucket.

Protocol reference: none, a rule of our own (the reference answers without bounds).
"""

from __future__ import annotations

from collections import OrderedDict

MAX_HOSTS = 8192
"""Hosts that are remembered."""


class ReplyBudget:
    """Token buckets by source host.

    Args:
        bytes_per_s: refill rate.
        burst_bytes: size of a bucket.
    """

    def __init__(self, bytes_per_s: float, burst_bytes: float, max_hosts: int = MAX_HOSTS) -> None:
        self._rate = bytes_per_s
        self._burst = burst_bytes
        self._max_hosts = max_hosts
        self._buckets: OrderedDict[str, tuple[float, float]] = OrderedDict()

    def __len__(self) -> int:
        return len(self._buckets)

    def spend(self, host: str, size: int, now: float) -> bool:
        """Take ``size`` bytes from the bucket of ``host``; False when there are not enough."""
        left, at = self._buckets.pop(host, (self._burst, now))
        left = min(self._burst, left + (now - at) * self._rate)
        allowed = size <= left
        self._buckets[host] = (left - size if allowed else left, now)
        if len(self._buckets) > self._max_hosts:
            self._buckets.popitem(last=False)
        return allowed
