"""Identifiers of messages seen before.

Insertion-ordered: a hit does not refresh, the oldest goes when the cache is full, and aged entries go when something
new arrives. Time is milliseconds that never jump.

Protocol reference: 06-sidechannel section 8.2.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Hashable, Iterator
from typing import Final

REFERENCE_CAPACITY: Final = 5000
REFERENCE_MAX_AGE_MS: Final = 120_000
CAPACITY: Final = 20_000
"""Identifiers kept for each channel."""
MAX_AGE_MS: Final = 1_500_000
"""Longer than twice the live window, so that a replay within the window of its time stamp is always known."""


class SeenCache:
    """A bounded memory of identifiers.

    Args:
        capacity: identifiers kept.
        max_age_ms: how long.
    """

    def __init__(self, capacity: int = CAPACITY, max_age_ms: float = MAX_AGE_MS) -> None:
        self._capacity = capacity
        self._max_age_ms = max_age_ms
        self._times: OrderedDict[Hashable, float] = OrderedDict()  # a dict scans its deleted head

    def __contains__(self, key: Hashable) -> bool:
        return key in self._times

    def __len__(self) -> int:
        return len(self._times)

    def __iter__(self) -> Iterator[Hashable]:
        return iter(self._times)

    def add(self, key: Hashable, now_ms: float) -> None:
        """Remember a key; one that is known keeps its time."""
        times = self._times
        if key in times:
            return
        times[key] = now_ms
        if len(times) > self._capacity:
            times.popitem(last=False)
        horizon = now_ms - self._max_age_ms
        while times:
            if times[next(iter(times))] >= horizon:
                break
            times.popitem(last=False)
