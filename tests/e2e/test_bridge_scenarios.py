"""Whole peers in processes of their own: the recorded conversation with a real one, and one that has no token."""

from __future__ import annotations

import asyncio
import json
import stat
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from socket import SOCK_DGRAM

import pytest
from websockets.asyncio.client import ClientConnection, connect

from tests.harness.bridge_transcript import assert_like_reference, frame_of, recorded_for, transcript
from tests.harness.processes import free_port, running_command

HOST = "127.0.0.1"
START_S = 30.0


@asynccontextmanager
async def peer(home: Path, *flags: str) -> AsyncIterator[int]:
    """A peer on a bootstrap network of its own; yields the port of its bridge."""
    port = free_port()
    words = ["run", "--local", "--home", str(home), "--local-bootstrap-port", str(free_port(SOCK_DGRAM))]
    words += ["--sc-bridge", "1", "--sc-bridge-port", str(port), "--sidechannels", "pub1,priv1", *flags]
    async with running_command(*words):
        yield port


async def client(port: int) -> ClientConnection:
    """A connection, once the bridge listens."""
    async with asyncio.timeout(START_S):
        while True:
            try:
                return await connect(f"ws://{HOST}:{port}", proxy=None, max_size=None)
            except OSError:
                await asyncio.sleep(0.05)


async def ask(socket: ClientConnection, request: dict[str, object]) -> dict[str, object]:
    await socket.send(json.dumps(request))
    return dict(json.loads(await socket.recv()))


async def until_ready(port: int, token: str) -> tuple[str, str]:
    """Wait until the sidechannels have started; returns key and address."""
    socket = await client(port)
    await socket.recv()
    assert (await ask(socket, {"type": "auth", "token": token}))["type"] == "auth_ok"
    for _ in range(int(START_S / 0.05)):
        if (await ask(socket, {"type": "stats"}))["sidechannelStarted"]:
            break
        await asyncio.sleep(0.05)
    info = (await ask(socket, {"type": "info"}))["info"]
    await socket.close()
    assert isinstance(info, dict)
    return str(info["peerPubkey"]), str(info["peerTracAddress"])


def private_tokens(home: Path) -> dict[str, str]:
    """Tokens of the file that the peer made, by label."""
    [file] = home.rglob("bridge-tokens.json")
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    return {entry["label"]: entry["token"] for entry in json.loads(file.read_text())["tokens"]}


@pytest.mark.e2e
async def test_a_real_peer_answers_like_the_reference(tmp_path: Path) -> None:
    async with peer(tmp_path, "--sc-bridge-token", "tok", "--sc-bridge-cli", "1") as port:
        identity = await until_ready(port, "tok")
        sockets: dict[tuple[str, int], ClientConnection] = {}
        for line in transcript("transcript.jsonl"):
            place = (line["session"], line["conn"])
            if place not in sockets:
                sockets[place] = await client(port)
            if line["dir"] == "c2s":
                await sockets[place].send(frame_of(line))
            else:
                async with asyncio.timeout(20):
                    assert_like_reference(str(await sockets[place].recv()), recorded_for(line, *identity))
        for socket in sockets.values():
            await socket.close()


@pytest.mark.e2e
async def test_a_peer_without_a_token_makes_a_private_file_and_lets_nobody_in(tmp_path: Path) -> None:
    async with peer(tmp_path) as port:
        stranger = await client(port)
        hello = json.loads(await stranger.recv())
        assert list(hello) == ["type", "peer", "address", "entryChannel", "filter", "requiresAuth"]
        assert hello["requiresAuth"] is True
        for kind in ("ping", "stats", "info", "send", "join", "open", "leave", "subscribe", "cli", "auth"):
            reply = await ask(stranger, {"type": kind, "channel": "0000intercom", "command": "/get_keys"})
            assert reply["error"] == "Unauthorized.", kind
        await stranger.close()
        tokens = private_tokens(tmp_path)
        await until_ready(port, tokens["reader"])
        agent = await client(port)
        await agent.recv()
        assert (await ask(agent, {"type": "auth", "token": tokens["reader"]}))["type"] == "auth_ok"
        assert (await ask(agent, {"type": "send", "channel": "pub1", "message": "x"}))["code"] == "bridge.forbidden"
        await agent.close()
