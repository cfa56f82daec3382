"""Life of a request: transaction ids, retransmission, matching of replies, congestion window.

Theory of operation: :meth:`RequestTable.start` gives a request a random transaction id and transmits it, or queues it
while the congestion window is full. One second after a transmission the request is sent again with identical bytes, at
most ``retries`` times; then it fails. :meth:`RequestTable.drain`, called every 750 ms, opens the window and sends what
waits. The core does no I/O: the owner's ``transmit`` puts bytes on the wire, and its timer follows
:meth:`RequestTable.next_timer`.

    new -> waiting (window full) -> in flight -> replied | timed out | cancelled
              ^------ retransmission ------'

What a peer may do wrong: answer from another address, twice, or with a guessed transaction id. A reply only counts when
both its id and its source match a request in flight, so off-path senders have to forge the source and guess 16 random
bits within seconds. Limits: 160 transmissions in three seconds, :data:`MAX_PENDING` requests.

Protocol reference: 02-hyperdht section 4.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from enum import Enum
from heapq import heappop, heappush
from typing import Generic, TypeVar

from engine.wire.compact import Address

TIMEOUT_S = 1.0
"""Seconds after a transmission until the next one, or failure."""
DRAIN_S = 0.75
"""Seconds between two calls of :meth:`RequestTable.drain`."""
MAX_WINDOW = 80
"""Transmissions per drain interval; twice as many in the whole window."""
MAX_PENDING = 16_384
"""Requests that may be unanswered at once."""

_SLOTS = 4

S = TypeVar("S")
R = TypeVar("R")


class Failure(Enum):
    """Why a request ended without a reply."""

    TIMED_OUT = "timed out"
    """No reply to the last transmission."""
    CANCELLED = "cancelled"
    """The node or the owner of the request went away, or the table is full."""


class PendingRequest(Generic[S, R]):
    """A request that waits for its reply. ``S`` is the owner's socket type, ``R`` its reply type."""

    __slots__ = (
        "_deadline",
        "data",
        "on_failure",
        "on_reply",
        "on_slow",
        "pending",
        "retries",
        "sent",
        "sent_at",
        "socket",
        "tid",
        "timeout_s",
        "to",
    )

    def __init__(
        self,
        to: Address,
        socket: S,
        *,
        retries: int,
        on_reply: Callable[[R], None],
        on_failure: Callable[[Failure], None],
        on_slow: Callable[[], None] | None = None,
        timeout_s: float = TIMEOUT_S,
    ) -> None:
        self.to = to
        self.socket = socket
        self.retries = retries
        self.on_reply = on_reply
        self.on_failure = on_failure
        self.on_slow = on_slow
        self.timeout_s = timeout_s
        self.tid = 0
        self.data = b""
        self.sent = 0
        self.sent_at = 0.0
        self.pending = False
        self._deadline = 0.0


class CongestionWindow:
    """Transmissions of the last four drain intervals.

    Args:
        limit: transmissions per interval.
    """

    def __init__(self, limit: int = MAX_WINDOW) -> None:
        self._limit = limit
        self._slots = [0] * _SLOTS
        self._current = 0
        self._total = 0

    @property
    def full(self) -> bool:
        """Whether the next transmission has to wait."""
        return self._total >= 2 * self._limit or self._slots[self._current] >= self._limit

    def sent(self) -> None:
        """Count a transmission."""
        self._total += 1
        self._slots[self._current] += 1

    def answered(self) -> None:
        """Give one transmission of the current interval back."""
        if self._slots[self._current] > 0:
            self._slots[self._current] -= 1
            self._total -= 1

    def drain(self) -> None:
        """Begin the next interval and forget the oldest one."""
        self._current = (self._current + 1) % _SLOTS
        self._total -= self._slots[self._current]
        self._slots[self._current] = 0


class RequestTable(Generic[S, R]):
    """All requests of a node that wait for a reply.

    Args:
        transmit: puts ``request.data`` on the wire.
        random_bytes: entropy for transaction ids.
    """

    def __init__(self, transmit: Callable[[PendingRequest[S, R]], None], random_bytes: Callable[[int], bytes]) -> None:
        self.window = CongestionWindow()
        """Limits transmissions."""
        self.replies = 0
        """Requests that were answered so far."""
        self.timeouts = 0
        """Requests that were never answered so far."""
        self.retransmissions = 0
        """Transmissions beyond the first so far."""
        self._transmit = transmit
        self._random_bytes = random_bytes
        self._pending: dict[tuple[int, Address], PendingRequest[S, R]] = {}
        self._waiting: deque[PendingRequest[S, R]] = deque()
        self._timers: list[tuple[float, int, PendingRequest[S, R]]] = []
        self._sequence = 0

    def __len__(self) -> int:
        return len(self._pending)

    def start(
        self,
        request: PendingRequest[S, R],
        encode: Callable[[int], bytes],
        now: float,
    ) -> bool:
        """Send a request, or queue it while the window is full.

        Args:
            request: not started before.
            encode: makes the datagram from the transaction id.
            now: time in seconds.

        Returns:
            False when :data:`MAX_PENDING` requests are unanswered; nothing was sent then.
        """
        if len(self._pending) >= MAX_PENDING:
            return False
        tid = int.from_bytes(self._random_bytes(2), "little")
        while (tid, request.to) in self._pending:
            tid = (tid + 1) & 0xFFFF
        request.tid = tid
        request.data = encode(tid)
        request.pending = True
        self._pending[(tid, request.to)] = request
        self._send(request, now)
        return True

    def match(self, tid: int, source: Address) -> PendingRequest[S, R] | None:
        """The request that a reply answers; it is finished with this call."""
        request = self._pending.pop((tid, source), None)
        if request is not None:
            request.pending = False
            self.window.answered()
            self.replies += 1
        return request

    def cancel(self, request: PendingRequest[S, R]) -> None:
        """Forget a request; none of its callbacks runs any more."""
        if request.pending:
            request.pending = False
            del self._pending[(request.tid, request.to)]
            self.window.answered()

    def clear(self) -> None:
        """Fail all requests with :attr:`Failure.CANCELLED`."""
        requests = list(self._pending.values())
        self._waiting.clear()
        for request in requests:
            self.cancel(request)
        for request in requests:
            request.on_failure(Failure.CANCELLED)

    def drain(self, now: float) -> None:
        """One 750 ms step: open the window and transmit what waits."""
        self.window.drain()
        while self._waiting and not self.window.full:
            request = self._waiting.popleft()
            if request.pending:
                self._send_now(request, now)

    def next_timer(self) -> float | None:
        """When :meth:`handle_timer` has to run next."""
        while self._timers and not self._is_due(*self._timers[0]):
            heappop(self._timers)
        return self._timers[0][0] if self._timers else None

    def handle_timer(self, now: float) -> None:
        """Retransmit or fail every request whose time is over."""
        while self._timers and self._timers[0][0] <= now:
            deadline, sequence, request = heappop(self._timers)
            if self._is_due(deadline, sequence, request):
                self._expire(request, now)

    @staticmethod
    def _is_due(deadline: float, _sequence: int, request: PendingRequest[S, R]) -> bool:
        return request.pending and request._deadline == deadline

    def _expire(self, request: PendingRequest[S, R], now: float) -> None:
        if request.on_slow is not None:
            on_slow, request.on_slow = request.on_slow, None
            on_slow()
        if not request.pending:
            return
        if request.sent > request.retries:
            self.cancel(request)
            self.timeouts += 1
            request.on_failure(Failure.TIMED_OUT)
        else:
            self.retransmissions += 1
            self._send(request, now)

    def _send(self, request: PendingRequest[S, R], now: float) -> None:
        if self.window.full:
            request._deadline = 0.0
            if len(self._waiting) >= MAX_PENDING:
                self._waiting = deque(other for other in self._waiting if other.pending)
            self._waiting.append(request)
        else:
            self._send_now(request, now)

    def _send_now(self, request: PendingRequest[S, R], now: float) -> None:
        request.sent += 1
        request.sent_at = now
        request._deadline = now + request.timeout_s
        self.window.sent()
        self._sequence += 1
        heappush(self._timers, (request._deadline, self._sequence, request))
        self._transmit(request)
