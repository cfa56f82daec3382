"""Duplicate cache against the reference's."""

from __future__ import annotations

from typing import Any

import pytest

from engine.services.sidechannel.seen import REFERENCE_MAX_AGE_MS, SeenCache
from tests.harness.sidechannel_vectors import load

START = 1_700_000_000_000


@pytest.mark.parametrize("run", load("seen")["runs"], ids=lambda run: run["note"])
def test_seen(run: dict[str, Any]) -> None:
    cache = SeenCache(run["config"].get("maxSeen", 5000), REFERENCE_MAX_AGE_MS)
    now = START
    for step in run["steps"]:
        now += step["dt"]
        known = step["id"] in cache
        assert known is step["duplicate"]
        if step["id"]:
            cache.add(step["id"], now)
        assert list(cache) == step["idsAfter"]
