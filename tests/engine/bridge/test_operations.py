"""Requests that take time: what the peer is asked, and how failures are worded."""

from __future__ import annotations

import pytest

from engine.errors import BadMnemonic, ChannelLimit, InviteRequired, MessageTooLarge, NetworkError, OwnerOnly
from tests.harness.bridge_session import Conversation
from tests.harness.fake_engine import FakeEngine, FakeNetwork

DENIED = {
    "send": "Send denied (invite required or invalid).",
    "join": "Join denied (invite required or invalid).",
    "open": "Open request denied (invalid input or missing invite/welcome).",
}


@pytest.mark.parametrize("kind", DENIED)
@pytest.mark.parametrize("error", [InviteRequired, OwnerOnly, ChannelLimit, MessageTooLarge])
def test_refusals_have_one_text_and_a_code(kind: str, error: type[InviteRequired]) -> None:
    engine = FakeEngine()
    engine.sidechannel.denied["a"] = error()
    reply = Conversation(engine).authenticate().ask({"type": kind, "channel": "a", "id": 1})
    assert reply == {"id": 1, "type": "error", "error": DENIED[kind], "code": error.code}
    extended = Conversation(engine).authenticate(extended=True).ask({"type": kind, "channel": "a"})
    assert list(extended) == ["type", "error", "reason", "hint", "code"]
    assert extended["reason"] == str(error())


@pytest.mark.parametrize(
    ("kind", "text"),
    [
        ("send", "Send failed: no network"),
        ("join", "Join failed: no network"),
        ("open", "Open request failed: no network"),
    ],
)
def test_other_failures_say_what_happened(kind: str, text: str) -> None:
    engine = FakeEngine()
    engine.sidechannel.denied["a"] = NetworkError("no network")  # type: ignore[assignment]
    reply = Conversation(engine).authenticate().ask({"type": kind, "channel": "a"})
    assert (reply["error"], reply["code"]) == (text, "network.error")


def test_a_failing_command_is_a_result() -> None:
    engine = FakeEngine()
    engine.sidechannel.denied["a"] = BadMnemonic("odd")  # type: ignore[assignment]
    reply = Conversation(engine).authenticate().ask({"type": "cli", "command": "/sc_join --channel a"})
    assert (reply["ok"], reply["error"], reply["result"]) == (False, "odd", None)


def test_invites_and_labels_reach_the_peer() -> None:
    net = FakeNetwork()
    FakeEngine("bob", net)
    engine = FakeEngine("alice", net)
    client = Conversation(engine).authenticate()
    invite, welcome = {"payload": {"n": 1}}, {"payload": {"n": 2}}
    client.ask({"type": "send", "channel": "a", "message": [1], "invite": invite, "welcome": welcome})
    assert engine.sidechannel.sent == [
        {"channel": "a", "message": [1], "has": True, "invite": {**invite, "welcome": welcome}, "welcome": None}
    ]
    client.ask({"type": "open", "channel": "b", "via": " a ", "invite": invite, "welcome": welcome})
    assert engine.sidechannel.opens == [("b", "a", invite, welcome)]
    engine.sidechannel.protected.add("p")
    assert client.ask({"type": "join", "channel": "p"})["error"] == DENIED["join"]
    assert client.ask({"type": "join", "channel": "p", "invite": invite})["type"] == "joined"
