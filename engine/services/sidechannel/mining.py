"""Searching proofs of work without holding up the event loop.

Up to :data:`INLINE_BITS` the search runs in the loop, in slices of a few milliseconds; a thread would cost more than
it saves. Above, it runs in a thread and gives up at a deadline. Searches run one after the other in the order they
were asked for, so that messages leave in the order they were sent.

Protocol reference: 06-sidechannel section 3.
"""

from __future__ import annotations

import asyncio
import threading
from typing import Final

from engine.crypto.pow import mine
from engine.errors import RateLimited, TimedOut

INLINE_BITS: Final = 16
SLICE: Final = 4096
"""Nonces tried between two looks at the loop: about 2 ms."""
THREAD_SLICE: Final = 65_536
DEADLINE_S: Final = 60.0
MAX_WAITING: Final = 512
"""Searches that may wait for their turn."""


class Miner:
    """Finds proofs of work, one at a time.

    Args:
        deadline_s: longest search in a thread, seconds.
    """

    def __init__(self, deadline_s: float = DEADLINE_S) -> None:
        self._deadline_s = deadline_s
        self._turn = asyncio.Lock()
        self._waiting = 0

    async def find(self, prefix: bytes, suffix: bytes, difficulty: int) -> int:
        """The smallest nonce that fits.

        Args:
            prefix: text before the nonce.
            suffix: text behind it.
            difficulty: leading zero bits, at least 1.

        Raises:
            RateLimited: too many searches wait already.
            TimedOut: none was found before the deadline.
        """
        if self._waiting >= MAX_WAITING:
            raise RateLimited(f"{MAX_WAITING} messages wait for their proof of work.", hint="Send more slowly.")
        self._waiting += 1
        try:
            async with self._turn:
                if difficulty <= INLINE_BITS:
                    return await _find_in_slices(prefix, suffix, difficulty)
                return await self._find_in_thread(prefix, suffix, difficulty)
        finally:
            self._waiting -= 1

    async def _find_in_thread(self, prefix: bytes, suffix: bytes, difficulty: int) -> int:
        stop = threading.Event()
        try:
            async with asyncio.timeout(self._deadline_s):
                return await asyncio.to_thread(_find_until, stop, prefix, suffix, difficulty)
        except TimeoutError:
            raise TimedOut(
                f"No proof of work of {difficulty} bits was found in {self._deadline_s:g} s.",
                hint="Ask for fewer bits with --sidechannel-pow-difficulty.",
            ) from None
        finally:
            stop.set()


async def _find_in_slices(prefix: bytes, suffix: bytes, difficulty: int) -> int:
    start = 0
    while (nonce := mine(prefix, suffix, difficulty, start=start, limit=SLICE)) is None:
        start += SLICE
        await asyncio.sleep(0)
    return nonce


def _find_until(stop: threading.Event, prefix: bytes, suffix: bytes, difficulty: int) -> int:
    start = 0
    while (nonce := mine(prefix, suffix, difficulty, start=start, limit=THREAD_SLICE)) is None:
        start += THREAD_SLICE
        if stop.is_set():
            return 0  # nobody waits for the result any more
    return nonce
