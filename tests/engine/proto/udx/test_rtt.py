"""Round trip time and retransmission timeout."""

from __future__ import annotations

import pytest

from engine.proto.udx.rtt import MAX_RTO_S, MIN_RTO_S, MIN_RTT_WINDOW_S, RttEstimator


def test_first_and_later_samples() -> None:
    rtt = RttEstimator()
    assert rtt.rto_s == MIN_RTO_S
    rtt.sample(0.4, 1.0)
    assert (rtt.smoothed_s, rtt.variation_s) == (0.4, 0.2)
    assert rtt.rto_s == pytest.approx(1.2)
    rtt.sample(0.8, 2.0)
    assert rtt.variation_s == pytest.approx((3 * 0.2 + 0.4) / 4)
    assert rtt.smoothed_s == pytest.approx((7 * 0.4 + 0.8) / 8)


def test_timeout_has_bounds() -> None:
    rtt = RttEstimator()
    rtt.sample(0.001, 1.0)
    assert rtt.rto_s == MIN_RTO_S
    rtt = RttEstimator()
    rtt.sample(500.0, 1.0)
    assert rtt.smoothed_s == 30.0
    assert rtt.rto_s == MAX_RTO_S


def test_a_suspended_machine_does_not_blow_it_up() -> None:
    rtt = RttEstimator()
    rtt.sample(0.1, 1.0)
    rtt.sample(3600.0, 3601.0)
    assert rtt.smoothed_s is not None
    assert rtt.smoothed_s < 0.2
    assert rtt.rto_s == MIN_RTO_S


def test_negative_samples_count_as_zero() -> None:
    rtt = RttEstimator()
    rtt.sample(-5.0, 1.0)
    assert rtt.smoothed_s == 0.0


def test_minimum_is_forgotten() -> None:
    rtt = RttEstimator()
    rtt.sample(0.1, 1.0)
    rtt.sample(0.2, 2.0)
    assert rtt.min_s == 0.1
    rtt.sample(0.3, 1.0 + MIN_RTT_WINDOW_S + 0.1)
    assert rtt.min_s == 0.3
