"""A small DHT on one machine: private networks and tests.

Protocol reference: 02-hyperdht sections 23 (a) and 26 (at least three persistent nodes).
"""

from __future__ import annotations

from engine.net.dht.config import DhtConfig
from engine.net.dht.handshake_router import HandshakeRouter
from engine.net.dht.node import DhtNode
from engine.net.tasks import TaskScope
from engine.net.udp import UdpNetwork


async def start_bootstrap_network(
    network: UdpNetwork, host: str, port: int, count: int, scope: TaskScope
) -> list[DhtNode]:
    """Start a bootstrap node and persistent nodes around it; returns when all are online.

    Args:
        network: where sockets come from.
        host: IPv4 address all nodes bind to and are known under.
        port: port of the bootstrap node, 0 for any; the others take the ports after it, or any.
        count: number of nodes, at least 1; peers need 3 or more to examine their NAT.
        scope: owner of the nodes' tasks.

    Raises:
        BindFailed: the bootstrap node's port is taken.
    """
    nodes: list[DhtNode] = []
    try:
        nodes.append(await _start(network, bootstrapper_config(host, port), scope))
        first_port = nodes[0].server_socket.local_address[1]
        while len(nodes) < count:
            config = DhtConfig(
                bootstrap=((host, first_port),),
                host=host,
                port=(first_port + len(nodes)) % 65_536,
                ephemeral=False,
                firewalled=False,
            )
            nodes.append(await _start(network, config, scope))
    except BaseException:
        for node in nodes:
            await node.destroy()
        raise
    return nodes


def bootstrapper_config(host: str, port: int) -> DhtConfig:
    """Configuration of the first node of a network.

    Args:
        host: address it binds to and is known under.
        port: its port, 0 for any.
    """
    return DhtConfig(
        bootstrap=(),
        host=host,
        port=port,
        any_port=False,
        ephemeral=False,
        firewalled=False,
        public_address=(host, port),
    )


async def _start(network: UdpNetwork, config: DhtConfig, scope: TaskScope) -> DhtNode:
    node = DhtNode(network, config, scope)
    HandshakeRouter(node)
    try:
        await node.start()
        await node.fully_bootstrapped()
    except BaseException:
        await node.destroy()
        raise
    return node
