"""Two UDX streams over a bad link in virtual time.

The same seed gives the same packets at the same times. No clock, socket or event loop is involved.
"""

from __future__ import annotations

import heapq
import random
from collections.abc import Callable
from dataclasses import dataclass, field

from engine.proto.udx.events import Closed, CloseReason, Drained, Event, RemoteEnded
from engine.proto.udx.linger import ClosedStreams
from engine.proto.udx.packet import decode_packet
from engine.proto.udx.scoreboard import Route
from engine.proto.udx.stream import UdxStream


@dataclass
class Link:
    """What the network does to packets, the same in both directions."""

    delay_s: float = 0.01
    """One way."""
    loss: float = 0.0
    """Share of packets that vanish."""
    reorder: float = 0.0
    """Share of packets that arrive up to two delays late."""
    duplicate: float = 0.0
    """Share of packets that arrive twice."""
    packets_per_s: float = 0.0
    """Capacity of the bottleneck, 0 for none."""
    queue_packets: int = 64
    """Packets the bottleneck holds before it drops."""
    drop: Callable[[str, bytes], bool] = lambda direction, data: False
    """Drops single packets; the direction is "a>b" or "b>a"."""


@dataclass
class End:
    """One side of a pair."""

    name: str
    stream: UdxStream
    received: bytearray = field(default_factory=bytearray)
    events: list[Event] = field(default_factory=list)
    to_write: bytes = b""
    """Written as the stream accepts it, then the direction is ended."""
    lingering: ClosedStreams = field(default_factory=ClosedStreams)
    written: int = 0
    free_at: float = 0.0

    @property
    def closed(self) -> CloseReason | None:
        """Why the stream is closed, None while it is open."""
        for event in self.events:
            if isinstance(event, Closed):
                return event.reason
        return None

    @property
    def ended(self) -> bool:
        """The peer's END was delivered."""
        return any(isinstance(event, RemoteEnded) for event in self.events)


class Pair:
    """Two connected streams.

    Args:
        link: the network.
        seed: of everything random.
        make: makes a stream from its local id.
        linger: closed streams go on acknowledging, as the shell lets them.
        bursts: packets that arrive at the same time are received together.
    """

    def __init__(
        self,
        link: Link | None = None,
        *,
        seed: int = 0,
        make: Callable[[int], UdxStream] = UdxStream,
        linger: bool = True,
        bursts: bool = True,
    ) -> None:
        self.linger = linger
        self._bursts = bursts
        self.link = link or Link()
        self.now = 100.0
        """Virtual seconds."""
        self.log: list[tuple[float, str, bytes]] = []
        """Every packet that entered the link: time, direction, bytes."""
        self.a = End("a", make(1001))
        self.b = End("b", make(2002))
        self._random = random.Random(seed)
        self._arrivals: list[tuple[float, int, End, bytes]] = []
        self._count = 0

    def connect(self) -> Pair:
        """Connect both ends."""
        self.a.stream.connect(Route(2002))
        self.b.stream.connect(Route(1001))
        return self

    def run(self, seconds: float, *, until: Callable[[], bool] = lambda: False) -> bool:
        """Let time pass; True as soon as the condition holds."""
        limit = self.now + seconds
        while True:
            self.settle()
            if until():
                return True
            upcoming = [deadline for end in (self.a, self.b) if (deadline := end.stream.next_timer()) is not None] + [
                arrival[0] for arrival in self._arrivals[:1]
            ]
            if not upcoming or min(upcoming) > limit:
                self.now = limit
                return until()
            self.now = max(self.now, min(upcoming))
            self._step()

    def settle(self) -> None:
        """Send and deliver everything that is due now."""
        for end in (self.a, self.b):
            self._pump(end)

    def closed(self) -> bool:
        """Both streams are closed."""
        return self.a.closed is not None and self.b.closed is not None

    def packets(self, direction: str) -> list[bytes]:
        """Packets that entered the link in one direction."""
        return [data for _, way, data in self.log if way == direction]

    def _step(self) -> None:
        bursts: dict[str, list[bytes]] = {}
        while self._arrivals and self._arrivals[0][0] <= self.now:
            _, _, end, data = heapq.heappop(self._arrivals)
            if self._bursts:
                bursts.setdefault(end.name, []).append(data)
            else:
                self._receive(end, [data])
                self._pump(end)
        for end in (self.a, self.b):
            if end.name in bursts:
                self._receive(end, bursts[end.name])
            deadline = end.stream.next_timer()
            if deadline is not None and deadline <= self.now:
                end.stream.handle_timer(self.now)

    def _receive(self, end: End, burst: list[bytes]) -> None:
        if not end.stream.closed:
            end.stream.receive(burst, self.now)
            return
        for data in burst:
            answer = end.lingering.answer(end.stream.local_id, data[2], self.now)
            if answer is not None:
                self._send(end, answer[1])

    def _pump(self, end: End) -> None:
        stream = end.stream
        while True:
            end.received += stream.read()
            while (event := stream.next_event()) is not None:
                end.events.append(event)
                if isinstance(event, Closed) and self.linger:
                    end.lingering.add(stream.local_id, stream.final_ack(), self.now)
            progress = self._write(end)
            bursts = stream.packets_to_send(self.now)
            for _, packets in bursts:
                for data in packets:
                    self._send(end, data)
            if not progress and not bursts:
                return

    def _write(self, end: End) -> bool:
        if end.written >= len(end.to_write) or (end.written and not self._accepts(end)):
            return False
        while end.written < len(end.to_write):
            chunk = end.to_write[end.written : end.written + 65_536]
            end.written += len(chunk)
            if not end.stream.write(chunk):
                break
        if end.written >= len(end.to_write):
            end.stream.end()
        return True

    def _accepts(self, end: End) -> bool:
        drained = [event for event in end.events if isinstance(event, Drained)]
        for event in drained:
            end.events.remove(event)
        return bool(drained)

    def _send(self, sender: End, data: bytes) -> None:
        link = self.link
        direction = "a>b" if sender is self.a else "b>a"
        self.log.append((self.now, direction, data))
        if link.drop(direction, data) or self._random.random() < link.loss:
            return
        at = self.now
        if link.packets_per_s:
            backlog = max(0.0, sender.free_at - self.now)
            if backlog * link.packets_per_s >= link.queue_packets:
                return
            at = self.now + backlog + 1 / link.packets_per_s
            sender.free_at = at
        at += link.delay_s
        if self._random.random() < link.reorder:
            at += self._random.random() * 2 * (link.delay_s or 0.001)
        receiver = self.b if sender is self.a else self.a
        for _ in range(2 if self._random.random() < link.duplicate else 1):
            self._count += 1
            heapq.heappush(self._arrivals, (at, self._count, receiver, data))


def describe(data: bytes) -> tuple[int, int, int, tuple[tuple[int, int], ...], bytes]:
    """Flags, seq, ack, SACK blocks and payload of a packet, for comparisons."""
    packet = decode_packet(data)
    return packet.flags, packet.seq, packet.ack, packet.sacks, packet.payload
