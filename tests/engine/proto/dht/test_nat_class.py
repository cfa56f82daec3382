"""NAT classification against the reference."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from engine.proto.dht.nat_class import MAX_SAMPLES, NatClassifier
from engine.proto.dht.payload import Firewall

VECTORS = json.loads((Path(__file__).parents[3] / "vectors/dht/nat.json").read_text())


def node(number: int) -> tuple[str, int]:
    return ("9.0.0.1", 1000 + number)


@pytest.mark.parametrize("case", VECTORS["classifier"], ids=lambda case: case["name"])
def test_reference_steps(case: dict[str, Any]) -> None:
    nat = NatClassifier(firewalled=True)
    for number, step in enumerate(case["steps"]):
        host, port = step["sample"]
        nat.add((host, port), node(number), firewalled=True)
        expected = step["addresses"] and tuple((a["host"], a["port"]) for a in step["addresses"])
        assert (nat.sampled, nat.firewall, nat.addresses) == (step["sampled"], step["firewall"], expected)


def test_a_node_counts_once() -> None:
    nat = NatClassifier(firewalled=True)
    for _ in range(5):
        nat.add(("1.1.1.1", 1), node(0), firewalled=True)
    assert nat.sampled == 1
    assert not nat.settled


def test_samples_are_limited() -> None:
    nat = NatClassifier(firewalled=True)
    for number in range(MAX_SAMPLES + 10):
        nat.add(("1.1.1.1", 1), node(number), firewalled=True)
    assert nat.sampled == MAX_SAMPLES


def test_frozen_classes_do_not_change() -> None:
    nat = NatClassifier(firewalled=True)
    for number in range(3):
        nat.add(("1.1.1.1", 1), node(number), firewalled=True)
    nat.freeze()
    for number in range(3, 9):
        nat.add(("2.2.2.2", 2), node(number), firewalled=True)
    assert nat.addresses == (("1.1.1.1", 1),)


def test_reachable_nodes_are_open() -> None:
    nat = NatClassifier(firewalled=False)
    assert nat.firewall is Firewall.OPEN
    assert nat.settled
    nat.add(("1.1.1.1", 1), node(0), firewalled=False)
    assert nat.firewall is Firewall.OPEN


def test_a_node_that_found_a_firewall_starts_over() -> None:
    nat = NatClassifier(firewalled=False)
    for number in range(3):
        nat.add(("1.1.1.1", number), node(number), firewalled=True)
    assert nat.firewall is Firewall.RANDOM


def test_a_firewall_that_went_away() -> None:
    nat = NatClassifier(firewalled=True)
    nat.add(("1.1.1.1", 1), node(0), firewalled=False)
    assert nat.firewall is Firewall.OPEN


def test_giving_up_settles() -> None:
    nat = NatClassifier(firewalled=True)
    nat.give_up()
    assert nat.settled
    assert nat.firewall is Firewall.UNKNOWN


def test_the_newest_nodes_are_not_asked_and_none_twice() -> None:
    nat = NatClassifier(firewalled=True)
    nodes = [node(number) for number in range(20)]
    assert nat.nodes_to_ask(nodes) == nodes[5:9]
    nat.add(("1.1.1.1", 1), nodes[5], firewalled=True)
    assert nat.nodes_to_ask(nodes) == nodes[9:12]
    assert nat.nodes_to_ask(nodes[:7], pending=2) == nodes[:1]
