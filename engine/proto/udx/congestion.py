"""Congestion control: the interface, and a NewReno-like window in packets.

Protocol reference: 01-udx section 8, "Congestion control and pacing". Neither the choice nor its state is visible on
the wire.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

INITIAL_WINDOW = 10
MIN_WINDOW = 4
MAX_WINDOW = 2048
"""Packets; the cap bounds what one stream can have on the way."""


@dataclass(slots=True)
class RateSample:
    """Delivery measured by the acks of one incoming burst."""

    now: float
    """Time of the acks."""
    delivered: int
    """Packets newly delivered."""
    total_delivered: int
    """Packets delivered since the stream began."""
    prior_delivered: int
    """Packets delivered when the newest delivered packet was sent."""
    interval_s: float
    """Time over which ``total_delivered - prior_delivered`` packets were delivered; 0 if unknown."""
    app_limited: bool
    """The application did not fill the window meanwhile."""
    rtt_s: float | None
    """Round trip time, if the newest packet was sent once."""
    in_flight: int
    """Packets still on the way."""
    lost: int
    """Packets newly marked lost."""


class CongestionControl(Protocol):
    """Decides how many packets may be in flight, and how fast they leave."""

    window: int
    """Packets that may be in flight."""

    pacing_rate: float | None
    """Packets per second, None without pacing."""

    def on_ack(self, sample: RateSample) -> None:
        """Packets were acknowledged."""

    def on_recovery(self, now: float, in_flight: int) -> None:
        """Loss was detected and a recovery episode begins."""

    def on_timeout(self, now: float, in_flight: int) -> None:
        """The retransmission timer fired."""

    def on_recovered(self, now: float) -> None:
        """The episode is over."""


class NewReno:
    """Slow start and congestion avoidance, halving once per recovery episode."""

    def __init__(self) -> None:
        self.window = INITIAL_WINDOW
        self.pacing_rate: float | None = None
        self._threshold = MAX_WINDOW
        self._credit = 0
        self._recovering = False

    def on_ack(self, sample: RateSample) -> None:
        """Grow, unless an episode is under way or the window was not used."""
        if self._recovering or sample.app_limited:
            return
        if self.window < self._threshold:
            self.window = min(self._threshold, self.window + sample.delivered)
            return
        self._credit += sample.delivered
        if self._credit >= self.window:
            self._credit = 0
            self.window = min(MAX_WINDOW, self.window + 1)

    def on_recovery(self, now: float, in_flight: int) -> None:
        """Halve."""
        self._recovering = True
        self._threshold = max(MIN_WINDOW, self.window // 2)
        self.window = self._threshold

    def on_timeout(self, now: float, in_flight: int) -> None:
        """Start again from the smallest window."""
        self._recovering = False
        self._threshold = max(MIN_WINDOW, self.window // 2)
        self.window = MIN_WINDOW

    def on_recovered(self, now: float) -> None:
        """Grow again."""
        self._recovering = False
