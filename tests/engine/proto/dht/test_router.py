"""Every mode of relayed messages, at relays and at the server."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from engine.proto.dht.handshake_messages import HandshakeMessage, HolepunchMessage, Mode
from engine.proto.dht.messages import RequestPacket, decode_message
from engine.proto.dht.router import (
    Answer,
    HandshakeRoute,
    HolepunchRoute,
    Ignored,
    PointOnwards,
    Relay,
    ServeHandshake,
    ServeHolepunch,
    holepunch_reply,
    route_handshake,
    route_holepunch,
    server_reply,
)

CLIENT, SERVER, RELAY, SECOND = [("10.0.0.1", port) for port in range(1, 5)]
NOBODY = ("10.0.0.9", 0)
NOISE = b"noise"
TRACES = json.loads((Path(__file__).parents[3] / "vectors/dht/traces.json").read_text())
RELAYED = [trace for trace in TRACES["traces"] if trace["name"].startswith("connect-") and len(trace["packets"]) > 20]


@pytest.mark.parametrize("trace", RELAYED, ids=lambda trace: trace["name"])
def test_relays_of_the_recorded_connections(trace: dict[str, Any]) -> None:
    packets = trace["packets"]
    names = {packet["src"]: packet["from"] for packet in packets}
    announced_from = next(
        packet["dst"] for packet in packets if names[packet["src"]] in ("boot", "n4") and "server" in packet["to_name"]
    )
    routed = 0
    for packet in packets:
        if packet["to_name"] not in ("boot", "n1", "n2", "n3", "n4") or len(packet["hex"]) < 4:
            continue
        request = decode_message(bytes.fromhex(packet["hex"]))
        if not isinstance(request, RequestPacket) or request.internal or request.command > 1:
            continue
        route = (route_handshake, route_holepunch)[request.command]
        action = route(request.value, ("127.0.0.1", packet["src"]), ("127.0.0.1", announced_from), False)
        assert isinstance(action, Relay | Answer)
        sent = [
            decode_message(bytes.fromhex(later["hex"]))
            for later in packets
            if later["n"] > packet["n"] and (later["src"], later["dst"]) == (packet["dst"], action.to[1])
        ]
        assert action.value in [
            message.value
            for message in sent
            if message.tid == request.tid and isinstance(message, RequestPacket) == isinstance(action, Relay)
        ]
        routed += 1
    assert routed >= 4


def handshake(mode: int, **fields: tuple[str, int]) -> bytes:
    return HandshakeMessage(mode, NOISE, **fields).encode()


def holepunch(mode: int, peer: tuple[str, int] | None = None) -> bytes:
    return HolepunchMessage(mode, 7, b"sealed", peer).encode()


@pytest.mark.parametrize(
    ("value", "relay", "expected"),
    [
        (handshake(0), SERVER, Relay(SERVER, handshake(2, peer_address=RELAY))),
        (handshake(0, relay_address=SECOND), None, Relay(SECOND, handshake(2, peer_address=RELAY))),
        (handshake(0, relay_address=NOBODY), None, PointOnwards()),
        (handshake(0), None, PointOnwards()),
        (
            handshake(2, peer_address=CLIENT),
            SERVER,
            Relay(SERVER, handshake(3, peer_address=CLIENT, relay_address=RELAY)),
        ),
        (handshake(2, peer_address=CLIENT), None, Ignored("handshake_not_routable")),
        (handshake(1, peer_address=CLIENT), None, Answer(CLIENT, handshake(4, peer_address=RELAY))),
        (handshake(1), None, Ignored("handshake_not_routable")),
        (handshake(1, peer_address=NOBODY), SERVER, Ignored("handshake_not_routable")),
        (handshake(3, peer_address=CLIENT), SERVER, Ignored("handshake_not_routable")),
        (handshake(4, peer_address=CLIENT), SERVER, Ignored("handshake_not_routable")),
        (handshake(99), SERVER, Ignored("handshake_not_routable")),
        (HandshakeMessage(0, b"").encode(), SERVER, Ignored("handshake_without_noise")),
        (None, SERVER, Ignored("handshake_malformed")),
        (b"\x00", SERVER, Ignored("handshake_malformed")),
    ],
)
def test_handshake_at_a_relay(value: bytes | None, relay: tuple[str, int] | None, expected: HandshakeRoute) -> None:
    assert route_handshake(value, RELAY, relay, is_server=False) == expected


@pytest.mark.parametrize(
    ("message", "back"),
    [
        (HandshakeMessage(0, NOISE), Answer(RELAY, HandshakeMessage(4, b"answer").encode())),
        (HandshakeMessage(2, NOISE, CLIENT), Relay(RELAY, HandshakeMessage(1, b"answer", CLIENT).encode())),
        (HandshakeMessage(3, NOISE, CLIENT, SECOND), Relay(SECOND, HandshakeMessage(1, b"answer", CLIENT).encode())),
    ],
)
def test_handshake_at_the_server(message: HandshakeMessage, back: Relay | Answer) -> None:
    assert route_handshake(message.encode(), RELAY, None, is_server=True) == ServeHandshake(message)
    assert server_reply(message, RELAY, b"answer") == back


@pytest.mark.parametrize(
    "message",
    [
        HandshakeMessage(2, NOISE),
        HandshakeMessage(2, NOISE, NOBODY),
        HandshakeMessage(3, NOISE, CLIENT),
        HandshakeMessage(1, NOISE, CLIENT),
        HandshakeMessage(4, NOISE, CLIENT),
    ],
)
def test_handshakes_the_server_ignores(message: HandshakeMessage) -> None:
    assert route_handshake(message.encode(), RELAY, None, is_server=True) == Ignored("handshake_not_routable")


@pytest.mark.parametrize(
    ("value", "relay", "is_server", "expected"),
    [
        (holepunch(0, SERVER), None, False, Relay(SERVER, holepunch(2, RELAY))),
        (holepunch(0), SERVER, False, Relay(SERVER, holepunch(2, RELAY))),
        (holepunch(0), None, False, Ignored("holepunch_not_routable")),
        (holepunch(2, CLIENT), None, True, ServeHolepunch(HolepunchMessage(2, 7, b"sealed", CLIENT))),
        (holepunch(2), None, True, Ignored("holepunch_not_routable")),
        (holepunch(2, CLIENT), SERVER, False, Ignored("holepunch_not_routable")),
        (holepunch(1, CLIENT), None, False, Answer(CLIENT, holepunch(4, RELAY))),
        (holepunch(1), None, False, Ignored("holepunch_not_routable")),
        (holepunch(4, CLIENT), None, False, Ignored("holepunch_not_routable")),
        (b"\x01\x00", None, False, Ignored("holepunch_malformed")),
        (None, None, False, Ignored("holepunch_malformed")),
    ],
)
def test_holepunch(
    value: bytes | None, relay: tuple[str, int] | None, is_server: bool, expected: HolepunchRoute
) -> None:
    assert route_holepunch(value, RELAY, relay, is_server) == expected


def test_holepunch_answer() -> None:
    message = HolepunchMessage(Mode.FROM_RELAY, 7, b"sealed", CLIENT)
    assert holepunch_reply(message, RELAY, b"answer") == Relay(
        RELAY, HolepunchMessage(1, 0, b"answer", CLIENT).encode()
    )
