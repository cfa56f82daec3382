"""One UDX stream without I/O.

Theory of operation
    A stream exists from the moment its local id is known to the peer. It receives before :meth:`UdxStream.connect` and
    owes the acks until then. Each direction ends by itself (END, acknowledged); when both have, the stream is closed
    without further packets. DESTROY closes it at once, from either side.

    ::

        created --connect--> connected --end()--> ending --END acked--\\
             \\                   \\--remote END complete--> remote ended --> closed
              \\--destroy(), DESTROY received, 7th expiry---------------------^

    The owner feeds bursts (:meth:`UdxStream.receive`), lets time pass (:meth:`UdxStream.handle_timer`), takes packets
    (:meth:`UdxStream.packets_to_send`), reads bytes (:meth:`UdxStream.read`) and events
    (:meth:`UdxStream.next_event`). Acks go out after each burst, and after every :data:`ACK_EVERY` packets of it.

    A peer may repeat, reorder, forge and contradict: what makes no sense is counted in ``rejections`` by reason and
    ignored. Times never go back: a clock that jumps back stands still for the stream, and a jump forward costs one
    expiry.

    Limits: see :mod:`~engine.proto.udx.receiver` and :mod:`~engine.proto.udx.sender`; at most
    :data:`MAX_WRITE_BYTES` may wait to be sent, and at most :data:`MAX_EVENTS` messages to be taken.

Protocol reference: 01-udx sections 5 to 8 and 12.
"""

from __future__ import annotations

from collections import Counter, deque
from collections.abc import Sequence

from engine.errors import LocalProtocolError
from engine.proto.udx.bbr import Bbr
from engine.proto.udx.congestion import CongestionControl
from engine.proto.udx.events import Closed, CloseReason, Drained, Event, MessageReceived, RemoteChanged, RemoteEnded
from engine.proto.udx.packet import (
    DATA,
    DESTROY,
    END,
    HEADER,
    HEADER_BYTES,
    HEARTBEAT,
    MESSAGE,
    SACK,
    decode_sacks,
    encode_sacks,
    is_udx,
    unwrap,
)
from engine.proto.udx.receiver import DEFAULT_WINDOW, Receiver
from engine.proto.udx.scoreboard import Route
from engine.proto.udx.sender import Burst, Sender

HIGH_WATER_BYTES = 262_144
"""Bytes above the send window from which writes report "full"."""

MAX_WRITE_BYTES = 64 << 20
"""Bytes that may wait or be unacknowledged; a writer that ignores "full" up to here closes the stream."""

ACK_EVERY = 32
"""Packets of one burst after which an ack goes out before the rest is processed."""

ACK_EVERY_WITH_GAP = 4
"""The same while packets are missing: where packets get lost, acks do too."""

MAX_EVENTS = 1024
"""Events that wait for the owner; further messages are dropped."""


class UdxStream:
    """State of one stream.

    Args:
        local_id: id the peer puts in its packets.
        initial_seq: our first sequence number; 0 in HyperDHT.
        congestion: congestion control of the sending half.
        max_window: receive window.
        rejections: counter of ignored input, shared by the owner's streams.
    """

    def __init__(
        self,
        local_id: int,
        *,
        initial_seq: int = 0,
        congestion: CongestionControl | None = None,
        max_window: int = DEFAULT_WINDOW,
        rejections: Counter[str] | None = None,
    ) -> None:
        self.local_id = local_id
        self.rejections: Counter[str] = Counter() if rejections is None else rejections
        """Ignored input by reason."""
        self.closed = False
        """Nothing will be sent or received any more."""
        self.bytes_written = 0
        """Stream bytes accepted from the application."""
        self.receiver = Receiver(max_window=max_window)
        self.sender = Sender(self.receiver, congestion or Bbr(), initial_seq)
        self._now = 0.0
        self._ack_owed = False
        self._unacked_packets = 0
        self._acked: int | None = None
        self._sacks: list[tuple[int, int]] = []
        self._remote_ended = False
        self._was_full = False
        self._events: deque[Event] = deque()
        self._keepalive_s: float | None = None
        self._keepalive_at: float | None = None
        self._changed_at_seq: int | None = None

    @property
    def connected(self) -> bool:
        """The remote id is known."""
        return self.sender.route is not None

    @property
    def readable_bytes(self) -> int:
        """Bytes :meth:`read` returns now."""
        return self.receiver.readable_bytes

    @property
    def bytes_received(self) -> int:
        """Stream bytes taken from packets, repetitions not counted."""
        return self.receiver.bytes_received

    @property
    def rtt_s(self) -> float | None:
        """Smoothed round trip time."""
        return self.sender.rtt.smoothed_s

    @property
    def mtu(self) -> int:
        """Size of the largest IP packet sent."""
        return self.sender.mtu.mtu

    def connect(self, route: Route, *, initial_ack: int | None = None) -> None:
        """Begin to send.

        Args:
            route: the peer's stream id and where it is.
            initial_ack: the peer's first sequence number if it is not 0.

        Raises:
            LocalProtocolError: connected already.
        """
        if self.closed:
            return
        if self.connected:
            raise LocalProtocolError("The stream is connected already; change the remote instead.")
        if initial_ack is not None:
            self.receiver.next_seq = initial_ack
        self.sender.route = route

    def change_remote(self, route: Route) -> None:
        """Send new packets elsewhere; packets sent before are repeated to the old place (01-udx section 9).

        Raises:
            LocalProtocolError: not connected.
        """
        if self.closed:
            return
        if not self.connected:
            raise LocalProtocolError("The stream is not connected.")
        self.sender.route = route
        self.sender.mtu.restart()
        self._changed_at_seq = self.sender.board.next_seq
        self._check_changed()

    def write(self, data: bytes) -> bool:
        """Queue stream bytes; False means full: wait for :class:`~engine.proto.udx.events.Drained`.

        Raises:
            LocalProtocolError: the stream was ended.
        """
        if self.closed:
            return False
        sender = self.sender
        if sender.ending:
            raise LocalProtocolError("The stream was ended.")
        sender.queue.append(data)
        self.bytes_written += len(data)
        buffered = sender.buffered_bytes
        if buffered > MAX_WRITE_BYTES:
            self._close(CloseReason.OVERFLOW, notify=True)
            return False
        if buffered > HIGH_WATER_BYTES + sender.send_window_bytes:
            self._was_full = True
        return not self._was_full

    def send_message(self, data: bytes) -> bool:
        """Send an unordered, unreliable message; False if it does not fit in one packet or the stream is not open."""
        if self.closed or not self.connected or len(data) > self.sender.mtu.payload_size:
            return False
        self.sender.control(MESSAGE, payload=data)
        return True

    def end(self) -> None:
        """Send nothing more after what was written. Repeating it changes nothing."""
        if not self.closed:
            self.sender.ending = True

    def destroy(self) -> None:
        """Close at once and tell the peer, best effort."""
        if not self.closed:
            self._close(CloseReason.CLEAN, notify=True)

    def abort(self) -> None:
        """Close at once as if the peer had destroyed the stream, without a packet."""
        if not self.closed:
            self._close(CloseReason.RESET)

    def set_keepalive(self, interval_s: float | None) -> None:
        """Send a HEARTBEAT whenever nothing was sent or received for so long; None turns it off."""
        self._keepalive_s = interval_s
        self._keepalive_at = None

    def receive(self, datagrams: Sequence[bytes], now: float) -> None:
        """Process a burst of datagrams for this stream."""
        now = self._advance(now)
        self.receiver.begin_burst()
        for data in datagrams:
            if self.closed:
                break
            self._receive_packet(data, now)
            if self._unacked_packets >= (ACK_EVERY_WITH_GAP if self.receiver.has_gap else ACK_EVERY):
                self._send_ack()
        if not self.closed:
            self._after_input(now)
        self.receiver.end_burst()

    def handle_timer(self, now: float) -> None:
        """Act on deadlines that have passed."""
        if self.closed:
            return
        now = self._advance(now)
        self.sender.handle_timer(now)
        if self.sender.timed_out:
            clean = self.sender.end_seq is not None and self._remote_ended
            self._close(CloseReason.CLEAN if clean else CloseReason.TIMED_OUT)
            return
        if self._keepalive_at is not None and now >= self._keepalive_at:
            self.sender.control(HEARTBEAT)
            self._touch(now)

    def next_timer(self) -> float | None:
        """Next time :meth:`handle_timer` has something to do."""
        if self.closed:
            return None
        deadline = self.sender.next_timer()
        if self._keepalive_at is not None and (deadline is None or self._keepalive_at < deadline):
            return self._keepalive_at
        return deadline

    def packets_to_send(self, now: float) -> list[Burst]:
        """Packets that should leave now, grouped by destination, in order."""
        sender = self.sender
        if not self.closed and sender.route is not None:
            now = self._advance(now)
            if self._ack_owed or self.receiver.update_owed:
                self._send_ack()
            sender.transmit(now)
            if self._keepalive_s is not None and (sender.output or self._keepalive_at is None):
                self._touch(now)
        output, sender.output = sender.output, []
        return output

    def final_ack(self) -> tuple[Route, bytes] | None:
        """The ack that answers the peer's END once more after a clean close, None if there is nothing to answer."""
        return self.sender.final_ack() if self.closed and self._remote_ended else None

    def read(self) -> bytes:
        """Everything that arrived in order and was not read."""
        return self.receiver.read()

    def next_event(self) -> Event | None:
        """Oldest event not taken yet."""
        return self._events.popleft() if self._events else None

    def _advance(self, now: float) -> float:
        if now > self._now:
            self._now = now
        return self._now

    def _touch(self, now: float) -> None:
        self._keepalive_at = None if self._keepalive_s is None else now + self._keepalive_s

    def _receive_packet(self, data: bytes, now: float) -> None:
        if not is_udx(data):
            self.rejections["not-udx"] += 1
            return
        _, _, flags, offset, _, window, wire_seq, wire_ack = HEADER.unpack_from(data)
        sender = self.sender
        receiver = self.receiver
        if flags & HEARTBEAT:
            self._ack_owed = True
            return
        start = HEADER_BYTES + offset
        if start > len(data):
            self.rejections["data-offset"] += 1
            return
        seq = unwrap(wire_seq, receiver.next_seq)
        if flags & (DATA | END) and not receiver.accept(seq, flags, memoryview(data)[start:]):
            self.rejections["window"] += 1
            return
        if flags & DESTROY and seq >= receiver.next_seq:
            self._close(CloseReason.RESET)
            return
        if flags & MESSAGE:
            self._deliver_message(data[start:])
        ack = unwrap(wire_ack, sender.board.una)
        if ack > sender.board.next_seq:
            self.rejections["ack-beyond"] += 1
            return
        if flags & (DATA | END):
            self._ack_owed = True
            self._unacked_packets += 1
        sender.update_window(seq, ack, window)
        if flags & SACK:
            una = sender.board.una
            self._sacks += [(unwrap(first, una), unwrap(end, una)) for first, end in decode_sacks(data, offset)]
        if self._acked is None or ack > self._acked:
            self._acked = ack

    def _process_acks(self, now: float) -> None:
        sender = self.sender
        ack, sacks = self._acked, self._sacks
        if ack is None or (ack <= sender.board.una and not sacks):
            return
        self._acked = None
        self._sacks = []
        ended_before = sender.end_acked
        invalid = sender.acknowledge(ack, sacks, now)
        if invalid:
            self.rejections["sack"] += invalid
        if sender.end_acked and not ended_before:
            self._ack_owed = self._ack_owed or not self._remote_ended
        self._check_changed()

    def _check_changed(self) -> None:
        if self._changed_at_seq is not None and self.sender.board.una >= self._changed_at_seq:
            self._changed_at_seq = None
            self._events.append(RemoteChanged())

    def _after_input(self, now: float) -> None:
        self._process_acks(now)
        sender = self.sender
        if self.receiver.ended and not self._remote_ended:
            self._remote_ended = True
            self._events.append(RemoteEnded())
        if self._remote_ended and sender.end_acked:
            self._close(CloseReason.CLEAN)
            return
        if self._was_full and sender.buffered_bytes <= HIGH_WATER_BYTES + sender.send_window_bytes:
            self._was_full = False
            self._events.append(Drained())
        if self._keepalive_s is not None:
            self._touch(now)

    def _deliver_message(self, data: bytes) -> None:
        if len(self._events) >= MAX_EVENTS:
            self.rejections["messages"] += 1
        else:
            self._events.append(MessageReceived(data))

    def _send_ack(self) -> None:
        self._ack_owed = False
        self._unacked_packets = 0
        self.receiver.update_owed = False
        if self.receiver.has_gap:
            self.sender.control(SACK, encode_sacks(self.receiver.sack_blocks()))
        else:
            self.sender.control(0)

    def _close(self, reason: CloseReason, *, notify: bool = False) -> None:
        if self._ack_owed and reason is CloseReason.CLEAN and self.connected:
            self._send_ack()
        if notify:
            self.sender.control(DESTROY)
        self.closed = True
        self.sender.close()
        self._events.append(Closed(reason))
