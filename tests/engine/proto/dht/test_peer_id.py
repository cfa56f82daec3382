"""Node ids against the reference."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from engine.proto.dht.peer_id import distance, peer_id
from engine.wire.compact import encode_address

CASES = json.loads((Path(__file__).parents[3] / "vectors" / "dht" / "peer-ids.json").read_text())["cases"]


@pytest.mark.parametrize("case", CASES, ids=lambda case: f"{case['host']}:{case['port']}")
def test_ids_of_the_reference(case: dict[str, Any]) -> None:
    address = (case["host"], case["port"])
    assert encode_address(address).hex() == case["addr"]
    assert peer_id(address).hex() == case["id"]


def test_distance_is_xor() -> None:
    assert distance(b"\x00\x01", b"\x01\x01") == 256
    assert distance(b"\x05", b"\x05") == 0
