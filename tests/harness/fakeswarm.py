"""Swarms and connections in memory: two multiplexers that hand each other frames, no sockets.

:class:`FakeConnection` and :class:`FakeSwarm` have what the sidechannel service uses of the real ones. Frames travel
with the next turn of the event loop, in order.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable
from typing import Any

from engine.crypto.keys import KeyPair
from engine.proto.mux.protomux import Protomux


class ManualClock:
    """Time that is moved by hand; wall clock and monotonic clock agree."""

    def __init__(self, start_ms: int = 1_700_000_000_000) -> None:
        self.now_ms = start_ms

    def monotonic(self) -> float:
        """Seconds."""
        return self.now_ms / 1000

    def wall_ms(self) -> int:
        """Milliseconds."""
        return self.now_ms


class FakeConnection:
    """One end of a connection in memory."""

    def __init__(self, own_key: bytes, remote_key: bytes, *, initiator: bool) -> None:
        self.public_key = own_key
        self.remote_public_key = remote_key
        self.is_initiator = initiator
        self.remote_address = ("127.0.0.1", 1)
        self.closed = False
        self.on_close: list[Callable[[Exception | None], None]] = []
        self.on_drain: list[Callable[[], None]] = []
        self.mux = Protomux(self._write)
        self.mux.on_error = self.destroy
        self.other: FakeConnection | None = None
        self.frames_sent = 0
        self.full = False
        self._inbox: deque[bytes] = deque()

    def _write(self, frame: bytes) -> bool:
        if self.closed or self.other is None:
            return False
        self.frames_sent += 1
        self.other._inbox.append(frame)
        asyncio.get_running_loop().call_soon(self.other._take)
        return not self.full

    def _take(self) -> None:
        if self._inbox and not self.closed:
            self.mux.receive(self._inbox.popleft())

    def drain(self) -> None:
        """The stream takes more again."""
        self.full = False
        self.mux.on_drain()
        for callback in list(self.on_drain):
            callback()

    def destroy(self, error: Exception | None = None) -> None:
        """Close both ends."""
        if self.closed:
            return
        self.closed = True
        self.mux.shutdown()
        for callback in list(self.on_close):
            callback(error)
        if self.other is not None:
            asyncio.get_running_loop().call_soon(self.other.destroy)


def connect(a: KeyPair, b: KeyPair) -> tuple[FakeConnection, FakeConnection]:
    """The two ends of a new connection."""
    left = FakeConnection(a.public_key, b.public_key, initiator=True)
    right = FakeConnection(b.public_key, a.public_key, initiator=False)
    left.other, right.other = right, left
    return left, right


class FakeSwarm:
    """What the sidechannel service sees of a swarm."""

    def __init__(self, key_pair: KeyPair) -> None:
        self.key_pair = key_pair
        self.connections: set[FakeConnection] = set()
        self.on_connection: Callable[[Any, Any], None] = lambda connection, peer: None
        self.topics: list[bytes] = []

    def join(self, topic: bytes, *, server: bool = True, client: bool = True) -> None:
        """Note the topic."""
        assert server
        assert client
        if topic not in self.topics:
            self.topics.append(topic)

    async def leave(self, topic: bytes) -> None:
        """Forget the topic."""
        self.topics.remove(topic)

    async def flush(self, timeout_s: float | None = None) -> bool:
        """Nothing to wait for."""
        return True

    def add(self, connection: FakeConnection) -> None:
        """Report a connection."""
        self.connections.add(connection)
        connection.on_close.append(lambda error: self.connections.discard(connection))
        self.on_connection(connection, None)

    def dial(self, other: FakeSwarm) -> FakeConnection:
        """Connect to another swarm; the result is our end."""
        ours, theirs = connect(self.key_pair, other.key_pair)
        self.add(ours)
        other.add(theirs)
        return ours


async def settle(rounds: int = 60) -> None:
    """Let everything that is ready happen."""
    for _ in range(rounds):
        await asyncio.sleep(0)
