"""Recovery words against the reference."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from engine.crypto.mnemonic import generate, normalise, seed
from engine.errors import BadMnemonic

VECTORS = Path(__file__).parents[2] / "vectors"
DERIVATION: dict[str, Any] = json.loads((VECTORS / "wallet" / "derivation.json").read_text())
ABOUT = "abandon " * 11 + "about"


@pytest.mark.parametrize("case", DERIVATION["mnemonic_rules"], ids=lambda case: repr(case["input"])[:30])
def test_normalisation_equals_the_reference(case: dict[str, Any]) -> None:
    if case["sanitized"] is None:
        with pytest.raises(BadMnemonic):
            normalise(case["input"])
    else:
        assert normalise(case["input"]) == case["sanitized"]


@pytest.mark.parametrize("case", DERIVATION["generation"], ids=lambda case: case["entropy"][:4])
def test_words_of_entropy(case: dict[str, str]) -> None:
    assert generate(lambda size: bytes.fromhex(case["entropy"])[:size]) == case["mnemonic"]


@pytest.mark.parametrize("case", DERIVATION["derivation"], ids=lambda case: case["name"])
def test_seed_and_entropy(case: dict[str, Any]) -> None:
    assert seed(case["mnemonic"]).hex() == case["bip39_seed"]
    entropy = bytes.fromhex(case["entropy"])
    assert generate(lambda size: entropy[:size], len(entropy) * 3 // 4) == case["mnemonic"]


def test_ideographic_blanks_separate_words() -> None:
    assert normalise(f"\u3000{ABOUT.replace(' ', chr(0x3000))}\ufeff") == ABOUT


@pytest.mark.parametrize(
    ("text", "facts"),
    [
        ("", "not 0"),
        (" \n", "not 0"),
        ("abandon about", "not 2"),
        ("abandon " * 14 + "about", "not 15"),
        (ABOUT.replace("about", "abuot"), "Word 12"),
        ("abandon " * 12, "checksum"),
    ],
)
def test_the_text_says_what_is_wrong(text: str, facts: str) -> None:
    with pytest.raises(BadMnemonic, match=facts) as caught:
        normalise(text)
    assert "abuot" not in str(caught.value)


def test_only_12_or_24_words_are_made() -> None:
    assert len(generate(bytes, 12).split()) == 12
    with pytest.raises(BadMnemonic):
        generate(bytes, 15)
