"""Whether the network still answers.

Theory of operation: once per tick the totals of replies and timeouts are compared with the previous tick. Ticks with
fewer than four results say nothing. Two telling ticks without any reply mean offline; one reply means online.

Protocol reference: none on the wire; the reference keeps the same kind of window.
"""

from __future__ import annotations

IDLE_RESULTS = 4
"""Replies and timeouts in one tick below which nothing is concluded from silence."""
OFFLINE_TICKS = 2
"""Telling ticks without a reply until the node is called offline."""


class Health:
    """Judges connectivity from totals."""

    def __init__(self) -> None:
        self.offline = False
        """Nobody answers any more."""
        self._replies = 0
        self._timeouts = 0
        self._silent_ticks = 0

    def update(self, replies: int, timeouts: int) -> None:
        """Note the totals since the start of the node."""
        new_replies, new_timeouts = replies - self._replies, timeouts - self._timeouts
        self._replies, self._timeouts = replies, timeouts
        if new_replies:
            self.reset()
        elif new_timeouts >= IDLE_RESULTS:
            self._silent_ticks += 1
            self.offline = self._silent_ticks >= OFFLINE_TICKS

    def reset(self) -> None:
        """Assume that the network answers until it does not."""
        self._silent_ticks = 0
        self.offline = False
