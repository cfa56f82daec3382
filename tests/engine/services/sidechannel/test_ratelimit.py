"""Rate limiter against the reference's; buckets of many neighbours."""

from __future__ import annotations

from typing import Any

import pytest

from engine.services.sidechannel.ratelimit import PeerLimits, RateLimiter, RateLimits
from tests.harness.sidechannel_vectors import load

START = 1_700_000_000_000


@pytest.mark.parametrize("run", load("rate_limit")["runs"], ids=lambda run: run["note"])
def test_rate_limit(run: dict[str, Any]) -> None:
    config = run["config"]
    limits = RateLimits(
        config.get("rateBytesPerSecond", 64_000), config.get("rateBurstBytes", 256_000), config.get("maxStrikes", 3)
    )
    now = START
    limiter = RateLimiter(limits, now)
    for step in run["steps"]:
        now += step["dt"]
        assert limiter.blocked(now) is step["blockedBefore"]
        assert limiter.check(step["bytes"], now) is step["accepted"]
        if step["tokensAfter"] is not None:
            assert limiter.tokens == pytest.approx(step["tokensAfter"])
            assert limiter.strikes == step["strikesAfter"]
            assert (limiter.blocked_until - START if limiter.blocked_until else 0) == step["blockedUntil"]


def test_a_block_survives_a_reconnect_but_memory_is_bounded() -> None:
    limits = PeerLimits(RateLimits(max_strikes=1), capacity=2)
    limits.of("a", 0).strike(0)
    assert limits.of("a", 10).blocked(10)
    limits.of("b", 10)
    limits.of("c", 10)
    assert limits.peek("a") is None
    assert limits.peek("c") is not None


def test_strikes_for_forgeries_count_within_the_window() -> None:
    limiter = RateLimiter(RateLimits(), 0)
    for now in (0, 6000, 7000):
        limiter.strike(now)
    assert limiter.strikes == 2
    limiter.strike(8000)
    assert limiter.blocked(8001)


def test_a_charge_takes_tokens_only() -> None:
    limiter = RateLimiter(RateLimits(burst_bytes=10_000), 0)
    limiter.charge(4096)
    assert limiter.strikes == 0
    assert not limiter.check(6000, 0)
