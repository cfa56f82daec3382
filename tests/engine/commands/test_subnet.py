"""Commands that need a subnet say that there is none."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from engine.commands.registry import COMMANDS, execute
from tests.harness.fake_engine import FakeEngine

PARSING: dict[str, Any] = json.loads(
    (Path(__file__).parents[2] / "vectors" / "subnet" / "parsing.json").read_text(encoding="utf-8")
)
ABSENT = [command.slash for command in COMMANDS if not command.available]


def test_they_are_all_known() -> None:
    assert len(ABSENT) == 22


@pytest.mark.parametrize("slash", ABSENT)
@pytest.mark.parametrize("human", [True, False])
async def test_none_is_silent(slash: str, human: bool) -> None:
    result = await execute(FakeEngine(), f"{slash} --key x --message y", human=human)
    assert result.ok is False
    assert result.error == (
        f"{slash} is not available: this version of Intercom TUI has no subnets yet, only sidechannels."
    )


@pytest.mark.parametrize("case", PARSING["get_rule"], ids=lambda case: case["input"])
async def test_get_without_a_key_prints_its_usage(case: dict[str, Any]) -> None:
    result = await execute(FakeEngine(), case["input"], human=False)
    assert result.ok is bool(case.get("usage"))
    if result.ok:
        assert result.output == ('Usage: /get --key "<hyperbee-key>" [--confirmed true|false] [--unconfirmed 1]',)
