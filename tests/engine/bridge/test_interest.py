"""Which events a client gets."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from engine.bridge.events import EventView
from engine.bridge.interest import MAX_FILTER_LENGTH, MAX_NAME_LENGTH, MAX_SUBSCRIPTIONS, Interest
from engine.bridge.replies import Refused
from engine.messages import Trust
from tests.harness.fake_engine import FakeEngine

VECTORS: dict[str, Any] = json.loads(
    (Path(__file__).parents[2] / "vectors" / "bridge" / "filters.json").read_text(encoding="utf-8")
)


def interest_of(client: dict[str, Any], config: dict[str, Any]) -> Interest:
    interest = Interest("", frozenset(config.get("filterChannels", ())))
    interest.subscribe(client["channels"] or [])
    interest.set_filter("|".join("+".join(group) for group in client["filter"]))
    return interest


@pytest.mark.parametrize("case", VECTORS["shouldEmit"], ids=lambda case: case["note"])
def test_decisions_of_the_reference(case: dict[str, Any]) -> None:
    interest = interest_of(case["client"], case["config"])
    event = EventView(FakeEngine().message(case["channel"], case["text"]))
    assert interest.wants(event) is case["emit"]


def test_own_messages_are_for_those_who_asked() -> None:
    interest = Interest("", frozenset())
    event = EventView(FakeEngine().message("a", "x", trust=Trust.OWN))
    assert not interest.wants(event)
    interest.own = True
    assert interest.wants(event)


def test_events_given_before_are_not_given_again() -> None:
    interest = Interest("", frozenset())
    event = EventView(FakeEngine().message("a", "x"))
    assert interest.wants(event)
    interest.seen_to = event.seq
    assert not interest.wants(event)


def test_a_default_filter_holds_until_it_is_cleared() -> None:
    interest = Interest("alpha", frozenset())
    engine = FakeEngine()
    assert not interest.wants(EventView(engine.message("a", "beta")))
    assert interest.wants(EventView(engine.message("a", {"k": "ALPHA"})))
    interest.clear_filter()
    assert interest.wants(EventView(engine.message("a", "beta")))


def test_subscriptions_are_limited_and_all_or_nothing() -> None:
    interest = Interest("", frozenset())
    interest.subscribe([str(number) for number in range(MAX_SUBSCRIPTIONS)])
    interest.subscribe(["0", "1"])
    with pytest.raises(Refused) as refused:
        interest.subscribe(["2", "one more"])
    assert refused.value.code == "bridge.too_many_subscriptions"
    assert len(interest.subscriptions) == MAX_SUBSCRIPTIONS
    interest.unsubscribe(["0", "unknown"])
    interest.subscribe(["one more"])
    assert interest.subscriptions[-1] == "one more"


def test_long_names_and_filters_are_refused() -> None:
    interest = Interest("", frozenset())
    with pytest.raises(Refused):
        interest.subscribe(["x" * (MAX_NAME_LENGTH + 1)])
    with pytest.raises(Refused):
        interest.set_filter("x" * (MAX_FILTER_LENGTH + 1))
    assert interest.subscriptions == ()
