"""Many clients on one bridge while one of them does not read.

    python -m bench.bridge_clients [--clients 50] [--rate 200] [--seconds 20] [--size 4000]

Peer A sends, the clients are on the bridge of peer B. The stalled client must be cut off (close code 1013 with a
cursor), the others must get everything without delay. Prints one JSON object.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import socket
import statistics
import tempfile
import time
from contextlib import AsyncExitStack
from pathlib import Path
from typing import Any

from bench.bridge_messages import CHANNEL, Client, connected, cpu_s, free_port, peer, ready

_CLOSE_TOO_SLOW = b"\x03\xf5"


async def _listen(client: Client, messages: int, delays: list[float]) -> None:
    for number in range(messages):
        event = await client.next("sidechannel_message")
        delays.append(time.perf_counter() - event["message"]["at"])
        if event["message"]["n"] != number:
            raise RuntimeError(f"expected message {number}, got {event['message']['n']}")


async def _send(sender: Client, messages: int, rate: float, text: str) -> None:
    began = time.perf_counter()
    for number in range(messages):
        await asyncio.sleep(max(0.0, began + number / rate - time.perf_counter()))
        message = {"n": number, "at": time.perf_counter(), "text": text}
        sender.send({"type": "send", "channel": CHANNEL, "message": message})


async def _close_of(client: Client) -> str:
    """Reason of the close frame a client finds when it reads again."""
    client.resume()
    while True:
        async with asyncio.timeout(5.0):
            frame = await client.frames.get()
        if frame.startswith(_CLOSE_TOO_SLOW):
            return frame[2:].decode()


async def _run(clients: int, rate: float, seconds: float, size: int) -> dict[str, Any]:
    ports = [free_port(socket.SOCK_STREAM) for _ in range(2)]
    bootstrap = free_port(socket.SOCK_DGRAM)
    messages = int(rate * seconds)
    delays: list[float] = []
    async with AsyncExitStack() as stack:
        home = Path(stack.enter_context(tempfile.TemporaryDirectory()))
        pids = [
            await stack.enter_async_context(peer(name, home, bootstrap, port, 0))
            for name, port in zip("ab", ports, strict=True)
        ]
        sender, first = [await connected(port) for port in ports]
        await ready(sender, first)
        others = [first, *[await connected(ports[1]) for _ in range(clients - 2)]]
        stalled = await connected(ports[1])
        for client in (sender, stalled, *others):
            stack.callback(client.close)
        stalled.pause()
        cpu = cpu_s(pids[1])
        async with asyncio.TaskGroup() as tasks:
            for client in others:
                tasks.create_task(_listen(client, messages, delays))
            tasks.create_task(_send(sender, messages, rate, "x" * size))
        cpu = cpu_s(pids[1]) - cpu
        reason = await _close_of(stalled)
    cuts = statistics.quantiles(delays, n=100)
    return {
        "clients": clients,
        "per_second": rate,
        "messages": messages,
        "bytes": size,
        "p50_ms": round(cuts[49] * 1000, 3),
        "p99_ms": round(cuts[98] * 1000, 3),
        "stalled": reason,
        "cpu_us_per_event": round(cpu / (messages * len(others)) * 1e6, 1),
    }


def main() -> None:
    """Run and print the result."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--clients", type=int, default=50)
    parser.add_argument("--rate", type=float, default=200.0)
    parser.add_argument("--seconds", type=float, default=20.0)
    parser.add_argument("--size", type=int, default=4000)
    options = parser.parse_args()
    print(json.dumps(asyncio.run(_run(options.clients, options.rate, options.seconds, options.size))))


if __name__ == "__main__":
    main()
