"""Spreading packets over time."""

from __future__ import annotations

import pytest

from engine.proto.udx.pacer import MAX_BURST_PACKETS, MAX_LATE_S, MIN_SLICE_PACKETS, SLICE_S, Pacer


def test_without_a_rate_only_the_burst_is_limited() -> None:
    pacer = Pacer()
    assert pacer.allowance(None, 1.0) == MAX_BURST_PACKETS
    pacer.spend(MAX_BURST_PACKETS, None)
    pacer.hold(None, 1.0)
    assert pacer.deadline == 1.0


def test_rate_over_a_second() -> None:
    pacer = Pacer()
    rate = 10_000.0
    now = 5.0
    sent = 0
    while now < 6.0:
        allowed = pacer.allowance(rate, now)
        sent += allowed
        pacer.spend(allowed, rate)
        pacer.hold(rate, now)
        assert pacer.deadline is not None
        assert now < pacer.deadline <= now + 0.01
        now = pacer.deadline
    assert rate * 0.95 <= sent <= rate + MIN_SLICE_PACKETS + 1


def test_idle_time_saves_up_one_slice() -> None:
    pacer = Pacer()
    rate = 100_000.0
    pacer.allowance(rate, 1.0)
    assert pacer.allowance(rate, 1000.0) == int(rate * SLICE_S)


def test_late_timers_are_made_up_for() -> None:
    pacer = Pacer()
    rate = 10_000.0
    pacer.spend(pacer.allowance(rate, 1.0), rate)
    pacer.hold(rate, 1.0)
    made_up = pacer.allowance(rate, 1.015)
    assert made_up == pytest.approx(150, abs=1)
    pacer.spend(made_up, rate)
    pacer.hold(rate, 1.015)
    assert pacer.allowance(rate, 9.0) == int(rate * MAX_LATE_S)


def test_a_clock_that_goes_back_gives_nothing() -> None:
    pacer = Pacer()
    pacer.spend(pacer.allowance(1000.0, 10.0), 1000.0)
    assert pacer.allowance(1000.0, 5.0) == 0
