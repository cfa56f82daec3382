"""Address classes and LAN matching against the reference."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from engine.proto.dht.addresses import first_public, is_bogon, is_private, is_reserved, match_address

VECTORS = json.loads((Path(__file__).parents[3] / "vectors/dht/addresses.json").read_text())


@pytest.mark.parametrize("case", VECTORS["private_reserved"], ids=lambda case: case["host"])
def test_classes(case: dict[str, Any]) -> None:
    host = case["host"]
    assert (is_private(host), is_reserved(host), is_bogon(host)) == (case["private"], case["reserved"], case["bogon"])


@pytest.mark.parametrize("case", VECTORS["match_local_address"], ids=lambda case: str(case["picked"]))
def test_lan_match(case: dict[str, Any]) -> None:
    picked = match_address([(host, 1) for host in case["mine"]], [(host, 2) for host in case["theirs"]])
    assert picked == (None if case["picked"] is None else (case["picked"], 2))


def test_first_of_equal_matches_wins() -> None:
    assert match_address([("10.1.0.1", 1)], [("10.2.0.1", 2), ("10.3.0.1", 3)]) == ("10.2.0.1", 2)


def test_a_public_address_is_preferred() -> None:
    assert first_public([("127.0.0.1", 1), ("8.8.8.8", 2)], ("1.1.1.1", 3)) == ("8.8.8.8", 2)
    assert first_public([("127.0.0.1", 1)], ("1.1.1.1", 3)) == ("1.1.1.1", 3)
