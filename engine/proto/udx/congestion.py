"""Congestion control: what it is told and what it decides, in packets and seconds.

Protocol reference: 01-udx section 8, "Congestion control and pacing". Neither the choice nor its state is visible on
the wire.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

INITIAL_WINDOW = 10
MIN_WINDOW = 4
MAX_WINDOW = 4096
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

    def on_restart(self, now: float) -> None:
        """Data is sent after nothing was on the way."""

    def on_recovery(self, now: float, in_flight: int) -> None:
        """Loss was detected and a recovery episode begins."""

    def on_timeout(self, now: float, in_flight: int) -> None:
        """The retransmission timer fired."""

    def on_recovered(self, now: float) -> None:
        """The episode is over."""
