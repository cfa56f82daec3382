"""Passing messages on.

A copy differs from what was received in two fields only, ``ttl`` and ``relayedBy``; neither is signed or hashed.

Protocol reference: 06-sidechannel section 7.
"""

from __future__ import annotations

import math

from engine.wire.jsjson import JsonValue
from engine.wire.jsvalues import is_number


def relay_ttl(ttl: JsonValue, clamp_to: int | None) -> int | float | None:
    """The ``ttl`` of the relayed copy, or None if the message ends here.

    Args:
        ttl: as received; anything but a finite number counts as 0.
        clamp_to: most hops we are willing to believe, None to believe all.
    """
    if not is_number(ttl) or not math.isfinite(ttl):
        return None
    hops: int | float = ttl
    if clamp_to is not None:
        hops = min(math.floor(hops), clamp_to)
    return hops - 1 if hops > 0 else None


def relay_copy(payload: JsonValue, ttl: int | float, self_key: str) -> dict[str, JsonValue]:
    """The payload as it is passed on."""
    assert isinstance(payload, dict)  # only objects have a ttl
    return {**payload, "ttl": ttl, "relayedBy": self_key}
