from __future__ import annotations

from dataclasses import replace

import pytest

from engine.services.sidechannel.drops import DropReason
from engine.status import ChannelKind, ChannelStatus
from intercom_tui.drops import NO_OWNER, REASONS, counted, reason, top_problem


def channel(drops: dict[str, int]) -> ChannelStatus:
    return ChannelStatus(
        "a", ChannelKind.PUBLIC, True, "ab" * 32, True, True, None, True, None, 1, 12, 3, 0, 0, 0, drops
    )


def test_the_most_frequent_real_problem_is_explained() -> None:
    found = top_problem(channel({"duplicate": 900, "invalid pow": 2, "awaiting welcome": 7}))
    assert found is not None
    assert found[0].action == "paste-welcome"
    assert found[1] == 7


def test_duplicates_alone_are_no_problem() -> None:
    assert top_problem(channel({"duplicate": 900})) is None
    assert top_problem(channel({})) is None


def test_the_most_frequent_comes_first_and_nothing_is_left_out() -> None:
    assert [(entry.label, count) for entry, count in counted({"rate limit": 2, "duplicate": 3, "x": 0})] == [
        ("duplicate", 3),
        ("rate limited", 2),
    ]


def test_every_reason_of_the_engine_is_explained() -> None:
    assert {reason.value for reason in DropReason} == set(REASONS)


def test_without_an_owner_no_welcome_can_come() -> None:
    found = top_problem(replace(channel({"awaiting welcome": 3}), owner=None))
    assert found == (NO_OWNER, 3)


def test_an_unknown_reason_keeps_its_name_but_not_its_controls() -> None:
    assert reason("new reason").label == "new reason"
    assert "\x1b" not in reason("\x1b[31m").label


@pytest.mark.parametrize("code", sorted(REASONS))
def test_every_reason_says_why_and_how_to_fix_it(code: str) -> None:
    entry = REASONS[code]
    assert entry.why.endswith(".")
    assert entry.harmless or (entry.fix.endswith(".") and entry.action)
