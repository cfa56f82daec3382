"""Spreads packets over time.

Theory of operation
    A bucket of packets refills at the rate congestion control asks for and holds at most :data:`SLICE_S` worth of them,
    because timers are not more precise than that; while packets are held back it catches up for as much as
    :data:`MAX_LATE_S`, so that a busy machine does not slow the stream down. Without a rate only the size of one burst
    is limited, so that a large write does not hold up other streams.

Protocol reference: 01-udx section 8, "Congestion control and pacing".
"""

from __future__ import annotations

SLICE_S = 0.004
"""Length of the time slices that timers resolve reliably."""

MAX_LATE_S = 0.02
"""Lateness of a timer that is made up for."""

MIN_SLICE_PACKETS = 32
"""Packets a slice holds at least."""

MAX_BURST_PACKETS = 512
"""Packets that leave at once at most."""


class Pacer:
    """Token bucket in packets."""

    def __init__(self) -> None:
        self.deadline: float | None = None
        """When packets that were held back may leave."""
        self._tokens = float(MIN_SLICE_PACKETS)
        self._updated_at = 0.0

    def allowance(self, rate: float | None, now: float) -> int:
        """Packets that may leave now; ``rate`` is packets per second or None."""
        held = self.deadline is not None
        self.deadline = None
        if rate is None:
            return MAX_BURST_PACKETS
        capacity = max(MIN_SLICE_PACKETS, rate * (MAX_LATE_S if held else SLICE_S))
        self._tokens = min(capacity, self._tokens + rate * max(0.0, now - self._updated_at))
        self._updated_at = now
        return min(int(self._tokens), MAX_BURST_PACKETS)

    def spend(self, packets: int, rate: float | None) -> None:
        """Packets left."""
        if rate is not None:
            self._tokens -= packets

    def hold(self, rate: float | None, now: float) -> None:
        """More packets wait than were allowed: set the deadline for the next slice."""
        if rate is None:
            self.deadline = now
        else:
            wanted = min(MIN_SLICE_PACKETS, rate * SLICE_S) / 2
            self.deadline = now + max(0.001, (max(1.0, wanted) - self._tokens) / max(rate, 1.0))
