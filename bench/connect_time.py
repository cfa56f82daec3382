"""Time of a connect by public key on a warm local DHT.

    python -m bench.connect_time [--dials 100] [--nodes 5] [--punch] [--node-modules DIR]

Each key is dialled twice: the first dial has to look it up, the second one knows its relays. Measured from the dial
to the open connection and, for first dials, to the echo of a message. With ``--punch`` both peers believe to be
behind a NAT and punch. DHT nodes and both peers share one process, in Python and, when the npm packages are given, in
hyperdht. Prints one JSON object, times in milliseconds.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import statistics
import subprocess
import time
from pathlib import Path
from typing import Any

from engine.crypto.keys import KeyPair
from engine.net.connection import PeerConnection
from engine.net.dht.config import DhtConfig
from engine.net.dht.context import ConnectOptions
from engine.net.dht.handover import Handover
from engine.net.dht.hyperdht import HyperDht
from engine.net.dht.testnet import start_bootstrap_network
from engine.net.tasks import TaskScope
from engine.net.udp import OsNetwork

_HOST = "127.0.0.1"
_JS = Path(__file__).parent / "js" / "connect_time.js"


def _accept(handover: Handover) -> None:
    connection = PeerConnection(handover.udx, handover.handshake)
    connection.on_message = lambda message: _echo(connection, message)


def _echo(connection: PeerConnection, message: bytes) -> None:
    connection.write(message)


async def _dial(dht: HyperDht, key: bytes) -> tuple[float, float]:
    """Seconds until the connection was open and until the echo came."""
    started = time.perf_counter()
    handover = await dht.connect(key, KeyPair.generate(os.urandom))
    connection = PeerConnection(handover.udx, handover.handshake)
    opened = time.perf_counter() - started
    echo: asyncio.Future[bytes] = asyncio.get_running_loop().create_future()
    closed = asyncio.Event()
    connection.on_message = echo.set_result
    connection.on_close.append(lambda error: closed.set())
    connection.write(b"hello")
    await echo
    echoed = time.perf_counter() - started
    connection.end()
    await closed.wait()
    return opened, echoed


async def _measure_python(dials: int, nodes: int, punch: bool) -> dict[str, list[float]]:
    scope = TaskScope("bench")
    network = await start_bootstrap_network(OsNetwork(), _HOST, 0, nodes, scope)
    config = DhtConfig(
        bootstrap=(network[0].server_socket.local_address,), host=_HOST, port=0, quick_firewall=not punch
    )
    options = ConnectOptions(local_connection=not punch)
    serving = HyperDht(OsNetwork(), config, scope, options=options)
    dialling = HyperDht(OsNetwork(), config, scope, options=options)
    for dht in (serving, dialling):
        await dht.start()
        await dht.fully_bootstrapped()
    keys = [KeyPair.generate(os.urandom) for _ in range(dials)]
    for key_pair in keys:
        await serving.create_server(key_pair, _accept).listen()
    result: dict[str, list[float]] = {"lookup": [], "again": [], "echo": []}
    for name in ("lookup", "again"):
        for key_pair in keys:
            opened, echoed = await _dial(dialling, key_pair.public_key)
            result[name].append(opened * 1000)
            if name == "lookup":
                result["echo"].append(echoed * 1000)
    for dht in (dialling, serving):
        await dht.destroy()
    for node in network:
        await node.destroy()
    await scope.close()
    return result


def _measure_js(dials: int, nodes: int, punch: bool, modules: str) -> dict[str, list[float]]:
    command = ["node", str(_JS), str(dials), str(nodes), "punch" if punch else "open"]
    done = subprocess.run(command, capture_output=True, text=True, check=True, env={**os.environ, "NODE_PATH": modules})
    result: dict[str, list[float]] = json.loads(done.stdout)
    return result


def _summary(times: dict[str, list[float]]) -> dict[str, dict[str, float]]:
    return {
        name: {
            "p50_ms": round(statistics.median(values), 2),
            "p95_ms": round(sorted(values)[int(len(values) * 0.95)], 2),
            "max_ms": round(max(values), 2),
        }
        for name, values in times.items()
    }


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--dials", type=int, default=100)
    parser.add_argument("--nodes", type=int, default=5)
    parser.add_argument("--punch", action="store_true")
    parser.add_argument("--uvloop", action="store_true")
    parser.add_argument("--node-modules", default=os.environ.get("INTEROP_MODULES"))
    args = parser.parse_args()
    measuring = _measure_python(args.dials, args.nodes, args.punch)
    if args.uvloop:
        import uvloop

        python = _summary(uvloop.run(measuring))
    else:
        python = _summary(asyncio.run(measuring))
    results: dict[str, Any] = {"dials": args.dials, "nodes": args.nodes, "punch": args.punch, "python": python}
    if args.node_modules:
        javascript = _summary(_measure_js(args.dials, args.nodes, args.punch, args.node_modules))
        results["hyperdht"] = javascript
        results["ratio"] = {
            name: round(python[name]["p50_ms"] / javascript[name]["p50_ms"], 2) for name in ("lookup", "again", "echo")
        }
    print(json.dumps(results))


if __name__ == "__main__":
    main()
