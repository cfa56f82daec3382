"""The reply budget per source host."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from engine.proto.dht.budget import ReplyBudget


def test_a_bucket_empties_and_refills() -> None:
    budget = ReplyBudget(100, 1000)
    assert budget.spend("a", 1000, 0.0)
    assert not budget.spend("a", 1, 0.0)
    assert budget.spend("b", 1000, 0.0)
    assert budget.spend("a", 100, 1.0)
    assert not budget.spend("a", 50, 1.4)
    assert budget.spend("a", 50, 1.6)


def test_hosts_are_bounded() -> None:
    budget = ReplyBudget(0, 10, max_hosts=3)
    for host in "abc":
        assert budget.spend(host, 10, 0.0)
    assert not budget.spend("a", 1, 0.0)
    assert budget.spend("d", 1, 0.0)
    assert len(budget) == 3
    assert not budget.spend("a", 1, 0.0)


@given(st.lists(st.tuples(st.floats(0, 10), st.integers(1, 3000)), max_size=60))
def test_no_more_than_burst_and_rate_goes_out(requests: list[tuple[float, int]]) -> None:
    budget = ReplyBudget(1000, 5000)
    requests.sort()
    sent = sum(size for at, size in requests if budget.spend("victim", size, at))
    duration = requests[-1][0] - requests[0][0] if requests else 0
    assert sent <= 5000 + 1000 * duration + 1
