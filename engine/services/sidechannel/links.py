"""One neighbour: the sidechannels open on a connection, and what waits to be written to it.

Theory of operation. Each channel on a connection is a :class:`Seat`:

    opening --both opened--> greeting --hello written--> ready --either side closes--> gone

Messages for a seat that is not ready wait in it, so that the hello (welcome, then invite) is always first. From a ready
seat they are written at once, unless the neighbour could not take them now (its byte limit as we assume it, or a full
stream): then they wait in the link, in order, until it can.

Bounds: :data:`SEAT_BYTES` wait in a seat, :data:`BACKLOG_BYTES` in a link, half of it for messages of others; what does
not fit is lost and counted.

Protocol reference: 06-sidechannel sections 6.2 and 8.1.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, field
from enum import Enum
from typing import Final

from engine.net.connection import PeerConnection
from engine.proto.mux.channel import Channel
from engine.services.sidechannel.pacing import Pacer
from engine.wire.compact import encode_uint
from engine.wire.jsjson import JsonValue

SEAT_BYTES: Final = 512 * 1024
BACKLOG_BYTES: Final = 1024 * 1024
LEAST_DELAY_S: Final = 0.001
MESSAGE: Final = 0
"""The only message type of a sidechannel."""


class SeatState(Enum):
    """How far a channel is on one connection."""

    OPENING = "opening"
    GREETING = "greeting"
    READY = "ready"


class Written(Enum):
    """What became of a message for one neighbour."""

    NOW = "now"
    QUEUED = "queued"
    LOST = "lost"


@dataclass(frozen=True, slots=True)
class Frame:
    """A message as it is written."""

    data: bytes
    size: int
    """Bytes the neighbour's limiter counts."""
    own: bool

    @classmethod
    def of(cls, raw: bytes, *, own: bool) -> Frame:
        """The frame of a JSON text."""
        return cls(encode_uint(len(raw)) + raw, len(raw), own)


@dataclass(slots=True, eq=False)
class Seat:
    """One channel on one connection."""

    name: str
    channel: Channel
    state: SeatState = SeatState.OPENING
    shown_invite: JsonValue = None
    """The invite this peer has shown here."""
    waiting: deque[Frame] = field(default_factory=deque)
    waiting_bytes: int = 0


@dataclass(slots=True)
class Retries:
    """Failed openings of one channel."""

    count: int = 0
    last: float = 0.0
    timer: asyncio.TimerHandle | None = None


class Link:
    """Everything about sidechannels on one connection.

    Args:
        connection: multiplexed and open.
        pacer: what the neighbour can take.
        now: seconds that never jump.
    """

    def __init__(self, connection: PeerConnection, pacer: Pacer, now: Callable[[], float]) -> None:
        self.connection = connection
        self.key = connection.remote_public_key.hex()
        """Public key hex of the neighbour."""
        self.seats: dict[str, Seat] = {}
        self.retries: dict[str, Retries] = {}
        self.left: set[str] = set()
        """Channels this peer closed here; the reference never opens them again on this connection."""
        self.lost = 0
        """Messages that did not fit."""
        self.on_room: Callable[[], None] = lambda: None
        """Called when a full backlog has room again."""
        self._pacer = pacer
        self._now = now
        self._backlog: deque[tuple[Seat, Frame]] = deque()
        self._backlog_bytes = 0
        self._timer: asyncio.TimerHandle | None = None
        connection.on_drain.append(self._pump)

    @property
    def has_room(self) -> bool:
        """Whether a message of this peer would certainly fit."""
        return self._backlog_bytes < BACKLOG_BYTES // 2

    def ready_seat(self, name: str) -> Seat | None:
        """The seat of a channel that both sides use."""
        seat = self.seats.get(name)
        return seat if seat is not None and seat.state is SeatState.READY else None

    def write(self, seat: Seat, frame: Frame) -> Written:
        """Write a message, or queue it until the seat is ready and the neighbour can take it."""
        if seat.state is not SeatState.READY:
            return self._wait_in_seat(seat, frame)
        if not self._backlog and self._can_take(frame):
            seat.channel.send(MESSAGE, frame.data)
            return Written.NOW
        limit = BACKLOG_BYTES if frame.own else BACKLOG_BYTES // 2
        if self._backlog_bytes + frame.size > limit:
            self.lost += 1
            return Written.LOST
        self._backlog.append((seat, frame))
        self._backlog_bytes += frame.size
        self._schedule()
        return Written.QUEUED

    def write_hello(self, seat: Seat, frame: Frame) -> None:
        """Write part of the hello, before everything that waits."""
        self._pacer.take(frame.size, self._now())
        seat.channel.send(MESSAGE, frame.data)

    def make_ready(self, seat: Seat) -> None:
        """The hello is written: everything that waited in the seat may follow."""
        seat.state = SeatState.READY
        waiting, seat.waiting, seat.waiting_bytes = seat.waiting, deque(), 0
        for frame in waiting:
            self.write(seat, frame)

    def close(self) -> None:
        """The connection is gone, or this peer stops using it."""
        if self._pump in self.connection.on_drain:
            self.connection.on_drain.remove(self._pump)
        if self._timer is not None:
            self._timer.cancel()
        for retries in self.retries.values():
            if retries.timer is not None:
                retries.timer.cancel()
        self.seats.clear()
        self._backlog.clear()

    def _wait_in_seat(self, seat: Seat, frame: Frame) -> Written:
        if seat.waiting_bytes + frame.size > SEAT_BYTES:
            self.lost += 1
            return Written.LOST
        seat.waiting.append(frame)
        seat.waiting_bytes += frame.size
        return Written.QUEUED

    def _can_take(self, frame: Frame) -> bool:
        return self.connection.mux.drained and self._pacer.take(frame.size, self._now())

    def _pump(self) -> None:
        self._timer = None
        while self._backlog:
            seat, frame = self._backlog[0]
            if not seat.channel.closed:
                if not self._can_take(frame):
                    self._schedule()
                    return
                seat.channel.send(MESSAGE, frame.data)
            self._backlog.popleft()
            self._backlog_bytes -= frame.size
            if self.has_room:
                self.on_room()

    def _schedule(self) -> None:
        """Try again when the neighbour's bucket has refilled; a full stream reports itself."""
        if self._timer is not None or not self.connection.mux.drained:
            return
        delay = max(self._pacer.delay(self._backlog[0][1].size, self._now()), LEAST_DELAY_S)
        self._timer = asyncio.get_running_loop().call_later(delay, self._pump)
