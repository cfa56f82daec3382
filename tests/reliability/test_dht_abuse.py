"""Using a DHT node against others: stolen tokens, amplified replies, floods from one source."""

from __future__ import annotations

import asyncio

import pytest

from engine.crypto.hashes import blake2b
from engine.crypto.keys import KeyPair
from engine.net.dht.config import DhtConfig
from engine.net.dht.handshake_router import HandshakeRouter
from engine.proto.dht.commands import (
    Announce,
    Command,
    ErrorNumber,
    Internal,
    MutablePut,
    MutableRecord,
    PeerRecord,
    signed_announce,
    signed_unannounce,
)
from engine.proto.dht.handshake_messages import HandshakeMessage, HolepunchMessage, Mode
from engine.proto.dht.messages import encode_request
from engine.proto.dht.peer_id import peer_id
from tests.harness.dht_network import BOOTSTRAP, DhtNetwork, dht_network
from tests.harness.published import record_reliability
from tests.harness.virtual_loop import run_virtual

KEYS = KeyPair.from_seed(b"\x01" * 32)
TOPIC = b"\x07" * 32
VALUE = b"v" * 900
NODES = 25
REQUESTS = 2_000

READS: dict[str, tuple[int, dict[str, object], float]] = {
    "PING": (Internal.PING, {"internal": True}, 4.0),
    "PING_NAT": (Internal.PING_NAT, {"internal": True, "value": b"\x01\x00"}, 4.0),
    "FIND_NODE": (Internal.FIND_NODE, {"internal": True, "target": TOPIC}, 5.0),
    "DOWN_HINT": (Internal.DOWN_HINT, {"internal": True, "value": bytes(6)}, 3.0),
    "DELAYED_PING": (Internal.DELAYED_PING, {"internal": True, "value": b"\x64\x00\x00\x00"}, 4.0),
    "PEER_HANDSHAKE": (
        Command.PEER_HANDSHAKE,
        {"target": TOPIC, "value": HandshakeMessage(Mode.FROM_CLIENT, bytes(200)).encode()},
        6.0,
    ),
    "PEER_HOLEPUNCH": (
        Command.PEER_HOLEPUNCH,
        {"target": TOPIC, "value": HolepunchMessage(Mode.FROM_CLIENT, 1, bytes(80)).encode()},
        6.0,
    ),
    "FIND_PEER": (Command.FIND_PEER, {"target": blake2b(KEYS.public_key)}, 6.0),
    "LOOKUP": (Command.LOOKUP, {"target": TOPIC}, 30.0),
    "MUTABLE_GET": (Command.MUTABLE_GET, {"target": blake2b(KEYS.public_key), "value": b"\x00"}, 30.0),
    "IMMUTABLE_GET": (Command.IMMUTABLE_GET, {"target": blake2b(VALUE)}, 30.0),
}
"""Commands anybody may send: number, fields, and the largest allowed ratio of reply to request bytes."""


def filled(net: DhtNetwork) -> None:
    """Give the node as much to answer with as the protocol lets it: 20 records, values of 900 bytes."""
    HandshakeRouter(net.nodes[0])
    storage = net.nodes[0].storage
    assert storage is not None
    for number in range(20):
        key = bytes([number]) * 32
        storage.records.add(TOPIC, key, key + b"\x01" + bytes(6))
    storage.mutables.set(blake2b(KEYS.public_key), MutableRecord.signed(KEYS, 1, VALUE))
    storage.immutables.set(blake2b(VALUE), VALUE)
    net.nodes[0].forwards.announce(blake2b(KEYS.public_key), ("10.0.0.9", 1), PeerRecord(KEYS.public_key).encode())


@pytest.mark.parametrize("name", READS)
def test_replies_are_bounded_by_their_requests(name: str, request: pytest.FixtureRequest) -> None:
    command, fields, limit = READS[name]

    async def main() -> tuple[int, int]:
        async with dht_network(NODES) as net:
            filled(net)
            wire = await net.wire()
            sent = len(encode_request(1, BOOTSTRAP, command, **fields))  # type: ignore[arg-type]
            await wire.ask(BOOTSTRAP, command, **fields)
            return sent, wire.received_bytes

    sent, received = run_virtual(main())
    assert received <= limit * sent
    record_reliability(
        request, f"11b. DHT reply size: {name}", f"{sent} bytes asked, {received} bytes answered, full tables"
    )


def test_tokens_are_of_no_use_from_another_address(request: pytest.FixtureRequest) -> None:
    async def main() -> int:
        async with dht_network(3) as net:
            owner, thief = await net.wire("30.0.0.1"), await net.wire("30.0.0.2")
            looked = await owner.ask(BOOTSTRAP, Command.LOOKUP, target=TOPIC)
            assert looked is not None
            assert looked.token is not None
            key = blake2b(KEYS.public_key)
            node = peer_id(BOOTSTRAP)
            writes = {
                Command.ANNOUNCE: (TOPIC, signed_announce(KEYS, TOPIC, node, looked.token)),
                Command.UNANNOUNCE: (TOPIC, signed_unannounce(KEYS, TOPIC, node, looked.token)),
                Command.MUTABLE_PUT: (key, MutablePut(KEYS.public_key, MutableRecord.signed(KEYS, 1, VALUE)).encode()),
                Command.IMMUTABLE_PUT: (blake2b(VALUE), VALUE),
            }
            storage = net.nodes[0].storage
            assert storage is not None

            def stored() -> list[int]:
                return [len(each) for each in (storage.records, storage.mutables, storage.immutables, storage.forwards)]

            for token in (looked.token, bytes(32)):
                for command, (target, value) in writes.items():
                    reply = await thief.ask(BOOTSTRAP, command, target=target, token=token, value=value)
                    assert reply is not None
                    assert reply.error == ErrorNumber.INVALID_TOKEN
            for command, (target, value) in writes.items():
                assert await thief.ask(BOOTSTRAP, command, target=target, value=value) is None
            assert stored() == [0, 0, 0, 0]
            again = await owner.ask(BOOTSTRAP, Command.LOOKUP, target=TOPIC)
            assert again is not None
            for command in (Command.MUTABLE_PUT, Command.IMMUTABLE_PUT):
                target, value = writes[command]
                await owner.ask(BOOTSTRAP, command, target=target, token=again.token, value=value)
            assert stored() == [0, 1, 1, 0]
            return len(writes)

    writes = run_virtual(main())
    record_reliability(
        request, "11b. DHT tokens", f"{writes} kinds of write with a stolen, a guessed and no token: none is stored"
    )


def test_one_source_gets_no_more_than_its_budget(request: pytest.FixtureRequest) -> None:
    async def main() -> None:
        async with dht_network(NODES) as net:
            filled(net)
            loop = asyncio.get_running_loop()
            config = DhtConfig(bootstrap=(BOOTSTRAP,))
            wire, other = await net.wire("30.0.0.1"), await net.wire("30.0.0.2")
            begun = loop.time()
            for number in range(REQUESTS):
                wire.socket.send(encode_request(number, BOOTSTRAP, Command.LOOKUP, target=TOPIC), BOOTSTRAP)
            await asyncio.sleep(2)
            spent = loop.time() - begun
            assert wire.received_bytes <= config.reply_burst_bytes + config.reply_bytes_per_s * spent
            assert net.nodes[0].drops["reply_budget"] > 0
            assert await other.ask(BOOTSTRAP, Command.LOOKUP, target=TOPIC) is not None, "others are served"
            await asyncio.sleep(20)
            assert await wire.ask(BOOTSTRAP, Command.LOOKUP, target=TOPIC) is not None, "and so is the source, later"

    run_virtual(main())
    budget = DhtConfig(bootstrap=())
    record_reliability(
        request,
        "11b. DHT reply budget",
        f"{REQUESTS:,} requests of one source: replies stay within {budget.reply_burst_bytes // 1024:,} KiB at once "
        f"and {budget.reply_bytes_per_s // 1024} KiB/s, others are served",
    )


def test_announces_are_bound_to_key_topic_node_and_token() -> None:
    """What one node accepted is refused by every other place it is replayed to."""

    async def main() -> None:
        async with dht_network(3) as net:
            wire = await net.wire()
            second = ("10.0.0.2", net.nodes[1].server_socket.local_address[1])
            tokens = {}
            for place in (BOOTSTRAP, second):
                looked = await wire.ask(place, Command.LOOKUP, target=TOPIC)
                assert looked is not None
                tokens[place] = looked.token
            token = tokens[BOOTSTRAP]
            assert token is not None
            genuine = signed_announce(KEYS, TOPIC, peer_id(BOOTSTRAP), token)
            announce = Announce.decode(genuine)
            assert announce.peer is not None
            other = PeerRecord(KeyPair.from_seed(b"\x02" * 32).public_key)
            replays = [
                (second, TOPIC, tokens[second], genuine),
                (BOOTSTRAP, b"\x08" * 32, token, genuine),
                (BOOTSTRAP, TOPIC, token, Announce(other, signature=announce.signature).encode()),
                (BOOTSTRAP, TOPIC, token, Announce(announce.peer, signature=bytes(64)).encode()),
                (BOOTSTRAP, TOPIC, token, Announce(announce.peer).encode()),
            ]
            for place, target, its_token, value in replays:
                assert await wire.ask(place, Command.ANNOUNCE, target=target, token=its_token, value=value) is None
            assert [node.stats()["records"] for node in net.nodes] == [0, 0, 0]
            await wire.ask(BOOTSTRAP, Command.ANNOUNCE, target=TOPIC, token=token, value=genuine)
            assert [node.stats()["records"] for node in net.nodes] == [1, 0, 0]

    run_virtual(main())
