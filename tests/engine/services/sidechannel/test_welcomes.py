"""Welcomes against the reference's verification, and our own ones."""

from __future__ import annotations

import json
from typing import Any

import pytest

from engine.services.sidechannel.access import Access
from engine.services.sidechannel.welcomes import create_welcome, verify_welcome
from tests.harness.sidechannel_vectors import key_pairs, load, rules_from

WELCOME = load("welcome")
KEYS = key_pairs(WELCOME)


@pytest.mark.parametrize("case", WELCOME["cases"], ids=lambda case: case["note"])
def test_welcome_cases(case: dict[str, Any]) -> None:
    rules = rules_from(case["config"], KEYS[case["self"]].public_key.hex(), case["channel"])
    access = Access(rules)
    assert (access.accept_welcome(case["channel"], case["welcome"]) is not None) is case["accepted"]
    name = case["channel"].strip()
    assert access.welcomed(name) is (name in case["welcomedAfter"])


def test_created_welcome_has_the_reference_bytes() -> None:
    example = WELCOME["example"]["welcome"]
    payload = example["payload"]
    welcome = create_welcome(KEYS["owner"], payload["channel"], payload["text"], payload["issuedAt"])
    assert json.dumps(welcome) == json.dumps(example)


def test_an_older_welcome_does_not_replace_a_newer_one() -> None:
    owner = KEYS["owner"].public_key.hex()
    access = Access(rules_from({"ownerKeys": {"c": owner}}, KEYS["self"].public_key.hex()))
    new, old = create_welcome(KEYS["owner"], "c", "new", 2000), create_welcome(KEYS["owner"], "c", "old", 1000)
    assert access.accept_welcome("c", new) is not None
    assert access.accept_welcome("c", old) is not None
    known = access.welcome("c")
    assert known is not None
    assert known.text == "new"


@pytest.mark.parametrize("field", ["channel", "ownerPubKey", "text", "issuedAt"])
def test_values_without_a_text_form_are_invalid(field: str) -> None:
    owner = KEYS["owner"].public_key.hex()
    welcome: Any = create_welcome(KEYS["owner"], "c", "hi", 1000)
    welcome["payload"][field] = {"toString": 1}
    assert verify_welcome(welcome, "c", owner) is None
