"""The path model of BBR, alone and over a bottleneck."""

from __future__ import annotations

import pytest

from engine.proto.udx.bbr import Bbr, Mode
from engine.proto.udx.congestion import INITIAL_WINDOW, MAX_WINDOW, MIN_WINDOW, RateSample
from tests.harness.pair import Link, Pair


def _bulk(link: Link, seconds: float) -> tuple[Pair, Bbr]:
    pair = Pair(link).connect()
    pair.a.to_write = bytes(200_000_000)
    pair.run(seconds)
    congestion = pair.a.stream.sender.congestion
    assert isinstance(congestion, Bbr)
    return pair, congestion


def _sample(now: float, delivered: int, total: int, prior: int, **changes: float) -> RateSample:
    values = {"interval_s": 0.1, "rtt_s": 0.1, "in_flight": 0, "lost": 0, "app_limited": False, **changes}
    return RateSample(now=now, delivered=delivered, total_delivered=total, prior_delivered=prior, **values)  # type: ignore[arg-type]


def test_learns_the_bottleneck() -> None:
    pair, bbr = _bulk(Link(0.025, packets_per_s=2000, queue_packets=1000), 4.0)
    assert bbr.mode is Mode.PROBE_BW
    assert bbr.rate == pytest.approx(2000, rel=0.05)
    assert bbr.min_rtt_s == pytest.approx(0.051, abs=0.005)
    assert pair.a.stream.sender.retransmissions == 0
    assert bbr.window < 4 * 2000 * 0.051


def test_fills_a_lossy_bottleneck() -> None:
    pair, _ = _bulk(Link(0.025, loss=0.02, packets_per_s=2000, queue_packets=200), 4.0)
    assert len(pair.b.received) > 0.6 * 4 * 2000 * 1400


def test_probes_the_round_trip_time_every_ten_seconds() -> None:
    pair, bbr = _bulk(Link(0.025, packets_per_s=1000, queue_packets=1000), 8.0)
    modes = set()
    for _ in range(60):
        pair.run(0.1)
        modes.add(bbr.mode)
        if bbr.mode is Mode.PROBE_RTT:
            assert bbr.window <= MIN_WINDOW
    assert modes == {Mode.PROBE_BW, Mode.PROBE_RTT}


def test_an_idle_stream_is_not_probed() -> None:
    pair = Pair(Link(0.025)).connect()
    bbr = pair.a.stream.sender.congestion
    assert isinstance(bbr, Bbr)
    for _ in range(6):
        pair.a.stream.write(bytes(20_000))
        pair.run(4.0)
        assert bbr.mode is not Mode.PROBE_RTT
    assert len(pair.b.received) == 120_000


def test_startup_ends_when_the_rate_stops_growing() -> None:
    bbr = Bbr()
    assert bbr.window == INITIAL_WINDOW
    now, total = 1.0, 0
    for _ in range(4):
        bbr.on_ack(_sample(now, 50, total + 50, total))
        now += 0.1
        total += 50
    assert bbr.mode is not Mode.STARTUP


def test_app_limited_samples_only_raise_the_rate() -> None:
    bbr = Bbr()
    bbr.on_ack(_sample(1.0, 100, 100, 0))
    rate = bbr.rate
    bbr.on_ack(_sample(1.1, 1, 101, 100, app_limited=True))
    assert bbr.rate == rate
    bbr.on_ack(_sample(1.2, 300, 401, 101, app_limited=True))
    assert bbr.rate == pytest.approx(3000)


def test_samples_without_an_interval_are_ignored() -> None:
    bbr = Bbr()
    bbr.on_ack(_sample(1.0, 10, 10, 0, interval_s=0.0))
    assert bbr.rate == 0.0
    assert bbr.pacing_rate is None


def test_recovery_restores_the_window() -> None:
    bbr = Bbr()
    bbr.on_ack(_sample(1.0, 100, 100, 0, in_flight=50))
    before = bbr.window
    bbr.on_recovery(1.1, 5)
    assert bbr.window == 6
    bbr.on_ack(_sample(1.1, 3, 103, 90, in_flight=5, lost=2))
    assert bbr.window == 8
    bbr.on_timeout(1.2, 0)
    assert bbr.window == MIN_WINDOW
    bbr.on_recovered(1.3)
    assert bbr.window >= before


def test_window_is_capped() -> None:
    bbr = Bbr()
    total = 0
    for index in range(40):
        delivered = 1000 * (index + 1)
        total += delivered
        bbr.on_ack(_sample(1.0 + index / 10, delivered, total, total - delivered))
        assert MIN_WINDOW <= bbr.window <= MAX_WINDOW
