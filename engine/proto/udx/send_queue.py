"""Bytes that wait to be packed into packets.

Writes are kept as views and cut into payloads without copying; only a payload that spans several writes is joined.
"""

from __future__ import annotations

from collections import deque


class SendQueue:
    """First-in, first-out bytes."""

    def __init__(self) -> None:
        self._chunks: deque[memoryview] = deque()
        self._head = 0
        self.bytes = 0
        """Bytes that wait."""

    def append(self, data: bytes) -> None:
        """Queue a write; the bytes are not copied."""
        if data:
            self._chunks.append(memoryview(data))
            self.bytes += len(data)

    def take(self, limit: int) -> memoryview | bytes:
        """Remove and return up to ``limit`` bytes."""
        chunks = self._chunks
        if not chunks:
            return b""
        head = self._head
        chunk = chunks[0]
        end = head + limit
        if end < len(chunk):
            self._head = end
            self.bytes -= limit
            return chunk[head:end]
        parts = [chunk[head:]]
        size = len(parts[0])
        chunks.popleft()
        self._head = 0
        while size < limit and chunks:
            chunk = chunks[0]
            missing = limit - size
            if len(chunk) > missing:
                parts.append(chunk[:missing])
                self._head = missing
                size = limit
                break
            parts.append(chunk)
            size += len(chunk)
            chunks.popleft()
        self.bytes -= size
        return parts[0] if len(parts) == 1 else b"".join(parts)

    def clear(self) -> None:
        """Throw everything away."""
        self._chunks.clear()
        self._head = 0
        self.bytes = 0
