"""Guessing tokens becomes slow."""

from __future__ import annotations

from engine.bridge.throttle import FIRST_DELAY_S, FORGET_AFTER_S, MAX_DELAY_S, AuthThrottle


def test_delays_double_up_to_a_limit() -> None:
    throttle = AuthThrottle()
    delays = [throttle.failed(100.0) for _ in range(8)]
    assert delays[:3] == [FIRST_DELAY_S, FIRST_DELAY_S * 2, FIRST_DELAY_S * 4]
    assert delays[-1] == MAX_DELAY_S
    assert throttle.failures == 8


def test_a_right_token_starts_over() -> None:
    throttle = AuthThrottle()
    throttle.failed(100.0)
    throttle.failed(100.0)
    throttle.succeeded()
    assert throttle.failed(100.0) == FIRST_DELAY_S


def test_a_quiet_minute_starts_over() -> None:
    throttle = AuthThrottle()
    throttle.failed(100.0)
    assert throttle.failed(100.0 + FORGET_AFTER_S) == FIRST_DELAY_S * 2
    assert throttle.failed(101.0 + 2 * FORGET_AFTER_S) == FIRST_DELAY_S
