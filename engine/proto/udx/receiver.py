"""Receiving half of a stream: reassembly, SACK blocks and the advertised window.

Theory of operation
    ``next_seq`` is the number expected next. A packet with that number makes its bytes ready and carries along what
    waited behind it; a later one waits in the reorder buffer, whose numbers are kept as sorted ranges so that SACK
    blocks cost nothing to produce. Sequence numbers are unbounded integers here
    (:func:`engine.proto.udx.packet.unwrap`).

    Ready bytes wait until the application reads them. The advertised window is what is left of ``max_window``; when
    reading reopens a window that was announced as less than a quarter, :attr:`update_owed` asks for a pure ack.

    Limits: the bytes of ready and reordered data together stay below twice ``max_window``, numbers more than
    :data:`MAX_LOOKAHEAD` ahead are refused, and so is anything after the END. A peer may repeat, reorder, overlap or
    contradict itself; the first copy of a number counts.

Protocol reference: 01-udx sections 4 to 7.
"""

from __future__ import annotations

from bisect import bisect_right

from engine.proto.udx.packet import DATA, END, MAX_SACK_BLOCKS

DEFAULT_WINDOW = 4 << 20
"""Bytes advertised while nothing waits, as the reference does."""

MAX_LOOKAHEAD = 16_384
"""Sequence numbers ahead of the expected one that may wait in the reorder buffer."""

WAITING_OVERHEAD_BYTES = 64
"""Counted per waiting packet, so that empty packets cannot fill the memory either."""


class Receiver:
    """Reorders the packets of one direction into bytes.

    Args:
        initial_seq: first expected sequence number.
        max_window: bytes advertised while nothing waits.
    """

    def __init__(self, initial_seq: int = 0, max_window: int = DEFAULT_WINDOW) -> None:
        self.next_seq = initial_seq
        """Cumulative ack: the number expected next."""
        self.end_seq: int | None = None
        """Number of the remote END packet once seen."""
        self.bytes_received = 0
        """Stream bytes taken, repetitions not counted."""
        self.update_owed = False
        """Reading reopened a window that was announced as nearly closed."""
        self._max_window = max_window
        self._advertised = max_window
        self._unread_before: int | None = None
        self._ready: list[bytes | memoryview] = []
        self._ready_bytes = 0
        self._waiting: dict[int, tuple[int, bytes | memoryview]] = {}
        self._waiting_bytes = 0
        self._starts: list[int] = []
        self._ends: list[int] = []

    @property
    def ended(self) -> bool:
        """Every packet up to the END was received."""
        return self.end_seq is not None and self.next_seq > self.end_seq

    @property
    def has_gap(self) -> bool:
        """Packets wait for an earlier one."""
        return bool(self._starts)

    @property
    def readable_bytes(self) -> int:
        """Bytes that can be read now."""
        return self._ready_bytes

    @property
    def buffered_bytes(self) -> int:
        """Bytes held, ready or waiting."""
        return self._ready_bytes + self._waiting_bytes

    def window(self) -> int:
        """Receive window to put in the next packet; remembered as announced."""
        unread = self._ready_bytes if self._unread_before is None else self._unread_before
        self._advertised = max(0, self._max_window - unread)
        return self._advertised

    def begin_burst(self) -> None:
        """What arrives from now on does not shrink the window yet: the application has had no chance to read it."""
        self._unread_before = self._ready_bytes

    def end_burst(self) -> None:
        """The window counts everything unread again."""
        self._unread_before = None

    def read(self) -> bytes:
        """All ready bytes, in order."""
        ready = self._ready
        data = bytes(ready[0]) if len(ready) == 1 else b"".join(ready)
        self._ready = []
        self._ready_bytes = 0
        if self._advertised < self._max_window // 4:
            self.update_owed = True
        return data

    def accept(self, seq: int, flags: int, payload: bytes | memoryview) -> bool:
        """Take a DATA or END packet; False if there is no room for it (it must not be acknowledged).

        Duplicates and packets after the END are taken and ignored.
        """
        if seq < self.next_seq or self.ended or seq in self._waiting:
            return True
        size = len(payload)
        if self._ready_bytes + self._waiting_bytes + size > 2 * self._max_window:
            return False
        if seq != self.next_seq:
            return self._hold(seq, flags, payload)
        self.bytes_received += size
        if flags & END:
            self.end_seq = seq
        self.next_seq = seq + 1
        if size and flags & DATA:
            self._ready.append(payload)
            self._ready_bytes += size
        if self._starts and self._starts[0] == self.next_seq:
            self._release()
        return True

    def sack_blocks(self) -> list[tuple[int, int]]:
        """Ranges that wait, ascending, at most :data:`~engine.proto.udx.packet.MAX_SACK_BLOCKS`."""
        return list(zip(self._starts[:MAX_SACK_BLOCKS], self._ends[:MAX_SACK_BLOCKS], strict=True))

    def _hold(self, seq: int, flags: int, payload: bytes | memoryview) -> bool:
        if seq - self.next_seq > MAX_LOOKAHEAD:
            return False
        if self.end_seq is not None and seq > self.end_seq:
            return True
        if flags & END:
            self.end_seq = seq
        self.bytes_received += len(payload)
        self._waiting[seq] = (flags, payload)
        self._waiting_bytes += len(payload) + WAITING_OVERHEAD_BYTES
        starts, ends = self._starts, self._ends
        index = bisect_right(starts, seq)
        if index and ends[index - 1] == seq:
            index -= 1
            ends[index] = seq + 1
        else:
            starts.insert(index, seq)
            ends.insert(index, seq + 1)
        if index + 1 < len(starts) and starts[index + 1] == seq + 1:
            ends[index] = ends.pop(index + 1)
            del starts[index + 1]
        return True

    def _release(self) -> None:
        first = self._starts.pop(0)
        end = self._ends.pop(0)
        for seq in range(first, end):
            flags, payload = self._waiting.pop(seq)
            self._waiting_bytes -= len(payload) + WAITING_OVERHEAD_BYTES
            if payload and flags & DATA:
                self._ready.append(payload)
                self._ready_bytes += len(payload)
        self.next_seq = end
