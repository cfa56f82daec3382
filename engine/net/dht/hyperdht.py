"""HyperDHT: a DHT node that connects peers by public key.

Theory of operation. The node below does requests, lookups and storage. This layer adds dialling
(:mod:`engine.net.dht.connect`), servers (:mod:`engine.net.dht.server`) and the relaying of handshakes between other
peers, which every node does. The relay addresses of peers that were reached are remembered, so that the next dial
needs no lookup.

What a peer may do wrong is treated where it is handled; here only the number of remembered peers is limited.

Protocol reference: 02-hyperdht sections 13, 15 and 16.
"""

from __future__ import annotations

import asyncio
import os
from collections import Counter, OrderedDict
from collections.abc import Callable, Sequence
from typing import Final

from engine.clock import Clock
from engine.crypto.hashes import blake2b
from engine.crypto.keys import KeyPair
from engine.errors import PeerUnreachable
from engine.net.dht.config import DhtConfig
from engine.net.dht.connect import Dial
from engine.net.dht.context import ConnectOptions, PeerContext
from engine.net.dht.handover import Handover
from engine.net.dht.handshake_router import HandshakeRouter
from engine.net.dht.local_addresses import LocalAddresses
from engine.net.dht.node import DhtNode
from engine.net.dht.punch_sockets import PunchSockets
from engine.net.dht.server import DhtServer, FirewallHook
from engine.net.tasks import TaskScope
from engine.net.udp import UdpNetwork
from engine.proto.dht.holepunch import RandomPunchBudget
from engine.wire.compact import Address

MAX_REMEMBERED_PEERS: Final = 512
"""Peers whose relay addresses are remembered."""


class HyperDht:
    """One node with its dials and servers.

    Args:
        network: where sockets come from.
        config: how the node takes part.
        scope: parent of all tasks.
        random_bytes: entropy.
        clock: time for storage; None for the system's.
        options: which routes to use.
    """

    def __init__(
        self,
        network: UdpNetwork,
        config: DhtConfig,
        scope: TaskScope,
        *,
        random_bytes: Callable[[int], bytes] = os.urandom,
        clock: Clock | None = None,
        options: ConnectOptions | None = None,
    ) -> None:
        self._scope = scope.child("hyperdht")
        self.node = DhtNode(network, config, self._scope, random_bytes=random_bytes, clock=clock)
        """The node below: requests, lookups, storage, streams."""
        self.counts: Counter[str] = Counter()
        """Connections by route, punching attempts by method."""
        self._context = PeerContext(
            node=self.node,
            sockets=PunchSockets(self.node),
            local_addresses=LocalAddresses(network, self.node),
            budget=RandomPunchBudget(),
            scope=self._scope,
            options=options or ConnectOptions(),
            random_bytes=random_bytes,
            counts=self.counts,
        )
        self._servers: list[DhtServer] = []
        self._dials: set[Dial] = set()
        self._remembered: OrderedDict[bytes, tuple[Address, ...]] = OrderedDict()
        self._destroyed = False
        self._router = HandshakeRouter(self.node)
        self.node.on_network_change.append(self._network_changed)

    async def start(self) -> None:
        """Bind the sockets; bootstrapping goes on in the background.

        Raises:
            BindFailed: no port to be had.
        """
        await self.node.start()

    async def fully_bootstrapped(self) -> None:
        """Return when the node knows others."""
        await self.node.fully_bootstrapped()

    async def connect(
        self, public_key: bytes, key_pair: KeyPair, *, relay_addresses: Sequence[Address] = ()
    ) -> Handover:
        """Dial a peer; cancelling the call ends the attempt.

        Args:
            public_key: the peer, 32 bytes.
            key_pair: own identity on this connection.
            relay_addresses: nodes that probably relay to the peer.

        Raises:
            PeerUnreachable: its ``reason`` is a name of 02-hyperdht section 22.
        """
        if self._destroyed:
            raise PeerUnreachable(reason="REQUEST_DESTROYED")
        dial = Dial(self._context, public_key, key_pair, self._known_relays(public_key, relay_addresses))
        self._dials.add(dial)
        try:
            handover = await dial.run()
        finally:
            self._dials.discard(dial)
        self._remember(public_key, handover.relay_addresses)
        return handover

    def create_server(
        self,
        key_pair: KeyPair,
        on_connection: Callable[[Handover], None],
        *,
        firewall: FirewallHook | None = None,
    ) -> DhtServer:
        """A server that does not listen yet.

        Args:
            key_pair: identity that clients dial.
            on_connection: gets each connection.
            firewall: gets (client's key, its payload, its address); True refuses without an answer.
        """
        server = DhtServer(self._context, key_pair, on_connection, firewall)
        self._servers.append(server)
        return server

    async def destroy(self) -> None:
        """End all dials, close all servers (which unannounce), then the node."""
        if self._destroyed:
            return
        self._destroyed = True
        for dial in list(self._dials):
            dial.abort("REQUEST_DESTROYED")
        await asyncio.gather(*(server.close() for server in self._servers))
        await self.node.destroy()
        self._context.sockets.close()
        await self._scope.close()

    def stats(self) -> dict[str, int]:
        """Counters for status pages: those of the node, routes, punching methods."""
        return {**self.node.stats(), **{f"connect_{name}": count for name, count in self.counts.items()}}

    def _known_relays(self, public_key: bytes, given: Sequence[Address]) -> Sequence[Address]:
        forward = self.node.forwards.get(blake2b(public_key))
        if forward is not None and forward.relay_address is not None and not self.node.ephemeral:
            return (forward.relay_address,)
        return given or self._remembered.get(public_key, ())

    def _remember(self, public_key: bytes, relays: tuple[Address, ...]) -> None:
        if relays:
            self._remembered[public_key] = relays
            self._remembered.move_to_end(public_key)
            if len(self._remembered) > MAX_REMEMBERED_PEERS:
                self._remembered.popitem(last=False)

    def announce_again(self) -> None:
        """Announce and look up everything again, as after a change of network: the nodes forgot us."""
        for callback in list(self.node.on_network_change):
            callback()

    def _network_changed(self) -> None:
        self._context.local_addresses.forget()
        for server in self._servers:
            server.network_changed()
