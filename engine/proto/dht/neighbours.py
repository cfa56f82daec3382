"""Who we know, how fresh that is, and what the neighbours say about our own address.

Theory of operation: every message with a validated id refreshes or adds a node. Time is counted in ticks of five
seconds. Each tick yields a :class:`TickPlan`: nodes to ping because they were silent for longest, and whether
to run a refresh query. A silent or id-less node is removed. A full row is only touched when its stalest node does not
answer a ping, so long-lived nodes cannot be pushed out by newcomers. At most ten hint checks and three row checks run
at once.

States: *fresh* (heard this minute), *old* (known for 30 minutes). After a sleep of the machine everything is old.

What a peer may do wrong: claim a foreign id (treated as id-less by the caller), report a wrong address (outvoted
in :class:`~engine.proto.dht.nat_sampler.NatSampler`; id-less nodes have at most as many votes as there are bootstrap
nodes), send down hints for healthy nodes (each costs one ping per tick at most).

Protocol reference: 02-hyperdht sections 7 and 8.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass
from itertools import islice

from engine.proto.dht.nat_sampler import NatSampler
from engine.proto.dht.peer_id import peer_id
from engine.proto.dht.routing_table import Node, RoutingTable
from engine.wire.compact import Address

TICK_S = 5.0
"""Length of a tick."""
SLEEP_S = 3 * TICK_S
"""A longer gap between two ticks means that the machine slept."""
STABLE_TICKS = 240
"""Ticks until an adaptive node tries to become persistent (20 minutes)."""
MORE_STABLE_TICKS = 3 * STABLE_TICKS
"""The same after a wake-up or a failed check."""
REFRESH_TICKS = 60
"""Ticks between the last query and a refresh (5 minutes)."""
RECENT_TICKS = 12
"""A node heard within this many ticks is fresh (1 minute)."""
OLD_TICKS = 360
"""A node known for longer is old (30 minutes)."""
PING_EVERY_TICKS = 8
"""The oldest nodes are pinged every so many ticks (40 seconds)."""
SMALL_TABLE_TICKS = 64
"""A table with fewer than 20 nodes is refreshed every so many ticks."""
MAX_CHECKS = 10
"""Pings because of down hints or age at once, above which hints are ignored."""
MAX_ROW_CHECKS = 3
"""Pings because of full rows at once."""

_UNWANTED_HOST = "150.136.142.116"
_UNWANTED = {("134.209.28.98", 49738), ("167.99.142.185", 49738), ("35.233.47.252", 9400)}


def wanted(address: Address) -> bool:
    """False for the four public test nodes that every implementation ignores, and for port 0.

    Protocol reference: 02-hyperdht section 7.
    """
    return address[1] != 0 and address[0] != _UNWANTED_HOST and address not in _UNWANTED


@dataclass(frozen=True, slots=True)
class Check:
    """A node to ping; tell the result with :meth:`Neighbours.check_done`."""

    node: Node
    """Whom to ping."""
    newcomer: Node | None
    """Who takes its place in a full row when it is silent."""


@dataclass(frozen=True, slots=True)
class TickPlan:
    """What one tick asks for."""

    checks: list[Check]
    """Nodes to ping."""
    refresh: bool
    """Run a refresh query."""
    try_persistent: bool
    """The node was stable for long enough."""


class Neighbours:
    """Routing table, age order, own address and the five-second schedule.

    Args:
        id: own table id to start with.
        random_bytes: entropy for phases and for picking a node.
        max_anonymous_samples: how many id-less nodes may report our address.
    """

    def __init__(self, id: bytes, random_bytes: Callable[[int], bytes], max_anonymous_samples: int = 1) -> None:
        self.table = RoutingTable(id)
        """Known nodes."""
        self.nat = NatSampler()
        """Own public address as others see it."""
        self.bootstrapped = False
        """Set by the owner after the first answers; rows are not repinged before."""
        self._random_bytes = random_bytes
        self._age: OrderedDict[bytes, Node] = OrderedDict()
        self._anonymous: set[Address] = set()
        self._max_anonymous_samples = max(1, max_anonymous_samples)
        self._tick = 100 - random_bytes(1)[0] * 50 // 256
        self._refresh_ticks = REFRESH_TICKS - random_bytes(1)[0] * 30 // 256
        self._stable_ticks = STABLE_TICKS
        self._row_checks = 0
        self._checks = 0
        self._checked_host: str | None = None

    def latest(self, count: int | None = None) -> list[Node]:
        """Nodes by when they were last heard, newest first."""
        return list(islice(reversed(self._age.values()), count))

    def heard(self, address: Address, id: bytes | None, to: Address, *, sample: bool) -> Check | None:
        """Note a message from a node.

        Args:
            address: source of the message.
            id: its validated id, None for an ephemeral node.
            to: our address as the sender sees it.
            sample: whether ``to`` is about the socket our requests leave from.

        Returns:
            A node to ping when the newcomer's row is full.
        """
        if not wanted(address):
            return None
        if id is None:
            self._sample_anonymous(address, to)
            return None
        node = self.table.get(id)
        if node is None:
            return self._add(Node(id, address, to if sample else None))
        if sample and (node.sampled is None or self._tick - node.sampled >= OLD_TICKS):
            self._sample(node, to)
        node.pinged = node.seen = self._tick
        self._age.move_to_end(id)
        return None

    def learned(self, address: Address) -> None:
        """Add a node remembered from an earlier run, without any proof that it lives."""
        if wanted(address):
            self._add(Node(peer_id(address), address))

    def silent(self, address: Address) -> None:
        """Note that a node did not answer a request."""
        self._remove(peer_id(address))

    def down_hint(self, address: Address) -> Check | None:
        """Note that somebody calls a node dead; a node to ping when that is worth a try."""
        node = self.table.get(peer_id(address))
        if node is None or self._checks >= MAX_CHECKS:
            return None
        if node.pinged >= self._tick and node.down_hints > 0:
            return None
        node.down_hints += 1
        return self._check(node)

    def check_done(self, check: Check, alive: bool) -> None:
        """Note the result of a ping.

        Args:
            check: what was asked for.
            alive: it answered with its id.
        """
        if check.newcomer is None:
            self._checks -= 1
        else:
            self._row_checks -= 1
        if not alive:
            self._remove(check.node.id)
            if check.newcomer is not None:
                self._add(check.newcomer)

    def queried(self) -> None:
        """Note that a query ran, which postpones the next refresh."""
        self._refresh_ticks = REFRESH_TICKS

    def refresh_target(self) -> bytes:
        """A random known node's id, or the own one."""
        if not self._age:
            return self.table.id
        position = int.from_bytes(self._random_bytes(4), "big") % len(self._age)
        return next(islice(self._age, position, None))

    def tick(self, *, slept: bool, in_flight: int, adaptive: bool) -> TickPlan:
        """Advance by one tick.

        Args:
            slept: the gap since the previous tick was longer than :data:`SLEEP_S`.
            in_flight: requests that wait for a reply.
            adaptive: the node is ephemeral and may become persistent.
        """
        if slept:
            self._woke_up()
        else:
            self._tick += 1
        if not self.bootstrapped:
            return TickPlan([], False, False)
        try_persistent = adaptive and self._stable_for_long()
        checks: list[Check] = []
        refresh = False
        if self._tick % PING_EVERY_TICKS == 0:
            checks = self._oldest(in_flight)
            refresh = not self._age
        self._refresh_ticks -= 1
        small = self._tick % SMALL_TABLE_TICKS == 0 and len(self.table) < self.table.k
        return TickPlan(checks, refresh or small or self._refresh_ticks <= 0, try_persistent)

    def state_checked(self) -> None:
        """Note that the network state was examined; the next try comes after an hour, or when the host changes."""
        self._stable_ticks = MORE_STABLE_TICKS
        self._checked_host = self.nat.host

    def rebase(self, id: bytes, nat: NatSampler | None = None) -> None:
        """Take another table id and, if given, another view of the own address; nodes are re-inserted."""
        if nat is not None:
            self.nat = nat
            self._anonymous.clear()
        if id == self.table.id:
            return
        nodes = list(self._age.values())
        self.table = RoutingTable(id)
        for node in nodes:
            if node.id == id or not self.table.add(node):
                del self._age[node.id]

    def _add(self, node: Node) -> Check | None:
        if node.id == self.table.id or node.id in self._age:
            return None
        node.added = node.pinged = node.seen = self._tick
        if not self.table.add(node):
            return self._row_full(node)
        self._age[node.id] = node
        if node.to is not None:
            self._sample(node, node.to)
        return None

    def _row_full(self, newcomer: Node) -> Check | None:
        if not self.bootstrapped or self._row_checks >= MAX_ROW_CHECKS:
            return None
        row = [node for node in self.table.row(self.table.row_of(newcomer.id)) if node.pinged != self._tick]
        if not row:
            return None
        stalest = min(row, key=lambda node: (node.pinged, node.added))
        if self._tick - stalest.pinged < RECENT_TICKS and self._tick - stalest.added > OLD_TICKS:
            return None
        stalest.pinged = self._tick
        self._row_checks += 1
        return Check(stalest, newcomer)

    def _check(self, node: Node) -> Check:
        node.pinged = self._tick
        self._checks += 1
        return Check(node, None)

    def _oldest(self, in_flight: int) -> list[Check]:
        if not self._age:
            return []
        count = 3 if in_flight > 2 else 5
        if self._tick - next(iter(self._age.values())).pinged < RECENT_TICKS:
            count = 2
        stale = [node for node in islice(self._age.values(), count) if node.pinged != self._tick]
        return [self._check(node) for node in stale]

    def _remove(self, id: bytes) -> None:
        if self.table.remove(id):
            del self._age[id]

    def _sample(self, node: Node, to: Address) -> None:
        node.to = to
        node.sampled = self._tick
        self.nat.add(*to)

    def _sample_anonymous(self, address: Address, to: Address) -> None:
        if len(self._anonymous) < self._max_anonymous_samples and address not in self._anonymous:
            self._anonymous.add(address)
            self.nat.add(*to)

    def _stable_for_long(self) -> bool:
        self._stable_ticks -= 1
        if self._stable_ticks > 0:
            return False
        if self._checked_host == self.nat.host:
            self._stable_ticks = MORE_STABLE_TICKS
            return False
        return True

    def _woke_up(self) -> None:
        self._tick += 2 * OLD_TICKS
        self._tick += PING_EVERY_TICKS - self._tick % PING_EVERY_TICKS - 2
        self._stable_ticks = MORE_STABLE_TICKS
        self._refresh_ticks = 1
        self._checked_host = None
