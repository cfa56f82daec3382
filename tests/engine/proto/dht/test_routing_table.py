"""The routing table against the reference."""

from __future__ import annotations

import json
from pathlib import Path

from hypothesis import given
from hypothesis import strategies as st

from engine.proto.dht.peer_id import peer_id
from engine.proto.dht.routing_table import Node, RoutingTable

VECTOR = json.loads((Path(__file__).parents[3] / "vectors" / "dht" / "routing-table.json").read_text())


def filled() -> RoutingTable:
    table = RoutingTable(bytes.fromhex(VECTOR["id"]))
    for entry in VECTOR["inserted"]:
        address = (entry["host"], entry["port"])
        node = Node(peer_id(address), address)
        assert node.id.hex() == entry["id"]
        assert table.add(node) is entry["added"]
    return table


def texts(nodes: list[Node]) -> list[str]:
    return [f"{node.address[0]}:{node.address[1]}" for node in nodes]


def test_rows_of_the_reference() -> None:
    table = filled()
    for row in VECTOR["rows"]:
        assert texts(table.row(row["row"])) == row["nodes"]
    assert len(table) == sum(len(row["nodes"]) for row in VECTOR["rows"])
    assert table.row(200) == []


def test_closest_of_the_reference() -> None:
    table = filled()
    for case in VECTOR["closest"]:
        assert texts(table.closest(bytes.fromhex(case["target"]))) == case["nodes"]


def test_remove_and_replace() -> None:
    table = filled()
    node = next(iter(table))
    size = len(table)
    assert table.get(node.id) is node
    twin = Node(node.id, node.address)
    assert table.add(twin)
    assert table.get(node.id) is twin
    assert len(table) == size
    assert table.remove(node.id)
    assert not table.remove(node.id)
    assert table.get(node.id) is None
    assert node.id not in [other.id for other in table.closest(node.id)]


def test_the_own_id_belongs_to_the_last_row() -> None:
    table = RoutingTable(bytes(32))
    assert table.row_of(bytes(32)) == 255
    assert table.row_of(bytes(31) + b"\x01") == 255
    assert table.row_of(b"\x80" + bytes(31)) == 0


@given(st.lists(st.integers(1, 65535), unique=True, max_size=120), st.binary(min_size=32, max_size=32))
def test_closest_never_repeats_and_fills_up(ports: list[int], target: bytes) -> None:
    table = RoutingTable(bytes(32), k=8)
    kept = [port for port in ports if table.add(Node(peer_id(("1.2.3.4", port)), ("1.2.3.4", port)))]
    closest = table.closest(target)
    assert len({node.id for node in closest}) == len(closest) == min(20, len(kept))
    assert len(table) == len(kept)
