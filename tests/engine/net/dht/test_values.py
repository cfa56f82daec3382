"""Mutable and immutable values in a simulated network."""

from __future__ import annotations

import pytest

from engine.crypto.hashes import blake2b
from engine.crypto.keys import KeyPair
from engine.errors import NetworkError
from engine.net.dht.messages import IncomingRequest
from engine.net.dht.values import immutable_get, immutable_put, mutable_get, mutable_put
from engine.proto.dht.commands import Command, MutableRecord
from tests.harness.dht_network import dht_network
from tests.harness.virtual_loop import run_virtual

KEYS = KeyPair.from_seed(b"\x01" * 32)


def test_immutable_values_are_found_by_hash() -> None:
    async def main() -> None:
        async with dht_network(25) as net:
            writer, reader = await net.client("20.0.0.1"), await net.client("20.0.0.2")
            target = await immutable_put(writer, b"value")
            assert target == blake2b(b"value")
            assert await immutable_get(reader, target) == b"value"
            assert await immutable_get(reader, bytes(32)) is None
            assert reader.stats()["in_flight"] == 0

    run_virtual(main())


def test_the_highest_version_wins() -> None:
    async def main() -> None:
        async with dht_network(5) as net:
            writer, reader = await net.client("20.0.0.1"), await net.client("20.0.0.2")
            assert await mutable_get(reader, KEYS.public_key) is None
            first = await mutable_put(writer, KEYS, b"one", seq=1)
            assert await mutable_get(reader, KEYS.public_key) == first
            net.fake.block("20.0.0.1", "10.0.0.2")
            second = await mutable_put(writer, KEYS, b"two", seq=2)
            assert await mutable_get(reader, KEYS.public_key) == second
            assert await mutable_get(reader, KEYS.public_key, seq=2) == second
            assert await mutable_get(reader, KEYS.public_key, seq=3) is None
            assert await mutable_get(reader, KEYS.public_key, latest=False) in (first, second)
            with pytest.raises(NetworkError, match="error 16"):
                await mutable_put(writer, KEYS, b"other", seq=2)

    run_virtual(main())


def test_lies_are_not_returned() -> None:
    async def main() -> None:
        async with dht_network(5) as net:
            reader = await net.client()
            await immutable_put(reader, b"value")
            await mutable_put(reader, KEYS, b"one", seq=1)
            forged = MutableRecord(9, b"forged", bytes(64)).encode()

            def lie(request: IncomingRequest) -> None:
                request.reply(forged if request.command == Command.MUTABLE_GET else b"forged")

            def mumble(request: IncomingRequest) -> None:
                request.reply(b"\x05")

            for node in net.nodes[:2]:
                node.set_handler(Command.MUTABLE_GET, lie)
                node.set_handler(Command.IMMUTABLE_GET, lie)
            net.nodes[2].set_handler(Command.MUTABLE_GET, mumble)
            record = await mutable_get(reader, KEYS.public_key)
            assert record is not None
            assert record.value == b"one"
            assert await immutable_get(reader, blake2b(b"value")) == b"value"

    run_virtual(main())
