"""The routing table: known persistent nodes, sorted by how many leading bits of the own id they share.

Theory of operation: 256 rows of at most 20 nodes, each row sorted by id. A full row refuses newcomers; whether an old
node makes room is decided by :mod:`engine.proto.dht.neighbours`. Ids are hashes of addresses, so an attacker needs real
addresses to fill rows, and the total is bounded by the row size.

Protocol reference: 02-hyperdht section 7.
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Iterator
from dataclasses import dataclass, field

from engine.wire.compact import Address

K = 20
"""Nodes per row, and nodes in an answer."""
ROWS = 256
"""One row per leading bit that can be shared."""


@dataclass(slots=True, eq=False)
class Node:
    """A node of the table. Times are ticks of five seconds."""

    id: bytes
    """Hash of the address."""
    address: Address
    """Where it answers."""
    to: Address | None = None
    """Our own address as it last reported it."""
    added: int = 0
    """Tick of insertion."""
    pinged: int = 0
    """Tick of the last contact or attempt."""
    seen: int = 0
    """Tick we last heard from it."""
    sampled: int | None = None
    """Tick its report of our address was last used."""
    down_hints: int = 0
    """How often others said it is down."""


@dataclass(slots=True)
class _Row:
    ids: list[bytes] = field(default_factory=list)
    nodes: list[Node] = field(default_factory=list)


class RoutingTable:
    """Known nodes around the own id.

    Args:
        id: own table id, 32 bytes.
        k: nodes per row.
    """

    def __init__(self, id: bytes, k: int = K) -> None:
        self.id = id
        """Own table id; sent to others only while persistent."""
        self.k = k
        """Nodes per row."""
        self._number = int.from_bytes(id, "big")
        self._rows: dict[int, _Row] = {}
        self._nodes: dict[bytes, Node] = {}

    def __len__(self) -> int:
        return len(self._nodes)

    def __iter__(self) -> Iterator[Node]:
        return iter(self._nodes.values())

    def row_of(self, id: bytes) -> int:
        """Number of leading bits ``id`` shares with the own id; the own id belongs to the last row."""
        return min(ROWS - (self._number ^ int.from_bytes(id, "big")).bit_length(), ROWS - 1)

    def row(self, index: int) -> list[Node]:
        """Nodes of a row in id order."""
        row = self._rows.get(index)
        return list(row.nodes) if row else []

    def get(self, id: bytes) -> Node | None:
        """The node with this id."""
        return self._nodes.get(id)

    def add(self, node: Node) -> bool:
        """Insert or replace; False when the row is full."""
        row = self._rows.setdefault(self.row_of(node.id), _Row())
        index = bisect_left(row.ids, node.id)
        if node.id in self._nodes:
            row.nodes[index] = node
        elif len(row.ids) >= self.k:
            return False
        else:
            row.ids.insert(index, node.id)
            row.nodes.insert(index, node)
        self._nodes[node.id] = node
        return True

    def remove(self, id: bytes) -> bool:
        """Forget a node; False when it was not there."""
        if self._nodes.pop(id, None) is None:
            return False
        row = self._rows[self.row_of(id)]
        index = bisect_left(row.ids, id)
        del row.ids[index]
        del row.nodes[index]
        return True

    def closest(self, target: bytes, count: int = K) -> list[Node]:
        """Up to ``count`` nodes near ``target``: its row, the rows before it, then those after, in id order per row."""
        start = self.row_of(target)
        found: list[Node] = []
        before = sorted((index for index in self._rows if index <= start), reverse=True)
        after = sorted(index for index in self._rows if index > start)
        for index in (*before, *after):
            found += self._rows[index].nodes[: count - len(found)]
            if len(found) >= count:
                break
        return found
