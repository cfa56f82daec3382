"""The program as people and agents use it, beside a JavaScript peer."""

from __future__ import annotations

import asyncio
import json
import socket
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
from websockets.asyncio.client import connect

from engine.config.sections import ENTRY_CHANNEL
from engine.services.sidechannel.welcomes import create_welcome
from tests.harness.bridge_client import Agent
from tests.harness.js_sidechannel import JsSidechannel
from tests.harness.processes import TOKEN, PeerProcess, free_port, running_command, running_peer
from tests.harness.sidechannel_peers import key_pair, public_hex

pytestmark = [pytest.mark.interop, pytest.mark.timeout(120)]
HOST = "127.0.0.1"
THEIRS = 2


@pytest.fixture(params=["javascript", "python"])
async def bootstrap(request: pytest.FixtureRequest, js_stack: Any) -> AsyncIterator[int]:
    """Port of a DHT of either kind."""
    if request.param == "javascript":
        js = await js_stack.spawn("swarm_peer.js", "dht")
        yield (await js.read_json())["port"]
        return
    port = free_port(socket.SOCK_DGRAM)
    async with running_command("dht", "--port", str(port), "--nodes", "4") as process:
        await PeerProcess(process, 0).line("4 DHT nodes run.")
        yield port


async def javascript(js_stack: Any, port: int, **options: Any) -> JsSidechannel:
    """A started JavaScript peer."""
    seed = key_pair(THEIRS).secret_key[:32].hex()
    process = await js_stack.spawn("sidechannel_peer.js", port, json.dumps({"seed": seed, **options}))
    ready = await process.read_until("ready")
    return JsSidechannel(process, ready["key"])


async def joined_agent(bridge: int) -> Agent:
    """An agent on a bridge, before anything happens."""
    agent = Agent(await connect(f"ws://{HOST}:{bridge}"))
    assert (await agent.next())["type"] == "hello"
    assert await agent.ask({"type": "auth", "token": TOKEN}) == {"type": "auth_ok"}
    await agent.ask({"type": "options", "extended": True})
    return agent


async def heard(agent: Agent, theirs: JsSidechannel, channel: str, message: Any) -> Any:
    """Send until the other one is there; what it got."""
    for _ in range(600):
        if (await agent.ask({"type": "send", "channel": channel, "message": message}))["peers"]:
            break
        await asyncio.sleep(0.05)
    return await theirs.message(message, channel)


async def test_an_agent_and_a_javascript_peer_chat(js_stack: Any, bootstrap: int, tmp_path: Path) -> None:
    """An agent on the bridge chats with a JavaScript peer."""
    bridge = free_port()
    network = ("--dht-bootstrap", f"{HOST}:{bootstrap}", "--bind-host", HOST)
    room = ("--sidechannels", "room", "--sidechannel-owner", f"room:{public_hex(THEIRS)}")
    words = ("run", "--home", str(tmp_path), *network, *room, "--sc-bridge", "1", "--sc-bridge-port", str(bridge))
    async with running_command(*words, "--sc-bridge-token", TOKEN) as process:
        peer = PeerProcess(process, bridge)
        key = await peer.line("Peer pubkey (hex): ")
        await peer.line("Sidechannel: ready")
        agent = await joined_agent(bridge)
        welcome = create_welcome(key_pair(THEIRS), "room", "Be kind.", 1_700_000_000_000)
        owned = {"channels": ["room"], "owners": {"room": public_hex(THEIRS)}, "welcomes": {"room": welcome}}
        theirs = await javascript(js_stack, bootstrap, **owned)
        got = await heard(agent, theirs, ENTRY_CHANNEL, {"kind": "greeting", "n": 1.5})
        assert (got["signed"], got["payload"]["from"], got["payload"]["ttl"]) == (True, key, 3)
        await theirs.call("send", channel=ENTRY_CHANNEL, message={"kind": "answer"})
        await heard(agent, theirs, "room", "an answer in the room")
        await theirs.call("send", channel="room", message="after the welcome")
        events = [await agent.event() for _ in range(3)]
        assert all((event["from"], event["trust"]) == (theirs.key, "verified") for event in events)
        assert {(event["channel"], json.dumps(event["message"])) for event in events} == {
            ("room", json.dumps({"control": "welcome", "welcome": welcome})),
            (ENTRY_CHANNEL, json.dumps({"kind": "answer"})),
            ("room", json.dumps("after the welcome")),
        }
        assert (await agent.ask({"type": "stats"}))["drops"] == {}
        await agent.socket.close()
        assert await peer.terminate() == 0
        await theirs.event("disconnected", key=key)


async def test_a_javascript_program_uses_the_bridge(pinned_stack: Any, tmp_path: Path) -> None:
    """A JavaScript program uses the bridge, with the frames of the reference."""
    async with running_peer(tmp_path, "peer", free_port(socket.SOCK_DGRAM)) as peer:
        key = await peer.line("Peer pubkey (hex): ")
        await peer.line("Sidechannel: ready")
        url = f"ws://{HOST}:{peer.bridge_port}"
        js = await pinned_stack.spawn("bridge_client.js", url, TOKEN, flags=["--experimental-websocket"])

        async def frame() -> dict[str, Any]:
            return dict((await js.read_until("frame"))["frame"])

        assert (await frame())["peer"] == key
        assert await frame() == {"type": "auth_ok"}
        js.write_json({"id": 7, "type": "send", "channel": ENTRY_CHANNEL, "message": {"a": [1]}})
        assert await frame() == {"id": 7, "type": "sent", "channel": ENTRY_CHANNEL}
        js.write_json({"type": "stats"})
        assert await frame() == {
            "type": "stats",
            "channels": [ENTRY_CHANNEL],
            "connectionCount": 0,
            "sidechannelStarted": True,
        }
        js.write_json("close")
        assert (await js.read_until("close"))["wasClean"]
