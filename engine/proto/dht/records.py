"""Storage that forgets: two-generation maps.

Theory of operation: writes go to the fresh generation. On rotation the fresh generation becomes the stale one and the
old stale one is dropped, so an entry lives between one and two rotation periods. Rotation comes with time and, as the
bound on memory, when the fresh generation is full. Reading may renew an entry.

Protocol reference: 02-hyperdht section 12 (expiry).
"""

from __future__ import annotations

from collections.abc import Callable, Hashable
from typing import Generic, TypeVar

RECORD_AGE_S = 20 * 60.0
"""Nominal life of announces and forwards; real life is 2/3 to 4/3 of it."""
VALUE_AGE_S = 48 * 3600.0
"""Nominal life of mutable and immutable values."""
MAX_RECORDS = 65_536
"""Entries of one generation of announces or forwards."""
MAX_VALUES = MAX_RECORDS // 2
"""Entries of one generation of values."""
MAX_VALUE_BYTES = 32 * 1024 * 1024
"""Bytes of one generation of values."""

K = TypeVar("K", bound=Hashable)
V = TypeVar("V")


class Rotation:
    """When a two-generation store rotates: two thirds of the nominal age after the previous rotation.

    Args:
        age_s: nominal life of an entry in seconds.
        now: time in seconds.
    """

    def __init__(self, age_s: float, now: float) -> None:
        self._period_s = age_s * 2 / 3
        self._next = now + self._period_s

    def due(self, now: float) -> bool:
        """Whether to rotate now; True at most once per period."""
        if now < self._next:
            return False
        self._next = now + self._period_s
        return True


class ExpiringMap(Generic[K, V]):
    """A map whose entries expire.

    Args:
        age_s: nominal life of an entry in seconds.
        now: time in seconds.
        max_items: entries of one generation.
        max_weight: sum of ``weigh`` over one generation.
        weigh: weight of a value.
    """

    def __init__(
        self,
        age_s: float,
        now: float,
        *,
        max_items: int = MAX_RECORDS,
        max_weight: int | None = None,
        weigh: Callable[[V], int] = lambda value: 1,
    ) -> None:
        self._rotation = Rotation(age_s, now)
        self._max_items = max_items
        self._max_weight = max_weight
        self._weigh = weigh
        self._weight = 0
        self._fresh: dict[K, V] = {}
        self._stale: dict[K, V] = {}

    def __len__(self) -> int:
        return len(self._fresh) + len(self._stale)

    def get(self, key: K) -> V | None:
        """The value; reading renews the entry."""
        value = self._fresh.get(key)
        if value is None:
            value = self._stale.pop(key, None)
            if value is not None:
                self._put(key, value)
        return value

    def set(self, key: K, value: V) -> None:
        """Store a value; a full generation is rotated first."""
        self._stale.pop(key, None)
        self._put(key, value)

    def delete(self, key: K) -> None:
        """Forget an entry."""
        old = self._fresh.pop(key, None)
        if old is not None:
            self._weight -= self._weigh(old)
        self._stale.pop(key, None)

    def expire(self, now: float) -> None:
        """Drop what is too old."""
        if self._rotation.due(now):
            self._rotate()

    def _put(self, key: K, value: V) -> None:
        old = self._fresh.pop(key, None)
        if old is not None:
            self._weight -= self._weigh(old)
        weight = self._weigh(value)
        too_heavy = self._max_weight is not None and self._weight + weight > self._max_weight
        if too_heavy or len(self._fresh) >= self._max_items:
            self._rotate()
        self._fresh[key] = value
        self._weight += weight

    def _rotate(self) -> None:
        self._stale, self._fresh = self._fresh, {}
        self._weight = 0


class _Members:
    """Records of one topic, one per public key, with constant-time random choice."""

    __slots__ = ("_index", "_items")

    def __init__(self) -> None:
        self._index: dict[bytes, int] = {}
        self._items: list[tuple[bytes, bytes]] = []

    def __len__(self) -> int:
        return len(self._items)

    def __getitem__(self, position: int) -> bytes:
        return self._items[position][1]

    def add(self, key: bytes, record: bytes) -> bool:
        if key in self._index:
            return False
        self._index[key] = len(self._items)
        self._items.append((key, record))
        return True

    def remove(self, key: bytes) -> bool:
        position = self._index.pop(key, None)
        if position is None:
            return False
        last = self._items.pop()
        if position < len(self._items):
            self._items[position] = last
            self._index[last[0]] = position
        return True


class TopicRecords:
    """Announced records by topic.

    Args:
        age_s: nominal life of a record in seconds.
        now: time in seconds.
        random_bytes: entropy for choosing among many records.
        max_records: records of one generation.
    """

    def __init__(
        self,
        age_s: float,
        now: float,
        random_bytes: Callable[[int], bytes],
        *,
        max_records: int = MAX_RECORDS,
    ) -> None:
        self._rotation = Rotation(age_s, now)
        self._random_bytes = random_bytes
        self._max_records = max_records
        self._fresh: dict[bytes, _Members] = {}
        self._stale: dict[bytes, _Members] = {}
        self._fresh_count = 0
        self._stale_count = 0

    def __len__(self) -> int:
        return self._fresh_count + self._stale_count

    def add(self, topic: bytes, key: bytes, record: bytes) -> None:
        """Store a record; one that is in the fresh generation already stays as it is."""
        self._remove_stale(topic, key)
        members = self._fresh.setdefault(topic, _Members())
        if members.add(key, record):
            self._fresh_count += 1
            if self._fresh_count > self._max_records:
                self._rotate()

    def remove(self, topic: bytes, key: bytes) -> None:
        """Forget a record."""
        members = self._fresh.get(topic)
        if members is not None and members.remove(key):
            self._fresh_count -= 1
            if not members:
                del self._fresh[topic]
        self._remove_stale(topic, key)

    def choose(self, topic: bytes, count: int) -> list[bytes]:
        """Up to ``count`` records of a topic, chosen at random when there are more."""
        fresh = self._fresh.get(topic) or _EMPTY
        stale = self._stale.get(topic) or _EMPTY
        total = len(fresh) + len(stale)
        positions = range(total) if total <= count else self._distinct(total, count)
        return [fresh[at] if at < len(fresh) else stale[at - len(fresh)] for at in positions]

    def expire(self, now: float) -> None:
        """Drop what is too old."""
        if self._rotation.due(now):
            self._rotate()

    def _distinct(self, total: int, count: int) -> list[int]:
        moved: dict[int, int] = {}
        chosen: list[int] = []
        entropy = self._random_bytes(4 * count)
        for step in range(count):
            left = total - step
            at = int.from_bytes(entropy[4 * step : 4 * step + 4], "big") % left
            chosen.append(moved.get(at, at))
            moved[at] = moved.get(left - 1, left - 1)
        return chosen

    def _remove_stale(self, topic: bytes, key: bytes) -> None:
        members = self._stale.get(topic)
        if members is not None and members.remove(key):
            self._stale_count -= 1
            if not members:
                del self._stale[topic]

    def _rotate(self) -> None:
        self._stale, self._fresh = self._fresh, {}
        self._stale_count, self._fresh_count = self._fresh_count, 0


_EMPTY = _Members()
