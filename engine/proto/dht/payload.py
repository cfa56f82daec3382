"""What the two Noise messages of a connection carry.

Theory of operation. The dialling side puts a :class:`NoisePayload` into handshake message 1 and the server answers
with one in message 2: who listens where, which stream id to use, and how to punch if nothing is reachable. Fields are
flagged, in a fixed order, and an empty list is encoded as absent.

What a peer may do wrong: send another version (then only :attr:`NoisePayload.version` means anything, and the server
answers error 2), leave out the stream (error 1), or send addresses that are not its own, which costs it the
connection and nothing else. Everything that does not decode is :class:`~engine.errors.DecodeError`.

Protocol reference: 02-hyperdht section 14.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import IntEnum
from typing import Final

from engine.wire.compact import Address, Reader, Writer

VERSION: Final = 1

_HOLEPUNCH: Final = 1
_ADDRESSES4: Final = 2
_ADDRESSES6: Final = 4
_UDX: Final = 8
_SECRET_STREAM: Final = 16
_RELAY_THROUGH: Final = 32
_RELAY_ADDRESSES: Final = 64


class Firewall(IntEnum):
    """What a peer knows about its own NAT. Unknown higher numbers count as :attr:`RANDOM`."""

    UNKNOWN = 0
    OPEN = 1
    CONSISTENT = 2
    RANDOM = 3

    @classmethod
    def of(cls, number: int) -> Firewall:
        """The class of a number from the wire."""
        return cls(min(number, cls.RANDOM))


class PeerError(IntEnum):
    """Error numbers inside handshake and holepunch payloads."""

    NONE = 0
    ABORTED = 1
    VERSION_MISMATCH = 2
    TRY_LATER = 3


@dataclass(frozen=True, slots=True)
class RelayInfo:
    """A node that relays to the server, and the server's address as that node sees it."""

    relay_address: Address
    peer_address: Address


@dataclass(frozen=True, slots=True)
class HolepunchInfo:
    """How to start punching to the server."""

    id: int
    """Handshake slot of the server."""
    relays: tuple[RelayInfo, ...]
    """Nodes through which holepunch messages reach the server."""


@dataclass(frozen=True, slots=True)
class UdxInfo:
    """The stream of the sender."""

    id: int
    """Stream id that packets to the sender carry."""
    seq: int = 0
    """First sequence number, always 0."""
    reusable_socket: bool = False
    """The sender may keep the socket for another connection."""
    version: int = 1


@dataclass(frozen=True, slots=True)
class SecretStreamInfo:
    """Which encrypted stream runs on top."""

    version: int = 1


@dataclass(frozen=True, slots=True)
class RelayThrough:
    """A blind relay that both sides should meet at."""

    public_key: bytes
    """Key of the relay server, 32 bytes."""
    token: bytes
    """Pairing token, 32 bytes."""
    version: int = 1


@dataclass(frozen=True, slots=True)
class NoisePayload:
    """Payload of either handshake message."""

    error: int = PeerError.NONE
    firewall: int = Firewall.UNKNOWN
    holepunch: HolepunchInfo | None = None
    addresses4: tuple[Address, ...] = ()
    addresses6: tuple[Address, ...] = ()
    udx: UdxInfo | None = None
    secret_stream: SecretStreamInfo | None = None
    relay_through: RelayThrough | None = None
    relay_addresses: tuple[Address, ...] = ()
    version: int = VERSION


def encode_noise_payload(payload: NoisePayload) -> bytes:
    """The bytes of *payload*. Protocol reference: 02-hyperdht section 14."""
    writer = Writer()
    writer.uint(VERSION)
    writer.uint(
        (_HOLEPUNCH if payload.holepunch else 0)
        | (_ADDRESSES4 if payload.addresses4 else 0)
        | (_ADDRESSES6 if payload.addresses6 else 0)
        | (_UDX if payload.udx else 0)
        | (_SECRET_STREAM if payload.secret_stream else 0)
        | (_RELAY_THROUGH if payload.relay_through else 0)
        | (_RELAY_ADDRESSES if payload.relay_addresses else 0)
    )
    writer.uint(payload.error)
    writer.uint(payload.firewall)
    if payload.holepunch:
        writer.uint(payload.holepunch.id)
        writer.array(payload.holepunch.relays, _write_relay)
    if payload.addresses4:
        writer.array(payload.addresses4, Writer.ipv4_address)
    if payload.addresses6:
        writer.array(payload.addresses6, Writer.ipv6_address)
    if payload.udx:
        writer.uint(payload.udx.version)
        writer.uint(1 if payload.udx.reusable_socket else 0)
        writer.uint(payload.udx.id)
        writer.uint(payload.udx.seq)
    if payload.secret_stream:
        writer.uint(payload.secret_stream.version)
    if payload.relay_through:
        writer.uint(payload.relay_through.version)
        writer.uint(0)
        writer.fixed(payload.relay_through.public_key, 32)
        writer.fixed(payload.relay_through.token, 32)
    if payload.relay_addresses:
        writer.array(payload.relay_addresses, Writer.ipv4_address)
    return writer.getvalue()


def decode_noise_payload(data: bytes) -> NoisePayload:
    """The payload in *data*; of another version nothing but the version is read.

    Raises:
        DecodeError: cut short or malformed.
    """
    reader = Reader(data)
    version = reader.uint()
    if version != VERSION:
        return NoisePayload(version=version)
    flags = reader.uint()
    return NoisePayload(
        error=reader.uint(),
        firewall=Firewall.of(reader.uint()),
        holepunch=_read_holepunch(reader) if flags & _HOLEPUNCH else None,
        addresses4=tuple(reader.array(Reader.ipv4_address)) if flags & _ADDRESSES4 else (),
        addresses6=tuple(reader.array(Reader.ipv6_address)) if flags & _ADDRESSES6 else (),
        udx=_read_udx(reader) if flags & _UDX else None,
        secret_stream=SecretStreamInfo(reader.uint()) if flags & _SECRET_STREAM else None,
        relay_through=_read_relay_through(reader) if flags & _RELAY_THROUGH else None,
        relay_addresses=tuple(reader.array(Reader.ipv4_address)) if flags & _RELAY_ADDRESSES else (),
    )


def _write_relay(writer: Writer, relay: RelayInfo) -> None:
    writer.ipv4_address(relay.relay_address)
    writer.ipv4_address(relay.peer_address)


def _read_relay(reader: Reader) -> RelayInfo:
    return RelayInfo(reader.ipv4_address(), reader.ipv4_address())


def _read_holepunch(reader: Reader) -> HolepunchInfo:
    return HolepunchInfo(reader.uint(), tuple(reader.array(_read_relay)))


def _read_udx(reader: Reader) -> UdxInfo:
    version = reader.uint()
    features = reader.uint()
    return UdxInfo(reader.uint(), reader.uint(), bool(features & 1), version)


def _read_relay_through(reader: Reader) -> RelayThrough:
    version = reader.uint()
    reader.uint()
    return RelayThrough(reader.fixed(32), reader.fixed(32), version)
