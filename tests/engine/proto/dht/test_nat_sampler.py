"""The address sampler against the reference."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from engine.proto.dht.nat_sampler import NatSampler

CASES = json.loads((Path(__file__).parents[3] / "vectors" / "dht" / "nat.json").read_text())["sampler"]


@pytest.mark.parametrize("case", CASES, ids=lambda case: str(case["name"]))
def test_samples_of_the_reference(case: dict[str, Any]) -> None:
    sampler = NatSampler()
    for step in case["steps"]:
        assert sampler.add(*step["add"]) == step["hits"]
        assert (sampler.size, sampler.host, sampler.port) == (step["size"], step["host"], step["port"])


def test_ports_that_differ_are_called_random() -> None:
    sampler = NatSampler()
    for port in range(100, 105):
        sampler.add("1.2.3.4", port)
    assert sampler.randomized
    assert not NatSampler().randomized
