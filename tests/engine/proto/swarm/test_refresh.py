from __future__ import annotations

from itertools import pairwise
from random import Random

import pytest

from engine.proto.swarm.refresh import QUICK_LOOKUPS_S, Company, Due, RefreshSchedule


def _run(schedule: RefreshSchedule, start: float, end: float, company: Company) -> list[tuple[float, Due]]:
    """What is due between two times, the timer always being on time."""
    due: list[tuple[float, Due]] = []
    now = start
    while (at := schedule.next_timer) is not None and at <= end:
        now = max(now, at)
        what = schedule.due(now, company)
        if what is not Due.NOTHING:
            due.append((now, what))
            if what is Due.REFRESH:
                schedule.refreshed(now)
    return due


def test_a_topic_with_peers_is_refreshed_every_ten_to_twelve_minutes() -> None:
    schedule = RefreshSchedule(Random(1).random)
    schedule.refreshed(0.0)
    due = _run(schedule, 0.0, 36_000.0, Company.CONNECTED)[1:]
    times = [0.0, *(at for at, _ in due)]
    assert all(what is Due.REFRESH for _, what in due)
    assert all(600 <= later - earlier <= 720 for earlier, later in pairwise(times))
    assert len({round(later - earlier) for earlier, later in pairwise(times)}) > 10


def test_a_topic_without_peers_is_looked_up_a_few_times_early() -> None:
    schedule = RefreshSchedule(Random(1).random)
    schedule.refreshed(0.0)
    due = _run(schedule, 0.0, 599.0, Company.ALONE)
    assert [what for _, what in due] == [Due.QUICK_LOOKUP] * len(QUICK_LOOKUPS_S)
    gaps = [
        later - earlier for earlier, later in zip([0.0, *(at for at, _ in due)], (at for at, _ in due), strict=False)
    ]
    for gap, pause in zip(gaps, QUICK_LOOKUPS_S, strict=True):
        assert pause <= gap <= 1.3 * pause


@pytest.mark.parametrize("company", list(Company))
def test_peers_that_started_at_the_same_moment_are_looked_for_once_more_in_any_company(company: Company) -> None:
    schedule = RefreshSchedule(Random(1).random)
    schedule.refreshed(0.0)
    [(at, what), *_] = _run(schedule, 0.0, 599.0, company)
    assert what is Due.QUICK_LOOKUP
    assert at < 3.0
    schedule.refreshed(600.0)
    assert company is Company.ALONE or _run(schedule, 600.0, 1199.0, company) == []


def test_early_lookups_end_with_the_first_peer() -> None:
    schedule = RefreshSchedule(Random(1).random)
    schedule.refreshed(0.0)
    assert schedule.due(3.0, Company.CONNECTED) is Due.QUICK_LOOKUP
    assert schedule.due(10.0, Company.CONNECTED) is Due.NOTHING
    assert _run(schedule, 10.0, 599.0, Company.ALONE) == []


def test_early_lookups_wait_while_known_peers_are_tried() -> None:
    schedule = RefreshSchedule(Random(1).random)
    schedule.refreshed(0.0)
    assert len(_run(schedule, 0.0, 100.0, Company.TRYING)) == 1
    due = _run(schedule, 100.0, 599.0, Company.ALONE)
    assert len(due) == len(QUICK_LOOKUPS_S) - 1
    assert due[0][0] < 106.0


def test_a_lost_peer_starts_the_early_lookups_again_but_not_too_often() -> None:
    schedule = RefreshSchedule(Random(1).random)
    schedule.refreshed(0.0)
    assert schedule.due(3.0, Company.CONNECTED) is Due.QUICK_LOOKUP
    assert schedule.due(10.0, Company.CONNECTED) is Due.NOTHING
    schedule.lost_peer(100.0)
    assert len(_run(schedule, 100.0, 590.0, Company.ALONE)) == len(QUICK_LOOKUPS_S)
    flapping = RefreshSchedule(Random(1).random)
    flapping.refreshed(0.0)
    lookups = 0
    for second in range(100, 580):
        flapping.lost_peer(float(second))
        lookups += len(_run(flapping, float(second), second + 1.0, Company.ALONE))
    assert lookups <= 8 * len(QUICK_LOOKUPS_S)


def test_a_refresh_nobody_answered_is_repeated_ever_later() -> None:
    schedule = RefreshSchedule(lambda: 0.0)
    now, gaps = 0.0, []
    for _ in range(7):
        schedule.failed(now)
        at = schedule.next_timer
        assert at is not None
        assert schedule.due(at, Company.ALONE) is Due.REFRESH
        gaps.append(at - now)
        now = at
    assert gaps == [5, 10, 20, 40, 80, 80, 80]
    schedule.refreshed(now)
    schedule.failed(now)
    assert schedule.next_timer == now + 2.0  # the early lookup of the good refresh
    schedule.cancel()
    schedule.failed(now)
    assert schedule.next_timer == now + 10


def test_a_timer_that_fires_far_too_late_spreads_the_refresh() -> None:
    schedule = RefreshSchedule(lambda: 0.5)
    schedule.refreshed(0.0)
    assert schedule.due(3.0, Company.CONNECTED) is Due.QUICK_LOOKUP
    assert schedule.due(660.0 + 31, Company.CONNECTED) is Due.NOTHING
    assert schedule.next_timer == 691 + 60
    assert schedule.due(752.0, Company.CONNECTED) is Due.REFRESH


def test_a_cancelled_schedule_has_no_timer() -> None:
    schedule = RefreshSchedule(Random(1).random)
    assert schedule.next_timer is None
    schedule.refreshed(0.0)
    schedule.cancel()
    assert schedule.next_timer is None
    assert schedule.due(10_000.0, Company.ALONE) is Due.NOTHING
