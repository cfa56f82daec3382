"""Throughput of the secret stream over UDX on loopback, between two processes.

    python -m bench.stream_throughput [--megabytes 200] [--frame 65536] [--loss 0.05] [--node-modules DIR]

Runs Python to Python on a clean and on a lossy path and, when the npm packages are given, hyperdht to hyperdht. Loss is
applied to both directions where the sockets send. Prints one JSON object; rates are 10^6 bytes of plaintext a second.
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
from collections.abc import Sequence
from pathlib import Path
from random import Random
from typing import Any

from engine.crypto.keys import KeyPair
from engine.crypto.noise import HandshakeIK, HandshakeResult
from engine.net.connection import PeerConnection
from engine.net.udp import OsNetwork, Receive, UdpSocket
from engine.net.udx import Udx

_HOST = "127.0.0.1"
_JS = Path(__file__).parent / "js" / "stream_peer.js"


class _LossySocket:
    """A socket that drops a share of what is sent."""

    def __init__(self, socket: UdpSocket, loss: float) -> None:
        self._socket = socket
        self._loss = loss
        self.local_address = socket.local_address

    def send(self, data: bytes, to: tuple[str, int]) -> None:
        if random.random() >= self._loss:
            self._socket.send(data, to)

    def send_many(self, packets: Sequence[bytes], to: tuple[str, int]) -> None:
        self._socket.send_many([packet for packet in packets if random.random() >= self._loss], to)

    def send_with_ttl(self, data: bytes, to: tuple[str, int], ttl: int) -> None:
        self.send(data, to)

    def close(self) -> None:
        self._socket.close()


def _handshake(initiator: bool) -> HandshakeResult:
    """One of the two results of a handshake that both processes compute alike."""
    randomness = Random(1).randbytes
    one, other = KeyPair.from_seed(b"1" * 32), KeyPair.from_seed(b"2" * 32)
    first = HandshakeIK(True, one, other.public_key, b"bench", randomness)
    second = HandshakeIK(False, other, None, b"bench", randomness)
    second.recv(first.send())
    first.recv(second.send())
    result = first.result if initiator else second.result
    assert result is not None
    return result


async def _open(initiator: bool, loss: float, port: int) -> tuple[PeerConnection, Udx, UdpSocket]:
    """Bind, tell the other process our port, learn its port, connect."""
    udx = Udx(random_bytes=lambda size: (1 if initiator else 2).to_bytes(size, "little"))
    stream = udx.create_stream()
    sockets: list[UdpSocket] = []
    receive: Receive = lambda socket, burst: udx.receive_burst(sockets[0], burst) and None  # noqa: E731
    bound = await OsNetwork().bind(_HOST, 0, receive)
    sockets.append(_LossySocket(bound, loss) if loss else bound)
    print(json.dumps({"port": bound.local_address[1]}), flush=True)
    if not port:
        loop = asyncio.get_running_loop()
        port = int(await loop.run_in_executor(None, sys.stdin.readline))
    stream.connect(sockets[0], 2 if initiator else 1, (_HOST, port))
    return PeerConnection(stream, _handshake(initiator)), udx, bound


async def _receive(loss: float, total: int, port: int) -> None:
    connection, udx, socket = await _open(False, loss, port)
    received, started, done = 0, 0.0, asyncio.Event()

    def count(message: bytes) -> None:
        nonlocal received, started
        started = started or time.perf_counter()
        received += len(message)
        if received >= total:
            done.set()

    connection.on_message = count
    connection.on_close.append(lambda error: done.set())
    await done.wait()
    seconds = time.perf_counter() - started
    usage = os.times()
    connection.end()
    await asyncio.sleep(0.2)
    udx.close()
    socket.close()
    cpu = usage.user + usage.system
    print(json.dumps({"received": received, "seconds": seconds, "cpu_s": cpu}), flush=True)


async def _send(loss: float, total: int, frame: int, port: int) -> None:
    connection, udx, socket = await _open(True, loss, port)
    block = os.urandom(frame)
    ready, closed = asyncio.Event(), asyncio.Event()
    connection.on_drain.append(ready.set)
    connection.on_close += [lambda error: ready.set(), lambda error: closed.set()]
    left = total
    while left > 0 and not connection.closed:
        message = block if left >= frame else block[:left]
        left -= len(message)
        ready.clear()
        if not connection.write(message):
            await ready.wait()
    await closed.wait()
    usage = os.times()
    udx.close()
    socket.close()
    print(json.dumps({"sent": total - left, "cpu_s": usage.user + usage.system}), flush=True)


def _spawn(command: list[str], env: dict[str, str] | None = None) -> subprocess.Popen[str]:
    return subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, env=env)


def _line(process: subprocess.Popen[str]) -> dict[str, Any]:
    assert process.stdout is not None
    result: dict[str, Any] = json.loads(process.stdout.readline())
    return result


def _measure_python(total: int, frame: int, loss: float, uvloop: bool) -> dict[str, Any]:
    base = [sys.executable, "-m", "bench.stream_throughput", "--bytes", str(total), "--frame", str(frame)]
    base += ["--loss", str(loss), *(["--uvloop"] if uvloop else [])]
    receiver = _spawn([*base, "--role", "receive"])
    port = _line(receiver)["port"]
    sender = _spawn([*base, "--role", "send", "--port", str(port)])
    assert receiver.stdin is not None
    receiver.stdin.write(f"{_line(sender)['port']}\n")
    receiver.stdin.flush()
    result, sent = _line(receiver), _line(sender)
    receiver.wait()
    sender.wait()
    assert result["received"] == total, result
    return _rate(total, result["seconds"]) | {
        "receiver_cpu_s": round(result["cpu_s"], 2),
        "sender_cpu_s": round(sent["cpu_s"], 2),
    }


def _measure_js(total: int, frame: int, modules: str) -> dict[str, Any]:
    env = {**os.environ, "NODE_PATH": modules}
    server = _spawn(["node", str(_JS), "server", str(total)], env)
    where = _line(server)
    client = _spawn(["node", str(_JS), "client", str(total), str(frame), str(where["port"]), where["key"]], env)
    result = _line(server)
    client.wait()
    server.wait()
    assert result["received"] == total, result
    return _rate(total, result["seconds"])


def _rate(total: int, seconds: float) -> dict[str, Any]:
    return {"megabytes": total / 1e6, "seconds": round(seconds, 3), "mb_s": round(total / seconds / 1e6, 1)}


def main() -> None:
    """Measure, or play one side of a measurement."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--megabytes", type=int, default=200)
    parser.add_argument("--frame", type=int, default=65_536)
    parser.add_argument("--loss", type=float, default=0.05)
    parser.add_argument("--uvloop", action="store_true")
    parser.add_argument("--node-modules", default=os.environ.get("INTEROP_MODULES"))
    parser.add_argument("--role", choices=("send", "receive"), help=argparse.SUPPRESS)
    parser.add_argument("--bytes", type=int, help=argparse.SUPPRESS)
    parser.add_argument("--port", type=int, default=0, help=argparse.SUPPRESS)
    args = parser.parse_args()
    if args.role:
        side = (
            _receive(args.loss, args.bytes, args.port)
            if args.role == "receive"
            else _send(args.loss, args.bytes, args.frame, args.port)
        )
        if args.uvloop:
            import uvloop

            uvloop.run(side)
        else:
            asyncio.run(side)
        return
    total = args.megabytes * 1_000_000
    results: dict[str, Any] = {
        "frame_bytes": args.frame,
        "python_clean": _measure_python(total, args.frame, 0.0, args.uvloop),
        f"python_loss_{args.loss:g}": _measure_python(max(total // 4, 1), args.frame, args.loss, args.uvloop),
    }
    if args.node_modules:
        results["js_clean"] = _measure_js(total, args.frame, args.node_modules)
        results["python_to_js_ratio"] = round(results["python_clean"]["mb_s"] / results["js_clean"]["mb_s"], 3)
    print(json.dumps(results, indent=2))


if __name__ == "__main__":
    main()
