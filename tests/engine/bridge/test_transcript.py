"""The recorded conversation with the reference, line by line.

Keys of the recorded peer are replaced by those of the fake one.
"""

from __future__ import annotations

import json

import pytest

from engine.bridge.protocol import SessionSettings
from engine.bridge.throttle import AuthThrottle
from engine.config.sections import Config, SidechannelConfig
from tests.harness.bridge_session import Conversation, ManualClock
from tests.harness.bridge_transcript import OUR_OWN, assert_like_reference, frame_of, recorded_for, transcript
from tests.harness.fake_engine import FakeEngine, FakeNetwork

SESSIONS = list(dict.fromkeys(line["session"] for line in transcript("transcript.jsonl")))


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
            expected = recorded_for(line, engine.identity.public_key, engine.identity.address)
            assert_like_reference(said[number].pop(0), expected)
            compared += 1
    assert compared == sum(line["dir"] == "s2c" for line in lines)
    assert not any(said.values())
    assert not any(client.closes for client in clients.values())


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
