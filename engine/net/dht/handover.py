"""What a finished connection attempt hands to the layer above."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from engine.crypto.noise import HandshakeResult
from engine.net.udx import UdxConnection
from engine.wire.compact import Address

Route = Literal["direct", "open", "passive", "lan", "holepunch"]
"""How the peers found each other: the node asked was the server itself, the server (or client) is reachable, the peer's
packets came first, same local network, or through both NATs."""


@dataclass(frozen=True, slots=True)
class Handover:
    """A connected stream and the keys for it.

    Protocol reference: 03-secure-stream section 4.
    """

    udx: UdxConnection
    """Connected stream; what already arrived on it is kept until a receiver is attached."""
    handshake: HandshakeResult
    """Keys and identities for the encrypted stream, which runs no handshake of its own."""
    route: Route
    """How the peers found each other."""
    relay_addresses: tuple[Address, ...] = ()
    """Nodes that can relay to the peer, for the next connect."""
