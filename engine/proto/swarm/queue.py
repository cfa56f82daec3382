"""Peers waiting to be dialled: by priority, at random inside a priority.

Protocol reference: 05-hyperswarm section 4.
"""

from __future__ import annotations

from engine.proto.swarm.peer import PeerInfo, Priority, Random


class DialQueue:
    """A queue whose order cannot be steered by the order in which peers were announced."""

    def __init__(self, random: Random) -> None:
        self._random = random
        self._buckets: list[list[PeerInfo]] = [[] for _ in Priority]

    def __len__(self) -> int:
        return sum(map(len, self._buckets))

    def push(self, peer: PeerInfo) -> None:
        """Add a peer under its priority."""
        self._buckets[peer.priority].append(peer)
        peer.queued = True

    def pop(self) -> PeerInfo:
        """Remove a peer of the highest priority.

        Raises:
            IndexError: the queue is empty.
        """
        bucket = next((bucket for bucket in reversed(self._buckets) if bucket), None)
        if bucket is None:
            raise IndexError("the queue is empty")
        index = int(self._random() * len(bucket))
        bucket[index], bucket[-1] = bucket[-1], bucket[index]
        peer = bucket.pop()
        peer.queued = False
        return peer

    def discard(self, peer: PeerInfo) -> None:
        """Remove a peer if it is queued."""
        if peer.queued:
            self._buckets[peer.priority].remove(peer)
            peer.queued = False
