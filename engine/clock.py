"""Wall and monotonic time as arguments.

Policies take the time as a number; shells ask one :class:`Clock`. Tests pass a clock they move by hand.
"""

from __future__ import annotations

import time
from typing import Protocol


class Clock(Protocol):
    """Source of time."""

    def monotonic(self) -> float:
        """Seconds that never jump."""

    def wall_ms(self) -> int:
        """Milliseconds since the Unix epoch."""


class SystemClock:
    """The clock of this machine."""

    def monotonic(self) -> float:
        """Seconds that never jump."""
        return time.monotonic()

    def wall_ms(self) -> int:
        """Milliseconds since the Unix epoch."""
        return time.time_ns() // 1_000_000
