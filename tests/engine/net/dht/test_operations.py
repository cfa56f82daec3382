"""Topic and peer operations in a simulated network."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from typing import Any

import pytest

from engine.crypto.hashes import blake2b
from engine.crypto.keys import KeyPair
from engine.errors import NetworkError
from engine.net.dht.messages import IncomingRequest, Reply
from engine.net.dht.operations import (
    announce,
    find_peer,
    lookup,
    lookup_hit,
    peer_hit,
    send_announce,
    send_unannounce,
    unannounce,
)
from engine.proto.dht.commands import Command, ErrorNumber, PeerRecord
from tests.harness.dht_network import dht_network
from tests.harness.virtual_loop import run_virtual

TOPIC = b"\x07" * 32
KEYS = KeyPair.from_seed(b"\x01" * 32)
OTHER = KeyPair.from_seed(b"\x02" * 32)
RELAY = ("1.2.3.4", 5)


def test_announce_lookup_unannounce() -> None:
    async def main() -> None:
        async with dht_network(25) as net:
            server, client = await net.client("20.0.0.1"), await net.client("20.0.0.2")
            announced = announce(server, TOPIC, KEYS, [RELAY], bump=5)
            await announced.finished()
            assert len(announced.closest_nodes) == 20
            assert [hit async for hit in announced] == []
            assert sum(node.stats()["records"] for node in net.nodes) == 20
            await announce(server, TOPIC, OTHER, closest_nodes=announced.closest_nodes).finished()

            hits = [hit async for hit in lookup(client, TOPIC)]
            assert len(hits) >= 20
            for hit in hits:
                assert set(hit.peers) == {PeerRecord(KEYS.public_key, (RELAY,)), PeerRecord(OTHER.public_key)}
                assert hit.bump == 5

            await unannounce(server, TOPIC, KEYS)
            hits = [hit async for hit in lookup(client, TOPIC)]
            assert {peer for hit in hits for peer in hit.peers} == {PeerRecord(OTHER.public_key)}

    run_virtual(main())


def test_clear_replaces_old_copies() -> None:
    async def main() -> None:
        async with dht_network(8) as net:
            node = await net.client()
            await announce(node, TOPIC, KEYS, [RELAY]).finished()
            await announce(node, TOPIC, KEYS).finished()
            kept = [hit.peers[0].relay_addresses async for hit in lookup(node, TOPIC)]
            assert set(kept) == {(RELAY,)}, "a fresh record is not replaced"
            await announce(node, TOPIC, KEYS, clear=True).finished()
            kept = [hit.peers[0].relay_addresses async for hit in lookup(node, TOPIC)]
            assert set(kept) == {()}

    run_virtual(main())


def test_a_persistent_node_forgets_its_own_copy() -> None:
    async def main() -> None:
        async with dht_network(4) as net:
            node = net.nodes[2]
            await announce(net.nodes[1], TOPIC, KEYS).finished()
            assert node.stats()["records"] == 1
            await unannounce(node, TOPIC, KEYS)
            assert node.stats()["records"] == 0

    run_virtual(main())


def test_self_announces_are_found_by_key_only() -> None:
    async def main() -> None:
        async with dht_network(6) as net:
            server, client = await net.client("20.0.0.1"), await net.client("20.0.0.2")
            target = blake2b(KEYS.public_key)
            run = find_peer(server, KEYS.public_key)
            await run.finished()
            answers = [await send_announce(server, reply, target, KEYS) for reply in run.closest_replies[:3]]
            assert {answer.to for answer in answers} == {("20.0.0.1", server.socket.local_address[1])}

            hits = [peer_hit(reply, KEYS.public_key) async for reply in find_peer(client, KEYS.public_key)]
            found = [hit for hit in hits if hit is not None]
            assert {hit.reply.source for hit in found} == {answer.source for answer in answers}
            again = find_peer(client, KEYS.public_key, nodes=[found[0].reply.source], only_nodes=True)
            assert [reply.source async for reply in again] == [found[0].reply.source]
            assert [hit async for hit in lookup(client, KEYS.public_key)] == []

            for hit in found:
                await send_unannounce(server, hit.reply, target, KEYS)
            hits = [peer_hit(reply, KEYS.public_key) async for reply in find_peer(client, KEYS.public_key)]
            assert not any(hits)

    run_virtual(main())


def test_an_expired_token_is_renewed_once() -> None:
    async def main() -> None:
        async with dht_network(3) as net:
            node = await net.client()
            run = node.query(TOPIC, Command.LOOKUP)
            await run.finished()
            reply = run.closest_replies[0]
            await asyncio.sleep(30)
            answer = await send_announce(node, reply, TOPIC, KEYS)
            assert answer.error == 0
            holder = next(other for other in net.nodes if other.remote_address() == reply.source)
            assert holder.stats()["records"] == 1
            assert holder.drops["invalid_token"] == 1

    run_virtual(main())


def test_refusals_and_missing_tokens_are_errors() -> None:
    async def main() -> None:
        async with dht_network(1) as net:
            node = await net.client()

            def refuse(request: IncomingRequest) -> None:
                request.reply(error=ErrorNumber.INVALID_TOKEN)

            for other in net.nodes:
                other.set_handler(Command.ANNOUNCE, refuse)
            run = node.query(TOPIC, Command.LOOKUP)
            await run.finished()
            (reply,) = run.closest_replies
            with pytest.raises(NetworkError, match="error 2"):
                await send_announce(node, reply, TOPIC, KEYS)
            bare = replace(reply, token=None)
            with pytest.raises(NetworkError, match="no id or token"):
                await send_announce(node, bare, TOPIC, KEYS)
            with pytest.raises(NetworkError, match="No node accepted it"):
                await announce(node, TOPIC, KEYS).finished()

    run_virtual(main())


def test_nobody_to_announce_at() -> None:
    async def main() -> None:
        async with dht_network(1) as net:
            node = await net.client()
            net.fake.block("20.0.0.1", "10.0.0.1")
            with pytest.raises(NetworkError, match="Too few nodes responded"):
                await announce(node, TOPIC, KEYS).finished()
            await unannounce(node, TOPIC, KEYS)

    run_virtual(main())


def test_a_lookup_can_be_stopped() -> None:
    async def main() -> None:
        async with dht_network(4) as net:
            node = await net.client()
            found = lookup(node, TOPIC)
            found.destroy()
            await found.finished()
            assert node.stats()["in_flight"] == 0

    run_virtual(main())


def test_foreign_and_damaged_records_are_no_hits() -> None:
    def reply(value: bytes | None) -> Reply:
        socket: Any = None
        return Reply(1, RELAY, RELAY, None, None, [], 0, value, socket, 0.1)

    record = PeerRecord(KEYS.public_key)
    assert lookup_hit(reply(None)) is None
    assert lookup_hit(reply(b"\x05")) is None
    assert peer_hit(reply(None), KEYS.public_key) is None
    assert peer_hit(reply(b"\x05"), KEYS.public_key) is None
    assert peer_hit(reply(record.encode()), OTHER.public_key) is None
    hit = peer_hit(reply(record.encode()), KEYS.public_key)
    assert hit is not None
    assert hit.peer == record
