"""Memory of closed streams.

Theory of operation
    The last ack of a closing handshake can be lost; a peer that has no answer to its END then retransmits it for 13 s
    and reports a timeout. A cleanly closed stream therefore leaves its final ack here for :data:`LINGER_S`, and a DATA
    or END packet for its id is answered with it. Meanwhile the id is not given to a new stream.

    Limit: :data:`MAX_ENTRIES`, the oldest goes first.

Protocol reference: 01-udx section 5 and section 17.
"""

from __future__ import annotations

from engine.proto.udx.packet import DATA, END
from engine.proto.udx.scoreboard import Route

LINGER_S = 15.0
MAX_ENTRIES = 4096


class ClosedStreams:
    """Final acks by local stream id."""

    def __init__(self) -> None:
        self._entries: dict[int, tuple[float, tuple[Route, bytes] | None]] = {}

    def __contains__(self, local_id: int) -> bool:
        return local_id in self._entries

    def __len__(self) -> int:
        return len(self._entries)

    def add(self, local_id: int, final_ack: tuple[Route, bytes] | None, now: float) -> None:
        """Remember a closed stream; without a final ack its id is only reserved."""
        self.expire(now)
        self._entries.pop(local_id, None)
        while len(self._entries) >= MAX_ENTRIES:
            del self._entries[next(iter(self._entries))]
        self._entries[local_id] = (now + LINGER_S, final_ack)

    def answer(self, local_id: int, flags: int, now: float) -> tuple[Route, bytes] | None:
        """The ack to send for a packet with these flags, None for no answer."""
        self.expire(now)
        entry = self._entries.get(local_id)
        return entry[1] if entry is not None and flags & (DATA | END) else None

    def expire(self, now: float) -> None:
        """Forget what is old enough."""
        while self._entries:
            local_id = next(iter(self._entries))
            if self._entries[local_id][0] > now:
                return
            del self._entries[local_id]
