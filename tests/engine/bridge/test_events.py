"""What clients see of a message, against frames of the reference."""

from __future__ import annotations

import dataclasses
import json
from pathlib import Path
from typing import Any

import pytest

from engine.bridge.events import EventView
from engine.bridge.interest import Interest
from engine.messages import ChannelMessage, Trust
from engine.wire.jsjson import parse
from tests.harness.fake_engine import FakeEngine

VECTORS: dict[str, Any] = json.loads(
    (Path(__file__).parents[2] / "vectors" / "bridge" / "filters.json").read_text(encoding="utf-8")
)


def delivered(channel: str, payload: Any) -> ChannelMessage:
    """A payload as the sidechannel delivers it."""
    members = payload if isinstance(payload, dict) else {}
    value = members.get("message")
    return ChannelMessage(
        seq=1,
        channel=channel,
        id=members.get("id"),
        sender=members.get("from"),
        origin=members.get("origin"),
        message=payload if value is None else value,
        ts_ms=members.get("ts", VECTORS["now"]),
        received_ms=VECTORS["now"],
        ttl=members.get("ttl"),
        relayed_by=members.get("relayedBy"),
        signature=members.get("sig", members.get("signature")),
        trust=Trust.UNSIGNED,
    )


@pytest.mark.parametrize("case", VECTORS["events"], ids=lambda case: f"{case['note']} {case['filter']}")
def test_frames_of_the_reference(case: dict[str, Any]) -> None:
    interest = Interest("|".join("+".join(group) for group in case["filter"]), frozenset())
    event = EventView(delivered(case["channel"], case["payload"]))
    emitted = [event.plain] if interest.wants(event) else []
    assert emitted == case["emitted"]


def test_additions_follow_the_keys_of_the_reference() -> None:
    message = dataclasses.replace(FakeEngine().message("a", {"2": 1, "1": [1.0, None]}), late=True, relayed_by="ab")
    event = EventView(message)
    assert event.extended.startswith(event.plain[:-1])
    more = json.loads(event.extended)
    assert list(more)[10:] == ["own", "seq", "trust", "late", "receivedAt", "label"]
    assert (more["seq"], more["trust"], more["late"], more["own"]) == (1, "verified", True, False)
    assert '"message":{"1":[1,null],"2":1}' in event.plain


def test_own_messages_are_marked() -> None:
    event = EventView(FakeEngine().message("a", "x", trust=Trust.OWN, label="agent-1"))
    assert json.loads(event.plain)["own"] is True
    assert json.loads(event.extended)["label"] == "agent-1"


def test_text_that_is_not_unicode_can_be_sent() -> None:
    event = EventView(FakeEngine().message("a", parse(r'"\ud800 \u2028"')))
    assert event.plain.encode()
    assert "\\ud800 \u2028" in event.plain
    assert event.filter_text == "\ud800 \u2028"
