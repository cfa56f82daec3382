"""A UDP socket that is drained by hand.

Theory of operation
    The loop only says that the socket is readable; one wake then reads until the socket is empty or
    :data:`MAX_BURST_DATAGRAMS` are collected, and hands everything up as one burst. On Linux the kernel also merges and
    splits runs of equal datagrams (UDP_GRO, UDP_SEGMENT), so that 44 full packets cost one system call on each side.

    Both offloads are tried at run time. A kernel that refuses a segmented send gets the packets one by one; a refusal
    that will not go away (no such option, no checksum offload on the device) ends the attempts for this socket.

    A send that would block waits in a queue of at most :data:`MAX_BACKLOG_DATAGRAMS`; above that datagrams are dropped,
    as the network may do at any time. No send ever raises.
"""

from __future__ import annotations

import asyncio
import contextlib
import errno
import socket
import struct
import sys
from collections import Counter, deque
from collections.abc import Sequence
from typing import TYPE_CHECKING

from engine.wire.compact import Address

if TYPE_CHECKING:
    from engine.net.udp import Datagram, Receive

MAX_BURST_DATAGRAMS = 256
"""Datagrams read in one wake before other sockets and timers get their turn."""

MAX_BACKLOG_DATAGRAMS = 1024
"""Datagrams that may wait for the send buffer."""

MAX_SEGMENTS = 64
"""Segments the kernel accepts in one send (UDP_MAX_SEGMENTS of older kernels)."""

MAX_SEGMENTED_BYTES = 65_000
"""Bytes of one segmented send; an IP packet holds 65,535."""

_DATAGRAM_BUFFER_BYTES = 65_536
_UDP_SEGMENT = 103
_UDP_GRO = 104
_CONTROL_BYTES = 32
_SEGMENT_SIZE = struct.Struct("=H")
_GRO_SIZE = struct.Struct("=i")
_UNSUPPORTED = frozenset({errno.EIO, errno.ENOPROTOOPT, errno.EOPNOTSUPP})
_BLOCKED = frozenset({errno.EAGAIN, errno.EWOULDBLOCK, errno.ENOBUFS})


class DrainedSocket:
    """A bound non-blocking socket watched with ``add_reader``.

    Args:
        sock: bound, non-blocking IPv4 datagram socket; owned and closed by this object.
        loop: the running loop.
        receive: gets the bursts.
        offload: try UDP_SEGMENT and UDP_GRO.
    """

    def __init__(
        self, sock: socket.socket, loop: asyncio.AbstractEventLoop, receive: Receive, *, offload: bool = True
    ) -> None:
        self._sock = sock
        self._loop = loop
        self._receive = receive
        self._closed = False
        self._backlog: deque[tuple[bytes, Address]] = deque()
        self._buffer = bytearray(_DATAGRAM_BUFFER_BYTES)
        self._view = memoryview(self._buffer)
        self.local_address: Address = sock.getsockname()[:2]
        self.drops: Counter[str] = Counter()
        """Datagrams not sent, by reason."""
        self._segmentation = offload and _has_segmentation(sock)
        self._merging = offload and _enable_merging(sock)

    @property
    def offloads(self) -> tuple[bool, bool]:
        """Whether the kernel splits sends and merges received runs."""
        return self._segmentation, self._merging

    def start(self) -> None:
        """Begin to receive.

        Raises:
            NotImplementedError: the loop cannot watch sockets.
        """
        self._loop.add_reader(self._sock.fileno(), self._readable)

    def close(self) -> None:
        """Stop receiving and free the port; what waits for the send buffer is dropped."""
        if self._closed:
            return
        self._closed = True
        self._loop.remove_reader(self._sock.fileno())
        if self._backlog:
            self._loop.remove_writer(self._sock.fileno())
            self._backlog.clear()
        self._sock.close()

    def send(self, data: bytes, to: Address) -> None:
        """Send one datagram. Network errors count as loss and never raise."""
        if self._closed:
            return
        if self._backlog:
            self._queue(data, to)
            return
        try:
            self._sock.sendto(data, to)
        except OSError as error:
            self._failed(error, data, to)

    def send_many(self, packets: Sequence[bytes], to: Address) -> None:
        """Send a burst to one address, with as few system calls as the kernel allows."""
        if not self._segmentation or len(packets) < 2:
            for packet in packets:
                self.send(packet, to)
            return
        start = 0
        while start < len(packets):
            run = _equal_run(packets, start)
            if run > 1:
                self._send_segmented(packets[start : start + run], to)
            else:
                self.send(packets[start], to)
            start += run

    def send_with_ttl(self, data: bytes, to: Address, ttl: int) -> None:
        """Send one datagram that routers forward at most ``ttl`` times."""
        if self._closed:
            return
        with contextlib.suppress(OSError):
            self._sock.setsockopt(socket.IPPROTO_IP, socket.IP_TTL, ttl)
        try:
            self._sock.sendto(data, to)
        except OSError as error:
            self.drops[errno.errorcode.get(error.errno or 0, "unknown")] += 1
        finally:
            with contextlib.suppress(OSError):
                self._sock.setsockopt(socket.IPPROTO_IP, socket.IP_TTL, 64)

    def _send_segmented(self, run: Sequence[bytes], to: Address) -> None:
        if self._closed:
            return
        if not self._backlog:
            size = _SEGMENT_SIZE.pack(len(run[0]))
            try:
                self._sock.sendmsg(run, [(socket.IPPROTO_UDP, _UDP_SEGMENT, size)], 0, to)
                return
            except OSError as error:
                if error.errno in _UNSUPPORTED:
                    self._segmentation = False
        for packet in run:
            self.send(packet, to)

    def _failed(self, error: OSError, data: bytes, to: Address) -> None:
        if error.errno in _BLOCKED:
            self._queue(data, to)
        else:
            self.drops[errno.errorcode.get(error.errno or 0, "unknown")] += 1

    def _queue(self, data: bytes, to: Address) -> None:
        if len(self._backlog) >= MAX_BACKLOG_DATAGRAMS:
            self.drops["backlog"] += 1
            return
        if not self._backlog:
            self._loop.add_writer(self._sock.fileno(), self._writable)
        self._backlog.append((data, to))

    def _writable(self) -> None:
        while self._backlog:
            data, to = self._backlog[0]
            try:
                self._sock.sendto(data, to)
            except OSError as error:
                if error.errno in _BLOCKED:
                    return
                self.drops[errno.errorcode.get(error.errno or 0, "unknown")] += 1
            self._backlog.popleft()
        self._loop.remove_writer(self._sock.fileno())

    def _readable(self) -> None:
        burst: list[Datagram] = []
        read = self._read_merged if self._merging else self._read_one
        while len(burst) < MAX_BURST_DATAGRAMS:
            try:
                read(burst)
            except (BlockingIOError, InterruptedError):
                break
            except OSError as error:
                self.drops["receive:" + errno.errorcode.get(error.errno or 0, "unknown")] += 1
                break
        if burst:
            self._receive(self, burst)

    def _read_one(self, burst: list[Datagram]) -> None:
        length, source = self._sock.recvfrom_into(self._buffer)
        burst.append((bytes(self._view[:length]), source))

    def _read_merged(self, burst: list[Datagram]) -> None:
        length, control, _, source = self._sock.recvmsg_into((self._buffer,), _CONTROL_BYTES)
        view = self._view
        if not control:
            burst.append((bytes(view[:length]), source))
            return
        size = _segment_size(control) or length
        burst.extend([(bytes(view[at : min(at + size, length)]), source) for at in range(0, length, size)])


def _equal_run(packets: Sequence[bytes], start: int) -> int:
    """Number of packets from ``start`` that one segmented send can carry: equal sizes, the last may be shorter."""
    size = len(packets[start])
    limit = min(len(packets), start + MAX_SEGMENTS, start + max(1, MAX_SEGMENTED_BYTES // max(1, size)))
    end = start + 1
    while end < limit:
        length = len(packets[end])
        if length > size or length == 0:
            break
        end += 1
        if length < size:
            break
    return end - start


def _segment_size(control: list[tuple[int, int, bytes]]) -> int:
    for level, kind, data in control:
        if level == socket.IPPROTO_UDP and kind == _UDP_GRO and len(data) >= _GRO_SIZE.size:
            return int(_GRO_SIZE.unpack_from(data)[0])
    return 0


def _has_segmentation(sock: socket.socket) -> bool:
    if sys.platform != "linux":
        return False
    try:
        sock.getsockopt(socket.IPPROTO_UDP, _UDP_SEGMENT)
    except OSError:
        return False
    return True


def _enable_merging(sock: socket.socket) -> bool:
    if sys.platform != "linux":
        return False
    try:
        sock.setsockopt(socket.IPPROTO_UDP, _UDP_GRO, 1)
    except OSError:
        return False
    return True
