"""Whether others can reach this node, and whether it serves them.

Two steps: the firewall check proves that the server socket receives from strangers; becoming persistent then means
sending the id that belongs to the public address. Protocol reference: 02-hyperdht section 9.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Sequence

from engine.errors import NetworkError
from engine.net.dht.messages import Reply
from engine.net.udp import UdpSocket
from engine.proto.dht.nat_sampler import NatSampler
from engine.proto.dht.neighbours import Neighbours
from engine.proto.dht.peer_id import peer_id
from engine.wire.compact import Address

CHECK_NODES = 5
"""Nodes asked to ping the server socket."""
NEEDED_ANSWERS = 3
"""Answers needed from that many nodes; one is enough when fewer are known."""

PingNat = Callable[[Address], Awaitable[Reply]]
"""Asks a node to answer to our server socket."""


class Reachability:
    """Firewall and persistence state.

    Args:
        neighbours: table and own address.
        firewalled: initial assumption.
        ping_nat: asks a node to answer to our server socket.
        fallback_nodes: nodes to ask when few are known.
        on_change: called after either flag changed.
    """

    def __init__(
        self,
        neighbours: Neighbours,
        *,
        firewalled: bool,
        ping_nat: PingNat,
        fallback_nodes: Callable[[], Sequence[Address]],
        on_change: Callable[[], None],
    ) -> None:
        self.firewalled = firewalled
        """Others cannot start talking to us, as far as we know."""
        self.ephemeral = True
        """We serve nobody and send no id."""
        self.server_socket: UdpSocket | None = None
        """The socket that has to be reachable."""
        self._neighbours = neighbours
        self._ping_nat = ping_nat
        self._fallback_nodes = fallback_nodes
        self._on_change = on_change

    def become_ephemeral(self) -> None:
        """Stop sending an id, after a wake-up."""
        self.ephemeral = True
        self._on_change()

    async def update(self, *, only_firewall: bool) -> bool:
        """Run the firewall check if needed and, unless ``only_firewall``, become persistent.

        Returns:
            Whether the state improved.
        """
        neighbours = self._neighbours
        if not self.ephemeral or (only_firewall and not self.firewalled):
            return False
        if not only_firewall:
            neighbours.state_checked()
        host, port = neighbours.nat.host, neighbours.nat.port
        if host is None or port == 0:
            return False
        nat = neighbours.nat
        if self.firewalled:
            checked = await self._check_firewall(host)
            if checked is None:
                return False
            nat = checked
            self.firewalled = False
        moved = (neighbours.nat.host, neighbours.nat.port) != (host, port)
        if not self.ephemeral or moved or nat.host != host or nat.port == 0:
            self._on_change()
            return False
        if not only_firewall:
            self.ephemeral = False
        neighbours.rebase(peer_id((host, nat.port)), nat)
        self._on_change()
        return True

    async def _check_firewall(self, host: str) -> NatSampler | None:
        """The view of the server socket's public address when it is reachable, else None."""
        server = self.server_socket
        nodes = [node.address for node in self._neighbours.latest(CHECK_NODES)]
        if len(nodes) < CHECK_NODES:
            nodes += [node for node in self._fallback_nodes() if node not in nodes]
        if not nodes or server is None:
            return None
        replies = await asyncio.gather(*map(self._ask, nodes))
        sampler = NatSampler()
        count = 0
        for reply in replies:
            if reply is not None and reply.socket is server:
                count += 1
                sampler.add(*reply.to)
        if count < (NEEDED_ANSWERS if len(nodes) >= CHECK_NODES else 1):
            return None
        reachable = sampler.host == host and sampler.port == server.local_address[1]
        return sampler if reachable else None

    async def _ask(self, node: Address) -> Reply | None:
        try:
            return await self._ping_nat(node)
        except NetworkError:
            return None
