"""Connectivity from totals of replies and timeouts."""

from __future__ import annotations

from engine.proto.dht.health import IDLE_RESULTS, Health


def test_two_telling_silent_ticks_mean_offline() -> None:
    health = Health()
    health.update(10, 0)
    health.update(10, IDLE_RESULTS)
    assert not health.offline
    health.update(10, IDLE_RESULTS)
    assert not health.offline
    health.update(10, 2 * IDLE_RESULTS)
    assert health.offline
    health.update(11, 2 * IDLE_RESULTS)
    assert not health.offline


def test_idle_ticks_say_nothing() -> None:
    health = Health()
    for tick in range(1, 20):
        health.update(0, tick * (IDLE_RESULTS - 1))
    assert not health.offline


def test_a_reply_starts_the_count_again() -> None:
    health = Health()
    for tick in range(1, 20):
        health.update(tick // 2, tick * IDLE_RESULTS)
        assert not health.offline


def test_reset_after_a_wake_up() -> None:
    health = Health()
    health.update(0, 100)
    health.update(0, 200)
    assert health.offline
    health.reset()
    assert not health.offline
