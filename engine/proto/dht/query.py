"""The iterative query: ask the closest known nodes, learn closer ones from their answers, until nothing is closer.

Theory of operation: candidates are visited last in, first out, with a limited number in flight. A candidate is dropped
when 20 closer nodes have answered meanwhile. A request that is not answered within its first second counts as slow and
frees its place while it goes on. The query is over when nothing is pending and nothing is in flight, or when only slow
requests remain and 20 nodes have answered. A query that starts from remembered nodes asks three at a time until ten
have answered, and falls back to the routing table when fewer than five of them did.

    visits() -> answered() / slow() / failed() -> visits() ... finished

What a peer may do wrong: name dead nodes (whoever named one gets a down hint), name nodes without end (they have to
be closer than the 20 best, and a query visits at most :data:`MAX_VISITS`), name addresses that are nobody's (loopback
named by a remote node, multicast, port 0: skipped).

Protocol reference: 02-hyperdht section 10.
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Callable, Iterable, Sequence
from typing import Generic, TypeVar

from engine.proto.dht.neighbours import wanted
from engine.proto.dht.peer_id import distance, peer_id
from engine.proto.dht.routing_table import K
from engine.wire.compact import Address

CONCURRENCY = 10
"""Requests in flight of a normal query."""
BACKGROUND_CONCURRENCY = 2
"""Requests in flight of a refresh while other traffic is busy."""
SLOW_START_CONCURRENCY = 3
"""Requests in flight while only remembered nodes were asked."""
MAX_VISITS = 512
"""Nodes that one query asks at most."""

R = TypeVar("R")

_Referrers = list[Address]
_DONE: _Referrers = []
_DOWN: _Referrers = []
_NEVER_REACHABLE = ("0.", "255.")


class Query(Generic[R]):
    """Decides whom to ask. ``R`` is the owner's reply type.

    Args:
        target: 32 bytes.
        own_id: own table id, never asked.
        table: gives up to that many known nodes near the target.
        concurrency: requests in flight.
        nodes: where to start, most promising first; the table is used too when they are fewer than 20.
        only_nodes: ask nobody but ``nodes``.
        k: answers that make a full result.
    """

    def __init__(
        self,
        target: bytes,
        own_id: bytes,
        table: Callable[[int], Sequence[Address]],
        *,
        concurrency: int = CONCURRENCY,
        nodes: Sequence[Address] = (),
        only_nodes: bool = False,
        k: int = K,
    ) -> None:
        self.concurrency = concurrency
        """Requests in flight; may be changed while the query runs."""
        self.closest: list[R] = []
        """Replies of the closest nodes, closest first, at most k."""
        self.answers = 0
        """Replies without an error number."""
        self.errors = 0
        """Error replies and requests without a reply."""
        self.finished = False
        """Nobody is left to ask."""
        self._target = target
        self._own_id = own_id
        self._table = table
        self._k = k
        self._only_nodes = only_nodes
        self._distances: list[int] = []
        self._seen: dict[Address, _Referrers] = {}
        self._pending: list[tuple[int, Address]] = []
        self._in_flight: dict[Address, bool] = {}
        self._slow = 0
        self._visits = 0
        self._slow_start = False
        self._used_table = only_nodes
        self._down_hints: list[tuple[Address, Address]] = []
        for node in reversed(nodes):
            self._add(node, None)
        if not only_nodes and len(self._pending) < k:
            self._add_from_table()

    @property
    def only_slow_left(self) -> bool:
        """Whether somebody answered and everyone still asked was silent for a second."""
        return self.answers > 0 and not self._pending and self._slow == len(self._in_flight)

    @property
    def wants_bootstrap(self) -> bool:
        """Whether fewer than k nodes are known to start with, so that bootstrap nodes should be added."""
        return not self._only_nodes and self._visits == 0 and len(self._pending) < self._k

    def add(self, nodes: Iterable[Address]) -> None:
        """Add nodes to ask, for example bootstrap nodes; the last one is asked first."""
        for node in nodes:
            self._add(node, None)

    def visits(self) -> list[Address]:
        """Nodes to ask now; each must be reported by :meth:`answered` or :meth:`failed` later."""
        found: list[Address] = []
        if self.finished:
            return found
        limit = (SLOW_START_CONCURRENCY if self._slow_start else self.concurrency) + self._slow
        while self._pending and len(self._in_flight) < limit:
            node_distance, node = self._pending.pop()
            if self._visits >= MAX_VISITS or not self._is_closer(node_distance):
                continue
            self._visits += 1
            self._in_flight[node] = False
            found.append(node)
        if not self._used_table and self.answers + self.errors == 0:
            self._slow_start = True
        if not self._pending and self._is_settled():
            if self._used_table or self.answers >= self._k // 4:
                self.finished = True
            else:
                self._add_from_table()
                found += self.visits()
        return found

    def answered(
        self, node: Address, reply: R, *, id: bytes | None, error: int, closer_nodes: Sequence[Address]
    ) -> None:
        """Note a reply.

        Args:
            node: who was asked.
            reply: kept when it is among the closest.
            id: validated id of the node, None if it sent none.
            error: error number of the reply.
            closer_nodes: whom it names.
        """
        self._leave(node)
        self._seen[node] = _DONE
        if self.finished:
            return
        if error == 0:
            self.answers += 1
            if id is not None:
                self._keep(distance(self._target, id), reply)
        else:
            self.errors += 1
        for closer in closer_nodes:
            if not _plausible(closer, node) or peer_id(closer) == self._own_id:
                continue
            if not self._add(closer, node):
                break
        if self.answers + self.errors >= CONCURRENCY:
            self._slow_start = False

    def slow(self, node: Address) -> None:
        """Note that the first second passed without a reply."""
        if self._in_flight.get(node) is False:
            self._in_flight[node] = True
            self._slow += 1

    def failed(self, node: Address, *, down: bool) -> None:
        """Note that no reply came.

        Args:
            node: who was asked.
            down: it is dead, as opposed to a request that was cancelled here.
        """
        self._leave(node)
        if down:
            referrers = self._seen.get(node, _DONE)
            self._seen[node] = _DOWN
            self._down_hints += [(referrer, node) for referrer in referrers]
        self.errors += 1

    def take_down_hints(self) -> list[tuple[Address, Address]]:
        """Pairs (whom to tell, dead node) since the last call."""
        hints, self._down_hints = self._down_hints, []
        return hints

    def _leave(self, node: Address) -> None:
        if self._in_flight.pop(node, False):
            self._slow -= 1

    def _is_settled(self) -> bool:
        if not self._in_flight:
            return True
        return self._slow == len(self._in_flight) and len(self.closest) >= self._k

    def _is_closer(self, node_distance: int) -> bool:
        return len(self.closest) < self._k or node_distance < self._distances[-1]

    def _add(self, node: Address, referrer: Address | None) -> bool:
        if not wanted(node):
            return True
        node_distance = distance(self._target, peer_id(node))
        closer = self._is_closer(node_distance)
        referrers = self._seen.get(node)
        if referrers is None:
            if self._only_nodes and referrer is not None:
                return False
            if closer:
                self._seen[node] = [referrer] if referrer else []
                self._pending.append((node_distance, node))
        elif referrers is _DOWN:
            if referrer:
                self._down_hints.append((referrer, node))
        elif referrers is not _DONE and referrer:
            referrers.append(referrer)
        return closer

    def _add_from_table(self) -> None:
        self._used_table = True
        for node in self._table(self._k - len(self._pending)):
            self._add(node, None)

    def _keep(self, node_distance: int, reply: R) -> None:
        if not self._is_closer(node_distance):
            return
        index = bisect_left(self._distances, node_distance)
        if index < len(self._distances) and self._distances[index] == node_distance:
            return
        self._distances.insert(index, node_distance)
        self.closest.insert(index, reply)
        del self._distances[self._k :], self.closest[self._k :]


def _plausible(node: Address, named_by: Address) -> bool:
    host = node[0]
    if host.startswith("127."):
        return named_by[0].startswith("127.")
    return not host.startswith(_NEVER_REACHABLE) and int(host.partition(".")[0]) < 224
