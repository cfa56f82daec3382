"""The recorded conversation with the reference, line by line.

Reference keys must come first and in the same order with the same values; more keys may follow. Keys, ids, signatures
and times of the recorded peer are replaced by those of the fake one.
"""

from __future__ import annotations

import base64
import json
from typing import Any

import pytest

from engine.bridge.protocol import SessionSettings
from engine.bridge.throttle import AuthThrottle
from engine.config.sections import Config, SidechannelConfig
from tests.harness.bridge_session import Conversation, ManualClock, transcript
from tests.harness.fake_engine import FakeEngine, FakeNetwork

RECORDED_KEY = "9c4ee67997eff8ef72d4bac82c111edb88fd9b2b39593536cd1156a72b041e90"
RECORDED_ADDRESS = "trac1n38wv7vhaluw7uk5htyzcyg7mwy0mxet89vn2dkdz9t2w2cyr6gqtp3ggu"
SESSIONS = list(dict.fromkeys(line["session"] for line in transcript("transcript.jsonl")))
OUR_OWN = ("/get --key nothing", "/help", "/stats", "/set_chat_status --enabled 1", "/add_admin --address zz", "/msb")
"""Commands whose answers differ because there are no subnets."""


def assert_like_reference(actual: str, expected: str) -> None:
    """The reference's keys, values and order; anything after them is ours."""
    ours, theirs = json.loads(actual), json.loads(expected)
    assert list(ours)[: len(theirs)] == list(theirs), f"{actual} is not like {expected}"
    for key, value in theirs.items():
        if key == "ts":
            assert isinstance(ours[key], int)
        elif key == "info":
            assert list(ours[key]) == list(value)
        elif key == "connectionCount":
            assert ours[key] == 1
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
        assert ours == [line.replace('"connectionCount":2', '"connectionCount":1') for line in theirs]


def members(value: dict[str, Any]) -> list[object]:
    """Names at both levels, and the values that do not depend on the run."""
    payload = value["payload"]
    fixed = ("channel", "inviteePubKey", "inviterPubKey", "inviterAddress", "ownerPubKey", "text", "version")
    return [list(value), list(payload), [payload.get(name) for name in fixed]]


@pytest.fixture
def engine() -> FakeEngine:
    net = FakeNetwork()
    engine = FakeEngine("alice", net, Config(sidechannel=SidechannelConfig(channels=("pub1", "priv1"))))
    FakeEngine("bob", net)
    return engine


@pytest.mark.parametrize("session", SESSIONS)
def test_session_of_the_reference(session: str, engine: FakeEngine) -> None:
    lines = [line for line in transcript("transcript.jsonl") if line["session"] == session]
    if session == "join-leave-open":
        engine.sidechannel.channels["42"] = False  # opened by the session before
    clock, throttle = ManualClock(), AuthThrottle()
    clients: dict[int, Conversation] = {}
    said: dict[int, list[str]] = {}
    compared = 0
    for line in lines:
        number = line["conn"]
        if number not in clients:
            clients[number] = Conversation(engine, SessionSettings(cli=True), throttle=throttle, clock=clock)
            said[number] = clients[number].start()
        if line["dir"] == "c2s":
            assert not said[number]
            said[number] = clients[number].say(frame_of(line))
        else:
            assert line["dir"] == "s2c"
            expected = line["text"].replace(RECORDED_KEY, engine.identity.public_key)
            expected = expected.replace(RECORDED_ADDRESS, engine.identity.address)
            actual = said[number].pop(0)
            compared += 1
            if not is_our_own(expected):
                assert_like_reference(actual, expected)
    assert compared == sum(line["dir"] == "s2c" for line in lines)
    assert not any(said.values())
    assert not any(client.closes for client in clients.values())


def frame_of(line: dict[str, Any]) -> str | bytes:
    if line["text"] is None:
        return bytes.fromhex(line["bin"])
    return str(line["text"]).replace("<1000000 times y>", "y" * 1_000_000)


def is_our_own(reply: str) -> bool:
    return json.loads(reply).get("command") in OUR_OWN


@pytest.mark.parametrize("command", [command for command in OUR_OWN if command not in ("/help", "/stats")])
def test_commands_without_a_subnet_say_so(command: str, engine: FakeEngine) -> None:
    reply = Conversation(engine).authenticate().ask({"type": "cli", "command": command, "id": 1})
    assert list(reply)[:6] == ["id", "type", "command", "ok", "output", "error"]
    assert reply["ok"] is False
    assert "has no subnets yet" in reply["error"]


def test_help_and_stats_begin_like_the_reference(engine: FakeEngine) -> None:
    client = Conversation(engine).authenticate()
    recorded = {
        reply["command"]: reply["output"]
        for reply in (json.loads(line["text"]) for line in transcript("transcript.jsonl") if line["dir"] == "s2c")
        if reply.get("command") in ("/help", "/stats")
    }
    help_text = client.ask({"type": "cli", "command": "/help"})["output"]
    assert help_text[:3] == recorded["/help"][:3]
    named = [line.split(" | ")[0] for line in recorded["/help"] if line.startswith("- /")]
    for name in named:
        assert any(line.startswith(name.split(" --")[0]) for line in help_text), name
    stats = client.ask({"type": "cli", "command": "/stats"})["output"]
    assert stats[0] == recorded["/stats"][0]
    assert stats[1] == f"wallet.address: {engine.identity.public_key}"
    assert "swarm.connections.size: 1" in stats
