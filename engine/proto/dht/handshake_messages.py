"""Values of PEER_HANDSHAKE and PEER_HOLEPUNCH, the two commands that DHT nodes relay between peers.

The outer value is what relays read and rewrite; the Noise message or the sealed payload inside only means something
to the two peers. ``mode`` says which leg of the way the message is on.

Protocol reference: 02-hyperdht section 13.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import IntEnum
from typing import Final

from engine.wire.compact import Address, Reader, Writer

_PEER_ADDRESS: Final = 1
_RELAY_ADDRESS: Final = 2


class Mode(IntEnum):
    """The leg a relayed message is on."""

    FROM_CLIENT = 0
    FROM_SERVER = 1
    FROM_RELAY = 2
    FROM_SECOND_RELAY = 3
    REPLY = 4


@dataclass(frozen=True, slots=True)
class HandshakeMessage:
    """Value of PEER_HANDSHAKE."""

    mode: int
    """A :class:`Mode`; unknown numbers are ignored by everybody."""
    noise: bytes
    """Noise message 1 or 2; empty counts as absent."""
    peer_address: Address | None = None
    """The client (on the way to the server), or the server (in the reply)."""
    relay_address: Address | None = None
    """First relay, when two are involved."""

    def encode(self) -> bytes:
        """The bytes of this value."""
        writer = Writer()
        writer.uint((_PEER_ADDRESS if self.peer_address else 0) | (_RELAY_ADDRESS if self.relay_address else 0))
        writer.uint(self.mode)
        writer.buffer(self.noise)
        if self.peer_address:
            writer.ipv4_address(self.peer_address)
        if self.relay_address:
            writer.ipv4_address(self.relay_address)
        return writer.getvalue()

    @classmethod
    def decode(cls, data: bytes) -> HandshakeMessage:
        """The value in *data*.

        Raises:
            DecodeError: cut short or malformed.
        """
        reader = Reader(data)
        flags = reader.uint()
        return cls(
            mode=reader.uint(),
            noise=reader.buffer(),
            peer_address=reader.ipv4_address() if flags & _PEER_ADDRESS else None,
            relay_address=reader.ipv4_address() if flags & _RELAY_ADDRESS else None,
        )


@dataclass(frozen=True, slots=True)
class HolepunchMessage:
    """Value of PEER_HOLEPUNCH."""

    mode: int
    """A :class:`Mode`; unknown numbers are ignored by everybody."""
    id: int
    """Handshake slot of the server; 0 in answers."""
    payload: bytes
    """Sealed :class:`~engine.proto.dht.punch_payload.PunchPayload`."""
    peer_address: Address | None = None
    """Where a relay shall send it (from the client), the client (to the server), or the server (in the reply)."""

    def encode(self) -> bytes:
        """The bytes of this value."""
        writer = Writer()
        writer.uint(_PEER_ADDRESS if self.peer_address else 0)
        writer.uint(self.mode)
        writer.uint(self.id)
        writer.buffer(self.payload)
        if self.peer_address:
            writer.ipv4_address(self.peer_address)
        return writer.getvalue()

    @classmethod
    def decode(cls, data: bytes) -> HolepunchMessage:
        """The value in *data*.

        Raises:
            DecodeError: cut short or malformed.
        """
        reader = Reader(data)
        flags = reader.uint()
        return cls(
            mode=reader.uint(),
            id=reader.uint(),
            payload=reader.buffer(),
            peer_address=reader.ipv4_address() if flags & _PEER_ADDRESS else None,
        )
