"""What is on the way: transmissions, acknowledgements and loss detection (RACK).

Theory of operation
    Every packet on the wire is one :class:`Transmission`; sending a packet again makes a new one with the same number
    and bytes. A transmission is ``IN_FLIGHT`` until it is acknowledged, selectively acknowledged, marked lost, or
    replaced by a later one. ``pipe`` counts those in flight, the quantity congestion control limits.

    Loss detection is RACK: transmissions are remembered in the order they were sent, and one that was sent before the
    most recently sent delivered one is lost once ``rack_rtt + reo_wnd`` have passed since it was sent. The order is
    the order of time, so only the head of the queue is ever examined.

    A peer may acknowledge anything: numbers outside what was sent are ignored and counted by the caller, an ack that
    goes back is no ack, and blocks are clipped by nothing but their validity.

Protocol reference: 01-udx sections 6 and 8.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable
from heapq import heappop, heappush

from engine.proto.udx.rtt import RttEstimator

IN_FLIGHT = 0
SACKED = 1
LOST = 2
GONE = 3

REORDERING_SACKS = 3
"""Selectively acknowledged packets that make waiting for reordering pointless."""

MAX_EXPIRIES = 6
"""Timeouts of one packet that are answered by sending it again; the next one ends the stream."""


class Route:
    """Where packets go; streams that change their remote have several over time.

    Args:
        remote_id: the peer's stream id.
        destination: opaque to the core; the shell finds socket and address in it.
    """

    __slots__ = ("destination", "remote_id")

    def __init__(self, remote_id: int, destination: object = None) -> None:
        self.remote_id = remote_id
        self.destination = destination


class Transmission:
    """One packet as it was sent once."""

    __slots__ = (
        "app_limited",
        "delivered",
        "delivered_at",
        "expiries",
        "first_sent_at",
        "flags",
        "order",
        "payload",
        "probe_size",
        "repeated",
        "route",
        "sent_at",
        "seq",
        "state",
    )

    def __init__(
        self,
        seq: int,
        flags: int,
        payload: bytes | memoryview,
        route: Route,
        *,
        repeated: bool = False,
        expiries: int = 0,
    ) -> None:
        self.seq = seq
        self.flags = flags
        self.payload = payload
        self.route = route
        self.repeated = repeated
        self.expiries = expiries
        self.probe_size = 0
        self.state = IN_FLIGHT
        self.order = 0
        self.sent_at = 0.0
        self.delivered = 0
        self.delivered_at = 0.0
        self.first_sent_at = 0.0
        self.app_limited = False


class AckResult:
    """What one incoming packet acknowledged."""

    __slots__ = ("advanced", "best", "bytes_freed", "delivered", "probe", "rtt_s")

    def __init__(self) -> None:
        self.advanced = False
        """The oldest unacknowledged number moved."""
        self.delivered = 0
        """Packets newly known to have arrived."""
        self.bytes_freed = 0
        """Payload bytes that never have to be sent again."""
        self.best: Transmission | None = None
        """Most recently sent one among those newly delivered."""
        self.rtt_s: float | None = None
        """Round trip time of the most recently sent packet that was sent once."""
        self.probe: Transmission | None = None
        """The MTU probe, if it was among them."""


class Scoreboard:
    """In-flight packets of one stream.

    Args:
        initial_seq: first number that will be sent.
        rtt: shared estimator; the scoreboard feeds it.
    """

    def __init__(self, initial_seq: int, rtt: RttEstimator) -> None:
        self.una = initial_seq
        """Oldest unacknowledged number."""
        self.next_seq = initial_seq
        """Number of the next new packet."""
        self.pipe = 0
        """Transmissions in flight."""
        self.sacked = 0
        """Packets selectively acknowledged and still above ``una``."""
        self.delivered = 0
        """Packets delivered in all, the base of rate samples."""
        self.delivered_at = 0.0
        self.first_sent_at = 0.0
        self.app_limited_until = 0
        """Delivery count up to which samples are limited by the application, not the network."""
        self.reordering_seen = False
        self.reorder_deadline: float | None = None
        """When :meth:`detect` should run again."""
        self._rtt = rtt
        self._packets: dict[int, Transmission] = {}
        self._sent: deque[Transmission] = deque()
        self._lost: list[tuple[int, int, Transmission]] = []
        self._lost_count = 0
        self._orders = 0
        self._highest_delivered = initial_seq - 1
        self._known_blocks: dict[int, int] = {}
        self._rack: Transmission | None = None
        self._rack_rtt_s = 0.0

    @property
    def lost_count(self) -> int:
        """Packets marked lost that were not sent again yet."""
        return self._lost_count

    @property
    def outstanding(self) -> int:
        """Numbers between the oldest unacknowledged and the next."""
        return self.next_seq - self.una

    def register(self, packet: Transmission, now: float) -> None:
        """Record that a packet goes out now; a new one must carry ``next_seq``."""
        if self.pipe == 0:
            self.first_sent_at = self.delivered_at = now
        self._orders += 1
        packet.order = self._orders
        packet.sent_at = now
        packet.delivered = self.delivered
        packet.delivered_at = self.delivered_at
        packet.first_sent_at = self.first_sent_at
        packet.app_limited = self.app_limited_until > self.delivered
        self._packets[packet.seq] = packet
        self._sent.append(packet)
        self.pipe += 1
        if packet.seq == self.next_seq:
            self.next_seq += 1

    def mark_app_limited(self) -> None:
        """The window is not full for lack of data: rate samples until it is delivered are limited by that."""
        self.app_limited_until = self.delivered + self.pipe

    def repeat(self, old: Transmission) -> Transmission:
        """A new transmission of the same packet; the old one no longer counts. Register it when it is sent."""
        if old.state == IN_FLIGHT:
            self.pipe -= 1
        old.state = GONE
        return Transmission(old.seq, old.flags, old.payload, old.route, repeated=True, expiries=old.expiries)

    def highest_in_flight(self) -> Transmission | None:
        """In-flight packet with the highest number, what a tail loss probe repeats."""
        for seq in range(self.next_seq - 1, self.una - 1, -1):
            packet = self._packets[seq]
            if packet.state == IN_FLIGHT:
                return packet
        return None

    def next_lost(self) -> Transmission | None:
        """Remove and return the lost packet with the lowest number."""
        while self._lost:
            packet = heappop(self._lost)[2]
            if packet.state == LOST:
                self._lost_count -= 1
                return packet
        return None

    def acknowledge(self, ack: int, result: AckResult) -> None:
        """Take a cumulative ack, ``una < ack <= next_seq``."""
        packets = self._packets
        newly = 0
        for seq in range(self.una, ack):
            packet = packets.pop(seq)
            state = packet.state
            result.bytes_freed += len(packet.payload)
            packet.state = GONE
            if state == IN_FLIGHT:
                self.pipe -= 1
            elif state == SACKED:
                self.sacked -= 1
                continue
            else:
                self._lost_count -= 1
            newly += 1
            if not packet.repeated and seq < self._highest_delivered:
                self.reordering_seen = True
            best = result.best
            if best is None or packet.order > best.order:
                result.best = packet
            if packet.probe_size:
                result.probe = packet
        self.una = ack
        result.advanced = True
        result.delivered += newly
        if ack - 1 > self._highest_delivered:
            self._highest_delivered = ack - 1
        sent = self._sent
        while sent and sent[0].state != IN_FLIGHT:
            sent.popleft()

    def mark_sacked(self, blocks: Iterable[tuple[int, int]], result: AckResult) -> int:
        """Take SACK blocks (unbounded numbers); returns how many made no sense."""
        invalid = 0
        known, self._known_blocks = self._known_blocks, {}
        for start, end in blocks:
            if not start < end <= self.next_seq:
                invalid += 1
                continue
            if start < self.una:
                continue
            self._known_blocks[start] = end
            for seq in range(max(start, known.get(start, start)), end):
                packet = self._packets[seq]
                state = packet.state
                if state == IN_FLIGHT:
                    self.pipe -= 1
                elif state == LOST:
                    self._lost_count -= 1
                else:
                    continue
                packet.state = SACKED
                self.sacked += 1
                result.delivered += 1
                if not packet.repeated and seq < self._highest_delivered:
                    self.reordering_seen = True
                if seq > self._highest_delivered:
                    self._highest_delivered = seq
                if result.best is None or packet.order > result.best.order:
                    result.best = packet
                if packet.probe_size:
                    result.probe = packet
        return invalid

    def settle(self, result: AckResult, now: float) -> None:
        """Update the delivery clock, the round trip time and RACK after the acks of one packet."""
        self.delivered += result.delivered
        self.delivered_at = now
        best = result.best
        if best is None:
            return
        self.first_sent_at = best.sent_at
        elapsed = now - best.sent_at
        if not best.repeated:
            result.rtt_s = elapsed
            self._rtt.sample(elapsed, now)
        elif elapsed < self._rtt.min_s:
            return
        if self._rack is None or best.order > self._rack.order:
            self._rack = best
            self._rack_rtt_s = elapsed

    def detect(self, now: float, *, recovering: bool) -> list[Transmission]:
        """Mark what RACK calls lost and return it; sets :attr:`reorder_deadline`."""
        self.reorder_deadline = None
        rack = self._rack
        lost: list[Transmission] = []
        if rack is None:
            return lost
        wait = self._rack_rtt_s + self._reorder_window(recovering)
        sent = self._sent
        while sent:
            packet = sent[0]
            if packet.state == IN_FLIGHT:
                if packet.order > rack.order:
                    break
                if now < packet.sent_at + wait:
                    self.reorder_deadline = packet.sent_at + wait
                    break
                self._mark_lost(packet)
                lost.append(packet)
            sent.popleft()
        return lost

    def expire(self, now: float, *, recovering: bool) -> tuple[list[Transmission], bool]:
        """The retransmission timer fired: returns what is now lost, and whether a packet expired too often."""
        wait = self._rack_rtt_s + self._reorder_window(recovering)
        lost: list[Transmission] = []
        for seq in range(self.una, self.next_seq):
            packet = self._packets[seq]
            if packet.state != IN_FLIGHT or (seq != self.una and now < packet.sent_at + wait):
                continue
            if packet.expiries >= MAX_EXPIRIES:
                return lost, True
            packet.expiries += 1
            self._mark_lost(packet)
            lost.append(packet)
        self.reorder_deadline = None
        return lost, False

    def clear(self) -> None:
        """Forget everything in flight."""
        self._packets.clear()
        self._sent.clear()
        self._lost.clear()
        self.una = self.next_seq
        self.pipe = self.sacked = self._lost_count = 0
        self.reorder_deadline = None

    def _mark_lost(self, packet: Transmission) -> None:
        packet.state = LOST
        self.pipe -= 1
        heappush(self._lost, (packet.seq, packet.order, packet))
        self._lost_count += 1

    def _reorder_window(self, recovering: bool) -> float:
        if not self.reordering_seen and (recovering or self.sacked >= REORDERING_SACKS):
            return 0.0
        return min(self._rtt.min_s / 4, self._rtt.smoothed_s or 0.0)
