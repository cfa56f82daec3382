"""The handshakes a server has answered or is about to answer.

Theory of operation. One client sends the same Noise message through two relays and retransmits it; all copies get the
same answer, so a handshake is found by the bytes of its message. It also has a *slot*, the small number that
holepunch messages name. States:

    pending --connected, aborted--> settled --10 s--> forgotten
       \\--10 s without a connection, or the table is full--> forgotten

A handshake that is busy punching is *held*: it stays pending, but the punching schedule limits it instead of the 10 s.

What a peer may do wrong: open handshakes without end. At most ``max_pending`` are half-open; the oldest one gives
way. Settled ones only keep the answer and are limited by ``max_settled``. Messages that were refused are remembered
in a bounded list, so that their copies cost nothing.

Protocol reference: 02-hyperdht section 16.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Final, Generic, TypeVar

MAX_PENDING: Final = 256
MAX_SETTLED: Final = 1024
MAX_REFUSED: Final = 1024
PENDING_S: Final = 10.0
SETTLED_S: Final = 10.0

T = TypeVar("T")


@dataclass(eq=False, slots=True)
class Entry(Generic[T]):
    """One handshake."""

    slot: int
    """Number that holepunch messages name."""
    noise: bytes
    """Message 1 of the client."""
    state: T
    """What the server keeps about it."""
    settled: bool = False
    """Connected or aborted."""
    deadline: float | None = field(default=None)
    """When it is forgotten; None while it punches."""


class HandshakeTable(Generic[T]):
    """Handshakes by message and by slot.

    Args:
        max_pending: half-open handshakes at the same time.
        max_settled: answered ones that are still remembered.
    """

    def __init__(self, max_pending: int = MAX_PENDING, max_settled: int = MAX_SETTLED) -> None:
        self._max_pending = max_pending
        self._max_settled = max_settled
        self._slots: list[Entry[T] | None] = []
        self._by_noise: dict[bytes, Entry[T]] = {}
        self._pending: dict[int, Entry[T]] = {}
        self._settled: dict[int, Entry[T]] = {}
        self._refused: dict[bytes, None] = {}

    @property
    def pending_count(self) -> int:
        """Half-open handshakes."""
        return len(self._pending)

    def __len__(self) -> int:
        return len(self._by_noise)

    def find(self, noise: bytes) -> Entry[T] | None:
        """The handshake that began with these bytes."""
        return self._by_noise.get(noise)

    def get(self, slot: int) -> Entry[T] | None:
        """The handshake in *slot*."""
        return self._slots[slot] if slot < len(self._slots) else None

    def is_refused(self, noise: bytes) -> bool:
        """Whether these bytes were refused before."""
        return noise in self._refused

    def refuse(self, noise: bytes) -> None:
        """Remember that these bytes get no answer."""
        self._refused[noise] = None
        if len(self._refused) > MAX_REFUSED:
            del self._refused[next(iter(self._refused))]

    def add(self, noise: bytes, state: T, now: float) -> tuple[Entry[T], list[Entry[T]]]:
        """A new pending handshake.

        Returns:
            Its entry, and the entries that were forgotten to make room.
        """
        evicted = []
        if len(self._pending) >= self._max_pending:
            oldest = next(iter(self._pending.values()))
            self.remove(oldest)
            evicted.append(oldest)
        slot = next((index for index, used in enumerate(self._slots) if used is None), len(self._slots))
        entry = Entry(slot, noise, state, deadline=now + PENDING_S)
        if slot == len(self._slots):
            self._slots.append(entry)
        else:
            self._slots[slot] = entry
        self._by_noise[noise] = entry
        self._pending[slot] = entry
        return entry, evicted

    def hold(self, entry: Entry[T]) -> None:
        """The handshake punches now: its schedule decides when it ends."""
        if not entry.settled:
            entry.deadline = None

    def settle(self, entry: Entry[T], now: float) -> None:
        """The handshake is connected or aborted; copies of its message still get the answer for a while."""
        if entry.settled or self._by_noise.get(entry.noise) is not entry:
            return
        entry.settled = True
        entry.deadline = now + SETTLED_S
        del self._pending[entry.slot]
        self._settled[entry.slot] = entry
        if len(self._settled) > self._max_settled:
            self.remove(next(iter(self._settled.values())))

    def remove(self, entry: Entry[T]) -> None:
        """Forget a handshake and free its slot."""
        if self._by_noise.get(entry.noise) is not entry:
            return
        del self._by_noise[entry.noise]
        self._pending.pop(entry.slot, None)
        self._settled.pop(entry.slot, None)
        self._slots[entry.slot] = None
        while self._slots and self._slots[-1] is None:
            self._slots.pop()

    def next_timer(self) -> float | None:
        """When to call :meth:`expire`."""
        return min((entry.deadline for entry in self._by_noise.values() if entry.deadline is not None), default=None)

    def expire(self, now: float) -> list[Entry[T]]:
        """Forget what is over; returns the forgotten entries."""
        over = [entry for entry in self._by_noise.values() if entry.deadline is not None and entry.deadline <= now]
        for entry in over:
            self.remove(entry)
        return over

    def clear(self) -> list[Entry[T]]:
        """Forget everything; returns what there was."""
        entries = list(self._by_noise.values())
        for entry in entries:
            self.remove(entry)
        self._refused.clear()
        return entries
