"""Numbers, values and signatures of the DHT commands.

Protocol reference: 02-hyperdht sections 4, 6 and 11.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import IntEnum
from typing import Final

from engine.crypto.hashes import blake2b, namespace
from engine.crypto.keys import SIGNATURE_BYTES, KeyPair, verify
from engine.wire.compact import Address, Reader, Writer, encode_uint


class Internal(IntEnum):
    """Commands of the RPC layer itself (flag 4). Protocol reference: 02-hyperdht section 6."""

    PING = 0
    PING_NAT = 1
    FIND_NODE = 2
    DOWN_HINT = 3
    DELAYED_PING = 4


class Command(IntEnum):
    """Commands of HyperDHT. Protocol reference: 02-hyperdht section 11."""

    PEER_HANDSHAKE = 0
    PEER_HOLEPUNCH = 1
    FIND_PEER = 2
    LOOKUP = 3
    ANNOUNCE = 4
    UNANNOUNCE = 5
    MUTABLE_PUT = 6
    MUTABLE_GET = 7
    IMMUTABLE_PUT = 8
    IMMUTABLE_GET = 9


class ErrorNumber(IntEnum):
    """Error numbers in replies. Protocol reference: 02-hyperdht section 4."""

    NONE = 0
    UNKNOWN_COMMAND = 1
    INVALID_TOKEN = 2
    SEQ_REUSED = 16
    SEQ_TOO_LOW = 17


MAX_RELAY_ADDRESSES: Final = 3
"""Relay addresses that are stored per record."""
MAX_LOOKUP_RECORDS: Final = 20
"""Records in one LOOKUP reply."""

NAMESPACE_NAME: Final = "hyperswarm/dht"
NS_ANNOUNCE, NS_UNANNOUNCE, NS_MUTABLE_PUT = namespace(
    NAMESPACE_NAME, (Command.ANNOUNCE, Command.UNANNOUNCE, Command.MUTABLE_PUT)
)

_HAS_PEER = 1
_HAS_REFRESH = 2
_HAS_SIGNATURE = 4
_HAS_BUMP = 8


@dataclass(frozen=True, slots=True)
class PeerRecord:
    """A peer and the nodes that relay to it."""

    public_key: bytes
    """32 bytes."""
    relay_addresses: tuple[Address, ...] = ()
    """At most three are stored by others."""

    def encode(self) -> bytes:
        """Bytes of the record."""
        writer = Writer()
        writer.fixed(self.public_key, 32)
        writer.array(self.relay_addresses, Writer.ipv4_address)
        return writer.getvalue()

    @classmethod
    def read(cls, reader: Reader) -> PeerRecord:
        """Read a record. Raises DecodeError."""
        return cls(reader.fixed(32), tuple(reader.array(Reader.ipv4_address)))

    @classmethod
    def decode(cls, data: bytes) -> PeerRecord:
        """Decode a FIND_PEER value. Raises DecodeError."""
        return cls.read(Reader(data))


@dataclass(frozen=True, slots=True)
class Announce:
    """Value of ANNOUNCE and UNANNOUNCE."""

    peer: PeerRecord | None
    """Who announces."""
    refresh: bytes | None = None
    """32 bytes of a hash chain."""
    signature: bytes | None = None
    """64 bytes."""
    bump: int = 0
    """Milliseconds since the epoch of the last change, 0 for none."""

    def encode(self) -> bytes:
        """Bytes of the value."""
        writer = Writer()
        flags = _HAS_PEER if self.peer else 0
        flags |= _HAS_REFRESH if self.refresh else 0
        flags |= _HAS_SIGNATURE if self.signature else 0
        flags |= _HAS_BUMP if self.bump else 0
        writer.uint(flags)
        if self.peer:
            writer.raw(self.peer.encode())
        if self.refresh:
            writer.fixed(self.refresh, 32)
        if self.signature:
            writer.fixed(self.signature, SIGNATURE_BYTES)
        if self.bump:
            writer.uint(self.bump)
        return writer.getvalue()

    @classmethod
    def decode(cls, data: bytes) -> Announce:
        """Decode a value. Raises DecodeError."""
        reader = Reader(data)
        flags = reader.uint()
        return cls(
            PeerRecord.read(reader) if flags & _HAS_PEER else None,
            reader.fixed(32) if flags & _HAS_REFRESH else None,
            reader.fixed(SIGNATURE_BYTES) if flags & _HAS_SIGNATURE else None,
            reader.uint() if flags & _HAS_BUMP else 0,
        )


def announce_signable(
    name: bytes, target: bytes, node_id: bytes, token: bytes, peer: PeerRecord, refresh: bytes | None = None
) -> bytes:
    """The 64 bytes that an announcer signs.

    Args:
        name: namespace of ANNOUNCE or UNANNOUNCE.
        target: what is announced.
        node_id: id of the node that stores it.
        token: token of that node.
        peer: the record.
        refresh: as in the value.
    """
    return name + blake2b(target, node_id, token, peer.encode(), refresh or b"")


def signed_announce(
    key_pair: KeyPair,
    target: bytes,
    node_id: bytes,
    token: bytes,
    relay_addresses: tuple[Address, ...] = (),
    bump: int = 0,
) -> bytes:
    """Value of an ANNOUNCE to one node.

    Protocol reference: 02-hyperdht section 11.
    """
    peer = PeerRecord(key_pair.public_key, relay_addresses)
    signable = announce_signable(NS_ANNOUNCE, target, node_id, token, peer)
    return Announce(peer, signature=key_pair.sign(signable), bump=bump).encode()


def signed_unannounce(key_pair: KeyPair, target: bytes, node_id: bytes, token: bytes) -> bytes:
    """Value of an UNANNOUNCE to one node.

    Protocol reference: 02-hyperdht section 11.
    """
    peer = PeerRecord(key_pair.public_key)
    signable = announce_signable(NS_UNANNOUNCE, target, node_id, token, peer)
    return Announce(peer, signature=key_pair.sign(signable)).encode()


@dataclass(frozen=True, slots=True)
class LookupAnswer:
    """Value of a LOOKUP reply."""

    peers: tuple[PeerRecord, ...]
    """Who announced the topic."""
    bump: int = 0
    """Newest bump of the topic, 0 from old nodes."""

    @classmethod
    def decode(cls, data: bytes) -> LookupAnswer:
        """Decode a value. Raises DecodeError."""
        reader = Reader(data)
        peers = tuple(reader.array(PeerRecord.read))
        return cls(peers, reader.uint() if reader.remaining else 0)


def encode_lookup_answer(records: list[bytes], bump: int) -> bytes:
    """Value of a LOOKUP reply from encoded records."""
    return b"".join((encode_uint(len(records)), *records, encode_uint(bump)))


@dataclass(frozen=True, slots=True)
class MutableRecord:
    """A signed value under a public key, without the key: value of a MUTABLE_GET reply."""

    seq: int
    """Version; the highest wins."""
    value: bytes
    """The data, not empty."""
    signature: bytes
    """64 bytes."""

    def encode(self) -> bytes:
        """Bytes of the value."""
        writer = Writer()
        self.write(writer)
        return writer.getvalue()

    def write(self, writer: Writer) -> None:
        """Append the value."""
        writer.uint(self.seq)
        writer.buffer(self.value)
        writer.fixed(self.signature, SIGNATURE_BYTES)

    @classmethod
    def read(cls, reader: Reader) -> MutableRecord:
        """Read a value. Raises DecodeError."""
        return cls(reader.uint(), reader.buffer(), reader.fixed(SIGNATURE_BYTES))

    @classmethod
    def decode(cls, data: bytes) -> MutableRecord:
        """Decode a value. Raises DecodeError."""
        return cls.read(Reader(data))

    @classmethod
    def signed(cls, key_pair: KeyPair, seq: int, value: bytes) -> MutableRecord:
        """A new record."""
        return cls(seq, value, key_pair.sign(mutable_signable(seq, value)))

    def verify(self, public_key: bytes) -> bool:
        """Whether ``public_key`` signed this record."""
        return verify(self.signature, mutable_signable(self.seq, self.value), public_key)


def mutable_signable(seq: int, value: bytes) -> bytes:
    """The 64 bytes that the owner of a mutable record signs."""
    return NS_MUTABLE_PUT + blake2b(encode_uint(seq), encode_uint(len(value)), value)


@dataclass(frozen=True, slots=True)
class MutablePut:
    """Value of a MUTABLE_PUT request."""

    public_key: bytes
    """32 bytes; the target is its hash."""
    record: MutableRecord
    """What to store."""

    def encode(self) -> bytes:
        """Bytes of the value."""
        writer = Writer()
        writer.fixed(self.public_key, 32)
        self.record.write(writer)
        return writer.getvalue()

    @classmethod
    def decode(cls, data: bytes) -> MutablePut:
        """Decode a value. Raises DecodeError."""
        reader = Reader(data)
        return cls(reader.fixed(32), MutableRecord.read(reader))
