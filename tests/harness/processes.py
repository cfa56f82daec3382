"""Peers as processes of their own, started as a user starts them."""

from __future__ import annotations

import asyncio
import signal
import socket
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

TOKEN = "test-token-of-this-run"
START_S = 30.0
STOP_S = 10.0
"""A peer ends within this time after SIGTERM."""


def free_port(kind: int = socket.SOCK_STREAM) -> int:
    """A port of 127.0.0.1 that is free now."""
    with socket.socket(socket.AF_INET, kind) as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@dataclass
class PeerProcess:
    """One running ``intercom-tui`` process."""

    process: asyncio.subprocess.Process
    bridge_port: int

    async def line(self, prefix: str) -> str:
        """Wait for the output line with that beginning; returns the rest of it."""
        assert self.process.stdout is not None
        async with asyncio.timeout(START_S):
            while raw := await self.process.stdout.readline():
                text = raw.decode().rstrip("\n")
                if text.startswith(prefix):
                    return text.removeprefix(prefix)
        raise AssertionError(f"the peer ended before it said {prefix!r}: {await self.errors()}")

    async def errors(self) -> str:
        """What it wrote to standard error until its end."""
        assert self.process.stderr is not None
        return (await self.process.stderr.read()).decode()

    async def terminate(self) -> int:
        """SIGTERM; returns the exit code, which must come within :data:`STOP_S`."""
        self.process.send_signal(signal.SIGTERM)
        async with asyncio.timeout(STOP_S):
            return await self.process.wait()


def heed_signals() -> None:
    """In a child: do not inherit that the test run ignores signals, as it does in the background or under nohup."""
    for number in (signal.SIGINT, signal.SIGHUP, signal.SIGTERM):
        signal.signal(number, signal.SIG_DFL)


@asynccontextmanager
async def running_peer(home: Path, name: str, dht_port: int, *flags: str) -> AsyncIterator[PeerProcess]:
    """``intercom-tui run --local`` with a bridge on a free port; killed at the end if it still runs."""
    bridge_port = free_port()
    words = ["run", "--local", "--home", str(home), "--peer-store-name", name]
    words += ["--local-bootstrap-port", str(dht_port), "--sc-bridge", "1", "--sc-bridge-port", str(bridge_port)]
    words += ["--sc-bridge-token", TOKEN, *flags]
    async with running_command(*words) as process:
        yield PeerProcess(process, bridge_port)


@asynccontextmanager
async def running_command(*words: str) -> AsyncIterator[asyncio.subprocess.Process]:
    """``intercom-tui`` with these words; killed at the end if it still runs."""
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        "-m",
        "intercom_tui",
        *words,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
        preexec_fn=heed_signals,
    )
    try:
        yield process
    finally:
        if process.returncode is None:
            process.kill()
        await process.communicate()
