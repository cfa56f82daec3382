"""What a persistent node does for others: announces, lookups, signed and hashed values.

Theory of operation: each command is a function from its arguments to an :class:`Answer` or a :class:`Drop`. A write
needs a token (checked before it gets here). Announces are signed over data that includes the token and our id, so
nothing can be replayed to us or by us. A *self announce* (hash of the key == target) goes to the forward table, any
other one to the records of its topic.

What a peer may do wrong: leave arguments out, sign wrongly, store under a foreign hash. All of that is dropped without
an answer, as the reference does, and counted. Values larger than :data:`MAX_STORED_BYTES` are refused: their replies
would not fit into a datagram.

Protocol reference: 02-hyperdht sections 11 and 12.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from engine.crypto.hashes import blake2b
from engine.crypto.keys import verify
from engine.errors import DecodeError
from engine.proto.dht.commands import (
    MAX_LOOKUP_RECORDS,
    MAX_RELAY_ADDRESSES,
    NS_ANNOUNCE,
    NS_UNANNOUNCE,
    Announce,
    Command,
    ErrorNumber,
    MutablePut,
    MutableRecord,
    PeerRecord,
    announce_signable,
    encode_lookup_answer,
)
from engine.proto.dht.forwards import ForwardTable
from engine.proto.dht.records import (
    MAX_VALUE_BYTES,
    MAX_VALUES,
    RECORD_AGE_S,
    VALUE_AGE_S,
    ExpiringMap,
    TopicRecords,
)
from engine.wire.compact import Address, Reader

MAX_BUMP_DRIFT_MS = 60_000
"""How far a bump may lie in the future."""
MAX_STORED_BYTES = 8 * 1024
"""Largest value that is stored."""


@dataclass(frozen=True, slots=True)
class StorageRequest:
    """Arguments of a storage command."""

    command: int
    """Number of section 11."""
    source: Address
    """Who asks."""
    target: bytes | None
    """32 bytes."""
    token: bytes | None
    """Valid for the source."""
    value: bytes | None
    """Payload."""
    node_id: bytes | None
    """Our id as the requester knows it; None while we are not persistent."""
    wall_ms: int
    """Milliseconds since the epoch."""


@dataclass(frozen=True, slots=True)
class Answer:
    """What to reply."""

    value: bytes | None = None
    error: int = 0
    token: bool = True
    closer_nodes: bool = True


@dataclass(frozen=True, slots=True)
class Drop:
    """Say nothing, count the reason."""

    reason: str


_STORED = Answer(token=False, closer_nodes=False)


@dataclass(frozen=True, slots=True)
class _Refresh:
    target: bytes
    record: bytes
    self_announce: bool


class Storage:
    """Everything a persistent node keeps for others.

    Args:
        forwards: forward table of the node.
        random_bytes: entropy for choosing among many records.
        now: time in seconds.
    """

    def __init__(self, forwards: ForwardTable, random_bytes: Callable[[int], bytes], now: float) -> None:
        self.forwards = forwards
        """Self announces and local servers."""
        self.records = TopicRecords(RECORD_AGE_S, now, random_bytes)
        """Topic announces."""
        self._bumps: ExpiringMap[bytes, int] = ExpiringMap(RECORD_AGE_S, now)
        self._refreshes: ExpiringMap[bytes, _Refresh] = ExpiringMap(RECORD_AGE_S, now)
        self.mutables: ExpiringMap[bytes, MutableRecord] = ExpiringMap(
            VALUE_AGE_S,
            now,
            max_items=MAX_VALUES,
            max_weight=MAX_VALUE_BYTES,
            weigh=lambda record: len(record.value),
        )
        """Signed values by hash of the key."""
        self.immutables: ExpiringMap[bytes, bytes] = ExpiringMap(
            VALUE_AGE_S, now, max_items=MAX_VALUES, max_weight=MAX_VALUE_BYTES, weigh=len
        )
        """Values by their hash."""
        self._handlers: dict[int, Callable[[StorageRequest, bytes], Answer | Drop]] = {
            Command.FIND_PEER: self._find_peer,
            Command.LOOKUP: self._lookup,
            Command.ANNOUNCE: self._announce,
            Command.UNANNOUNCE: self._unannounce,
            Command.MUTABLE_PUT: self._mutable_put,
            Command.MUTABLE_GET: self._mutable_get,
            Command.IMMUTABLE_PUT: self._immutable_put,
            Command.IMMUTABLE_GET: self._immutable_get,
        }

    def handle(self, request: StorageRequest) -> Answer | Drop | None:
        """Answer a command; None when the number is not one of storage."""
        handler = self._handlers.get(request.command)
        if handler is None:
            return None
        if request.target is None:
            return Drop("no_target")
        try:
            return handler(request, request.target)
        except DecodeError:
            return Drop("malformed_value")

    def unannounce(self, target: bytes, public_key: bytes) -> None:
        """Forget what a key announced under a target."""
        if blake2b(public_key) == target:
            self.forwards.unannounce(target)
        self.records.remove(target, public_key)

    def expire(self, now: float) -> None:
        """Drop what is too old."""
        for store in (self.records, self._bumps, self._refreshes, self.mutables, self.immutables):
            store.expire(now)

    def _find_peer(self, request: StorageRequest, target: bytes) -> Answer | Drop:
        forward = self.forwards.get(target)
        return Answer(forward.record if forward else None)

    def _lookup(self, request: StorageRequest, target: bytes) -> Answer | Drop:
        records = self.records.choose(target, MAX_LOOKUP_RECORDS)
        forward = self.forwards.get(target)
        if forward is not None and len(records) < MAX_LOOKUP_RECORDS:
            records.append(forward.record)
        if not records:
            return Answer()
        return Answer(encode_lookup_answer(records, self._bumps.get(target) or 0))

    def _announce(self, request: StorageRequest, target: bytes) -> Answer | Drop:
        token, node_id = request.token, request.node_id
        if token is None or node_id is None or request.value is None:
            return Drop("incomplete_announce")
        announce = Announce.decode(request.value)
        peer = announce.peer
        if peer is None:
            return self._refresh(request, announce.refresh)
        signable = announce_signable(NS_ANNOUNCE, target, node_id, token, peer, announce.refresh)
        if announce.signature is None or not verify(announce.signature, signable, peer.public_key):
            return Drop("bad_announce_signature")
        record = PeerRecord(peer.public_key, peer.relay_addresses[:MAX_RELAY_ADDRESSES]).encode()
        entry = _Refresh(target, record, blake2b(peer.public_key) == target)
        self._store(entry, request.source)
        if not entry.self_announce:
            self._bump(target, announce.bump, request.wall_ms)
        if announce.refresh is not None:
            self._refreshes.set(announce.refresh, entry)
        return _STORED

    def _bump(self, target: bytes, bump: int, wall_ms: int) -> None:
        if (self._bumps.get(target) or 0) < bump <= wall_ms + MAX_BUMP_DRIFT_MS:
            self._bumps.set(target, bump)

    def _refresh(self, request: StorageRequest, refresh: bytes | None) -> Answer | Drop:
        committed = blake2b(refresh) if refresh is not None else b""
        entry = self._refreshes.get(committed)
        if refresh is None or entry is None:
            return Drop("unknown_refresh")
        self._store(entry, request.source)
        self._refreshes.delete(committed)
        self._refreshes.set(refresh, entry)
        return _STORED

    def _store(self, entry: _Refresh, source: Address) -> None:
        public_key = entry.record[:32]
        if entry.self_announce:
            self.forwards.announce(entry.target, source, entry.record)
            self.records.remove(entry.target, public_key)
        else:
            self.records.add(entry.target, public_key, entry.record)

    def _unannounce(self, request: StorageRequest, target: bytes) -> Answer | Drop:
        token, node_id = request.token, request.node_id
        if token is None or node_id is None or request.value is None:
            return Drop("incomplete_announce")
        announce = Announce.decode(request.value)
        peer = announce.peer
        if peer is None or announce.signature is None:
            return Drop("incomplete_announce")
        signable = announce_signable(NS_UNANNOUNCE, target, node_id, token, peer, announce.refresh)
        if not verify(announce.signature, signable, peer.public_key):
            return Drop("bad_announce_signature")
        self.unannounce(target, peer.public_key)
        return _STORED

    def _mutable_put(self, request: StorageRequest, target: bytes) -> Answer | Drop:
        if request.token is None or request.value is None:
            return Drop("incomplete_put")
        put = MutablePut.decode(request.value)
        record = put.record
        if not record.value or len(record.value) > MAX_STORED_BYTES:
            return Drop("value_size")
        if blake2b(put.public_key) != target or not record.verify(put.public_key):
            return Drop("bad_put_signature")
        stored = self.mutables.get(target)
        if stored is not None:
            if stored.seq == record.seq and stored.value != record.value:
                return Answer(error=ErrorNumber.SEQ_REUSED, token=False)
            if record.seq < stored.seq:
                return Answer(error=ErrorNumber.SEQ_TOO_LOW, token=False)
        self.mutables.set(target, record)
        return Answer()

    def _mutable_get(self, request: StorageRequest, target: bytes) -> Answer | Drop:
        if request.value is None:
            return Drop("incomplete_get")
        minimum = Reader(request.value).uint()
        record = self.mutables.get(target)
        return Answer(record.encode() if record is not None and record.seq >= minimum else None)

    def _immutable_put(self, request: StorageRequest, target: bytes) -> Answer | Drop:
        if request.token is None or request.value is None:
            return Drop("incomplete_put")
        if len(request.value) > MAX_STORED_BYTES:
            return Drop("value_size")
        if blake2b(request.value) != target:
            return Drop("bad_put_hash")
        self.immutables.set(target, request.value)
        return Answer()

    def _immutable_get(self, request: StorageRequest, target: bytes) -> Answer | Drop:
        return Answer(self.immutables.get(target))
