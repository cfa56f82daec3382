"""Throughput of one UDX stream over loopback, printed as JSON.

    python bench/udx_throughput.py                     two Python processes
    python bench/udx_throughput.py --peer js-sink      Python sends to udx-native
    python bench/udx_throughput.py --peer js-source    udx-native sends to Python

The JavaScript peer uses the packages in tests/interop/pinned unless NODE_PATH names others. ``--loss`` drops that
share of the packets that Python receives, in every Python process.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import random
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

if __name__ == "__main__":
    sys.path.insert(0, str(Path(__file__).parents[1]))

from engine.net.udp import Datagram, OsNetwork, UdpSocket
from engine.net.udx import Udx, UdxConnection

_HERE = Path(__file__).parent
_BLOCK_BYTES = 1 << 16
_TIMEOUT_S = 120.0


class Node:
    """A socket with one stream."""

    def __init__(self, options: argparse.Namespace) -> None:
        self._options = options
        self._random = random.Random(1)
        self.udx = Udx()
        self.received = 0
        self.first_at = 0.0
        self.closed = asyncio.Event()
        self.error: str | None = None

    async def start(self) -> UdxConnection:
        """Bind and make the stream."""
        network = OsNetwork(portable=self._options.portable, offload=not self._options.no_offload)
        self.socket = await network.bind("127.0.0.1", 0, self._receive)
        self.stream = self.udx.create_stream()
        self.stream.on_data = self._data
        self.stream.on_close = self._close
        return self.stream

    def _receive(self, socket: UdpSocket, datagrams: list[Datagram]) -> None:
        if self._options.loss:
            datagrams = [datagram for datagram in datagrams if self._random.random() >= self._options.loss]
        self.udx.receive_burst(socket, datagrams)

    def _data(self, data: bytes) -> None:
        self.first_at = self.first_at or time.perf_counter()
        self.received += len(data)

    def _close(self, error: Exception | None) -> None:
        self.error = None if error is None else type(error).__name__
        self.closed.set()


async def send(node: Node, total: int) -> dict[str, Any]:
    """Write ``total`` bytes, end, and report once everything was acknowledged."""
    stream = node.stream
    drained = asyncio.Event()
    stream.on_drain = drained.set
    block = bytes(_BLOCK_BYTES)
    began, cpu = time.perf_counter(), time.process_time()
    left = total
    while left > 0:
        chunk = block if left >= _BLOCK_BYTES else block[:left]
        left -= len(chunk)
        if not stream.write(chunk):
            drained.clear()
            await drained.wait()
    stream.end()
    await node.closed.wait()
    seconds = time.perf_counter() - began
    sender = stream.core.sender
    return {
        "megabytes_per_s": round(total / seconds / 1e6, 1),
        "seconds": round(seconds, 3),
        "cpu_s": round(time.process_time() - cpu, 3),
        "retransmissions": sender.retransmissions,
        "window": sender.congestion.window,
        "mtu": stream.core.mtu,
        "error": node.error,
    }


async def receive(node: Node) -> dict[str, Any]:
    """Take everything until the peer ends."""
    node.stream.on_end = node.stream.end
    cpu = time.process_time()
    await node.closed.wait()
    seconds = time.perf_counter() - node.first_at
    return {
        "megabytes_per_s": round(node.received / seconds / 1e6, 1),
        "seconds": round(seconds, 3),
        "cpu_s": round(time.process_time() - cpu, 3),
        "received": node.received,
        "error": node.error,
    }


async def child(options: argparse.Namespace) -> None:
    """The receiving process of a Python pair: talks to the parent over its standard streams."""
    node = Node(options)
    stream = await node.start()
    print(json.dumps({"port": node.socket.local_address[1], "id": stream.local_id}), flush=True)
    line = await asyncio.to_thread(sys.stdin.readline)
    port, remote_id = json.loads(line)
    stream.connect(node.socket, remote_id, ("127.0.0.1", port))
    print(json.dumps(await asyncio.wait_for(receive(node), _TIMEOUT_S)), flush=True)
    node.socket.close()


async def parent(options: argparse.Namespace) -> dict[str, Any]:
    """Start the peer, move the bytes, and put both reports together."""
    node = Node(options)
    stream = await node.start()
    own_port = node.socket.local_address[1]
    remote_id = 77
    if options.peer == "python":
        command = [sys.executable, str(Path(__file__)), *sys.argv[1:], "--child"]
    else:
        role = options.peer.removeprefix("js-")
        numbers = [remote_id, stream.local_id, own_port, options.megabytes * 1_000_000]
        command = ["node", str(_HERE / "js" / "udx_peer.js"), role, *map(str, numbers)]
    environment = {"NODE_PATH": str(_HERE.parent / "tests/interop/pinned/node_modules"), **os.environ}
    process = await asyncio.create_subprocess_exec(
        *command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, env=environment
    )
    assert process.stdout is not None
    assert process.stdin is not None
    line = await process.stdout.readline()
    if not line:
        await process.wait()
        sys.exit("The peer did not start.")
    hello = json.loads(line)
    if options.peer == "python":
        remote_id = hello["id"]
        process.stdin.write(json.dumps([own_port, stream.local_id]).encode() + b"\n")
    stream.connect(node.socket, remote_id, ("127.0.0.1", hello["port"]))
    work = receive(node) if options.peer == "js-source" else send(node, options.megabytes * 1_000_000)
    report = await asyncio.wait_for(work, _TIMEOUT_S)
    peer_report = json.loads(await process.stdout.readline())
    process.stdin.close()
    await process.wait()
    node.socket.close()
    return {"peer": options.peer, "loop": options.loop, "loss": options.loss, "python": report, "other": peer_report}


def main() -> None:
    """Parse the command line and run."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--peer", choices=("python", "js-sink", "js-source"), default="python")
    parser.add_argument("--megabytes", type=int, default=50)
    parser.add_argument("--loss", type=float, default=0.0)
    parser.add_argument("--loop", choices=("asyncio", "uvloop"), default="asyncio")
    parser.add_argument("--portable", action="store_true", help="asyncio-dgram instead of a drained socket")
    parser.add_argument("--no-offload", action="store_true", help="one system call per packet")
    parser.add_argument("--child", action="store_true", help=argparse.SUPPRESS)
    options = parser.parse_args()
    factory: Callable[[], asyncio.AbstractEventLoop] | None = None
    if options.loop == "uvloop":
        import uvloop

        factory = uvloop.new_event_loop
    with asyncio.Runner(loop_factory=factory) as runner:
        if options.child:
            runner.run(child(options))
        else:
            print(json.dumps(runner.run(parent(options))))


if __name__ == "__main__":
    main()
