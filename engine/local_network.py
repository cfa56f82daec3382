"""A bootstrap network on this machine, for ``--local``.

Whoever comes first starts it inside its own process; the others use it. When its process ends, the next one takes over:
each peer tries to bind the port from time to time, and only one can.
"""

from __future__ import annotations

import asyncio
import logging

from engine.errors import BindFailed
from engine.net.dht.node import DhtNode
from engine.net.dht.testnet import start_bootstrap_network
from engine.net.tasks import TaskScope
from engine.net.udp import UdpNetwork

_logger = logging.getLogger(__name__)

LOCAL_HOST = "127.0.0.1"
LOCAL_NODES = 5
"""Nodes of an in-process network: enough for NAT classification (protocol reference 02-hyperdht section 26)."""
TAKEOVER_S = 5.0
"""Pause between attempts to take over the port."""


class LocalNetwork:
    """Keeps a bootstrap network alive on one port of 127.0.0.1.

    Args:
        network: where sockets come from.
        port: UDP port of the first node.
        scope: owner of the tasks.
    """

    def __init__(self, network: UdpNetwork, port: int, scope: TaskScope) -> None:
        self._network = network
        self._port = port
        self._scope = scope
        self._nodes: list[DhtNode] = []

    @property
    def ours(self) -> bool:
        """True when the nodes run in this process."""
        return bool(self._nodes)

    async def ensure(self) -> None:
        """Start the nodes unless somebody has the port; keep watching it in that case."""
        if not await self._try_start():
            self._scope.spawn("take over bootstrap", self._take_over())

    async def close(self) -> None:
        """Stop our nodes."""
        for node in self._nodes:
            await node.destroy()
        self._nodes.clear()

    async def _try_start(self) -> bool:
        try:
            self._nodes = await start_bootstrap_network(self._network, LOCAL_HOST, self._port, LOCAL_NODES, self._scope)
        except BindFailed:
            return False
        _logger.info("local bootstrap network on %s:%d", LOCAL_HOST, self._port)
        return True

    async def _take_over(self) -> None:
        while True:
            await asyncio.sleep(TAKEOVER_S)
            if await self._try_start():
                return
