"""SLIP-10 against its published vectors, and path rules against the reference."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from engine.crypto.slip10 import derive, parse_path
from engine.errors import WalletError

VECTORS = Path(__file__).parents[2] / "vectors"
DERIVATION: dict[str, Any] = json.loads((VECTORS / "wallet" / "derivation.json").read_text())

# SLIP-0010, test vectors 1 and 2 for ed25519.
SEED_1 = "000102030405060708090a0b0c0d0e0f"
SEED_2 = (
    "fffcf9f6f3f0edeae7e4e1dedbd8d5d2cfccc9c6c3c0bdbab7b4b1aeaba8a5a2"
    "9f9c999693908d8a8784817e7b7875726f6c696663605d5a5754514e4b484542"
)


@pytest.mark.parametrize(
    ("seed", "path", "private"),
    [
        (SEED_1, [], "2b4be7f19ee27bbf30c667b642d5f4aa69fd169872f8fc3059c08ebae2eb19e7"),
        (SEED_1, [0], "68e0fe46dfb67e368c75379acec591dad19df3cde26e63b93a8e704f1dade7a3"),
        (SEED_1, [0, 1], "b1d0bad404bf35da785a64ca1ac54b2617211d2777696fbffaf208f746ae84f2"),
        (SEED_1, [0, 1, 2, 2, 1000000000], "8f94d394a8e8fd6b1bc2f3f49f5c47e385281d5c17e65324b0f62483e37e8793"),
        (SEED_2, [], "171cb88b1b3c1db25add599712e36245d75bc65a1a5c9e18d76f9f2b1eab4012"),
        (SEED_2, [0, 2147483647], "ea4f5bfe8694d8bb74b7b59404632fd5968b774ed545e810de9c32a4fb4192f4"),
    ],
)
def test_published_vectors(seed: str, path: list[int], private: str) -> None:
    assert derive(bytes.fromhex(seed), path).hex() == private


@pytest.mark.parametrize("case", DERIVATION["path_rules"], ids=lambda case: case["input"] or "empty")
def test_path_rules_equal_the_reference(case: dict[str, Any]) -> None:
    if case["ok"]:
        assert parse_path(case["input"])[0] == case["stored_path"]
    else:
        with pytest.raises(WalletError) as caught:
            parse_path(case["input"])
        assert str(caught.value) == case["error"]


@pytest.mark.parametrize("path", ["m/" + "9" * 5000 + "'", "m/-1'", "m/\u0663'", "m/1''", "m//0'"])
def test_other_paths_are_refused(path: str) -> None:
    with pytest.raises(WalletError):
        parse_path(path)


def test_leading_zeros() -> None:
    assert parse_path("m/00'/" + "0" * 5000 + "7'")[1] == [0, 7]
