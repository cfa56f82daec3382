"""What waits for a client that reads slowly.

Frames are handed to the network as long as it takes them. Above :data:`MAX_EVENTS` waiting events or :data:`MAX_BYTES`
waiting bytes the client is cut off: it is told the cursor of the last event it was given, and resumes there. Replies
count only as bytes: while a client does not read, its requests are not read either.

Design reference: ecosystem A2 B3, B6.
"""

from __future__ import annotations

from collections import deque
from typing import Final

MAX_EVENTS: Final = 1000
MAX_BYTES: Final = 8 * 1024 * 1024
TAKE_BYTES: Final = 256 * 1024
"""Bytes handed to the network at once."""


class OutboundQueue:
    """Frames of one client in order.

    Args:
        max_events: most events that wait.
        max_bytes: most bytes that wait.
    """

    def __init__(self, *, max_events: int = MAX_EVENTS, max_bytes: int = MAX_BYTES) -> None:
        self._max_events = max_events
        self._max_bytes = max_bytes
        self._frames: deque[tuple[bytes, int | None]] = deque()
        self.events = 0
        """Events that wait."""
        self.bytes = 0
        """Bytes that wait."""
        self.cursor: int | None = None
        """``seq`` of the last event handed to the network."""

    def __len__(self) -> int:
        return len(self._frames)

    def push(self, frame: bytes, seq: int | None = None) -> bool:
        """Append a frame; False when the queue is full (nothing is appended then).

        Args:
            frame: bytes for the network.
            seq: cursor if the frame is an event.
        """
        is_event = seq is not None
        if self.bytes + len(frame) > self._max_bytes or (is_event and self.events >= self._max_events):
            return False
        self._frames.append((frame, seq))
        self.bytes += len(frame)
        self.events += is_event
        return True

    def take(self) -> bytes:
        """The next frames joined, at least one when any waits, about :data:`TAKE_BYTES` at most."""
        taken: list[bytes] = []
        size = 0
        while self._frames and size < TAKE_BYTES:
            frame, seq = self._frames.popleft()
            taken.append(frame)
            size += len(frame)
            if seq is not None:
                self.events -= 1
                self.cursor = seq
        self.bytes -= size
        return b"".join(taken)

    def clear(self) -> None:
        """Forget what waits."""
        self._frames.clear()
        self.events = self.bytes = 0
