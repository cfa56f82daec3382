"""What peers do with the DHT: look up and announce topics, find peers. Values are in :mod:`engine.net.dht.values`.

Protocol reference: 02-hyperdht sections 11 and 17 (topic announces).
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator, Callable, Sequence
from dataclasses import dataclass

from engine.crypto.hashes import blake2b
from engine.crypto.keys import KeyPair
from engine.errors import DecodeError, NetworkError
from engine.net.dht.messages import Reply
from engine.net.dht.node import DhtNode
from engine.net.dht.query_run import Commit, QueryRun
from engine.proto.dht.commands import (
    MAX_LOOKUP_RECORDS,
    Command,
    ErrorNumber,
    LookupAnswer,
    PeerRecord,
    signed_announce,
    signed_unannounce,
)
from engine.wire.compact import Address


@dataclass(frozen=True, slots=True)
class LookupHit:
    """One node's records of a topic."""

    reply: Reply
    """The node's reply."""
    peers: tuple[PeerRecord, ...]
    """Who announced the topic there."""
    bump: int
    """Newest bump it knows, milliseconds since the epoch, 0 for none."""


@dataclass(frozen=True, slots=True)
class PeerHit:
    """One node that holds the self announce of a peer and relays to it."""

    reply: Reply
    """The node's reply."""
    peer: PeerRecord
    """The announced record."""


class Lookup:
    """A running lookup, with or without an announce at its end.

    Iterate over it for hits as they arrive.

    Args:
        run: the LOOKUP query.
    """

    def __init__(self, run: QueryRun) -> None:
        self.run = run
        """The query."""

    async def __aiter__(self) -> AsyncIterator[LookupHit]:
        """Nodes that know somebody."""
        async for reply in self.run:
            hit = lookup_hit(reply)
            if hit is not None:
                yield hit

    @property
    def closest_nodes(self) -> list[Address]:
        """The closest nodes that answered; a later lookup of the same topic may start from them."""
        return [reply.source for reply in self.run.closest_replies]

    async def finished(self) -> None:
        """Wait for the end, announces included.

        Raises:
            NetworkError: it announces, and no node accepted it.
        """
        await self.run.finished()

    def destroy(self) -> None:
        """Stop."""
        self.run.destroy()


def lookup_hit(reply: Reply) -> LookupHit | None:
    """The records in a LOOKUP reply; None when there are none or they do not decode."""
    if reply.value is None:
        return None
    try:
        answer = LookupAnswer.decode(reply.value)
    except DecodeError:
        return None
    return LookupHit(reply, answer.peers, answer.bump)


def peer_hit(reply: Reply, public_key: bytes) -> PeerHit | None:
    """The record in a FIND_PEER reply; None when there is none, or it is not about ``public_key``."""
    if reply.value is None:
        return None
    try:
        peer = PeerRecord.decode(reply.value)
    except DecodeError:
        return None
    return PeerHit(reply, peer) if peer.public_key == public_key else None


def lookup(node: DhtNode, topic: bytes, *, closest_nodes: Sequence[Address] | None = None) -> Lookup:
    """Find who announced a topic.

    Args:
        node: who asks.
        topic: 32 bytes.
        closest_nodes: where to start, from an earlier lookup of the topic.
    """
    return Lookup(node.query(topic, Command.LOOKUP, nodes=closest_nodes))


def announce(
    node: DhtNode,
    topic: bytes,
    key_pair: KeyPair,
    relay_addresses: Sequence[Address] = (),
    *,
    closest_nodes: Sequence[Address] | None = None,
    clear: bool = False,
    bump: int = 0,
) -> Lookup:
    """Look a topic up and announce a key under it at the closest nodes.

    Args:
        node: who announces.
        topic: 32 bytes.
        key_pair: signs.
        relay_addresses: up to three nodes that relay to us.
        closest_nodes: where to start.
        clear: remove old copies of the own record first, wherever they are found.
        bump: milliseconds since the epoch of the last change, 0 for none.
    """
    relays = tuple(relay_addresses)

    async def commit(reply: Reply) -> None:
        await send_announce(node, reply, topic, key_pair, relays, bump)

    if clear:
        return _clearing_lookup(node, topic, key_pair, closest_nodes, commit)
    return Lookup(node.query(topic, Command.LOOKUP, nodes=closest_nodes, commit=commit))


async def unannounce(
    node: DhtNode, topic: bytes, key_pair: KeyPair, *, closest_nodes: Sequence[Address] | None = None
) -> None:
    """Remove the own record of a topic from every node that still has it."""

    async def commit(reply: Reply) -> None:
        return None

    found = _clearing_lookup(node, topic, key_pair, closest_nodes, commit)
    try:
        with contextlib.suppress(NetworkError):
            await found.finished()
    finally:
        found.destroy()


async def send_announce(
    node: DhtNode,
    reply: Reply,
    target: bytes,
    key_pair: KeyPair,
    relay_addresses: tuple[Address, ...] = (),
    bump: int = 0,
) -> Reply:
    """Announce at one node that has just answered a query for ``target``; the reply says how it sees us.

    Raises:
        NetworkError: it sent no id or token, refused, or did not answer.
    """

    def sign(node_id: bytes, token: bytes) -> bytes:
        return signed_announce(key_pair, target, node_id, token, relay_addresses, bump)

    return await write(node, reply, Command.ANNOUNCE, target, sign)


async def send_unannounce(node: DhtNode, reply: Reply, target: bytes, key_pair: KeyPair) -> Reply:
    """Remove the own record at one node that has just answered a query for ``target``.

    Raises:
        NetworkError: as for :func:`send_announce`.
    """

    def sign(node_id: bytes, token: bytes) -> bytes:
        return signed_unannounce(key_pair, target, node_id, token)

    return await write(node, reply, Command.UNANNOUNCE, target, sign)


def find_peer(
    node: DhtNode,
    public_key: bytes,
    *,
    nodes: Sequence[Address] | None = None,
    only_nodes: bool = False,
    retries: int = 5,
) -> QueryRun:
    """Ask for the self announce of a key; feed the replies to :func:`peer_hit`.

    Args:
        node: who asks.
        public_key: 32 bytes.
        nodes: where to start.
        only_nodes: ask nobody else.
        retries: retransmissions per node.
    """
    target = blake2b(public_key)
    return node.query(target, Command.FIND_PEER, nodes=nodes, only_nodes=only_nodes, retries=retries)


def _clearing_lookup(
    node: DhtNode,
    topic: bytes,
    key_pair: KeyPair,
    closest_nodes: Sequence[Address] | None,
    commit: Commit,
) -> Lookup:
    """A lookup that removes every copy of the own record it meets before it commits."""
    stale: list[Reply] = []

    def collect(reply: Reply) -> None:
        hit = lookup_hit(reply)
        if hit is not None and _may_hold(hit, key_pair.public_key):
            stale.append(reply)

    async def remove_stale() -> None:
        removals = (send_unannounce(node, reply, topic, key_pair) for reply in stale)
        await asyncio.gather(*removals, return_exceptions=True)

    if node.storage is not None:
        node.storage.unannounce(topic, key_pair.public_key)
    run = node.query(topic, Command.LOOKUP, nodes=closest_nodes, commit=commit, prepare=remove_stale)
    run.on_reply.append(collect)
    return Lookup(run)


def _may_hold(hit: LookupHit, public_key: bytes) -> bool:
    """Whether a node has our record: it is in the answer, or the answer is a random part of many."""
    return len(hit.peers) >= MAX_LOOKUP_RECORDS or any(peer.public_key == public_key for peer in hit.peers)


async def write(
    node: DhtNode,
    reply: Reply,
    command: int,
    target: bytes,
    value: Callable[[bytes, bytes], bytes],
) -> Reply:
    """Write to a node that has just answered; once more with the fresh token when its token has expired.

    Args:
        node: who writes.
        reply: the node's answer to a query for ``target``.
        command: number of section 11.
        target: 32 bytes.
        value: makes the payload from the node's id and the token.

    Raises:
        NetworkError: it sent no id or token, refused, or did not answer.
    """
    if reply.id is None or reply.token is None:
        raise NetworkError("The DHT node sent no id or token.")
    token = reply.token
    for _ in range(2):
        answer = await node.request(reply.source, command, target=target, value=value(reply.id, token), token=token)
        if answer.error != ErrorNumber.INVALID_TOKEN or answer.token is None:
            break
        token = answer.token
    if answer.error:
        raise NetworkError(f"The DHT node refused with error {answer.error}.")
    return answer
