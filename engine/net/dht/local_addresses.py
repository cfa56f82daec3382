"""Own interface addresses that work.

An address is only advertised after one byte sent to it arrived, because a firewall on this machine may block it;
clients behind the same public address would waste seconds on it.

Protocol reference: 02-hyperdht section 14.
"""

from __future__ import annotations

import asyncio
from typing import Final

from engine.errors import BindFailed
from engine.net.dht.node import DhtNode
from engine.net.udp import UdpNetwork
from engine.wire.compact import Address

SELF_TEST_S: Final = 0.5
MAX_HOSTS: Final = 64


class LocalAddresses:
    """Checks each interface address once.

    Args:
        network: where the test sockets come from.
        node: knows the addresses and the server port.
    """

    def __init__(self, network: UdpNetwork, node: DhtNode) -> None:
        self._network = network
        self._node = node
        self._works: dict[str, bool] = {}
        self._lock = asyncio.Lock()

    def known(self) -> tuple[Address, ...] | None:
        """The working addresses; None while one of them is not tested yet."""
        addresses = self._node.local_addresses()[:MAX_HOSTS]
        if any(host not in self._works for host, _ in addresses):
            return None
        return tuple(address for address in addresses if self._works[address[0]])

    async def validated(self) -> tuple[Address, ...]:
        """The working addresses, after testing the new ones (at most 0.5 s)."""
        known = self.known()
        if known is not None:
            return known
        async with self._lock:
            new = [host for host, _ in self._node.local_addresses()[:MAX_HOSTS] if host not in self._works]
            results = await asyncio.gather(*map(self._test, new))
            self._works.update(zip(new, results, strict=True))
        return self.known() or ()

    def forget(self) -> None:
        """Test all addresses again: the network changed."""
        self._works.clear()

    async def _test(self, host: str) -> bool:
        arrived = asyncio.Event()
        try:
            socket = await self._network.bind(host, 0, lambda _socket, _burst: arrived.set())
        except BindFailed:
            return False
        try:
            socket.send(b"\x00", (host, socket.local_address[1]))
            async with asyncio.timeout(SELF_TEST_S):
                await arrived.wait()
            return True
        except TimeoutError:
            return False
        finally:
            socket.close()
