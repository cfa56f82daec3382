"""UDP sockets for the protocol shells.

One interface, several sources of sockets: :class:`OsNetwork` opens real ones, and tests put a simulated network behind
the same :class:`UdpNetwork` protocol. Where the event loop has ``add_reader`` a socket is drained by hand
(:mod:`engine.net.udp_drained`); elsewhere (Windows Proactor) :mod:`asyncio_dgram` carries the datagrams.

Protocol reference: 01-udx sections 1 and 14.
"""

from __future__ import annotations

import asyncio
import contextlib
import socket
import sys
from collections import Counter
from collections.abc import Callable, Sequence
from typing import Any, Protocol

import asyncio_dgram

from engine.errors import BindFailed
from engine.net.interfaces import interface_addresses
from engine.net.tasks import TaskScope
from engine.net.udp_drained import DrainedSocket
from engine.wire.compact import Address

Datagram = tuple[bytes, Address]
"""One received packet and where it came from."""

Receive = Callable[["UdpSocket", list[Datagram]], None]
"""Gets every burst of datagrams; it is never called while it runs."""

RECEIVE_BUFFER_BYTES = (4 << 20, 1 << 20, 512 << 10, 256 << 10, 212_992)
"""Sizes asked for, in this order, until the kernel accepts one.

The reference begins at 1 MiB (01-udx section 14), which a fast sender overruns while this process is busy; Linux gives
at most what the system allows.
"""

SEND_BUFFER_BYTES = 1 << 20
"""Send buffer asked for; the reference's 212,992 would stall one burst of segments."""

MAX_PORTABLE_BACKLOG_BYTES = 1 << 20
"""Bytes the portable socket lets the transport queue before it drops, as a full network card would."""

_DONT_FRAGMENT = {"linux": (10, 3), "darwin": (28, 1), "win32": (14, 1)}
"""Option of level IPPROTO_IP and its value; on Linux IP_MTU_DISCOVER = IP_PMTUDISC_PROBE."""


class UdpSocket(Protocol):
    """A bound UDP socket."""

    local_address: Address
    """Address it is bound to."""

    def send(self, data: bytes, to: Address) -> None:
        """Send one datagram. Network errors count as loss and never raise."""

    def send_many(self, packets: Sequence[bytes], to: Address) -> None:
        """Send a burst to one address."""

    def send_with_ttl(self, data: bytes, to: Address, ttl: int) -> None:
        """Send one datagram that routers forward at most ``ttl`` times."""

    def close(self) -> None:
        """Stop receiving and free the port."""


class UdpNetwork(Protocol):
    """Where sockets come from: the operating system, or a simulated network."""

    async def bind(self, host: str, port: int, receive: Receive) -> UdpSocket:
        """Open a socket; port 0 takes any free one.

        Raises:
            BindFailed: the address is in use or not ours.
        """

    def interface_addresses(self) -> list[str]:
        """IPv4 addresses of this machine other than loopback."""


class OsNetwork:
    """Sockets of the operating system.

    Args:
        portable: use asyncio-dgram even where the loop could watch the socket itself.
        offload: let the kernel split and merge bursts of segments (Linux UDP_SEGMENT and UDP_GRO) where it can.
    """

    def __init__(self, *, portable: bool = False, offload: bool = True) -> None:
        self._portable = portable
        self._offload = offload

    async def bind(self, host: str, port: int, receive: Receive) -> UdpSocket:
        """Open a socket; port 0 takes any free one.

        Raises:
            BindFailed: the address is in use or not ours.
        """
        sock = open_socket(host, port)
        loop = asyncio.get_running_loop()
        if not self._portable:
            drained = DrainedSocket(sock, loop, receive, offload=self._offload)
            try:
                drained.start()
            except NotImplementedError:
                pass
            else:
                return drained
        return PortableSocket(await asyncio_dgram.from_socket(sock), loop, receive)

    def interface_addresses(self) -> list[str]:
        """IPv4 addresses of this machine other than loopback."""
        return interface_addresses()


class PortableSocket:
    """A socket on asyncio-dgram, for loops without ``add_reader``.

    Args:
        stream: a bound asyncio-dgram server.
        loop: the running loop.
        receive: gets the bursts; everything that arrived during one turn of the loop is one burst.
    """

    def __init__(self, stream: Any, loop: asyncio.AbstractEventLoop, receive: Receive) -> None:
        self._stream = stream
        self._loop = loop
        self._receive = receive
        self._burst: list[Datagram] = []
        self._closed = False
        self._transport = stream.socket
        self.local_address: Address = stream.sockname[:2]
        self.drops: Counter[str] = Counter()
        """Datagrams not sent, by reason."""
        self._scope = TaskScope(f"udp:{self.local_address[1]}")
        self._sender = asyncio.Queue[tuple[bytes, Address]]()
        self._backlog_bytes = 0
        self._reader = self._scope.spawn("receive", self._receive_all())
        self._writer = self._scope.spawn("send", self._send_all())

    def send(self, data: bytes, to: Address) -> None:
        """Queue one datagram; beyond the backlog limit it is dropped and counted."""
        if self._closed:
            return
        if self._backlog_bytes + len(data) > MAX_PORTABLE_BACKLOG_BYTES:
            self.drops["backlog"] += 1
            return
        self._backlog_bytes += len(data)
        self._sender.put_nowait((data, to))

    def send_many(self, packets: Sequence[bytes], to: Address) -> None:
        """Queue a burst to one address."""
        for packet in packets:
            self.send(packet, to)

    def send_with_ttl(self, data: bytes, to: Address, ttl: int) -> None:
        """Send one datagram with another time to live; it overtakes what is queued."""
        if self._closed:
            return
        sock = self._stream.socket
        with contextlib.suppress(OSError):
            sock.setsockopt(socket.IPPROTO_IP, socket.IP_TTL, ttl)
        with contextlib.suppress(OSError):
            self._stream._transport.sendto(data, to)
        with contextlib.suppress(OSError):
            sock.setsockopt(socket.IPPROTO_IP, socket.IP_TTL, 64)

    def close(self) -> None:
        """Stop receiving and free the port."""
        if self._closed:
            return
        self._closed = True
        self._burst.clear()
        self._reader.cancel()
        self._writer.cancel()
        self._stream.close()

    async def _receive_all(self) -> None:
        while not self._closed:
            try:
                data, source = await self._stream.recv()
            except asyncio_dgram.TransportClosed:
                return
            except OSError as error:
                self.drops[type(error).__name__] += 1
                continue
            if not self._burst:
                self._loop.call_soon(self._deliver)
            self._burst.append((data, source[:2]))

    async def _send_all(self) -> None:
        while not self._closed:
            data, to = await self._sender.get()
            self._backlog_bytes -= len(data)
            sent = False
            while not sent:
                try:
                    await self._stream.send(data, to)
                    sent = True
                except asyncio_dgram.TransportClosed:
                    return
                except OSError as error:  # of an earlier datagram; this one was not tried
                    self.drops[type(error).__name__] += 1

    def _deliver(self) -> None:
        burst, self._burst = self._burst, []
        if burst:
            self._receive(self, burst)


def open_socket(host: str, port: int) -> socket.socket:
    """A bound non-blocking IPv4 socket with the options of the reference: large buffers, don't fragment.

    Protocol reference: 01-udx section 14.

    Raises:
        BindFailed: the address is in use or not ours.
    """
    sock = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    try:
        sock.setblocking(False)
        for size in RECEIVE_BUFFER_BYTES:
            with contextlib.suppress(OSError):
                sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, size)
                break
        with contextlib.suppress(OSError):
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, SEND_BUFFER_BYTES)
        if sys.platform in _DONT_FRAGMENT:
            with contextlib.suppress(OSError):
                sock.setsockopt(socket.IPPROTO_IP, *_DONT_FRAGMENT[sys.platform])
        sock.bind((host, port))
    except (OSError, OverflowError) as error:
        sock.close()
        raise BindFailed.because(f"UDP port {port} on {host} cannot be opened", error) from error
    return sock
