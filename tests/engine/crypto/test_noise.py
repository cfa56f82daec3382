"""Noise handshakes against the JavaScript implementation's bytes."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from engine.crypto.hashes import blake2b, namespace
from engine.crypto.keys import KeyPair
from engine.crypto.noise import HandshakeIK, HandshakeXX, hkdf, hmac_blake2b
from engine.errors import HandshakeFailed, LocalProtocolError

VECTORS = Path(__file__).parents[2] / "vectors"
NOISE: dict[str, Any] = json.loads((VECTORS / "noise" / "noise.json").read_text())
DHT_IK: dict[str, Any] = json.loads((VECTORS / "dht" / "noise-ik.json").read_text())
PROLOGUE = bytes.fromhex(DHT_IK["prologue"])
KINDS: dict[str, type[HandshakeIK] | type[HandshakeXX]] = {"IK": HandshakeIK, "XX": HandshakeXX}

Handshake = HandshakeIK | HandshakeXX


def fixed(seed: bytes) -> Callable[[int], bytes]:
    return lambda size: seed[:size]


def key_pair(text: dict[str, str]) -> KeyPair:
    return KeyPair(bytes.fromhex(text["publicKey"]), bytes.fromhex(text["secretKey"]))


def pair(prologue: bytes = PROLOGUE) -> tuple[HandshakeIK, HandshakeIK]:
    client, server = KeyPair.from_seed(b"\x01" * 32), KeyPair.from_seed(b"\x02" * 32)
    return (
        HandshakeIK(True, client, server.public_key, prologue, fixed(b"\x03" * 32)),
        HandshakeIK(False, server, None, prologue, fixed(b"\x04" * 32)),
    )


def check_state(handshake: Handshake, state: dict[str, Any]) -> None:
    symmetric = handshake._symmetric
    assert symmetric.hash.hex() == state["h"]
    assert symmetric.chaining_key.hex() == state["ck"]
    assert (symmetric.key.hex() if symmetric.key else None) == state["k"]
    assert symmetric.nonce == state["n"]


@pytest.mark.parametrize("name", NOISE["handshakes"])
def test_handshake_equals_the_reference(name: str) -> None:
    vector = NOISE["handshakes"][name]
    kind = KINDS[vector["pattern"]]
    prologue = bytes.fromhex(vector["prologue"])
    responder = key_pair(vector["responderStatic"])
    sides: dict[str, Handshake] = {
        "initiator": kind(
            True,
            key_pair(vector["initiatorStatic"]),
            responder.public_key if vector["pattern"] == "IK" else None,
            prologue,
            fixed(bytes.fromhex(vector["initiatorEphemeral"]["secretKey"])),
        ),
        "responder": kind(
            False, responder, None, prologue, fixed(bytes.fromhex(vector["responderEphemeral"]["secretKey"]))
        ),
    }
    for side, handshake in sides.items():
        check_state(handshake, vector["init"][side])
    for message in vector["messages"]:
        sender = sides[message["from"]]
        receiver = sides["responder" if message["from"] == "initiator" else "initiator"]
        assert sender.send(bytes.fromhex(message["payload"])).hex() == message["message"]
        assert receiver.recv(bytes.fromhex(message["message"])).hex() == message["decryptedPayload"]
        if message["stateAfter"]:
            check_state(sender, message["stateAfter"])
            check_state(receiver, message["stateAfter"])
    for side, handshake in sides.items():
        result = handshake.result
        assert result is not None
        assert result.is_initiator == (side == "initiator")
        assert result.tx.hex() == vector[side]["tx"]
        assert result.rx.hex() == vector[side]["rx"]
        assert result.remote_public_key.hex() == vector[side]["remoteStatic"]
        assert result.hash.hex() == vector["handshakeHash"]
    check_derived(bytes.fromhex(vector["handshakeHash"]), vector["derived"])


def check_derived(handshake_hash: bytes, derived: dict[str, str]) -> None:
    initiator, responder, send = namespace("hyperswarm/secret-stream", (0, 1, 2))
    holepunch = namespace("hyperswarm/dht", (0, 1))[1]
    assert {
        "streamIdInitiator": blake2b(initiator, key=handshake_hash).hex(),
        "streamIdResponder": blake2b(responder, key=handshake_hash).hex(),
        "holepunchSecret": blake2b(holepunch, key=handshake_hash).hex(),
        "unorderedSendSecretInitiatorToResponder": blake2b(initiator, send, key=handshake_hash).hex(),
        "unorderedSendSecretResponderToInitiator": blake2b(responder, send, key=handshake_hash).hex(),
    } == derived


def test_dht_handshake_equals_the_reference() -> None:
    client_key = KeyPair.from_seed(bytes.fromhex(DHT_IK["client"]["seed"]))
    server_key = KeyPair.from_seed(bytes.fromhex(DHT_IK["server"]["seed"]))
    assert client_key.public_key.hex() == DHT_IK["client"]["public_key"]
    assert server_key.public_key.hex() == DHT_IK["server"]["public_key"]
    client = HandshakeIK(
        True, client_key, server_key.public_key, PROLOGUE, fixed(bytes.fromhex(DHT_IK["client"]["ephemeral_seed"]))
    )
    server = HandshakeIK(False, server_key, None, PROLOGUE, fixed(bytes.fromhex(DHT_IK["server"]["ephemeral_seed"])))
    assert client._symmetric.hash.hex() == DHT_IK["initial_handshake_hash"]
    assert client.send(bytes.fromhex(DHT_IK["payload1"])).hex() == DHT_IK["message1"]
    assert server.recv(bytes.fromhex(DHT_IK["message1"])).hex() == DHT_IK["payload1"]
    assert server.remote_public_key == client_key.public_key
    assert not server.complete
    assert server.send(bytes.fromhex(DHT_IK["payload2"])).hex() == DHT_IK["message2"]
    assert client.recv(bytes.fromhex(DHT_IK["message2"])).hex() == DHT_IK["payload2"]
    assert client.complete
    assert server.complete
    assert client.result is not None
    assert server.result is not None
    assert client.result.hash.hex() == server.result.hash.hex() == DHT_IK["handshake_hash"]
    assert (client.result.tx.hex(), client.result.rx.hex()) == (DHT_IK["client_tx"], DHT_IK["client_rx"])
    assert (server.result.tx.hex(), server.result.rx.hex()) == (DHT_IK["server_tx"], DHT_IK["server_rx"])
    assert HandshakeIK._name.decode() == DHT_IK["protocol"]


def test_key_derivation_equals_the_reference() -> None:
    kdf = NOISE["kdf"]
    mac = kdf["hmac"]
    assert hmac_blake2b(bytes.fromhex(mac["key"]), bytes.fromhex(mac["message"])).hex() == mac["out"]
    for name in ("hkdf", "hkdfEmptyIkm"):
        outputs = hkdf(bytes.fromhex(kdf[name]["salt"]), bytes.fromhex(kdf[name]["ikm"]))
        assert [out.hex() for out in outputs] == kdf[name]["out"]


def test_forged_message_fails_and_the_true_one_still_works() -> None:
    client, server = pair()
    first = client.send(b"hello")
    for position in (0, 40, len(first) - 1):
        forged = bytearray(first)
        forged[position] ^= 1
        with pytest.raises(HandshakeFailed):
            server.recv(bytes(forged))
        assert server.remote_public_key is None
    assert server.recv(first) == b"hello"
    second = server.send(b"welcome")
    with pytest.raises(HandshakeFailed):
        client.recv(second[:-1] + bytes((second[-1] ^ 1,)))
    assert client.recv(second) == b"welcome"
    assert client.result is not None
    assert server.result is not None
    assert (client.result.tx, client.result.rx) == (server.result.rx, server.result.tx)


def test_every_truncation_fails() -> None:
    client, server = pair()
    first = client.send(b"hello")
    for size in range(len(first)):
        with pytest.raises(HandshakeFailed):
            server.recv(first[:size])


@pytest.mark.parametrize("point", [case["publicKey"] for case in NOISE["dhRefused"]])
def test_refused_point_ends_the_handshake(point: str) -> None:
    client, server = pair()
    first = client.send(b"")
    with pytest.raises(HandshakeFailed):
        server.recv(bytes.fromhex(point) + first[32:])


def test_other_prologue_does_not_authenticate() -> None:
    client, _ = pair()
    _, server = pair(bytes(32))
    with pytest.raises(HandshakeFailed):
        server.recv(client.send(b""))


def test_wrong_order_is_a_local_error() -> None:
    client, server = pair()
    with pytest.raises(LocalProtocolError):
        server.send(b"")
    with pytest.raises(LocalProtocolError):
        client.recv(b"")
    with pytest.raises(LocalProtocolError):
        client.send(bytes(65535))
    server.recv(client.send(b""))
    client.recv(server.send(b""))
    with pytest.raises(LocalProtocolError):
        client.send(b"")
    with pytest.raises(LocalProtocolError):
        HandshakeIK(True, KeyPair.from_seed(bytes(32)), None, PROLOGUE, fixed(bytes(32)))


def test_secrets_are_not_shown() -> None:
    client, server = pair()
    server.recv(client.send(b""))
    client.recv(server.send(b""))
    assert client.result is not None
    assert repr(client.result.tx) not in repr(client.result)
    assert repr(client._static.secret_key) not in repr(client._static)


@given(st.binary(max_size=300))
@settings(max_examples=100, deadline=None)
def test_random_first_messages_only_fail_the_handshake(data: bytes) -> None:
    _, server = pair()
    with pytest.raises(HandshakeFailed):
        server.recv(data)
