"""Fifty thousand damaged datagrams at a DHT node with a server on it: every one is counted or answered, it works on."""

from __future__ import annotations

import asyncio
import logging
from random import Random
from typing import Any

import pytest

from engine.crypto.hashes import blake2b
from engine.crypto.keys import KeyPair
from engine.crypto.noise import HandshakeIK
from engine.proto.dht.commands import Command, Internal
from engine.proto.dht.handshake_messages import HandshakeMessage, HolepunchMessage, Mode
from engine.proto.dht.messages import encode_reply, encode_request
from engine.proto.dht.payload import NoisePayload, SecretStreamInfo, UdxInfo, encode_noise_payload
from engine.proto.dht.punch_payload import NS_PEER_HANDSHAKE
from tests.harness.dht_network import Wire
from tests.harness.fuzz import INPUTS, SEED, changed_copies, hex_samples, load
from tests.harness.peer_network import CLIENT_KEYS, SERVER_KEYS, Echo, exchange, peer_network
from tests.harness.published import record_reliability
from tests.harness.virtual_loop import run_virtual

TARGET = blake2b(SERVER_KEYS.public_key)
BURST = 100
SOURCES = 20


def samples(to: tuple[str, int], entropy: Random) -> list[bytes]:
    """Valid datagrams of every kind."""

    def shake() -> bytes:
        keys = KeyPair.generate(entropy.randbytes)
        noise = HandshakeIK(True, keys, SERVER_KEYS.public_key, NS_PEER_HANDSHAKE, entropy.randbytes)
        return noise.send(encode_noise_payload(NoisePayload(udx=UdxInfo(7), secret_stream=SecretStreamInfo())))

    values: list[tuple[int, dict[str, Any]]] = [
        (Command.PEER_HANDSHAKE, {"value": HandshakeMessage(Mode.FROM_CLIENT, shake()).encode()}),
        (Command.PEER_HANDSHAKE, {"value": HandshakeMessage(Mode.FROM_RELAY, shake(), ("9.9.9.9", 9)).encode()}),
        (Command.PEER_HOLEPUNCH, {"value": HolepunchMessage(Mode.FROM_CLIENT, 0, bytes(80), ("9.9.9.9", 9)).encode()}),
        (Command.PEER_HOLEPUNCH, {"value": HolepunchMessage(Mode.FROM_RELAY, 0, bytes(80), ("9.9.9.9", 9)).encode()}),
        (Command.MUTABLE_GET, {"value": b"\x00"}),
    ]
    values += [(command, {}) for command in Command]
    announce = load("dht/announce.json")
    values += [(Command.ANNOUNCE, {"token": bytes(32), "value": value}) for value in hex_samples(announce, "value")]
    internal: list[dict[str, Any]] = [{}, {"value": b"\x01\x00"}, {"value": bytes(6)}, {"value": b"\x64\x00\x00\x00"}]
    return [
        *(encode_request(7, to, command, target=TARGET, **fields) for command, fields in values),
        *(encode_request(7, to, command, internal=True, **fields) for command in Internal for fields in internal),
        *(encode_reply(tid, to, id=bytes(32), closer_nodes=[("9.9.9.9", 9)] * 3) for tid in range(3)),
        *hex_samples(load("dht/rpc-messages.json")),
        *hex_samples(load("udx/headers.json")),
        b"\x00",
    ]


@pytest.mark.timeout(180)
def test_a_node_survives_damaged_datagrams(request: pytest.FixtureRequest, caplog: pytest.LogCaptureFixture) -> None:
    failures: list[dict[str, Any]] = []

    async def main() -> None:
        asyncio.get_running_loop().set_exception_handler(lambda loop, context: failures.append(context))
        async with peer_network(seed=3) as net:
            serving = await net.peer(net.place("open", 1))
            listener = serving.create_server(SERVER_KEYS, Echo())
            await listener.listen()
            address = serving.node.remote_address()
            assert address is not None
            wires = [await Wire.open(net.fake.host(f"30.0.1.{number}"), 3000) for number in range(SOURCES)]
            for wire in wires:
                wire.socket._receive = lambda socket, datagrams: None
            inputs = changed_copies(samples(address, Random(SEED)), SEED)
            for number in range(INPUTS):
                wires[number % SOURCES].socket.send(next(inputs), address)
                if number % BURST == 0:
                    await asyncio.sleep(0.05)
            await asyncio.sleep(30)
            dialling = await net.peer(net.place("open", 2))
            assert (await exchange(await dialling.connect(SERVER_KEYS.public_key, CLIENT_KEYS), b"hello"))[
                -5:
            ] == b"hello"
            await asyncio.sleep(30)
            drops = serving.node.drops
            assert drops["malformed"] > 1000
            assert drops["handshake_forged"] > 100
            assert listener.pending_count == 0
            assert serving.node.udx.stream_count == 0

    run_virtual(main())
    assert failures == []
    assert [record.getMessage() for record in caplog.records if record.levelno >= logging.ERROR] == []
    record_reliability(request, "2. damaged input: datagrams at a whole node", f"{INPUTS:,} inputs")
