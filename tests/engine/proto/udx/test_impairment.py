"""Whole transfers over bad links, in virtual time."""

from __future__ import annotations

import random

import pytest

from engine.proto.udx.events import CloseReason
from tests.harness.pair import Link, Pair
from tests.harness.published import record_reliability

_BYTES = 2_000_000
_CELLS = [
    (0.0, 0.0),
    (0.0, 0.05),
    (0.0, 0.2),
    (0.01, 0.05),
    (0.05, 0.0),
    (0.05, 0.05),
    (0.2, 0.0),
    (0.2, 0.05),
]


@pytest.mark.parametrize(("loss", "delay_s"), _CELLS)
def test_content_survives(loss: float, delay_s: float, request: pytest.FixtureRequest) -> None:
    pair = Pair(Link(delay_s, loss=loss, reorder=0.05, duplicate=0.02), seed=7).connect()
    pair.a.to_write = random.Random(7).randbytes(_BYTES)
    pair.b.to_write = random.Random(8).randbytes(_BYTES // 10)
    assert pair.run(300.0, until=pair.closed)
    assert pair.b.received == pair.a.to_write
    assert pair.a.received == pair.b.to_write
    assert (pair.a.closed, pair.b.closed) == (CloseReason.CLEAN, CloseReason.CLEAN)
    record_reliability(
        request,
        "5. UDX over bad links",
        f"{len(_CELLS)} cells of 2 MB: loss 0 to 20 %, 5 % reordered, 2 % twice, delay 0, 50 and 200 ms; content equal",
    )


def test_five_percent_loss_stays_above_a_megabyte_per_second() -> None:
    seconds = []
    for seed in range(5):
        pair = Pair(Link(0.005, loss=0.05), seed=seed).connect()
        pair.a.to_write = bytes(10_000_000)
        began = pair.now
        assert pair.run(60.0, until=lambda pair=pair: len(pair.b.received) == 10_000_000)  # type: ignore[misc]
        seconds.append(pair.now - began)
    assert sorted(seconds)[2] < 10.0


def test_same_seed_same_packets() -> None:
    logs = []
    for _ in range(2):
        pair = Pair(Link(0.02, loss=0.1, reorder=0.1, duplicate=0.1), seed=3).connect()
        pair.a.to_write = bytes(100_000)
        pair.run(30.0, until=lambda pair=pair: len(pair.b.received) == 100_000)  # type: ignore[misc]
        logs.append(pair.log)
    assert logs[0] == logs[1]
    assert logs[0]


def test_a_gap_of_two_minutes() -> None:
    """Both machines sleep: time jumps, and the transfer goes on without a timeout."""
    pair = Pair(Link(0.02)).connect()
    pair.a.to_write = bytes(1_000_000)
    pair.run(0.1)
    pair.now += 120.0
    assert pair.run(30.0, until=lambda: len(pair.b.received) == 1_000_000)


def test_total_silence_ends_in_a_timeout() -> None:
    silent = False
    pair = Pair(Link(0.02, drop=lambda direction, data: silent)).connect()
    pair.a.to_write = bytes(5_000_000)
    pair.run(0.2)
    silent = True
    assert pair.run(60.0, until=lambda: pair.a.closed is not None)
    assert pair.a.closed is CloseReason.TIMED_OUT
