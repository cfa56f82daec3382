"""The run script and the joiner commands, pasted into a shell by two users."""

from __future__ import annotations

import asyncio
import contextlib
import os
import shlex
import signal
import socket
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest
from websockets.asyncio.client import connect

from engine.store.keyfile_store import load_or_create
from tests.harness.bridge_client import Agent
from tests.harness.processes import TOKEN, PeerProcess, free_port

pytestmark = pytest.mark.e2e


class User:
    """Somebody with a home directory, a shell and the program."""

    def __init__(self, home: Path) -> None:
        home.mkdir()
        program = home / "bin" / "intercom-tui"
        program.parent.mkdir()
        program.write_text(f'#!/bin/sh\nexec {shlex.quote(sys.executable)} -m intercom_tui "$@"\n')
        program.chmod(0o755)
        self.home = home
        self.environment = {
            "HOME": str(home),
            "PATH": f"{program.parent}:{os.environ['PATH']}",
            "PYTHONPATH": str(Path(__file__).parents[2]),
        }
        store = home / ".local" / "share" / "intercom-tui" / "stores" / "peer"
        self.key = load_or_create(store / "db" / "keypair.json").public_hex

    @asynccontextmanager
    async def shell(self, command: str) -> AsyncIterator[PeerProcess]:
        """Paste one command into a shell, somewhere else than at home."""
        process = await asyncio.create_subprocess_exec(
            *("sh", "-c", command),
            cwd="/",
            env=self.environment,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.PIPE,
            start_new_session=True,
        )
        try:
            yield PeerProcess(process, 0)
        finally:
            with contextlib.suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGTERM)
            await asyncio.wait_for(process.communicate(), 10)


def joiner_line(script: str, channel: str) -> str:
    """The command below the comment of a channel."""
    lines = script.splitlines()
    at = next(number for number, line in enumerate(lines) if line.startswith(f"# To join {channel}:"))
    return lines[at + 1].removeprefix("#   ")


@pytest.mark.timeout(120)
async def test_a_second_user_joins_with_the_lines_of_the_script(tmp_path: Path) -> None:
    owner, guest = User(tmp_path / "owner's home"), User(tmp_path / "guest")
    script, bridge = tmp_path / "run it.sh", free_port()
    words = [
        *("intercom-tui", "script", "--output", str(script), "--invitee", guest.key.upper(), "--local"),
        *("--local-bootstrap-port", str(free_port(socket.SOCK_DGRAM)), "--sc-bridge", "1"),
        *("--sc-bridge-port", str(bridge), "--sidechannels", "my room,vault"),
        *("--sidechannel-owner", f"my room:{owner.key},vault={owner.key}"),
        *("--sidechannel-owner-write-channels", "my room"),
        *("--sidechannel-invite-required", "1", "--sidechannel-invite-channels", "vault"),
    ]
    async with owner.shell(shlex.join(words)) as writing:
        assert await writing.line("") == str(script)
    run = f"{shlex.quote(str(script))} --sc-bridge-token {TOKEN}"
    async with owner.shell(run) as peer:
        await peer.line("Sidechannel: ready")
        agent = Agent(await connect(f"ws://127.0.0.1:{bridge}"))
        assert (await agent.next())["type"] == "hello"
        assert await agent.ask({"type": "auth", "token": TOKEN}) == {"type": "auth_ok"}
        await agent.ask({"type": "options", "extended": True})
        for channel in ("my room", "vault"):
            async with guest.shell(joiner_line(script.read_text(), channel)) as joined:
                await joined.line("Sidechannel: ready")
                while not (sent := await agent.ask({"type": "send", "channel": channel, "message": "hello"}))["peers"]:
                    assert sent["type"] == "sent"
                    await asyncio.sleep(0.05)
                assert await joined.line(f"[sidechannel:{channel}] {owner.key}: ") == "hello"
        await agent.socket.close()
