"""Keeps a server announced at the three nodes closest to its key.

Theory of operation. A *round* looks up the closest nodes, announces at three of them and takes back the announces of
the round before that were not renewed. Between rounds the nodes are pinged every 3 s, from the same socket as the
announce: they forward handshakes to the address the announce came from, and the pings keep the NAT open for that.
About every 5 minutes, or as soon as one of the nodes is silent, or when the network changed, the next round begins. A
round that reached nobody is repeated after 3 s, then less and less often up to the normal interval. When all nodes
fell silent at once and a later round reached others, everything announced before is gone: :attr:`Announcer.on_return`
tells.

What nodes may do wrong: not answer, or refuse the token; the round goes on with the others. A stale token is replaced
once by the one in the refusal.

Protocol reference: 02-hyperdht section 17.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Iterable
from dataclasses import dataclass
from typing import Final

from engine.crypto.hashes import blake2b
from engine.crypto.keys import KeyPair
from engine.errors import NetworkError, RequestCancelled
from engine.net.dht.messages import Reply
from engine.net.dht.node import DhtNode
from engine.net.tasks import TaskScope
from engine.net.udp import UdpSocket
from engine.proto.dht.commands import Command, ErrorNumber, signed_announce, signed_unannounce
from engine.proto.dht.payload import RelayInfo
from engine.proto.dht.relay_generations import RELAYS, RelayGenerations, advertised
from engine.wire.compact import Address

PING_INTERVAL_S: Final = 3.0
PINGS_PER_ROUND: Final = 100
BOOTSTRAP_WAIT_S: Final = 5.0
"""How long the first round waits for the node to know others."""
UNANNOUNCE_WAIT_S: Final = 5.0
"""What a goodbye may take; nodes that do not answer forget the server by themselves."""


@dataclass(frozen=True, slots=True)
class AnnounceState:
    """How reachable a server is, for status lines."""

    rounds: int
    """Announce rounds so far."""
    relays: int
    """Nodes that relay to the server."""


class Announcer:
    """Announces one key pair.

    Args:
        node: sends the requests.
        key_pair: whose hash is announced.
        scope: owns the background task.
    """

    def __init__(self, node: DhtNode, key_pair: KeyPair, scope: TaskScope) -> None:
        self.relays: tuple[RelayInfo, ...] = ()
        """Nodes that forward handshakes to us, and our address as they see it."""
        self.relay_addresses: tuple[Address, ...] = ()
        """Up to three addresses that clients may remember."""
        self.on_return: Callable[[], None] = lambda: None
        """Called when nodes answer again after all of them had fallen silent."""
        self._node = node
        self._key_pair = key_pair
        self._target = blake2b(key_pair.public_key)
        self._scope = scope
        self._generations = RelayGenerations()
        self._closest: list[Address] | None = None
        self._rounds = 0
        self._refresh = asyncio.Event()
        self._first_round = asyncio.Event()
        self._task: asyncio.Task[None] | None = None

    @property
    def state(self) -> AnnounceState:
        """How reachable the server is."""
        return AnnounceState(self._rounds, len(self.relays))

    async def start(self) -> None:
        """Begin; returns after the first round, whether or not it reached anybody."""
        self._task = self._scope.spawn("announce", self._run())
        await self._first_round.wait()

    def refresh(self) -> None:
        """Start a new round as soon as possible."""
        self._refresh.set()

    async def stop(self) -> None:
        """Stop, and tell the nodes to forget us (at most 5 s)."""
        if self._task is not None:
            self._task.cancel()
            await asyncio.wait({self._task})
        self._first_round.set()
        self.relays = ()
        self.relay_addresses = ()
        try:
            async with asyncio.timeout(UNANNOUNCE_WAIT_S):
                await _settled(self._unannounce(node) for node in self._generations.current)
        except TimeoutError:
            return

    def is_relay(self, node: Address) -> bool:
        """Whether *node* was one of our relays in the last three rounds."""
        return node in self._generations

    async def _run(self) -> None:
        try:
            async with asyncio.timeout(BOOTSTRAP_WAIT_S):
                await self._node.fully_bootstrapped()
        except TimeoutError:
            pass
        pings, lost = 1, False
        while True:
            self._refresh.clear()
            socket = self._node.socket
            try:
                await self._round()
            except RequestCancelled:
                return
            finally:
                self._first_round.set()
            if lost and self.relays:
                self.on_return()
            lost = await self._keep_alive(PINGS_PER_ROUND if self.relays else pings, socket) or not self.relays
            pings = 1 if self.relays else min(pings * 2, PINGS_PER_ROUND)

    async def _keep_alive(self, pings: int, socket: UdpSocket) -> bool:
        """Ping the relays until the next round is due; True if it is due because all of them are silent."""
        for _ in range(pings):
            relays = self._generations.current
            answered = sum(await asyncio.gather(*map(self._answers, relays)))
            if answered < len(relays) or self._refresh.is_set() or self._node.socket is not socket:
                return answered == 0 and bool(relays)
            try:
                async with asyncio.timeout(PING_INTERVAL_S):
                    await self._refresh.wait()
                return False
            except TimeoutError:
                continue
        return False

    async def _answers(self, node: Address) -> bool:
        try:
            await self._node.ping(node)
        except NetworkError:
            return False
        return True

    async def _round(self) -> None:
        self._generations.begin_round()
        query = self._node.query(self._target, Command.FIND_PEER, nodes=self._closest)
        try:
            await query.finished()
        except RequestCancelled:
            raise
        except NetworkError:
            pass
        finally:
            query.destroy()
        chosen = query.closest_replies[:RELAYS]
        results = await asyncio.gather(*map(self._announce, chosen))
        accepted = [relay for relay in results if relay is not None]
        for relay in accepted:
            self._generations.add(relay.relay_address)
        self.relays = tuple(accepted)
        public = None if self._node.firewalled else self._node.remote_address()
        self.relay_addresses = advertised(public, self._generations.current)
        self._closest = [reply.source for reply in query.closest_replies] or None
        self._rounds += 1
        await _settled(self._unannounce(node) for node in self._generations.abandoned)

    async def _announce(self, found: Reply) -> RelayInfo | None:
        """Announce at a node that answered the lookup; None if it did not take it."""
        token = found.token
        for _ in range(2):
            if token is None or found.id is None:
                return None
            value = signed_announce(self._key_pair, self._target, found.id, token)
            try:
                reply = await self._node.request(
                    found.source, Command.ANNOUNCE, target=self._target, value=value, token=token
                )
            except RequestCancelled:
                raise
            except NetworkError:
                return None
            if reply.error == ErrorNumber.NONE:
                return RelayInfo(found.source, found.to)
            if reply.error != ErrorNumber.INVALID_TOKEN:
                return None
            token = reply.token
        return None

    async def _unannounce(self, node: Address) -> None:
        reply = await self._node.request(node, Command.FIND_PEER, target=self._target)
        if reply.token is None or reply.id is None or not reply.value:
            return
        value = signed_unannounce(self._key_pair, self._target, reply.id, reply.token)
        await self._node.request(node, Command.UNANNOUNCE, target=self._target, value=value, token=reply.token)


async def _settled(calls: Iterable[Awaitable[None]]) -> None:
    """Wait for all calls; failures only mean that a node keeps a record a little longer."""
    await asyncio.gather(*calls, return_exceptions=True)
