"""Storage commands over the wire: tokens, errors, drops."""

from __future__ import annotations

from engine.crypto.hashes import blake2b
from engine.crypto.keys import KeyPair
from engine.proto.dht.commands import Command, ErrorNumber, signed_announce
from engine.proto.dht.peer_id import peer_id
from tests.harness.dht_network import BOOTSTRAP, dht_network
from tests.harness.virtual_loop import run_virtual

KEYS = KeyPair.from_seed(b"\x01" * 32)
TOPIC = b"\x07" * 32


def test_a_token_belongs_to_a_host() -> None:
    async def main() -> None:
        async with dht_network(3) as net:
            wire, thief = await net.wire("30.0.0.1"), await net.wire("30.0.0.2")
            looked = await wire.ask(BOOTSTRAP, Command.LOOKUP, target=TOPIC)
            assert looked is not None
            assert looked.token is not None
            assert looked.id == peer_id(BOOTSTRAP)
            assert len(looked.closer_nodes) == 2
            value = signed_announce(KEYS, TOPIC, looked.id, looked.token)
            arguments = {"target": TOPIC, "token": looked.token, "value": value}

            stolen = await thief.ask(BOOTSTRAP, Command.ANNOUNCE, **arguments)
            assert stolen is not None
            assert stolen.error == ErrorNumber.INVALID_TOKEN
            assert stolen.token not in (None, looked.token)
            assert net.nodes[0].stats()["records"] == 0

            stored = await wire.ask(BOOTSTRAP, Command.ANNOUNCE, **arguments)
            assert stored is not None
            assert (stored.error, stored.token, stored.closer_nodes, stored.value) == (0, None, [], None)
            assert net.nodes[0].stats()["records"] == 1

    run_virtual(main())


def test_bad_writes_get_no_answer_and_are_counted() -> None:
    async def main() -> None:
        async with dht_network(1) as net:
            wire = await net.wire()
            looked = await wire.ask(BOOTSTRAP, Command.LOOKUP, target=TOPIC)
            assert looked is not None
            bad = {"target": TOPIC, "token": looked.token, "value": b"\x01"}
            assert await wire.ask(BOOTSTRAP, Command.ANNOUNCE, **bad) is None
            assert await wire.ask(BOOTSTRAP, Command.IMMUTABLE_PUT, **bad) is None
            assert await wire.ask(BOOTSTRAP, Command.LOOKUP) is None
            drops = net.nodes[0].drops
            assert (drops["malformed_value"], drops["bad_put_hash"], drops["no_target"]) == (1, 1, 1)
            plugin = await wire.ask(BOOTSTRAP, 10, target=TOPIC)
            assert plugin is not None
            assert plugin.error == ErrorNumber.UNKNOWN_COMMAND

    run_virtual(main())


def test_error_replies_of_storage_carry_closer_nodes_only() -> None:
    async def main() -> None:
        async with dht_network(2) as net:
            wire = await net.wire()
            target = blake2b(b"value")
            looked = await wire.ask(BOOTSTRAP, Command.IMMUTABLE_GET, target=target)
            assert looked is not None
            put = await wire.ask(BOOTSTRAP, Command.IMMUTABLE_PUT, target=target, token=looked.token, value=b"value")
            assert put is not None
            assert (put.error, put.token is None, len(put.closer_nodes)) == (0, False, 1)
            got = await wire.ask(BOOTSTRAP, Command.IMMUTABLE_GET, target=target)
            assert got is not None
            assert got.value == b"value"

    run_virtual(main())
