"""The full-screen app on a terminal of its own."""

from __future__ import annotations

import asyncio
import fcntl
import os
import pty
import signal
import socket
import sys
import termios
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from engine.net.dht.config import DhtConfig
from engine.net.dht.node import DhtNode
from engine.net.dht.operations import lookup
from engine.net.dht.testnet import start_bootstrap_network
from engine.net.tasks import TaskScope
from engine.net.udp import OsNetwork
from engine.services.sidechannel.names import topic
from tests.harness.processes import free_port, heed_signals

pytestmark = pytest.mark.e2e
HOST = "127.0.0.1"
ENTER_SCREEN, LEAVE_SCREEN = b"\x1b[?1049h", b"\x1b[?1049l"


class Terminal:
    """A pseudo terminal and what was written to it."""

    def __init__(self, process: asyncio.subprocess.Process, descriptor: int) -> None:
        self.process = process
        self.output = bytearray()
        self._descriptor = descriptor
        self._arrived = asyncio.Event()
        asyncio.get_running_loop().add_reader(descriptor, self._read)

    async def until(self, text: bytes) -> None:
        """Wait until a text was written."""
        async with asyncio.timeout(30):
            while text not in self.output:
                self._arrived.clear()
                await self._arrived.wait()

    def hang_up(self) -> None:
        """Close the window."""
        if self._descriptor >= 0:
            asyncio.get_running_loop().remove_reader(self._descriptor)
            os.close(self._descriptor)
            self._descriptor = -1

    def _read(self) -> None:
        try:
            data = os.read(self._descriptor, 65536)
        except OSError:
            data = b""
        self.output += data
        self._arrived.set()
        if not data:
            asyncio.get_running_loop().remove_reader(self._descriptor)


def _take_terminal() -> None:
    """Make standard input the terminal whose end hangs the process up, as a terminal window does."""
    heed_signals()
    fcntl.ioctl(0, termios.TIOCSCTTY, 0)


@asynccontextmanager
async def terminal(*words: str) -> AsyncIterator[Terminal]:
    """``intercom-tui`` with these words in a window of 120 columns."""
    master, slave = pty.openpty()
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "intercom_tui", *words),
        stdin=slave,
        stdout=slave,
        stderr=slave,
        env={**os.environ, "TERM": "xterm-256color", "COLUMNS": "120", "LINES": "36"},
        start_new_session=True,
        preexec_fn=_take_terminal,
    )
    os.close(slave)
    shown = Terminal(process, master)
    try:
        yield shown
    finally:
        if process.returncode is None:
            process.kill()
        await process.wait()
        shown.hang_up()


@pytest.mark.parametrize("end", [signal.SIGTERM, signal.SIGHUP])
async def test_a_signal_ends_the_app_in_order(tmp_path: Path, end: signal.Signals) -> None:
    scope = TaskScope("test")
    nodes = await start_bootstrap_network(OsNetwork(), HOST, 0, 3, scope)
    port = nodes[0].server_socket.local_address[1]
    asker = DhtNode(OsNetwork(), DhtConfig(((HOST, port),), host=HOST, port=0), scope)
    await asker.start()
    await asker.fully_bootstrapped()

    async def announced() -> int:
        found = lookup(asker, topic("0000intercom"))
        await found.finished()
        return len({peer.public_key async for hit in found for peer in hit.peers})

    network = ("--dht-bootstrap", f"{HOST}:{port}", "--bind-host", HOST)
    try:
        async with terminal("--no-setup", "--home", str(tmp_path), *network) as window:
            for _ in range(300):
                if await announced():
                    break
                await asyncio.sleep(0.1)
            window.process.send_signal(end)
            assert await asyncio.wait_for(window.process.wait(), 10) == 0
            await window.until(LEAVE_SCREEN)
            assert window.output.index(ENTER_SCREEN) < window.output.rindex(LEAVE_SCREEN)
            assert b"Traceback" not in window.output
        assert await announced() == 0
    finally:
        for node in (asker, *nodes):
            await node.destroy()
        await scope.close()


async def test_the_app_ends_when_its_window_is_closed(tmp_path: Path) -> None:
    port = str(free_port(socket.SOCK_DGRAM))
    async with terminal("--no-setup", "--home", str(tmp_path), "--local", "--local-bootstrap-port", port) as window:
        await window.until(b"0000intercom")
        window.hang_up()
        await asyncio.wait_for(window.process.wait(), 15)
    assert (tmp_path / "stores" / "peer" / "db" / "keypair.json").exists()


async def test_the_first_start_asks_and_enter_takes_the_quick_way(tmp_path: Path) -> None:
    port = str(free_port(socket.SOCK_DGRAM))
    async with terminal("--home", str(tmp_path), "--local", "--local-bootstrap-port", port) as window:
        await window.until(ENTER_SCREEN)
        config = tmp_path / "config" / "peer" / "config.toml"
        async with asyncio.timeout(30):
            while not config.exists():
                os.write(window._descriptor, b"\r")
                await asyncio.sleep(0.3)
        await window.until(b"CHANNELS")
        window.process.terminate()
        assert await asyncio.wait_for(window.process.wait(), 10) == 0
