"""A bootstrap network on this machine, for ``--local``.

Theory of operation. Whoever comes first starts the nodes inside its own process (the *owner*); the others use them.
Each other peer holds a TCP connection to the owner on the same port number; it carries no data and only shows that the
owner lives. When it breaks, everybody tries to become the owner by binding the UDP port, which only one can; all of
them then announce and look up again, because whatever the old nodes stored is gone. A network that was started by other
means (``intercom-tui dht``) has no such connection, and an owner refuses more than it can hold; then the port is tried
from time to time.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable

from engine.config.sections import LOCAL_HOST
from engine.errors import BindFailed
from engine.net.dht.node import DhtNode
from engine.net.dht.testnet import start_bootstrap_network
from engine.net.tasks import TaskScope
from engine.net.udp import UdpNetwork

_logger = logging.getLogger(__name__)

LOCAL_NODES = 5
"""Nodes of an in-process network: enough for NAT classification (protocol reference 02-hyperdht section 26)."""
TAKEOVER_S = 5.0
"""Pause between attempts to take over a port whose owner cannot be watched."""
SUCCESSOR_S = 0.2
"""Time a new owner gets to open its port."""
REFUSED_S = 0.1
"""A connection that ends sooner was refused."""
MAX_MEMBERS = 256
"""Peers that may watch one owner."""


class LocalNetwork:
    """Keeps a bootstrap network alive on one port of 127.0.0.1.

    Args:
        network: where sockets come from.
        port: UDP port of the first node and TCP port of its owner.
        scope: owner of the tasks.
        on_restart: called when the nodes were replaced by new ones that know nothing.
    """

    def __init__(self, network: UdpNetwork, port: int, scope: TaskScope, on_restart: Callable[[], None]) -> None:
        self._network = network
        self._port = port
        self._scope = scope
        self._on_restart = on_restart
        self._nodes: list[DhtNode] = []
        self._server: asyncio.Server | None = None
        self._members: set[asyncio.StreamWriter] = set()

    @property
    def ours(self) -> bool:
        """True when the nodes run in this process."""
        return bool(self._nodes)

    async def ensure(self) -> None:
        """Start the nodes unless somebody has the port; then watch over who has it."""
        if not await self._become_owner():
            self._scope.spawn("watch bootstrap", self._watch())

    async def close(self) -> None:
        """Stop our nodes and let go of whoever watches us."""
        if self._server is not None:
            self._server.close()
        for writer in self._members:
            writer.close()
        for node in self._nodes:
            await node.destroy()
        self._nodes.clear()

    async def _become_owner(self) -> bool:
        try:
            self._nodes = await start_bootstrap_network(self._network, LOCAL_HOST, self._port, LOCAL_NODES, self._scope)
        except BindFailed:
            return False
        _logger.info("local bootstrap network on %s:%d", LOCAL_HOST, self._port)
        try:
            self._server = await asyncio.start_server(self._serve_member, LOCAL_HOST, self._port)
        except OSError as error:
            _logger.warning("TCP port %d is taken: the others notice our end late: %s", self._port, error.strerror)
        return True

    async def _serve_member(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        if len(self._members) >= MAX_MEMBERS:
            writer.close()
            return
        self._members.add(writer)
        try:
            await _hold(reader, writer)
        finally:
            self._members.discard(writer)

    async def _watch(self) -> None:
        while True:
            watched = await self._owner_ends()
            if not watched:
                await asyncio.sleep(TAKEOVER_S)
            if await self._become_owner():
                self._on_restart()
                return
            if watched:
                await asyncio.sleep(SUCCESSOR_S)
                self._on_restart()

    async def _owner_ends(self) -> bool:
        """Wait until the owner's process ends; False when it cannot be watched."""
        try:
            reader, writer = await asyncio.open_connection(LOCAL_HOST, self._port)
        except OSError:
            return False
        loop = asyncio.get_running_loop()
        begin = loop.time()
        await _hold(reader, writer)
        return loop.time() - begin >= REFUSED_S


async def _hold(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """Keep a connection until the other end closes it."""
    try:
        while await reader.read(64):
            pass
    except OSError:
        pass
    finally:
        writer.close()
