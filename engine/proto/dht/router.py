"""How a node passes handshakes and holepunch messages between a client and a server.

Theory of operation. Every node, ephemeral ones too, relays for keys it holds a forward entry of. A message passes
client -> relay (-> second relay) -> server and back; each leg has its own
:class:`~engine.proto.dht.handshake_messages.Mode`. The way back ends in an ordinary reply packet to the client's
request, so the client only ever talks to the relay it asked. The functions here decide; they send nothing and keep
nothing.

What a peer may do wrong: omit fields, invent modes, name a receiver with port 0. Such messages are ignored with a
reason. A relay can be made to send one datagram of about the same size to an address the sender names; that is part
of the protocol.

Protocol reference: 02-hyperdht section 13.
"""

from __future__ import annotations

from dataclasses import dataclass

from engine.errors import DecodeError
from engine.proto.dht.handshake_messages import HandshakeMessage, HolepunchMessage, Mode
from engine.wire.compact import Address


@dataclass(frozen=True, slots=True)
class Relay:
    """Send a new request with the same tid, command and target."""

    to: Address
    value: bytes


@dataclass(frozen=True, slots=True)
class Answer:
    """Send a reply with the tid of the request."""

    to: Address
    value: bytes


@dataclass(frozen=True, slots=True)
class PointOnwards:
    """Reply without a value but with closer nodes: the key is unknown here."""


@dataclass(frozen=True, slots=True)
class ServeHandshake:
    """Hand the message to the local server of the target."""

    message: HandshakeMessage


@dataclass(frozen=True, slots=True)
class ServeHolepunch:
    """Hand the message to the local server of the target."""

    message: HolepunchMessage


@dataclass(frozen=True, slots=True)
class Ignored:
    """Do nothing but count."""

    reason: str


HandshakeRoute = Relay | Answer | PointOnwards | ServeHandshake | Ignored
HolepunchRoute = Relay | Answer | ServeHolepunch | Ignored


def _usable(address: Address | None) -> Address | None:
    return address if address is not None and address[1] else None


def route_handshake(value: bytes | None, source: Address, relay: Address | None, is_server: bool) -> HandshakeRoute:
    """What to do with a PEER_HANDSHAKE.

    Args:
        value: value of the request.
        source: where the request came from.
        relay: address from which the target was announced, None if unknown here.
        is_server: a local server listens on the target.
    """
    try:
        message = HandshakeMessage.decode(value or b"")
    except DecodeError:
        return Ignored("handshake_malformed")
    if not message.noise:
        return Ignored("handshake_without_noise")
    if is_server:
        return _for_server(message)
    if message.mode == Mode.FROM_CLIENT:
        to = _usable(message.relay_address) or relay
        if to is None:
            return PointOnwards()
        return Relay(to, HandshakeMessage(Mode.FROM_RELAY, message.noise, peer_address=source).encode())
    if message.mode == Mode.FROM_RELAY and relay is not None:
        onwards = HandshakeMessage(Mode.FROM_SECOND_RELAY, message.noise, message.peer_address, source)
        return Relay(relay, onwards.encode())
    client = _usable(message.peer_address)
    if message.mode == Mode.FROM_SERVER and client is not None:
        return Answer(client, HandshakeMessage(Mode.REPLY, message.noise, peer_address=source).encode())
    return Ignored("handshake_not_routable")


def _for_server(message: HandshakeMessage) -> ServeHandshake | Ignored:
    if message.mode == Mode.FROM_CLIENT:
        return ServeHandshake(message)
    has_client = _usable(message.peer_address) is not None
    if message.mode == Mode.FROM_RELAY and has_client:
        return ServeHandshake(message)
    if message.mode == Mode.FROM_SECOND_RELAY and has_client and _usable(message.relay_address) is not None:
        return ServeHandshake(message)
    return Ignored("handshake_not_routable")


def server_reply(message: HandshakeMessage, source: Address, noise: bytes) -> Relay | Answer:
    """How the local server's Noise message 2 goes back.

    Args:
        message: what :class:`ServeHandshake` carried.
        source: where that request came from.
        noise: the server's answer.
    """
    if message.mode == Mode.FROM_CLIENT:
        return Answer(source, HandshakeMessage(Mode.REPLY, noise).encode())
    to = source
    if message.mode == Mode.FROM_SECOND_RELAY and message.relay_address is not None:
        to = message.relay_address
    return Relay(to, HandshakeMessage(Mode.FROM_SERVER, noise, message.peer_address).encode())


def route_holepunch(value: bytes | None, source: Address, relay: Address | None, is_server: bool) -> HolepunchRoute:
    """What to do with a PEER_HOLEPUNCH; arguments as for :func:`route_handshake`."""
    try:
        message = HolepunchMessage.decode(value or b"")
    except DecodeError:
        return Ignored("holepunch_malformed")
    peer = _usable(message.peer_address)
    if message.mode == Mode.FROM_CLIENT:
        to = peer or relay
        if to is not None:
            return Relay(to, HolepunchMessage(Mode.FROM_RELAY, message.id, message.payload, source).encode())
    elif message.mode == Mode.FROM_RELAY:
        if is_server and peer is not None:
            return ServeHolepunch(message)
    elif message.mode == Mode.FROM_SERVER and peer is not None:
        return Answer(peer, HolepunchMessage(Mode.REPLY, message.id, message.payload, source).encode())
    return Ignored("holepunch_not_routable")


def holepunch_reply(message: HolepunchMessage, source: Address, payload: bytes) -> Relay:
    """How the local server's sealed answer goes back to the client of *message*, which came from *source*."""
    return Relay(source, HolepunchMessage(Mode.FROM_SERVER, 0, payload, message.peer_address).encode())
