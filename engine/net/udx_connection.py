"""One UDX stream on a socket: callbacks around the core.

Protocol reference: 01-udx sections 9, 11 and 13.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import TYPE_CHECKING

from engine.proto.udx.events import Closed, CloseReason, Drained, Event, MessageReceived, RemoteChanged, RemoteEnded
from engine.proto.udx.packet import DESTROY, with_stream_id
from engine.proto.udx.scoreboard import Route
from engine.proto.udx.stream import UdxStream
from engine.wire.compact import Address

if TYPE_CHECKING:
    from engine.net.udp import UdpSocket
    from engine.net.udx import Udx

_ERRORS: dict[CloseReason, Callable[[], Exception | None]] = {
    CloseReason.CLEAN: lambda: None,
    CloseReason.RESET: lambda: ConnectionResetError("The peer destroyed the stream."),
    CloseReason.TIMED_OUT: lambda: TimeoutError("The peer does not acknowledge packets any more."),
    CloseReason.OVERFLOW: lambda: BufferError("More was written than may wait for the peer."),
}


MIN_TIMER_S = 0.0001
"""Shortest timer; a remainder that rounding left over must not make the loop spin."""


class UdxConnection:
    """A reliable ordered byte stream to one peer. Made by :meth:`engine.net.udx.Udx.create_stream`.

    Callbacks are plain attributes and may be assigned at any time. What arrives before ``on_data`` is assigned waits
    for it; ``on_close`` gets :class:`ConnectionResetError`, :class:`TimeoutError`, :class:`BufferError` or None.
    """

    def __init__(self, udx: Udx, local_id: int) -> None:
        self.core = UdxStream(local_id, rejections=udx.drops)
        self.local_id = local_id
        """Our id of the stream, what the peer puts in its packets."""
        self.dirty = False
        """Waits for the next flush; owned by :class:`~engine.net.udx.Udx`."""
        self.socket: UdpSocket | None = None
        """Connected socket."""
        self.remote_address: Address | None = None
        """Where the peer is, None before connect."""
        self.on_end: Callable[[], None] | None = None
        self.on_drain: Callable[[], None] | None = None
        self.on_message: Callable[[bytes], None] | None = None
        self.on_remote_changed: Callable[[], None] | None = None
        self.on_firewall: Callable[[UdpSocket, Address], bool] | None = None
        """Called for a packet on a socket that is not the connected one; True drops the packet."""
        self.on_released: Callable[[], None] | None = None
        """Called once when the stream is gone; its id lingers, so the socket should stay open a little longer."""
        self._udx = udx
        self._on_data: Callable[[bytes], None] | None = None
        self._on_close: Callable[[Exception | None], None] | None = None
        self._burst: list[bytes] = []
        self._pending: list[Event] = []
        self._paused = False
        self._relay: UdxConnection | None = None
        self._timer: asyncio.TimerHandle | None = None
        self._timer_at = 0.0

    @property
    def connected(self) -> bool:
        """The remote is known and the stream is not closed."""
        return self.socket is not None and not self.core.closed

    @property
    def closed(self) -> bool:
        """Nothing will be sent or received any more."""
        return self.core.closed

    @property
    def rtt_s(self) -> float | None:
        """Smoothed round trip time."""
        return self.core.rtt_s

    @property
    def bytes_read(self) -> int:
        """Stream bytes received."""
        return self.core.bytes_received

    @property
    def bytes_written(self) -> int:
        """Stream bytes written."""
        return self.core.bytes_written

    @property
    def on_data(self) -> Callable[[bytes], None] | None:
        """Gets stream bytes in order, everything of one burst at once."""
        return self._on_data

    @on_data.setter
    def on_data(self, callback: Callable[[bytes], None] | None) -> None:
        self._on_data = callback
        if self.core.readable_bytes or self._pending:
            self._udx.touch(self)

    @property
    def on_close(self) -> Callable[[Exception | None], None] | None:
        """Called once when the stream is over."""
        return self._on_close

    @on_close.setter
    def on_close(self, callback: Callable[[Exception | None], None] | None) -> None:
        self._on_close = callback
        if self._pending:
            self._udx.touch(self)

    def connect(self, socket: UdpSocket, remote_id: int, address: Address) -> None:
        """Begin to send.

        Raises:
            LocalProtocolError: connected already.
        """
        self.core.connect(Route(remote_id, (socket, address)))
        self.socket = socket
        self.remote_address = address
        self._udx.touch(self)

    def change_remote(self, socket: UdpSocket, remote_id: int, address: Address) -> None:
        """Move the stream to another path; ``on_remote_changed`` follows when everything older was acknowledged.

        Raises:
            LocalProtocolError: not connected.
        """
        self.core.change_remote(Route(remote_id, (socket, address)))
        self.socket = socket
        self.remote_address = address
        self._udx.touch(self)

    def write(self, data: bytes) -> bool:
        """Queue bytes; False means full: wait for ``on_drain``.

        Raises:
            LocalProtocolError: the stream was ended.
        """
        room = self.core.write(data)
        if not self.dirty:
            self._udx.touch(self)
        return room

    def send_message(self, data: bytes) -> bool:
        """Send an unordered, unreliable message of at most one packet; False if that is not possible."""
        sent = self.core.send_message(data)
        self._udx.touch(self)
        return sent

    def end(self) -> None:
        """Send nothing more after what was written; receiving goes on."""
        self.core.end()
        self._udx.touch(self)

    def destroy(self) -> None:
        """Close at once; ``on_close(None)`` follows."""
        if self._relay is not None:
            self._relay = None
            self.core.sender.route = None
        self.core.destroy()
        self.core.read()
        self._udx.touch(self)

    def pause_reading(self) -> None:
        """Let received bytes wait; the peer sees the window close."""
        self._paused = True

    def resume_reading(self) -> None:
        """Deliver again."""
        self._paused = False
        self._udx.touch(self)

    def set_keepalive(self, interval_s: float | None) -> None:
        """Send a heartbeat whenever the stream was idle for so long; None turns it off."""
        self.core.set_keepalive(interval_s)
        self._udx.touch(self)

    def relay_to(self, other: UdxConnection) -> None:
        """Stop being an endpoint: forward every packet to the peer of another connected stream (01-udx section 11)."""
        self._relay = other

    def feed(self, socket: UdpSocket, data: bytes, source: Address) -> bool:
        """Take a datagram for this stream; False if it needs no processing. For :class:`~engine.net.udx.Udx`."""
        if socket is not self.socket and not self._admit(socket, source):
            return False
        if self._relay is not None:
            self._forward(self._relay, data)
            return False
        self._burst.append(data)
        return True

    def process(self, now: float) -> None:
        """Run the core on what was received and written. For :class:`~engine.net.udx.Udx`."""
        self.dirty = False
        core = self.core
        if self._burst:
            burst, self._burst = self._burst, []
            core.receive(burst, now)
        data = core.read() if core.readable_bytes and self._on_data is not None and not self._paused else b""
        for route, packets in core.packets_to_send(now):
            send_burst(route, packets)
        try:
            if data and self._on_data is not None:
                self._on_data(data)
            self._deliver_events(now)
        except Exception as error:
            asyncio.get_running_loop().call_exception_handler(
                {"message": f"callback of UDX stream {self.local_id} failed", "exception": error}
            )
            self.destroy()
        self._arm(now)

    def _admit(self, socket: UdpSocket, source: Address) -> bool:
        if not 0 < source[1] < 65_536:
            self._udx.drops["port"] += 1
            return False
        if self.on_firewall is not None and self.on_firewall(socket, source):
            self._udx.drops["firewall"] += 1
            return False
        return not self.core.closed

    def _forward(self, other: UdxConnection, data: bytes) -> None:
        route = other.core.sender.route
        if route is not None:
            send_burst(route, [with_stream_id(data, route.remote_id)])
        if data[2] & DESTROY:
            for connection, packet in ((self, data), (other, None)):
                connection._relay = None
                connection.core.sender.route = None
                if packet is None:
                    connection.core.destroy()
                else:
                    connection.core.abort()
                self._udx.touch(connection)

    def _deliver_events(self, now: float) -> None:
        core = self.core
        while (event := core.next_event()) is not None:
            self._pending.append(event)
        if core.closed:
            self._udx.forget(self, now)
        held: list[Event] = []
        pending, self._pending = self._pending, held
        for event in pending:
            if not self._dispatch(event):
                held.append(event)

    def _dispatch(self, event: Event) -> bool:
        """Call the callback of an event; False if it has to wait for one."""
        if isinstance(event, Drained):
            callback = self.on_drain
        elif isinstance(event, RemoteEnded):
            if self.core.readable_bytes or (self.on_end is None and self._on_data is None):
                return False
            callback = self.on_end
        elif isinstance(event, RemoteChanged):
            callback = self.on_remote_changed
        elif isinstance(event, MessageReceived):
            if self.on_message is not None:
                self.on_message(event.data)
            return True
        else:
            return self._dispatch_close(event)
        if callback is not None:
            callback()
        return True

    def _dispatch_close(self, event: Closed) -> bool:
        waiting = self.core.readable_bytes and self._on_data is not None
        if self._on_close is None or waiting:
            return False
        self._on_close(_ERRORS[event.reason]())
        return True

    def _arm(self, now: float) -> None:
        deadline = self.core.next_timer()
        timer = self._timer
        if deadline is None:
            if timer is not None and self.core.closed:
                timer.cancel()
                self._timer = None
            return
        if timer is not None:
            if self._timer_at <= deadline:
                return
            timer.cancel()
        self._timer_at = deadline
        delay = max(MIN_TIMER_S, deadline - now)
        self._timer = asyncio.get_running_loop().call_later(delay, self._timer_fired)

    def _timer_fired(self) -> None:
        self._timer = None
        self.core.handle_timer(self._udx.clock())
        self._udx.touch(self)
        self._udx.flush()


def send_burst(route: Route, packets: list[bytes]) -> None:
    """Put packets on the wire of a route made by :meth:`UdxConnection.connect`."""
    destination = route.destination
    assert isinstance(destination, tuple)
    socket, address = destination
    if len(packets) == 1:
        socket.send(packets[0], address)
    else:
        socket.send_many(packets, address)
