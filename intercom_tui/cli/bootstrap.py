"""``intercom-tui dht``: DHT nodes for a private network."""

from __future__ import annotations

import asyncio
import ipaddress

import click

from engine.errors import InvalidValue
from engine.net.dht.testnet import start_bootstrap_network
from engine.net.tasks import TaskScope
from engine.net.udp import OsNetwork
from intercom_tui.cli.loop import run_loop, stop_on_signals


def run_bootstrap(host: str, port: int, nodes: int) -> None:
    """Run the nodes until SIGTERM or SIGINT.

    Raises:
        InvalidValue: the address is not one under which nodes can be known.
        BindFailed: the port is taken.
    """
    try:
        address = ipaddress.IPv4Address(host)
    except ValueError:
        address = None
    if address is None or address.is_unspecified or address.is_multicast:
        raise InvalidValue(
            f"--host is {host!r}, but it must be the IPv4 address under which the nodes are known.",
            hint="127.0.0.1 serves this machine; the address of this machine in the local network serves others.",
        )
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
