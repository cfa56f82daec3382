"""Relaying of handshakes and holepunch messages, which every node does, and delivery to the servers of this node.

The decisions are those of :mod:`engine.proto.dht.router`; what is not routable is counted in the node's ``drops``.

Protocol reference: 02-hyperdht section 13.
"""

from __future__ import annotations

from typing import Protocol, cast

from engine.net.dht.messages import IncomingRequest
from engine.net.dht.node import DhtNode
from engine.proto.dht.commands import Command
from engine.proto.dht.handshake_messages import HandshakeMessage, HolepunchMessage
from engine.proto.dht.router import (
    Answer,
    Ignored,
    PointOnwards,
    Relay,
    ServeHandshake,
    ServeHolepunch,
    route_handshake,
    route_holepunch,
)
from engine.wire.compact import Address


class HandshakeServer(Protocol):
    """What is pinned in the forward table for a served key."""

    def handle_handshake(self, message: HandshakeMessage, request: IncomingRequest) -> None:
        """Answer a client's first message, or a copy of it."""

    def handle_holepunch(self, message: HolepunchMessage, request: IncomingRequest) -> None:
        """Work on a holepunch message of a client."""


class HandshakeRouter:
    """Handles PEER_HANDSHAKE and PEER_HOLEPUNCH of one node.

    Args:
        node: whose forward table and sockets are used; its handlers for both commands are set.
    """

    def __init__(self, node: DhtNode) -> None:
        self._node = node
        node.set_handler(Command.PEER_HANDSHAKE, self._on_handshake)
        node.set_handler(Command.PEER_HOLEPUNCH, self._on_holepunch)

    def _way_to(self, target: bytes | None) -> tuple[Address | None, HandshakeServer | None]:
        forward = None if target is None else self._node.forwards.get(target)
        if forward is None:
            return None, None
        return forward.relay_address, cast("HandshakeServer | None", forward.server)

    def _on_handshake(self, request: IncomingRequest) -> None:
        relay, server = self._way_to(request.target)
        match route_handshake(request.value, request.source, relay, server is not None):
            case Relay(to, value):
                self._node.forward(to, request, value=value)
            case Answer(to, value):
                request.reply(value, token=False, closer_nodes=False, to=to)
            case PointOnwards():
                request.reply(token=False)
            case ServeHandshake(message) if server is not None:
                server.handle_handshake(message, request)
            case Ignored(reason):
                self._node.drops[reason] += 1

    def _on_holepunch(self, request: IncomingRequest) -> None:
        relay, server = self._way_to(request.target)
        match route_holepunch(request.value, request.source, relay, server is not None):
            case Relay(to, value):
                self._node.forward(to, request, value=value)
            case Answer(to, value):
                request.reply(value, token=False, closer_nodes=False, to=to)
            case ServeHolepunch(message) if server is not None:
                server.handle_holepunch(message, request)
            case Ignored(reason):
                self._node.drops[reason] += 1
