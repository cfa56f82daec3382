"""Path MTU discovery with data packets.

Theory of operation
    One data packet at a time is padded to the size that is tried: ``SEARCHING`` with or without an outstanding probe,
    until the limit is reached or one size failed :data:`MAX_FAILURES` times (``DONE``). A lost probe is repeated as a
    normal packet, and congestion control does not hear of it. There is no black hole detection afterwards.

Protocol reference: 01-udx section 10. Sizes count the IP packet.
"""

from __future__ import annotations

BASE_MTU = 1200
MAX_MTU = 1500
STEP = 32
MAX_FAILURES = 3
IPV4_OVERHEAD = 48
"""IP, UDP and UDX headers."""

MAX_PADDING = 255


class MtuProber:
    """Search for the largest packet that gets through.

    Args:
        limit: largest IP packet to try, at most :data:`MAX_MTU`.
    """

    def __init__(self, limit: int = MAX_MTU) -> None:
        self._limit = min(limit, MAX_MTU)
        self.restart()

    @property
    def payload_size(self) -> int:
        """Stream bytes that fit in one packet."""
        return self.mtu - IPV4_OVERHEAD

    def restart(self) -> None:
        """Begin again, for a new path."""
        self.mtu = BASE_MTU
        self._size = BASE_MTU
        self._failures = 0
        self._outstanding = False
        self._started = False
        self._done = self._limit <= BASE_MTU

    def start(self) -> None:
        """The first ack arrived: probing may begin."""
        self._started = True

    def claim_probe(self, payload_bytes: int) -> int:
        """Size to which a packet with this payload should be padded as a probe, 0 if it should not be one."""
        if self._done or self._outstanding or not self._started:
            return 0
        if not 0 <= self._size - IPV4_OVERHEAD - payload_bytes <= MAX_PADDING:
            return 0
        self._outstanding = True
        return self._size

    @staticmethod
    def padding(probe_size: int, payload_bytes: int) -> int:
        """Zero bytes that fill a probe, 0 for a normal packet."""
        return probe_size - IPV4_OVERHEAD - payload_bytes if probe_size else 0

    def acknowledged(self, size: int) -> None:
        """A probe arrived."""
        self._outstanding = False
        if self._done or size != self._size:
            return
        self.mtu = size
        self._failures = 0
        if size >= self._limit:
            self._done = True
        else:
            self._size = min(size + STEP, self._limit)

    def lost(self, size: int) -> None:
        """A probe did not arrive."""
        self._outstanding = False
        if self._done or size != self._size:
            return
        self._failures += 1
        if self._failures >= MAX_FAILURES:
            self._done = True
