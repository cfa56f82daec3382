"""Round trip time and retransmission timeout.

Protocol reference: 01-udx section 8. Times are seconds here; the reference computes in whole milliseconds.
"""

from __future__ import annotations

MIN_RTO_S = 1.0
MAX_RTO_S = 30.0
SUSPEND_SAMPLE_S = 5.0
"""Samples above this are suspected to span a suspended machine and are bounded."""

MIN_RTT_WINDOW_S = 10.0
"""How long a smallest round trip time is believed."""


class RttEstimator:
    """Smoothed round trip time of one path."""

    def __init__(self) -> None:
        self.smoothed_s: float | None = None
        """Smoothed round trip time, None before the first sample."""
        self.variation_s = 0.0
        """Smoothed deviation."""
        self.rto_s = MIN_RTO_S
        """Retransmission timeout."""
        self.min_s = MAX_RTO_S
        """Smallest sample of the last :data:`MIN_RTT_WINDOW_S` or so."""
        self._min_at = 0.0

    def sample(self, rtt_s: float, now: float) -> None:
        """Take a sample of a packet that was sent once."""
        rtt_s = min(max(rtt_s, 0.0), MAX_RTO_S)
        smoothed = self.smoothed_s
        if smoothed is None:
            self.smoothed_s = rtt_s
            self.variation_s = rtt_s / 2
        else:
            bound = smoothed + 5 * self.variation_s
            if rtt_s > SUSPEND_SAMPLE_S and rtt_s > bound:
                rtt_s = min(bound, MAX_RTO_S)
            self.variation_s += (abs(smoothed - rtt_s) - self.variation_s) / 4
            self.smoothed_s = smoothed + (rtt_s - smoothed) / 8
        self.rto_s = min(max(self.smoothed_s + 4 * self.variation_s, MIN_RTO_S), MAX_RTO_S)
        if rtt_s <= self.min_s or now - self._min_at > MIN_RTT_WINDOW_S:
            self.min_s = rtt_s
            self._min_at = now
