"""The bridge over real WebSockets on 127.0.0.1."""

from __future__ import annotations

import asyncio
import json
from pathlib import Path

import pytest

from engine.bridge import server as server_module
from engine.bridge.server import BridgeServer
from engine.config.sections import BridgeConfig
from engine.errors import BindFailed, BridgeMisconfigured
from engine.net.tasks import TaskScope
from engine.status import BridgeFailed, BridgeListening, BridgeOff
from tests.harness.bridge_client import TOKEN, agent, bridge
from tests.harness.bridge_transcript import transcript
from tests.harness.fake_engine import FakeEngine, FakeNetwork


async def test_two_peers_as_recorded_from_the_reference(tmp_path: Path) -> None:
    """Every line of the recording: requests are sent, and each client sees the same frames in the same order."""
    net = FakeNetwork()
    engines = {"A": FakeEngine("a", net), "B": FakeEngine("b", net)}
    lines = [line for line in transcript("two_peers.jsonl") if line["conn"] != "B?"]
    recorded = {
        json.loads(line["text"])["peer"]: engines[line["conn"]].identity.public_key for line in lines if is_hello(line)
    }
    async with (
        bridge(engines["A"], tmp_path / "a") as server_a,
        bridge(engines["B"], tmp_path / "b") as server_b,
        agent(server_a, None) as a,
        agent(server_b, None) as b,
    ):
        for line in lines:
            client = {"A": a, "B": b}[line["conn"]]
            if line["dir"] == "c2s":
                await client.socket.send(line["text"])
                continue
            text = line["text"]
            for theirs, ours in recorded.items():
                text = text.replace(theirs, ours)
            expected, actual = json.loads(text), await client.next()
            assert list(actual)[: len(expected)] == list(expected), (actual, expected)
            fixed = (
                "type",
                "channel",
                "from",
                "origin",
                "ttl",
                "relayedBy",
                "channels",
                "filter",
                "error",
                "ok",
                "via",
            )
            assert {key: actual.get(key) for key in fixed} == {key: expected.get(key) for key in fixed}
            if "message" in expected and not is_payload(expected["message"]):
                assert actual["message"] == expected["message"]
            elif "message" in expected:
                assert actual["message"]["id"] == actual["id"]


def is_hello(line: dict[str, str]) -> bool:
    return line["dir"] == "s2c" and json.loads(line["text"])["type"] == "hello"


def is_payload(message: object) -> bool:
    """A message that is null or missing is replaced by the whole payload."""
    return isinstance(message, dict) and message.get("type") == "sidechannel"


async def test_an_unauthenticated_client_gets_hello_and_nothing_else(tmp_path: Path) -> None:
    engine = FakeEngine()
    async with bridge(engine, tmp_path / "tokens.json", token="") as server, agent(server, None) as client:
        assert server.tokens_path.exists()
        hello = await client.next()
        assert list(hello) == ["type", "peer", "address", "entryChannel", "filter", "requiresAuth"]
        engine.receive("0000intercom", "not for strangers")
        for kind in ("ping", "send", "join", "leave", "open", "subscribe", "stats", "info", "cli", "since", "options"):
            reply = await client.ask({"type": kind, "id": 1, "channel": "x", "command": "/help"})
            assert reply["error"] == "Unauthorized.", kind
        assert not client.events
        secret = json.loads(server.tokens_path.read_text())["tokens"][1]["token"]
        assert await client.ask({"type": "auth", "token": secret}) == {"type": "auth_ok"}
        assert (await client.ask({"type": "ping"}))["type"] == "pong"


async def test_the_status_tells_who_is_connected(tmp_path: Path) -> None:
    changes = 0

    def changed() -> None:
        nonlocal changes
        changes += 1

    async with bridge(FakeEngine(), tmp_path / "t") as server:
        server.on_status_change = changed
        async with agent(server, label="bot") as client:
            await client.ask({"type": "subscribe", "channel": "a"})
            await client.ask({"type": "send", "channel": "a", "message": 1})
            status = server.status()
            assert isinstance(status, BridgeListening)
            [shown] = status.clients
            assert (shown.label, shown.authenticated) == ("bot-1", True)
            assert shown.scopes == ("admin", "read", "send")
            assert (shown.subscriptions, shown.last_request, shown.queued) == (("a",), "send a", 0)
            assert changes >= 4
            assert server.kick("bot-1")
            assert not server.kick("nobody")
            assert await client.closed() == (4000, "closed by the user")
        assert server.status() == BridgeListening("127.0.0.1", server.port, ())
    assert server.status() == BridgeOff()


async def test_a_bridge_that_cannot_start_says_why(tmp_path: Path) -> None:
    scope = TaskScope("test")
    async with bridge(FakeEngine(), tmp_path / "t") as other:
        taken = BridgeServer(BridgeConfig(port=other.port, token=TOKEN), FakeEngine(), tmp_path / "t", scope)
        with pytest.raises(BindFailed):
            await taken.start()
        assert isinstance(taken.status(), BridgeFailed)
        open_to_all = BridgeServer(BridgeConfig(host="0.0.0.0", port=0, token=TOKEN), FakeEngine(), tmp_path, scope)
        with pytest.raises(BridgeMisconfigured):
            await open_to_all.start()
    await taken.start()
    assert isinstance(taken.status(), BridgeListening)
    await taken.stop()
    await taken.stop()
    await scope.close()


async def test_stopping_closes_clients_and_starting_again_works(tmp_path: Path) -> None:
    scope = TaskScope("test")
    server = BridgeServer(BridgeConfig(port=0, token=TOKEN), FakeEngine(), tmp_path / "t", scope)
    for _ in range(2):
        await server.start()
        await server.start()
        async with agent(server) as client:
            await server.stop()
            assert (await client.closed())[0] == 1001
    await scope.close()


async def test_requests_before_a_disconnect_are_carried_out(tmp_path: Path) -> None:
    engine = FakeEngine()
    async with bridge(engine, tmp_path / "t") as server:
        async with agent(server) as client:
            for number in range(50):
                await client.socket.send(json.dumps({"type": "send", "channel": "a", "message": number}))
        async with agent(server) as client:
            assert (await client.ask({"type": "ping"}))["type"] == "pong"
    assert [sent["message"] for sent in engine.sidechannel.sent] == list(range(50))


async def test_pipelined_requests_are_answered_in_order(tmp_path: Path) -> None:
    async with bridge(FakeEngine(), tmp_path / "t") as server, agent(server) as client:
        for number in range(600):
            kind = ("send", "ping", "open")[number % 3]
            await client.socket.send(json.dumps({"type": kind, "id": number, "channel": "a", "message": "x" * 500}))
        assert [(await client.reply())["id"] for _ in range(600)] == list(range(600))


async def test_terminal_commands_of_all_clients_run_one_after_the_other(tmp_path: Path) -> None:
    engine = FakeEngine()
    async with bridge(engine, tmp_path / "t") as server, agent(server) as one, agent(server) as two:
        await one.socket.send('{"type":"cli","command":"/sc_join --channel one","id":1}')
        await two.socket.send('{"type":"cli","command":"/sc_stats","id":2}')
        first, second = await one.reply(), await two.reply()
    assert first["output"] == ["Joined sidechannel: one"]
    assert "one" in json.loads(second["output"][0])["channels"]


async def test_a_failure_inside_is_an_error_reply(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    engine = FakeEngine()

    async def broken(*_args: object, **_more: object) -> None:
        raise RuntimeError("broken")

    engine.sidechannel.send = broken  # type: ignore[assignment, method-assign]
    async with bridge(engine, tmp_path / "t", debug=True) as server, agent(server) as client:
        reply = await client.ask({"type": "send", "channel": "a", "id": 3})
        assert reply == {"id": 3, "type": "error", "error": "Internal error.", "code": "bridge.internal"}
        assert (await client.ask({"type": "ping"}))["type"] == "pong"
    assert "broken" in caplog.text
    assert TOKEN not in caplog.text.replace("token", "")


async def test_events_the_bridge_was_too_slow_for_come_from_the_store(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(server_module, "EVENT_LIMIT", 50)
    monkeypatch.setattr(server_module, "RECOVER_LIMIT", 60)
    engine = FakeEngine()
    async with bridge(engine, tmp_path / "t") as server, agent(server, extended=True) as client:
        engine.receive("a", "first")
        assert (await client.event())["message"] == "first"
        for number in range(200):
            engine.receive("a", number)
        await asyncio.sleep(0)
        engine.receive("a", 200)
        assert [(await client.event())["message"] for _ in range(201)] == list(range(201))
