"""Messages through two bridges: client -> bridge A -> peer A -> peer B -> bridge B -> client.

    python -m bench.bridge_messages [--messages 2000] [--in-flight 256] [--size 64] [--modes pow12,one,flight]

Starts two peers of this project in processes of their own, on a bootstrap network on 127.0.0.1, and measures from the
``send`` request to the ``sidechannel_message`` event with one clock, in a third process. Modes:

    pow12   12 bits of proof of work, one message at a time
    one     no proof of work, one message at a time: latency
    flight  no proof of work, --in-flight messages under way: throughput

Prints one JSON object.
"""

from __future__ import annotations

import argparse
import asyncio
import base64
import json
import os
import socket
import statistics
import sys
import tempfile
import time
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path
from typing import Any

HOST = "127.0.0.1"
TOKEN = "bench"
CHANNEL = "bench"
_START_DEADLINE_S = 60.0
_STEP_DEADLINE_S = 120.0
_WARM_UP = 50
_MODES = ("pow12", "one", "flight")


class Client(asyncio.Protocol):
    """A WebSocket client that does as little as possible, so that the peers are measured and not it."""

    def __init__(self) -> None:
        self._transport: asyncio.Transport | None = None
        self._data = bytearray()
        self._upgraded = False
        self.closed = False
        """The connection is gone."""
        self.frames: asyncio.Queue[bytes] = asyncio.Queue()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Ask for the upgrade."""
        assert isinstance(transport, asyncio.Transport)
        self._transport = transport
        key = base64.b64encode(os.urandom(16)).decode()
        transport.write(
            f"GET / HTTP/1.1\r\nHost: {HOST}\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n"
            f"Sec-WebSocket-Key: {key}\r\nSec-WebSocket-Version: 13\r\n\r\n".encode()
        )

    def data_received(self, data: bytes) -> None:
        """Cut unfragmented text frames out of the stream."""
        self._data += data
        if not self._upgraded:
            end = self._data.find(b"\r\n\r\n")
            if end < 0:
                return
            self._upgraded = True
            del self._data[: end + 4]
        while (frame := self._next_frame()) is not None:
            self.frames.put_nowait(frame)

    def send(self, value: object) -> None:
        """Send one JSON text with a mask of zeros."""
        assert self._transport is not None
        text = json.dumps(value).encode()
        size = len(text)
        head = bytes([0x81, 0x80 | size]) if size < 126 else bytes([0x81, 0xFE]) + size.to_bytes(2, "big")
        self._transport.write(head + b"\0\0\0\0" + text)

    def connection_lost(self, error: Exception | None) -> None:
        """The peer ended it."""
        self.closed = True

    def pause(self) -> None:
        """Read nothing any more."""
        assert self._transport is not None
        self._transport.pause_reading()

    def resume(self) -> None:
        """Read again."""
        assert self._transport is not None
        self._transport.resume_reading()

    def close(self) -> None:
        """Cut the connection."""
        if self._transport is not None:
            self._transport.abort()

    def _next_frame(self) -> bytes | None:
        data = self._data
        if len(data) < 2:
            return None
        size, start = data[1], 2
        if size >= 126:
            start += 2 if size == 126 else 8
            size = int.from_bytes(data[2:start], "big")
        if len(data) < start + size:
            return None
        frame = bytes(data[start : start + size])
        del data[: start + size]
        return frame

    async def next(self, kind: str) -> dict[str, Any]:
        """The next frame of a type; others are dropped."""
        async with asyncio.timeout(_STEP_DEADLINE_S):
            while True:
                frame: dict[str, Any] = json.loads(await self.frames.get())
                if frame["type"] == kind:
                    return frame


def free_port(kind: socket.SocketKind) -> int:
    """A port of 127.0.0.1 that is free now."""
    with socket.socket(socket.AF_INET, kind) as probe:
        probe.bind((HOST, 0))
        return int(probe.getsockname()[1])


@asynccontextmanager
async def peer(name: str, home: Path, bootstrap: int, bridge: int, pow_bits: int) -> AsyncIterator[int]:
    """A peer in a process of its own; yields its process id."""
    flags = {
        "--home": home / name,
        "--peer-store-name": name,
        "--local": 1,
        "--local-bootstrap-port": bootstrap,
        "--sidechannels": CHANNEL,
        "--sidechannel-pow": int(pow_bits > 0),
        "--sidechannel-pow-difficulty": pow_bits,
        "--sidechannel-rate-bytes": 0,
        "--sidechannel-welcome-required": 0,
        "--sc-bridge": 1,
        "--sc-bridge-port": bridge,
        "--sc-bridge-token": TOKEN,
        "--log-level": "error",
    }
    arguments = [str(word) for flag in flags.items() for word in flag]
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "intercom_tui", "run", *arguments, stdout=asyncio.subprocess.DEVNULL
    )
    try:
        yield process.pid
    finally:
        process.terminate()
        await process.wait()


async def connected(port: int) -> Client:
    """An authenticated client, once the bridge listens."""
    loop = asyncio.get_running_loop()
    async with asyncio.timeout(_START_DEADLINE_S):
        while True:
            try:
                _, client = await loop.create_connection(Client, HOST, port)
                break
            except ConnectionRefusedError:
                await asyncio.sleep(0.1)
    client.send({"type": "auth", "token": TOKEN})
    await client.next("auth_ok")
    return client


async def ready(sender: Client, receiver: Client) -> None:
    """Wait until a message passes, then let everything settle."""
    receiver.send({"type": "subscribe", "channel": CHANNEL})
    async with asyncio.timeout(_START_DEADLINE_S):
        while receiver.frames.empty() or b"sidechannel_message" not in receiver.frames.get_nowait():
            sender.send({"type": "send", "channel": CHANNEL, "message": "are you there"})
            await asyncio.sleep(0.2)
    await asyncio.sleep(1.0)
    while not receiver.frames.empty():
        receiver.frames.get_nowait()


async def _measure(sender: Client, receiver: Client, messages: int, in_flight: int, size: int) -> list[float]:
    """Seconds from request to event of each message."""
    text = "x" * size
    sent: dict[int, float] = {}
    delays: list[float] = []
    number = 0
    while len(delays) < messages:
        while number < messages and number - len(delays) < in_flight:
            sent[number] = time.perf_counter()
            sender.send({"type": "send", "channel": CHANNEL, "message": [number, text]})
            number += 1
        event = await receiver.next("sidechannel_message")
        delays.append(time.perf_counter() - sent.pop(event["message"][0]))
        while not sender.frames.empty():
            sender.frames.get_nowait()
    return delays


async def _run(mode: str, messages: int, in_flight: int, size: int) -> dict[str, Any]:
    ports = [free_port(socket.SOCK_STREAM) for _ in range(2)]
    bootstrap = free_port(socket.SOCK_DGRAM)
    bits = 12 if mode == "pow12" else 0
    window = in_flight if mode == "flight" else 1
    async with AsyncExitStack() as stack:
        home = Path(stack.enter_context(tempfile.TemporaryDirectory()))
        pids = []
        for name, port in zip("ab", ports, strict=True):
            pids.append(await stack.enter_async_context(peer(name, home, bootstrap, port, bits)))
        sender, receiver = [await connected(port) for port in ports]
        stack.callback(sender.close)
        stack.callback(receiver.close)
        await ready(sender, receiver)
        await _measure(sender, receiver, _WARM_UP, window, size)
        cpu = [cpu_s(pid) for pid in pids]
        began = time.perf_counter()
        delays = await _measure(sender, receiver, messages, window, size)
        took = time.perf_counter() - began
        cpu = [cpu_s(pid) - before for pid, before in zip(pids, cpu, strict=True)]
    cuts = statistics.quantiles(delays, n=100)
    return {
        "messages": messages,
        "in_flight": window,
        "bytes": size,
        "per_second": round(messages / took, 1),
        "p50_ms": round(cuts[49] * 1000, 3),
        "p95_ms": round(cuts[94] * 1000, 3),
        "p99_ms": round(cuts[98] * 1000, 3),
        "cpu_us_per_message": [round(seconds / messages * 1e6) for seconds in cpu],
    }


def cpu_s(pid: int) -> float:
    """CPU seconds a process has used; 0 where /proc is missing."""
    try:
        fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    except OSError:
        return 0.0
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def main() -> None:
    """Run the modes and print the result."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--messages", type=int, default=2000)
    parser.add_argument("--in-flight", type=int, default=256)
    parser.add_argument("--size", type=int, default=64)
    parser.add_argument("--modes", default=",".join(_MODES))
    options = parser.parse_args()
    results = {}
    for mode in options.modes.split(","):
        if mode not in _MODES:
            parser.error(f"unknown mode {mode}")
        messages = options.messages if mode == "flight" else max(200, options.messages // 4)
        results[mode] = asyncio.run(_run(mode, messages, options.in_flight, options.size))
    print(json.dumps(results))


if __name__ == "__main__":
    main()
