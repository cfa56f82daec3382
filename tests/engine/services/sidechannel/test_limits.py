"""Rate limiter and duplicate cache against the reference's; the pacer against the limiter."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from engine.services.sidechannel.pacing import Pacer, Pacers
from engine.services.sidechannel.ratelimit import PeerLimits, RateLimiter, RateLimits
from engine.services.sidechannel.seen import REFERENCE_MAX_AGE_MS, SeenCache
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


@given(st.lists(st.tuples(st.integers(1, 200_000), st.floats(0, 3)), min_size=1, max_size=60), st.floats(0, 0.15))
def test_what_the_pacer_lets_through_the_limiter_accepts(steps: list[tuple[int, float]], jitter: float) -> None:
    pacer, limiter = Pacer(64_000, 256_000, 0.0), RateLimiter(RateLimits(), 0.0)
    now = 0.0
    for position, (size, pause) in enumerate(steps):
        now += pause + pacer.delay(size, now + pause)
        while not pacer.take(size, now):
            now += 0.001
        arrival = now + (jitter if position % 2 else 0)
        assert limiter.check(size, arrival * 1000)


def test_small_traffic_is_never_delayed() -> None:
    pacer = Pacer(64_000, 256_000, 0.0)
    assert all(pacer.take(500, 0.0) for _ in range(400))


def test_no_rate_means_no_pacing() -> None:
    pacer = Pacer(0, 256_000, 0.0)
    assert all(pacer.take(200_000, 0.0) for _ in range(100))
    assert pacer.delay(10**9, 0.0) == 0.0


def test_pacers_survive_a_reconnect() -> None:
    pacers = Pacers(64_000, 256_000, capacity=2)
    assert pacers.of("a", 0.0).take(200_000, 0.0)
    assert not pacers.of("a", 0.0).take(200_000, 0.0)
    pacers.of("b", 0.0)
    pacers.of("c", 0.0)
    assert pacers.of("a", 0.0).take(200_000, 0.0)
