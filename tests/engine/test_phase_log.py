from __future__ import annotations

import logging

import pytest

from engine.net.dht.config import NodeState, Phase
from engine.phase_log import PhaseLog


def state(phase: Phase, error: str | None = None) -> NodeState:
    return NodeState(phase, 0.0, 3, 0, error)


def test_each_change_is_logged_once(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO)
    log = PhaseLog(("a:1", "b:2"))
    for change in (
        state("bootstrapping"),
        state("offline", "No bootstrap node answers; trying again."),
        state("offline", "No bootstrap node answers; trying again."),
        state("online"),
        state("online"),
        state("offline"),
    ):
        log(change)
    advice = "Tried: a:1, b:2. intercom-tui doctor with the same flags says more."
    assert [record.getMessage() for record in caplog.records] == [
        f"offline: No bootstrap node answers; trying again. {advice}",
        "online: 3 DHT nodes are known",
        f"offline: No DHT node answers; trying again. {advice}",
    ]
