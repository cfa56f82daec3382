"""One handshake at a server, from the first message to the connection or its end.

Protocol reference: 02-hyperdht section 16.
"""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, field
from typing import Final

from engine.crypto.noise import HandshakeResult
from engine.net.dht.messages import IncomingRequest
from engine.net.dht.punch_session import PunchSession
from engine.net.udp import UdpSocket
from engine.net.udx import UdxConnection
from engine.proto.dht.handshake_messages import HandshakeMessage
from engine.proto.dht.payload import NoisePayload
from engine.proto.dht.punch_payload import SealedChannel
from engine.wire.compact import Address

MAX_WAITING: Final = 8
"""Copies of the first message that wait for the answer: two relays, four transmissions each."""
MAX_HOLEPUNCH_MESSAGES: Final = 4
"""Holepunch messages of one handshake that are worked on at the same time."""


@dataclass(eq=False, slots=True)
class ServerHandshake:
    """What a server keeps about one handshake."""

    payload: NoisePayload
    """What the client told."""
    client_address: Address
    """The client, as the relay sees it (or as we see it, without one)."""
    remote_public_key: bytes
    """The client's key, not yet proven to be there right now: the message may be a replay."""
    direct: bool
    """The client asked this node itself."""
    waiting: list[tuple[HandshakeMessage, IncomingRequest]] = field(default_factory=list)
    """Copies that arrived before the answer was ready."""
    reply: bytes | None = None
    """Noise message 2."""
    reply_socket: UdpSocket | None = None
    """Where the answer leaves from; None for the socket the request came in on."""
    stream: UdxConnection | None = None
    """The stream, until it is handed over."""
    result: HandshakeResult | None = None
    """Keys and identities, once the answer is made."""
    punch: PunchSession | None = None
    """Sockets and schedule, when punching was prepared."""
    opening: asyncio.Future[PunchSession] | None = None
    """Set while the punching sockets are being opened on demand."""
    channel: SealedChannel | None = None
    """Seals holepunch messages; None when punching is not offered."""
    round: int = 0
    """Highest round the client sent."""
    messages: int = 0
    """Holepunch messages being worked on."""

    def release(self) -> None:
        """Close everything that was not handed over."""
        self.waiting.clear()
        if self.punch is not None:
            self.punch.close()
        if self.stream is not None:
            self.stream.destroy()
            self.stream = None
