"""``intercom-tui dht``: DHT nodes for a private network."""

from __future__ import annotations

import asyncio

import click

from engine.net.dht.testnet import start_bootstrap_network
from engine.net.tasks import TaskScope
from engine.net.udp import OsNetwork
from intercom_tui.cli.loop import run_loop, stop_on_signals


def run_bootstrap(host: str, port: int, nodes: int) -> None:
    """Run the nodes until SIGTERM or SIGINT.

    Raises:
        BindFailed: the port is taken.
    """
    run_loop(_run(host, port, nodes))


async def _run(host: str, port: int, count: int) -> None:
    stop = asyncio.Event()
    stop_on_signals(stop)
    scope = TaskScope("dht")
    nodes = await start_bootstrap_network(OsNetwork(), host, port, count, scope)
    click.echo(f"{len(nodes)} DHT nodes run. Join them with: intercom-tui --dht-bootstrap {host}:{port}")
    await stop.wait()
    for node in nodes:
        await node.destroy()
    await scope.close()
