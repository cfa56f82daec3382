"""Invites against the reference's verification, and our own ones."""

from __future__ import annotations

import json
from typing import Any

import pytest

from engine.config.sections import ENTRY_CHANNEL
from engine.services.sidechannel.invites import InviteProblem, check_invite, create_invite, embedded_welcome
from engine.services.sidechannel.options import ChannelRules
from tests.harness.sidechannel_vectors import key_pairs, load, rules_from

INVITE = load("invite")
KEYS = key_pairs(INVITE)
ALICE = KEYS["alice"].public_key.hex()
INVITER = KEYS["inviter"].public_key.hex()


@pytest.mark.parametrize("case", INVITE["cases"], ids=lambda case: case["note"])
def test_invite_cases(case: dict[str, Any]) -> None:
    rules: ChannelRules = rules_from(case["config"], KEYS[case["self"]].public_key.hex())
    check = check_invite(case["invite"], case["channel"], case["invitee"], rules.inviters, INVITE["now"])
    assert check.valid is case["accepted"]
    assert (check.expires_ms > INVITE["now"]) is case["accepted"]


@pytest.mark.parametrize("case", INVITE["required"], ids=lambda case: json.dumps(case["config"]) + case["channel"])
def test_invite_required(case: dict[str, Any]) -> None:
    rules: ChannelRules = rules_from(case["config"], ALICE)
    trimmed = case["channel"].strip()
    assert rules.invite_required(trimmed if trimmed == ENTRY_CHANNEL else case["channel"]) is case["required"]


def test_created_invite_has_the_reference_bytes() -> None:
    example = INVITE["example"]["invite"]
    payload = example["payload"]
    invite = create_invite(
        KEYS["inviter"],
        payload["channel"],
        payload["inviteePubKey"],
        address=payload["inviterAddress"],
        nonce=payload["nonce"],
        issued_ms=payload["issuedAt"],
        ttl_s=(payload["expiresAt"] - payload["issuedAt"]) // 1000,
    )
    assert json.dumps(invite) == json.dumps(example)


def test_created_invite_carries_the_welcome() -> None:
    invite = create_invite(
        KEYS["inviter"], "c", ALICE, address=None, nonce="n", issued_ms=1000, ttl_s=60, welcome={"text": "hi"}
    )
    assert embedded_welcome(invite) == {"text": "hi"}
    check = check_invite(invite, "c", ALICE, None, 1000)
    assert check.valid
    assert check.expires_ms == 61_000


@pytest.mark.parametrize(
    ("changes", "channel", "key", "problem"),
    [
        ({}, "other", ALICE, InviteProblem.OTHER_CHANNEL),
        ({}, "c", INVITER, InviteProblem.OTHER_INVITEE),
        ({"expiresAt": 10}, "c", ALICE, InviteProblem.EXPIRED),
        ({"nonce": "changed"}, "c", ALICE, InviteProblem.FORGED),
        ({"inviterPubKey": ALICE}, "c", ALICE, InviteProblem.UNTRUSTED),
        ({"inviterPubKey": {"toString": 1}}, "c", ALICE, InviteProblem.MALFORMED),
        ({"issuedAt": "soon"}, "c", ALICE, InviteProblem.MALFORMED),
    ],
)
def test_problems_are_told_apart(changes: dict[str, Any], channel: str, key: str, problem: InviteProblem) -> None:
    invite: Any = create_invite(KEYS["inviter"], "c", ALICE, address=None, nonce="n", issued_ms=1000, ttl_s=60)
    invite["payload"].update(changes)
    assert check_invite(invite, channel, key, {INVITER}, 1000).problem is problem
