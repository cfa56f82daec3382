"""Conversations recorded with the reference, and what it means to answer like it.

Reference keys must come first and in the same order with the same values; more keys may follow. Ids, signatures and
times differ per run.
"""

from __future__ import annotations

import base64
import json
import re
from pathlib import Path
from typing import Any

VECTORS = Path(__file__).parent.parent / "vectors" / "bridge"
RECORDED_KEY = "9c4ee67997eff8ef72d4bac82c111edb88fd9b2b39593536cd1156a72b041e90"
RECORDED_ADDRESS = "trac1n38wv7vhaluw7uk5htyzcyg7mwy0mxet89vn2dkdz9t2w2cyr6gqtp3ggu"
OUR_OWN = ("/get --key nothing", "/help", "/stats", "/set_chat_status --enabled 1", "/add_admin --address zz", "/msb")
"""Commands whose answers differ because there are no subnets."""
_COUNT = re.compile(r',"connectionCount":\d+')


def transcript(name: str) -> list[dict[str, Any]]:
    """The lines of a recorded conversation with the reference."""
    return [json.loads(line) for line in (VECTORS / name).read_text(encoding="utf-8").splitlines()]


def recorded_for(line: dict[str, Any], key: str, address: str) -> str:
    """A recorded frame as if the peer with that key and address had sent it."""
    return str(line["text"]).replace(RECORDED_KEY, key).replace(RECORDED_ADDRESS, address)


def frame_of(line: dict[str, Any]) -> str | bytes:
    """What the client sent."""
    if line["text"] is None:
        return bytes.fromhex(line["bin"])
    return str(line["text"]).replace("<1000000 times y>", "y" * 1_000_000)


def assert_like_reference(actual: str, expected: str) -> None:
    """The reference's keys, values and order; anything after them is ours."""
    ours, theirs = json.loads(actual), json.loads(expected)
    if theirs.get("command") in OUR_OWN:
        assert (ours["type"], ours["command"]) == (theirs["type"], theirs["command"])
        return
    assert list(ours)[: len(theirs)] == list(theirs), f"{actual} is not like {expected}"
    for key, value in theirs.items():
        if key == "ts":
            assert isinstance(ours[key], int)
        elif key == "info":
            assert list(ours[key]) == list(value)
        elif key == "connectionCount":
            assert isinstance(ours[key], int)
        elif key == "output":
            assert_like_output(ours[key], value)
        else:
            assert ours[key] == value, f"{actual} is not like {expected}"


def assert_like_output(ours: list[str], theirs: list[str]) -> None:
    """Console lines; signed objects have the same members, and base64 of the same text after them."""
    if len(theirs) == 2 and "_b64: " in theirs[1]:
        assert members(json.loads(ours[0])) == members(json.loads(theirs[0]))
        name, _, encoded = ours[1].partition(" ")
        assert name == theirs[1].partition(" ")[0]
        assert base64.b64decode(encoded).decode() == ours[0]
    else:
        assert [_COUNT.sub("", line) for line in ours] == [_COUNT.sub("", line) for line in theirs]


def members(value: dict[str, Any]) -> list[object]:
    """Names at both levels, and the values that do not depend on the run."""
    payload = value["payload"]
    fixed = ("channel", "inviteePubKey", "inviterPubKey", "inviterAddress", "ownerPubKey", "text", "version")
    return [list(value), list(payload), [payload.get(name) for name in fixed]]
