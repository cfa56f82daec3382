"""Slows down whoever guesses tokens.

Each wrong token is answered later than the one before, whichever connection it came on: first after
:data:`FIRST_DELAY_S`, then twice as long each time up to :data:`MAX_DELAY_S`. A right token, or a minute without wrong
ones, starts over. Right tokens are never delayed, so a guesser cannot keep an honest client out.

Design reference: ecosystem A2 B2.
"""

from __future__ import annotations

from typing import Final

FIRST_DELAY_S: Final = 0.05
MAX_DELAY_S: Final = 2.0
FORGET_AFTER_S: Final = 60.0


class AuthThrottle:
    """Counts wrong tokens of all clients."""

    def __init__(self) -> None:
        self._delay = 0.0
        self._last = 0.0
        self.failures = 0
        """Wrong tokens since the start."""

    def failed(self, now: float) -> float:
        """Count a wrong token; returns the seconds to wait before the answer."""
        self.failures += 1
        if now - self._last > FORGET_AFTER_S:
            self._delay = 0.0
        self._last = now
        self._delay = min(MAX_DELAY_S, self._delay * 2 or FIRST_DELAY_S)
        return self._delay

    def succeeded(self) -> None:
        """Somebody had a right token."""
        self._delay = 0.0
