"""Start-up time, memory and idle CPU of whole peers.

    python -m bench.footprint [--runs 5] [--idle-s 20]

Each run starts ``intercom-tui run`` with an identity that exists, on a bootstrap network of another process, and takes
the time from the start of the process until the bridge accepts a connection, and until the first connection to a peer
that is there already. Memory is the resident set after the idle time, CPU the share of one core during it; both also
for a peer with the screen, in a pseudo terminal of 120x36. Prints one JSON object.
"""

from __future__ import annotations

import argparse
import asyncio
import fcntl
import json
import os
import pty
import signal
import socket
import statistics
import struct
import subprocess
import sys
import tempfile
import termios
import time
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from pathlib import Path
from typing import Any

from websockets.asyncio.client import ClientConnection, connect

_HOST = "127.0.0.1"
_TOKEN = "bench"
_POLL_S = 0.005


def free_port(kind: int) -> int:
    """A port that is free now."""
    with socket.socket(socket.AF_INET, kind) as probe:
        probe.bind((_HOST, 0))
        return int(probe.getsockname()[1])


@contextmanager
def program(*words: str) -> Iterator[subprocess.Popen[bytes]]:
    """``intercom-tui`` with these words, terminated at the end."""
    process = subprocess.Popen(
        [sys.executable, "-m", "intercom_tui", *words], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
    )
    try:
        yield process
    finally:
        process.terminate()
        process.wait(30)


def peer_words(home: Path, name: str, dht_port: int, bridge_port: int) -> list[str]:
    """The command line of a headless peer with a bridge."""
    words = ["run", "--home", str(home), "--peer-store-name", name, "--bind-host", _HOST]
    words += ["--dht-bootstrap", f"{_HOST}:{dht_port}", "--sc-bridge", "1"]
    return [*words, "--sc-bridge-port", str(bridge_port), "--sc-bridge-token", _TOKEN]


@asynccontextmanager
async def bridge(port: int) -> AsyncIterator[ClientConnection]:
    """A client of the bridge as soon as it listens; authenticated."""
    while True:
        try:
            client = await connect(f"ws://{_HOST}:{port}", compression=None)
            break
        except OSError:
            await asyncio.sleep(_POLL_S)
    async with client:
        await client.recv()
        await client.send(json.dumps({"type": "auth", "token": _TOKEN}))
        await client.recv()
        yield client


async def wait_connected(client: ClientConnection) -> None:
    """Poll until the peer has a connection."""
    while True:
        await client.send(json.dumps({"type": "stats"}))
        if json.loads(await client.recv()).get("connectionCount"):
            return
        await asyncio.sleep(_POLL_S)


async def measure_start(home: Path, dht_port: int, runs: int) -> dict[str, Any]:
    """Start a peer several times beside one that runs."""
    listening: list[float] = []
    connected: list[float] = []
    resident_port = free_port(socket.SOCK_STREAM)
    with program(*peer_words(home, "resident", dht_port, resident_port)):
        async with bridge(resident_port):
            await asyncio.sleep(2)
        for run in range(runs + 1):
            port = free_port(socket.SOCK_STREAM)
            begin = time.perf_counter()
            with program(*peer_words(home, "starter", dht_port, port)):
                async with bridge(port) as client:
                    at_listening = time.perf_counter() - begin
                    await wait_connected(client)
                    at_connected = time.perf_counter() - begin
            if run:  # the first one makes the identity
                listening.append(at_listening)
                connected.append(at_connected)
    return {
        "bridge_listening_s": round(statistics.median(listening), 3),
        "first_connection_s": round(statistics.median(connected), 3),
        "runs": runs,
    }


def resident_mb(pid: int) -> float:
    """Resident set of a process, 10^6 bytes."""
    for line in Path(f"/proc/{pid}/status").read_text().splitlines():
        if line.startswith("VmRSS:"):
            return int(line.split()[1]) * 1024 / 1e6
    raise LookupError(pid)


def cpu_s(pid: int) -> float:
    """CPU time of a process so far, seconds."""
    fields = Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def idle(pid: int, idle_s: float) -> dict[str, float]:
    """Memory and CPU share of a process that has nothing to do."""
    time.sleep(5)
    before, begin = cpu_s(pid), time.perf_counter()
    time.sleep(idle_s)
    share = (cpu_s(pid) - before) / (time.perf_counter() - begin)
    return {"resident_mb": round(resident_mb(pid), 1), "idle_cpu_percent": round(share * 100, 2)}


@contextmanager
def screen_peer(home: Path, dht_port: int) -> Iterator[tuple[int, float]]:
    """A peer with the screen in a pseudo terminal; yields its process id and the seconds until its first frame."""
    begin = time.perf_counter()
    pid, master = pty.fork()
    if pid == 0:
        words = ["--no-setup", "--home", str(home), "--peer-store-name", "screen", "--bind-host", _HOST]
        words += ["--dht-bootstrap", f"{_HOST}:{dht_port}"]
        os.environ["TERM"] = "xterm-256color"
        os.execv(sys.executable, [sys.executable, "-m", "intercom_tui", *words])
    fcntl.ioctl(master, termios.TIOCSWINSZ, struct.pack("HHHH", 36, 120, 0, 0))
    seen = b""
    while b"INTERCOM" not in seen:
        seen += os.read(master, 65_536)
    first_frame_s = time.perf_counter() - begin
    reader = subprocess.Popen(["cat"], stdin=master, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    try:
        yield pid, first_frame_s
    finally:
        os.kill(pid, signal.SIGKILL)
        os.waitpid(pid, 0)
        reader.terminate()
        reader.wait()
        os.close(master)


async def run(runs: int, idle_s: float) -> dict[str, Any]:
    """All figures."""
    dht_port = free_port(socket.SOCK_DGRAM)
    with tempfile.TemporaryDirectory() as folder, program("dht", "--port", str(dht_port)):
        home = Path(folder)
        await asyncio.sleep(1.5)
        result: dict[str, Any] = {"start": await measure_start(home, dht_port, runs)}
        with program(*peer_words(home, "idle", dht_port, free_port(socket.SOCK_STREAM))) as process:
            result["headless"] = idle(process.pid, idle_s)
        with screen_peer(home, dht_port) as (pid, first_frame_s):
            result["screen"] = {"first_frame_s": round(first_frame_s, 3), **idle(pid, idle_s)}
    return result


def main() -> None:
    """Print the figures as JSON."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--runs", type=int, default=5)
    parser.add_argument("--idle-s", type=float, default=20.0)
    arguments = parser.parse_args()
    print(json.dumps(asyncio.run(run(arguments.runs, arguments.idle_s))))


if __name__ == "__main__":
    main()
