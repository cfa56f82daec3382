"""What a DHT node hands to its users: replies to own requests and requests of others."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from engine.net.udp import UdpSocket
from engine.wire.compact import Address


@dataclass(frozen=True, slots=True)
class Reply:
    """The answer of a node to one of our requests. Protocol reference: 02-hyperdht section 3."""

    tid: int
    """Transaction id."""
    source: Address
    """Who answered; always the address that was asked."""
    to: Address
    """Our address as the other side sees it."""
    id: bytes | None
    """Node id, validated against the source address; None for ephemeral nodes."""
    token: bytes | None
    """Proof for a later write to the same node."""
    closer_nodes: list[Address]
    """Nodes closer to the target."""
    error: int
    """0, or an error number of 02-hyperdht section 4."""
    value: bytes | None
    """Payload of the command."""
    socket: UdpSocket
    """The socket the reply arrived on."""
    rtt_s: float
    """Seconds between the last transmission and the reply."""


Answer = Callable[["IncomingRequest", bytes | None, bool, bool, int, Address | None, UdpSocket | None], None]
"""Sends a reply: request, value, token, closer nodes, error, other receiver, other socket."""


@dataclass(slots=True)
class IncomingRequest:
    """A request of another node. Protocol reference: 02-hyperdht section 3."""

    tid: int
    """Transaction id; the reply copies it."""
    source: Address
    """Who asks."""
    to: Address
    """Our address as the other side sees it."""
    id: bytes | None
    """Node id, validated against the source address; None for ephemeral nodes."""
    token: bytes | None
    """Token, already checked against the source host."""
    internal: bool
    """True for the commands of section 6, False for those of section 11."""
    command: int
    """Command number."""
    target: bytes | None
    """Target of the command, 32 bytes."""
    value: bytes | None
    """Payload of the command."""
    socket: UdpSocket
    """The socket the request arrived on."""
    answer: Answer
    """The node's reply function."""

    def reply(
        self,
        value: bytes | None = None,
        *,
        token: bool = True,
        closer_nodes: bool = True,
        error: int = 0,
        to: Address | None = None,
        socket: UdpSocket | None = None,
    ) -> None:
        """Answer; closer nodes only go out when the request had a target.

        Args:
            value: payload.
            token: include a fresh token for the receiver.
            closer_nodes: include nodes closer to the target.
            error: error number, 0 for success.
            to: send the reply to somebody else (relayed handshakes).
            socket: leave from another socket than the one the request came in on.
        """
        self.answer(self, value, token, closer_nodes, error, to, socket)
