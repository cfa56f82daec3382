"""The bridge's security suite over real WebSockets: bad input, guessed tokens, slow clients, many clients."""

from __future__ import annotations

import asyncio
import json
from contextlib import AsyncExitStack
from pathlib import Path

import pytest
from websockets.asyncio.client import connect
from websockets.exceptions import ConnectionClosedError, InvalidStatus

from engine.bridge import server as server_module
from engine.bridge import websocket
from engine.bridge.queue import MAX_EVENTS
from engine.bridge.server import BridgeServer
from tests.harness.bridge_client import TOKEN, Agent, agent, bridge
from tests.harness.fake_engine import FakeEngine
from tests.harness.published import record_reliability

UPGRADE = {
    "Host": "127.0.0.1",
    "Connection": "Upgrade",
    "Upgrade": "websocket",
    "Sec-WebSocket-Key": "dGhlIHNhbXBsZSBub25jZQ==",
    "Sec-WebSocket-Version": "13",
}


async def http(server: BridgeServer, headers: dict[str, str], request: str = "GET / HTTP/1.1") -> tuple[int, str]:
    """Status and body of one raw request."""
    reader, writer = await asyncio.open_connection("127.0.0.1", server.port)
    lines = [request, *(f"{name}: {value}" for name, value in headers.items()), "", ""]
    writer.write("\r\n".join(lines).encode())
    try:
        async with asyncio.timeout(5):
            head = (await reader.readuntil(b"\r\n\r\n")).decode()
            status = int(head.split()[1])
            body = (await reader.read()).decode() if status != 101 else ""
    finally:
        writer.close()
        await writer.wait_closed()
    return status, body


async def is_healthy(server: BridgeServer) -> bool:
    """True when the bridge still serves."""
    async with agent(server) as client:
        return bool((await client.ask({"type": "ping"}))["type"] == "pong")


async def test_plain_http_is_told_to_upgrade(tmp_path: Path) -> None:
    async with bridge(FakeEngine(), tmp_path / "t") as server:
        assert await http(server, {"Host": "127.0.0.1"}) == (426, "Upgrade Required")
        assert await http(server, {"Host": "evil.example"}, "POST /x HTTP/1.1") == (426, "Upgrade Required")
        assert await is_healthy(server)


@pytest.mark.parametrize(
    "change",
    [
        {"Sec-WebSocket-Key": "short"},
        {"Sec-WebSocket-Key": "!!!"},
        {"Sec-WebSocket-Version": "99"},
        {"Sec-WebSocket-Version": ""},
    ],
)
async def test_malformed_upgrades_are_bad_requests(tmp_path: Path, change: dict[str, str]) -> None:
    async with bridge(FakeEngine(), tmp_path / "t") as server:
        assert (await http(server, {**UPGRADE, **change}))[0] == 400
        assert (await http(server, UPGRADE))[0] == 101
        assert await is_healthy(server)


async def test_garbage_instead_of_http_ends_the_connection(tmp_path: Path) -> None:
    async with bridge(FakeEngine(), tmp_path / "t") as server:
        for garbage in (b"\x00\xff" * 50 + b"\r\n\r\n", b"GET\r\n\r\n", b"A" * 100_000):
            reader, writer = await asyncio.open_connection("127.0.0.1", server.port)
            writer.write(garbage)
            async with asyncio.timeout(5):
                assert b"101" not in await reader.read()
            writer.close()
        assert await is_healthy(server)


@pytest.mark.parametrize(
    ("change", "body"),
    [
        ({"Origin": "https://evil.example"}, "Forbidden origin."),
        ({"Origin": "null"}, "Forbidden origin."),
        ({"Host": "rebound.example"}, "Forbidden host."),
        ({"Host": "rebound.example", "Origin": "https://ok.example"}, "Forbidden host."),
    ],
)
async def test_web_pages_are_refused(tmp_path: Path, change: dict[str, str], body: str) -> None:
    async with bridge(FakeEngine(), tmp_path / "t", allowed_origins=("https://ok.example",)) as server:
        assert await http(server, {**UPGRADE, **change}) == (403, body)
        assert (await http(server, {**UPGRADE, "Origin": "https://ok.example"}))[0] == 101
        async with agent(server, origin="https://ok.example") as client:
            assert (await client.ask({"type": "ping"}))["type"] == "pong"


async def test_frames_above_the_limit_close_with_1009(tmp_path: Path) -> None:
    async with bridge(FakeEngine(), tmp_path / "t") as server:
        async with agent(server) as client:
            assert (await client.ask({"type": "set_filter", "filter": "", "pad": "x" * 1_000_000}))[
                "type"
            ] == "filter_set"
            await client.socket.send("x" * (websocket.MAX_MESSAGE_BYTES + 1))
            assert (await client.closed())[0] == 1009
        async with agent(server) as client:
            await client.socket.send(["x" * 600_000, "x" * 600_000])
            assert (await client.closed())[0] == 1009
        assert await is_healthy(server)


async def test_text_that_is_not_utf8_closes_with_1007_and_binary_is_not_json(tmp_path: Path) -> None:
    async with bridge(FakeEngine(), tmp_path / "t") as server:
        async with agent(server) as client:
            await client.socket.send(b'{"type":"ping","x":"\xff"}')
            assert (await client.reply())["error"] == "Invalid JSON."
            await client.socket.send(b'{"type":"ping"}')
            assert (await client.reply())["type"] == "pong"
            await client.socket.send(b"\xff\xfe", text=True)
            assert (await client.closed())[0] == 1007
        assert await is_healthy(server)


async def test_fragments_and_pings_are_served(tmp_path: Path) -> None:
    async with bridge(FakeEngine(), tmp_path / "t") as server, agent(server) as client:
        await client.socket.send(['{"type":', '"pi', 'ng"}'])
        assert (await client.reply())["type"] == "pong"
        assert await (await client.socket.ping(b"are you there")) >= 0


@pytest.mark.parametrize(
    "text",
    [
        "[" * 10_000 + "]" * 10_000,
        '{"type":"ping","x":' + '{"a":' * 10_000 + "1" + "}" * 10_001,
        "[" * 500_000,
        '{"type":"ping"',
        "NaN",
        '{"type":"ping","id":Infinity}',
        "\ufeff{}",
    ],
    ids=["arrays", "objects", "open", "cut", "nan", "infinity", "bom"],
)
async def test_bad_json_is_answered(tmp_path: Path, text: str) -> None:
    async with bridge(FakeEngine(), tmp_path / "t") as server, agent(server) as client:
        await client.socket.send(text)
        assert (await client.reply())["error"] == "Invalid JSON."
        assert (await client.ask({"type": "ping"}))["type"] == "pong"


async def test_guessing_over_the_wire_is_cut_off(tmp_path: Path, request: pytest.FixtureRequest) -> None:
    async def guess(number: int) -> int:
        async with agent(server, None) as client:
            await client.next()
            answers = 0
            for attempt in range(5):
                await client.socket.send(json.dumps({"type": "auth", "token": f"{TOKEN}{number}.{attempt}"}))
            while True:
                try:
                    assert (await client.next())["error"] == "Unauthorized."
                except ConnectionClosedError:
                    assert (await client.closed())[0] == 1008
                    return answers
                answers += 1

    async with bridge(FakeEngine(), tmp_path / "t") as server:
        server._throttle.failed = lambda now: 0.01  # type: ignore[method-assign]
        counts = await asyncio.gather(*(guess(number) for number in range(10)))
        assert counts == [5] * 10
        assert await is_healthy(server)
    record_reliability(
        request, "12. bridge: wrong tokens over the wire", "50 tried, none accepted, every client cut off"
    )


async def test_there_is_room_for_a_limited_number_of_clients(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(server_module, "MAX_CLIENTS", 2)
    async with bridge(FakeEngine(), tmp_path / "t") as server:
        async with agent(server), agent(server):
            with pytest.raises(InvalidStatus) as refused:
                async with connect(f"ws://127.0.0.1:{server.port}", proxy=None):
                    pass
            assert refused.value.response.status_code == 503
        await asyncio.sleep(0.05)
        assert await is_healthy(server)


async def listen(client: Agent, total: int) -> None:
    """Take every event."""
    for number in range(1, total + 1):
        assert (await client.event())["message"]["n"] == number


async def resume(client: Agent, cursor: int, total: int) -> None:
    """Ask for stored events until there are no more."""
    while cursor < total:
        answer = await client.ask({"type": "since", "cursor": cursor})
        events = [await client.event() for _ in range(answer["replayed"])]
        assert [event["seq"] for event in events] == list(range(cursor + 1, answer["cursor"] + 1))
        cursor = answer["cursor"]
        assert answer["more"] is (cursor < total)


async def test_a_stalled_client_is_cut_off_and_resumes_while_others_go_on(
    tmp_path: Path, request: pytest.FixtureRequest
) -> None:
    engine = FakeEngine()
    total = MAX_EVENTS * 4
    async with AsyncExitStack() as stack:
        server = await stack.enter_async_context(bridge(engine, tmp_path / "t"))
        stalled = await stack.enter_async_context(agent(server, extended=True))
        others = [await stack.enter_async_context(agent(server)) for _ in range(5)]
        async with asyncio.TaskGroup() as listeners:
            for other in others:
                listeners.create_task(listen(other, total))
            stalled.socket.transport.pause_reading()
            for number in range(1, total + 1):
                engine.receive("a", {"n": number, "text": "x" * 4000})
                if number % 20 == 0:
                    await asyncio.sleep(0.002)
        stalled.socket.transport.resume_reading()
        code, reason = await stalled.closed()
        assert code == 1013
        cursor = json.loads(reason)["cursor"]
        seen = [(await stalled.event())["message"]["n"] for _ in range(cursor)]
        assert seen == list(range(1, cursor + 1))
        with pytest.raises(ConnectionClosedError):
            await stalled.event()
        await resume(await stack.enter_async_context(agent(server, extended=True)), cursor, total)
    record_reliability(
        request, "6c. bridge: stalled client that comes back", f"{total:,} events: cut off, resumed without loss"
    )
