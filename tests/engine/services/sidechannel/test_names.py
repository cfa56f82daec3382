"""Channel names, topics and protocol names against the reference's."""

from __future__ import annotations

from typing import Any

import pytest

from engine.services.sidechannel.names import channel_name, protocol_name, topic
from tests.harness.sidechannel_vectors import load


@pytest.mark.parametrize("case", load("names")["cases"], ids=lambda case: repr(case["in"])[:30])
def test_names(case: dict[str, Any]) -> None:
    name = channel_name(case["in"])
    if case.get("refused"):
        assert name == ""
        return
    assert name == case["name"]
    assert topic(name).hex() == case["topic"]
    assert protocol_name(name) == case["protocol"]
