"""The pacer against the limiter it assumes."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from engine.services.sidechannel.pacing import Pacer, Pacers
from engine.services.sidechannel.ratelimit import RateLimiter, RateLimits


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
