"""The forward table: which announced key is reached through which address, and which keys are served here.

Theory of operation: a self announce stores the address it came from; handshakes for that key are forwarded there.
Entries expire like records and are renewed by use. Keys of local servers are pinned: they never expire and no announce
from the network replaces them.

Protocol reference: 02-hyperdht sections 12 and 13.
"""

from __future__ import annotations

from dataclasses import dataclass

from engine.proto.dht.records import RECORD_AGE_S, ExpiringMap
from engine.wire.compact import Address


@dataclass(frozen=True, slots=True)
class Forward:
    """Where to send handshakes for a key."""

    relay_address: Address | None
    """Source of the self announce; None for a local server."""
    record: bytes
    """Encoded peer record, the answer to FIND_PEER."""
    server: object | None = None
    """The local server that listens on the key."""


class ForwardTable:
    """Forward entries by target.

    Args:
        now: time in seconds.
    """

    def __init__(self, now: float) -> None:
        self._entries: ExpiringMap[bytes, Forward] = ExpiringMap(RECORD_AGE_S, now)
        self._pinned: dict[bytes, Forward] = {}

    def __len__(self) -> int:
        return len(self._entries) + len(self._pinned)

    def get(self, target: bytes) -> Forward | None:
        """The entry of a target; asking renews it."""
        return self._pinned.get(target) or self._entries.get(target)

    def announce(self, target: bytes, address: Address, record: bytes) -> None:
        """Store a self announce; ignored for pinned targets."""
        if target not in self._pinned:
            self._entries.set(target, Forward(address, record))

    def unannounce(self, target: bytes) -> None:
        """Forget a self announce; pinned targets stay."""
        self._entries.delete(target)

    def pin(self, target: bytes, record: bytes, server: object) -> None:
        """Serve a target here."""
        self._entries.delete(target)
        self._pinned[target] = Forward(None, record, server)

    def unpin(self, target: bytes) -> None:
        """Stop serving a target here."""
        self._pinned.pop(target, None)

    def expire(self, now: float) -> None:
        """Drop what is too old."""
        self._entries.expire(now)
