"""Values in the DHT: immutable ones under their hash, mutable ones under the hash of a key.

Protocol reference: 02-hyperdht sections 11 and 12.
"""

from __future__ import annotations

from engine.crypto.hashes import blake2b
from engine.crypto.keys import KeyPair
from engine.errors import DecodeError
from engine.net.dht.messages import Reply
from engine.net.dht.node import DhtNode
from engine.net.dht.operations import write
from engine.net.dht.query_run import QueryRun
from engine.proto.dht.commands import Command, MutablePut, MutableRecord
from engine.wire.compact import encode_uint


async def immutable_put(node: DhtNode, value: bytes) -> bytes:
    """Store a value under its hash; returns the hash.

    Raises:
        NetworkError: no node accepted it.
    """
    target = blake2b(value)

    async def commit(reply: Reply) -> None:
        await write(node, reply, Command.IMMUTABLE_PUT, target, lambda node_id, token: value)

    await _run(node.query(target, Command.IMMUTABLE_GET, commit=commit))
    return target


async def immutable_get(node: DhtNode, target: bytes) -> bytes | None:
    """The value with this hash; None when no node has it."""
    run = node.query(target, Command.IMMUTABLE_GET)
    try:
        async for reply in run:
            if reply.value is not None and blake2b(reply.value) == target:
                return reply.value
    finally:
        run.destroy()
    return None


async def mutable_put(node: DhtNode, key_pair: KeyPair, value: bytes, *, seq: int = 0) -> MutableRecord:
    """Store a signed value under the hash of the key.

    Args:
        node: who stores.
        key_pair: signs.
        value: not empty.
        seq: version; nodes refuse a lower one, and the same one with another value.

    Raises:
        NetworkError: no node accepted it.
    """
    target = blake2b(key_pair.public_key)
    record = MutableRecord.signed(key_pair, seq, value)
    payload = MutablePut(key_pair.public_key, record).encode()

    async def commit(reply: Reply) -> None:
        await write(node, reply, Command.MUTABLE_PUT, target, lambda node_id, token: payload)

    await _run(node.query(target, Command.MUTABLE_GET, value=encode_uint(0), commit=commit))
    return record


async def mutable_get(node: DhtNode, public_key: bytes, *, seq: int = 0, latest: bool = True) -> MutableRecord | None:
    """The signed value of a key; None when no node has one with at least version ``seq``.

    Args:
        node: who asks.
        public_key: 32 bytes.
        seq: lowest acceptable version.
        latest: ask all close nodes and take the highest version, instead of the first valid answer.
    """
    run = node.query(blake2b(public_key), Command.MUTABLE_GET, value=encode_uint(seq))
    best: MutableRecord | None = None
    try:
        async for reply in run:
            record = _mutable_record(reply, public_key, seq)
            if record is None or (best is not None and record.seq <= best.seq):
                continue
            best = record
            if not latest:
                break
    finally:
        run.destroy()
    return best


def _mutable_record(reply: Reply, public_key: bytes, seq: int) -> MutableRecord | None:
    if reply.value is None:
        return None
    try:
        record = MutableRecord.decode(reply.value)
    except DecodeError:
        return None
    return record if record.seq >= seq and record.verify(public_key) else None


async def _run(run: QueryRun) -> None:
    try:
        await run.finished()
    finally:
        run.destroy()
