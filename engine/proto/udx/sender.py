"""Sending half of a stream: packetisation, windows, timers and recovery.

Theory of operation
    Written bytes wait in a queue and leave as packets while the congestion window, the peer's receive window and the
    pacer allow. Lost packets leave first, keep number, flags and bytes, and ignore the receive window.

    ``OPEN`` becomes ``RECOVERY`` when RACK finds a loss (other than of an MTU probe) and ``LOSS`` when the
    retransmission timer fires; both end with the first ack at or above the number that was next when they began.

    Five deadlines, of which the earliest counts: retransmission (RTO, restarted by progress, doubled once after it
    fired), tail loss probe (TLP, not in LOSS), reordering (RACK), zero window probe and pacing. A packet that expires
    a seventh time ends the stream (:attr:`Sender.timed_out`).

    Limits: at most :data:`MAX_OUTSTANDING` numbers are on the way, and never more than the peer's window holds.

Protocol reference: 01-udx sections 7, 8 and 10.
"""

from __future__ import annotations

from enum import Enum

from engine.proto.udx.congestion import CongestionControl, RateSample
from engine.proto.udx.mtu import MtuProber
from engine.proto.udx.pacer import Pacer
from engine.proto.udx.packet import DATA, END, HEADER, HEARTBEAT, MAGIC, SEQ_MASK, VERSION
from engine.proto.udx.receiver import DEFAULT_WINDOW, Receiver
from engine.proto.udx.rtt import MIN_RTO_S, RttEstimator
from engine.proto.udx.scoreboard import AckResult, Route, Scoreboard, Transmission
from engine.proto.udx.send_queue import SendQueue

MAX_OUTSTANDING = 16_384
"""Numbers between the oldest unacknowledged and the next."""

TLP_SINGLE_EXTRA_S = 0.002
"""Extra patience of the tail loss probe when one packet is outstanding."""

RECOVERY_PROBE_S = 0.2
"""Patience at least while losses are being repaired. The reference sends no probe then and waits for the RTO of a
second or more when the last of its retransmissions is lost."""

Burst = tuple[Route, list[bytes]]
"""Packets that leave together for one destination."""


class RecoveryState(Enum):
    """Loss recovery state."""

    OPEN = "open"
    RECOVERY = "recovery"
    LOSS = "loss"


class Sender:
    """Turns written bytes into packets and sees that they arrive.

    Args:
        receiver: other half, whose ack and window go into every header.
        congestion: how many packets may be on the way.
        initial_seq: number of the first packet.
    """

    def __init__(self, receiver: Receiver, congestion: CongestionControl, initial_seq: int = 0) -> None:
        self.route: Route | None = None
        """Where new packets go, None before the stream is connected."""
        self.queue = SendQueue()
        self.rtt = RttEstimator()
        self.board = Scoreboard(initial_seq, self.rtt)
        self.mtu = MtuProber()
        self.congestion = congestion
        self.remote_window = DEFAULT_WINDOW
        """Bytes the peer is willing to buffer."""
        self.unacked_bytes = 0
        """Payload bytes sent and not cumulatively acknowledged."""
        self.ending = False
        """END was asked for."""
        self.end_seq: int | None = None
        """Number of our END packet once sent."""
        self.timed_out = False
        """A packet expired too often."""
        self.retransmissions = 0
        """Packets sent again."""
        self.state = RecoveryState.OPEN
        self.output: list[Burst] = []
        """Packets to put on the wire, in order."""
        self._receiver = receiver
        self._pacer = Pacer()
        self._high_seq = initial_seq
        self._window_seq: int | None = None
        self._window_ack = 0
        self._rto_at: float | None = None
        self._tlp_at: float | None = None
        self._zero_window_at: float | None = None
        self._tlp_allowed = True

    @property
    def end_acked(self) -> bool:
        """The peer has everything, END included."""
        return self.end_seq is not None and self.board.una > self.end_seq

    @property
    def buffered_bytes(self) -> int:
        """Bytes written and not yet acknowledged."""
        return self.queue.bytes + self.unacked_bytes

    @property
    def send_window_bytes(self) -> int:
        """Bytes the windows let be on the way."""
        return min(self.congestion.window * self.mtu.payload_size, self.remote_window)

    def next_timer(self) -> float | None:
        """Earliest deadline."""
        deadlines = (
            self._rto_at,
            self._tlp_at,
            self.board.reorder_deadline,
            self._zero_window_at,
            self._pacer.deadline,
        )
        return min([deadline for deadline in deadlines if deadline is not None], default=None)

    def update_window(self, seq: int, ack: int, window: int) -> None:
        """Believe the window of a packet unless a newer one was seen (01-udx section 6 step 9)."""
        last = self._window_seq
        if ack >= self.board.una and (last is None or last < seq or (last == seq and self._window_ack <= ack)):
            self._window_seq = seq
            self._window_ack = ack
            self.remote_window = window
            if window:
                self._zero_window_at = None

    def acknowledge(self, ack: int, sacks: list[tuple[int, int]], now: float) -> int:
        """Process the acks of one packet; returns the number of invalid SACK blocks."""
        board = self.board
        result = AckResult()
        invalid = 0
        if ack > board.una:
            board.acknowledge(ack, result)
            self.unacked_bytes -= result.bytes_freed
            self.mtu.start()
        if sacks:
            invalid = board.mark_sacked(sacks, result)
        if not result.advanced and not result.delivered:
            return invalid
        board.settle(result, now)
        if result.rtt_s is not None:
            self._tlp_allowed = True
        if result.probe is not None:
            self.mtu.acknowledged(result.probe.probe_size)
        if self.state is not RecoveryState.OPEN and board.una >= self._high_seq:
            self.state = RecoveryState.OPEN
            self.congestion.on_recovered(now)
        lost = self._detect(now)
        if result.best is not None:
            self.congestion.on_ack(self._rate_sample(result, result.best, lost, now))
        if result.advanced:
            self._rto_at = now + self.rtt.rto_s if board.outstanding else None
        self._arm_tail_probe(now)
        return invalid

    def handle_timer(self, now: float) -> None:
        """Act on every deadline that has passed; call :meth:`transmit` afterwards."""
        reorder = self.board.reorder_deadline
        if reorder is not None and now >= reorder:
            self._detect(now)
        if self._zero_window_at is not None and now >= self._zero_window_at:
            self.control(HEARTBEAT)
            self._zero_window_at = now + 2 * self.rtt.rto_s
        if self._rto_at is not None and now >= self._rto_at:
            self._expire(now)
        elif self._tlp_at is not None and now >= self._tlp_at:
            self._probe_tail(now)

    def transmit(self, now: float) -> None:
        """Send lost packets again, then new ones, as the windows allow."""
        route = self.route
        if route is None:
            return
        board = self.board
        rate = self.congestion.pacing_rate
        unsent = self.queue.bytes or (self.ending and self.end_seq is None)
        if not board.lost_count and not unsent:
            self._pacer.deadline = None
            return
        allowance = self._pacer.allowance(rate, now)
        budget = self._send_lost(now, allowance)
        if unsent:
            budget = self._send_new(route, now, budget)
        self._pacer.spend(allowance - budget, rate)
        if budget <= 0 and board.pipe < self.congestion.window:
            self._pacer.hold(rate, now)
        if not self.queue.bytes and not board.lost_count and board.pipe < self.congestion.window:
            board.mark_app_limited()

    def control(self, flags: int, extension: bytes = b"", payload: bytes = b"") -> None:
        """Send a packet without a number of its own: ack, SACK, MESSAGE, DESTROY or HEARTBEAT."""
        if self.route is not None:
            head = self._header(flags, 0, self.route, self.board.next_seq)
            self._push(self.route, head + extension + payload)

    def final_ack(self) -> tuple[Route, bytes] | None:
        """A pure ack to be kept, None if the stream was never connected."""
        return None if self.route is None else (self.route, self._header(0, 0, self.route, self.board.next_seq))

    def close(self) -> None:
        """Throw away what waits and what is on the way."""
        self.queue.clear()
        self.board.clear()
        self.unacked_bytes = 0
        self._rto_at = self._tlp_at = self._zero_window_at = self._pacer.deadline = None

    def _detect(self, now: float) -> int:
        lost = self.board.detect(now, recovering=self.state is not RecoveryState.OPEN)
        if not lost:
            return 0
        real = len(lost) - self._probes_lost(lost)
        if real and self.state is RecoveryState.OPEN:
            self.state = RecoveryState.RECOVERY
            self._high_seq = self.board.next_seq
            self.congestion.on_recovery(now, self.board.pipe)
        return real

    def _probes_lost(self, lost: list[Transmission]) -> int:
        probes = [packet.probe_size for packet in lost if packet.probe_size]
        for size in probes:
            self.mtu.lost(size)
        return len(probes)

    def _expire(self, now: float) -> None:
        lost, self.timed_out = self.board.expire(now, recovering=self.state is not RecoveryState.OPEN)
        if self.timed_out:
            return
        self._probes_lost(lost)
        if self.state is not RecoveryState.LOSS:
            self._high_seq = self.board.next_seq
            self.state = RecoveryState.LOSS
            self.congestion.on_timeout(now, self.board.pipe)
        self._tlp_at = None
        self._rto_at = now + 2 * self.rtt.rto_s

    def _probe_tail(self, now: float) -> None:
        self._tlp_at = None
        self._tlp_allowed = False
        packet = self.board.highest_in_flight()
        if packet is None:
            return
        if self.queue.bytes and self.board.outstanding < self._window_packets():
            self._emit(self._next_packet(packet.route), now)
        else:
            self._repeat(packet, now)
        self._rto_at = now + self.rtt.rto_s

    def _arm_tail_probe(self, now: float) -> None:
        board = self.board
        self._tlp_at = None
        if not self._tlp_allowed or self.state is RecoveryState.LOSS or not board.pipe:
            return
        smoothed = self.rtt.smoothed_s
        delay = MIN_RTO_S
        if smoothed is not None and self.state is RecoveryState.OPEN and not board.sacked:
            delay = 2 * smoothed + (TLP_SINGLE_EXTRA_S if board.pipe == 1 else 0.0)
        elif smoothed is not None:
            delay = max(RECOVERY_PROBE_S, 4 * smoothed)
        if self._rto_at is None or now + delay < self._rto_at:
            self._tlp_at = now + delay

    def _window_packets(self) -> int:
        """Numbers the peer's window lets be outstanding."""
        if not self.remote_window:
            return 0
        return min(MAX_OUTSTANDING, max(1, self.remote_window // self.mtu.payload_size))

    def _send_lost(self, now: float, budget: int) -> int:
        board = self.board
        before = budget
        while board.lost_count and budget > 0 and board.pipe < self.congestion.window:
            packet = board.next_lost()
            if packet is None:
                break
            self._repeat(packet, now)
            budget -= 1
        if budget < before:
            self._arm_tail_probe(now)
        return budget

    def _send_new(self, route: Route, now: float, budget: int) -> int:
        board = self.board
        queue = self.queue
        first = board.next_seq
        if not board.outstanding:
            self.congestion.on_restart(now)
        room = self._window_packets() - board.outstanding
        count = min(budget, self.congestion.window - board.pipe)
        while count > 0 and queue.bytes and room > 0:
            self._emit(self._next_packet(route), now)
            count -= 1
            room -= 1
        if count > 0 and self.ending and self.end_seq is None and not queue.bytes:
            self._emit(self._next_packet(route), now)
        sent = board.next_seq - first
        if sent:
            self._zero_window_at = None
            if self._rto_at is None:
                self._rto_at = now + self.rtt.rto_s
            self._arm_tail_probe(now)
        elif queue.bytes and not self.remote_window and not board.outstanding and self._zero_window_at is None:
            self.control(HEARTBEAT)
            self._zero_window_at = now + self.rtt.rto_s
        return budget - sent

    def _next_packet(self, route: Route) -> Transmission:
        queue = self.queue
        payload = queue.take(self.mtu.payload_size)
        seq = self.board.next_seq
        size = len(payload)
        flags = DATA if size else 0
        if self.ending and not queue.bytes:
            flags |= END
            self.end_seq = seq
        self.unacked_bytes += size
        packet = Transmission(seq, flags, payload, route)
        packet.probe_size = self.mtu.claim_probe(size)
        return packet

    def _repeat(self, packet: Transmission, now: float) -> None:
        self.retransmissions += 1
        self._emit(self.board.repeat(packet), now)

    def _emit(self, packet: Transmission, now: float) -> None:
        padding = self.mtu.padding(packet.probe_size, len(packet.payload))
        head = self._header(packet.flags, padding, packet.route, packet.seq)
        self.board.register(packet, now)
        self._push(packet.route, head + bytes(padding) + packet.payload if padding else head + packet.payload)

    def _header(self, flags: int, offset: int, route: Route, seq: int) -> bytes:
        receiver = self._receiver
        return HEADER.pack(
            MAGIC,
            VERSION,
            flags,
            offset,
            route.remote_id,
            receiver.window(),
            seq & SEQ_MASK,
            receiver.next_seq & SEQ_MASK,
        )

    def _push(self, route: Route, packet: bytes) -> None:
        output = self.output
        if output and output[-1][0] is route:
            output[-1][1].append(packet)
        else:
            output.append((route, [packet]))

    def _rate_sample(self, result: AckResult, best: Transmission, lost: int, now: float) -> RateSample:
        board = self.board
        interval = max(best.sent_at - best.first_sent_at, now - best.delivered_at)
        if interval < self.rtt.min_s:
            # The copy that arrived is an earlier one: the interval would be far too short.
            interval = 0.0
        return RateSample(
            now=now,
            delivered=result.delivered,
            total_delivered=board.delivered,
            prior_delivered=best.delivered,
            interval_s=interval,
            app_limited=best.app_limited,
            rtt_s=result.rtt_s,
            in_flight=board.pipe,
            lost=lost,
        )
