"""Whether others can reach this node, and whether it serves them.

Two steps: the firewall check proves that the server socket receives from strangers; becoming persistent then means
sending the id that belongs to the public address. Protocol reference: 02-hyperdht section 9.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence

from engine.errors import NetworkError
from engine.net.dht.messages import Reply
from engine.net.dht.rpc_endpoint import RpcEndpoint
from engine.net.udp import UdpSocket
from engine.proto.dht.commands import Internal
from engine.proto.dht.nat_sampler import NatSampler
from engine.proto.dht.neighbours import Neighbours
from engine.proto.dht.peer_id import peer_id
from engine.wire.compact import Address

CHECK_NODES = 5
"""Nodes asked to ping the server socket."""
NEEDED_ANSWERS = 3
"""Answers needed from that many nodes; one is enough when fewer are known."""

CHECK_RETRIES = 1
"""Retransmissions per node: a start should not wait for dead nodes."""


class Reachability:
    """Firewall and persistence state.

    Args:
        rpc: sends PING_NAT.
        neighbours: table and own address.
        firewalled: initial assumption.
        fallback_nodes: nodes to ask when few are known.
        on_change: called after either flag changed.
    """

    def __init__(
        self,
        rpc: RpcEndpoint,
        neighbours: Neighbours,
        *,
        firewalled: bool,
        fallback_nodes: Callable[[], Sequence[Address]],
        on_change: Callable[[], None],
    ) -> None:
        self.firewalled = firewalled
        """Others cannot start talking to us, as far as we know."""
        self.ephemeral = True
        """We serve nobody and send no id."""
        self.probed = False
        """One node has reached the server socket."""
        self.server_socket: UdpSocket
        """The socket that has to be reachable."""
        self.client_socket: UdpSocket
        """The socket that asks."""
        self._rpc = rpc
        self._neighbours = neighbours
        self._fallback_nodes = fallback_nodes
        self._on_change = on_change

    def probe(self, node: Address) -> None:
        """Send one PING_NAT and set :attr:`probed` when it is answered (the quick firewall test)."""

        def answered(reply: Reply) -> None:
            self.probed = True

        self._rpc.send(
            node,
            Internal.PING_NAT,
            socket=self.client_socket,
            on_reply=answered,
            on_failure=lambda failure: None,
            value=self._server_port(),
            internal=True,
        )

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
        nodes = [node.address for node in self._neighbours.latest(CHECK_NODES)]
        if len(nodes) < CHECK_NODES:
            nodes += [node for node in self._fallback_nodes() if node not in nodes]
        if not nodes:
            return None
        replies = await asyncio.gather(*map(self._ask, nodes))
        sampler = NatSampler()
        count = 0
        for reply in replies:
            if reply is not None and reply.socket is self.server_socket:
                count += 1
                sampler.add(*reply.to)
        if count < (NEEDED_ANSWERS if len(nodes) >= CHECK_NODES else 1):
            return None
        reachable = sampler.host == host and sampler.port == self.server_socket.local_address[1]
        return sampler if reachable else None

    async def _ask(self, node: Address) -> Reply | None:
        try:
            return await self._rpc.ask(
                node,
                Internal.PING_NAT,
                socket=self.client_socket,
                value=self._server_port(),
                internal=True,
                retries=CHECK_RETRIES,
            )
        except NetworkError:
            return None

    def _server_port(self) -> bytes:
        return self.server_socket.local_address[1].to_bytes(2, "little")
