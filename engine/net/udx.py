"""UDX streams on real sockets.

Theory of operation
    One :class:`Udx` serves all sockets of a DHT node: a packet for a known stream id is accepted on any of them. The
    node hands datagrams to :meth:`Udx.receive` and calls :meth:`Udx.flush` once per burst; a local write schedules the
    same flush for the end of the loop's turn, so that writes of one turn share packets. Flushing a stream feeds its
    core, sends what the core wants to send, delivers bytes and events, and arms the stream's only timer. Callbacks may
    call anything; what they cause is done in the next round of the same flush.

    Bytes and events that nobody listens to yet wait for a callback to be assigned, within the receive window.

Protocol reference: 01-udx sections 1, 9, 11, 13 and 17.
"""

from __future__ import annotations

import asyncio
import os
import time
from collections import Counter
from collections.abc import Callable, Sequence

from engine.errors import LocalProtocolError
from engine.net.udp import Datagram, UdpSocket
from engine.net.udx_connection import UdxConnection, send_burst
from engine.proto.udx.linger import ClosedStreams
from engine.proto.udx.packet import HEADER_BYTES, MAGIC, VERSION
from engine.wire.compact import Address

__all__ = ["Udx", "UdxConnection"]

MAX_STREAMS = 16_384
"""Streams one node may have."""

MAX_FLUSH_ROUNDS = 8
"""Rounds of callbacks and packets in one flush before the loop gets its turn."""


class Udx:
    """The UDX streams of one DHT node.

    Args:
        random_bytes: source of stream ids.
    """

    def __init__(self, *, random_bytes: Callable[[int], bytes] = os.urandom) -> None:
        self.drops: Counter[str] = Counter()
        """Ignored packets by reason."""
        self.clock: Callable[[], float] = time.monotonic
        """Seconds; the clock of the loop in which the first stream was created."""
        self._random_bytes = random_bytes
        self._streams: dict[int, UdxConnection] = {}
        self._lingering = ClosedStreams()
        self._dirty: list[UdxConnection] = []
        self._flushing = False
        self._scheduled = False
        self._closed = False

    @property
    def stream_count(self) -> int:
        """Streams that are not closed."""
        return len(self._streams)

    def create_stream(self) -> UdxConnection:
        """A stream under a random unused id that accepts data at once.

        Raises:
            LocalProtocolError: the node is closed or has :data:`MAX_STREAMS` streams.
        """
        if self._closed or len(self._streams) >= MAX_STREAMS:
            raise LocalProtocolError("No stream can be created: the node is closed or has too many.")
        if not self._streams:
            self.clock = loop_clock(asyncio.get_running_loop())
        while True:
            local_id = int.from_bytes(self._random_bytes(4), "little")
            if local_id not in self._streams and local_id not in self._lingering:
                break
        connection = UdxConnection(self, local_id)
        self._streams[local_id] = connection
        return connection

    def receive(self, socket: UdpSocket, data: bytes, source: Address) -> bool:
        """Offer a datagram; True if it was a packet of one of our streams. Call :meth:`flush` after the burst."""
        if len(data) < HEADER_BYTES or data[0] != MAGIC or data[1] != VERSION:
            return False
        local_id = int.from_bytes(data[4:8], "little")
        connection = self._streams.get(local_id)
        if connection is None:
            return self._answer_late(local_id, data[2])
        if connection.feed(socket, data, source):
            self._mark(connection)
        return True

    def receive_burst(self, socket: UdpSocket, datagrams: Sequence[Datagram]) -> list[Datagram]:
        """Take the packets of our streams out of a burst, flush, and return the rest."""
        rest = [datagram for datagram in datagrams if not self.receive(socket, *datagram)]
        if len(rest) < len(datagrams):
            self.flush()
        return rest

    def flush(self) -> None:
        """Process what was received and written, send, and deliver. Within a callback it does nothing."""
        if self._flushing:
            return
        self._flushing = True
        try:
            for _ in range(MAX_FLUSH_ROUNDS):
                if not self._dirty:
                    return
                dirty, self._dirty = self._dirty, []
                for connection in dirty:
                    connection.process(self.clock())
        finally:
            self._flushing = False
        if self._dirty:
            self._schedule()

    def close(self) -> None:
        """Destroy all streams."""
        self._closed = True
        for connection in list(self._streams.values()):
            connection.destroy()
        self.flush()

    def touch(self, connection: UdxConnection) -> None:
        """A stream has something to do at the end of this turn."""
        self._mark(connection)
        if not self._flushing:
            self._schedule()

    def forget(self, connection: UdxConnection, now: float) -> None:
        """A stream is closed: its id lingers."""
        if self._streams.pop(connection.local_id, None) is not None:
            self._lingering.add(connection.local_id, connection.core.final_ack(), now)
            if connection.on_released is not None:
                connection.on_released()

    def _mark(self, connection: UdxConnection) -> None:
        if not connection.dirty:
            connection.dirty = True
            self._dirty.append(connection)

    def _schedule(self) -> None:
        if not self._scheduled:
            self._scheduled = True
            asyncio.get_running_loop().call_soon(self._flush_scheduled)

    def _flush_scheduled(self) -> None:
        self._scheduled = False
        self.flush()

    def _answer_late(self, local_id: int, flags: int) -> bool:
        if local_id not in self._lingering:
            self.drops["unknown-stream"] += 1
            return False
        answer = self._lingering.answer(local_id, flags, self.clock())
        if answer is not None:
            route, packet = answer
            send_burst(route, [packet])
        return True


def loop_clock(loop: asyncio.AbstractEventLoop) -> Callable[[], float]:
    """The clock of a loop: the machine's monotonic clock, which some loops read in milliseconds, or a virtual one."""
    return time.monotonic if abs(loop.time() - time.monotonic()) < 0.05 else loop.time
