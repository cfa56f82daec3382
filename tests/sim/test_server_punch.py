"""A server's answers to holepunch messages of a client that the test plays itself, in virtual time."""

from __future__ import annotations

import asyncio
import random

import pytest

from engine.crypto.hashes import blake2b
from engine.crypto.noise import HandshakeIK
from engine.errors import RequestTimeout
from engine.net.dht.hyperdht import HyperDht
from engine.net.dht.server import DhtServer
from engine.net.dht.server_handshake import MAX_HOLEPUNCH_MESSAGES
from engine.proto.dht.commands import Command
from engine.proto.dht.handshake_messages import HandshakeMessage, HolepunchMessage, Mode
from engine.proto.dht.payload import (
    Firewall,
    NoisePayload,
    PeerError,
    SecretStreamInfo,
    UdxInfo,
    decode_noise_payload,
    encode_noise_payload,
)
from engine.proto.dht.punch_payload import NS_PEER_HANDSHAKE, PunchPayload, SealedChannel, holepunch_secret
from engine.wire.compact import Address
from tests.harness.peer_network import CLIENT_KEYS, SERVER_KEYS, Echo, Network, peer_network
from tests.harness.virtual_loop import run_virtual

TARGET = blake2b(SERVER_KEYS.public_key)


class HandMadeClient:
    """Shakes hands with a server, then sends whatever a test wants."""

    def __init__(self, dht: HyperDht, server: DhtServer) -> None:
        self._dht = dht
        self._entropy = random.Random(9)
        self._channel: SealedChannel
        self.server = server
        self.payload: NoisePayload
        self.relay: Address = server.relay_addresses[0]

    async def shake_hands(self, firewall: Firewall = Firewall.UNKNOWN) -> None:
        """Get an answer to a first message."""
        random_bytes = self._entropy.randbytes
        noise = HandshakeIK(True, CLIENT_KEYS, SERVER_KEYS.public_key, NS_PEER_HANDSHAKE, random_bytes)
        payload = NoisePayload(firewall=firewall, udx=UdxInfo(7), secret_stream=SecretStreamInfo())
        value = HandshakeMessage(Mode.FROM_CLIENT, noise.send(encode_noise_payload(payload))).encode()
        reply = await self._dht.node.request(self.relay, Command.PEER_HANDSHAKE, target=TARGET, value=value)
        message = HandshakeMessage.decode(reply.value or b"")
        self.payload = decode_noise_payload(noise.recv(message.noise))
        assert noise.result is not None
        self._channel = SealedChannel(holepunch_secret(noise.result.hash), random_bytes)

    async def send(self, payload: PunchPayload, relay: Address | None = None) -> PunchPayload:
        """One holepunch message and its answer."""
        assert self.payload.holepunch is not None
        info = self.payload.holepunch
        via = next(entry for entry in info.relays if entry.relay_address == (relay or entry.relay_address))
        message = HolepunchMessage(Mode.FROM_CLIENT, info.id, self._channel.seal(payload), via.peer_address)
        reply = await self._dht.node.request(
            via.relay_address, Command.PEER_HOLEPUNCH, target=TARGET, value=message.encode(), retries=0
        )
        answer = self._channel.open(HolepunchMessage.decode(reply.value or b"").payload)
        assert answer is not None
        return answer


async def client_of(net: Network, server: str = "consistent") -> HandMadeClient:
    serving = await net.peer(net.place(server, 1))
    dialling = await net.peer(net.place("consistent", 2))
    listener = serving.create_server(SERVER_KEYS, Echo())
    await listener.listen()
    client = HandMadeClient(dialling, listener)
    await client.shake_hands()
    return client


def test_a_client_that_gives_up_ends_the_attempt() -> None:
    async def main() -> tuple[PunchPayload, int, PunchPayload | None]:
        async with peer_network() as net:
            client = await client_of(net)
            answer = await client.send(PunchPayload(error=PeerError.ABORTED, round=3))
            pending = client.server.pending_count
            with pytest.raises(RequestTimeout):
                await client.send(PunchPayload(round=4))
            return answer, pending, None

    answer, pending, _ = run_virtual(main(), limit_s=100)
    assert answer.error == PeerError.ABORTED
    assert pending == 0


def test_the_answer_tells_class_addresses_and_token() -> None:
    async def main() -> PunchPayload:
        async with peer_network() as net:
            client = await client_of(net)
            return await client.send(PunchPayload(firewall=Firewall.CONSISTENT, addresses=(("20.0.2.1", 5),)))

    answer = run_virtual(main(), limit_s=100)
    assert answer.error == PeerError.NONE
    assert answer.firewall == Firewall.CONSISTENT
    assert answer.addresses is not None
    assert answer.addresses[0][0] == "20.0.1.1"
    assert answer.token is not None
    assert not answer.punching


def test_punching_begins_with_the_answer_and_an_older_round_changes_nothing() -> None:
    async def main() -> tuple[PunchPayload, PunchPayload]:
        async with peer_network() as net:
            client = await client_of(net)
            probe = await client.send(PunchPayload(firewall=Firewall.CONSISTENT, addresses=(("20.0.2.1", 5),)))
            punch = await client.send(
                PunchPayload(
                    firewall=Firewall.CONSISTENT,
                    round=5,
                    punching=True,
                    addresses=(("20.0.2.1", 5),),
                    remote_token=probe.token,
                    token=b"t" * 32,
                )
            )
            old = await client.send(PunchPayload(firewall=Firewall.RANDOM, round=2, addresses=()))
            return punch, old

    punch, old = run_virtual(main(), limit_s=100)
    assert (punch.punching, punch.round, punch.remote_token) == (True, 5, b"t" * 32)
    assert (old.punching, old.round, old.error) == (True, 5, PeerError.NONE)


@pytest.mark.parametrize("proven", [True, False])
def test_random_probes_need_a_proven_host(proven: bool) -> None:
    async def main() -> PunchPayload:
        async with peer_network() as net:
            client = await client_of(net)
            probe = await client.send(PunchPayload(firewall=Firewall.RANDOM, addresses=(("20.0.2.1", 0),)))
            return await client.send(
                PunchPayload(
                    firewall=Firewall.RANDOM,
                    round=1,
                    punching=True,
                    addresses=(("20.0.2.1", 0),),
                    remote_token=probe.token if proven else b"x" * 32,
                )
            )

    answer = run_virtual(main(), limit_s=200)
    assert (answer.error, answer.punching) == ((PeerError.NONE, True) if proven else (PeerError.ABORTED, False))


def test_a_hopeless_pair_is_told() -> None:
    async def main() -> PunchPayload:
        async with peer_network() as net:
            client = await client_of(net, "random")
            return await client.send(PunchPayload(firewall=Firewall.RANDOM, addresses=(("20.0.2.1", 0),)))

    assert run_virtual(main(), limit_s=100).error == PeerError.ABORTED


def test_a_flood_of_messages_is_cut() -> None:
    async def main() -> int:
        async with peer_network() as net:
            serving = await net.peer(net.place("consistent", 1))
            dialling = await net.peer(net.place("consistent", 2))
            listener = serving.create_server(SERVER_KEYS, Echo())
            await listener.listen()
            client = HandMadeClient(dialling, listener)
            await client.shake_hands()
            entry = listener._table.get(0)
            assert entry is not None
            entry.state.messages = MAX_HOLEPUNCH_MESSAGES
            with pytest.raises(RequestTimeout):
                await client.send(PunchPayload())
            return serving.node.drops["holepunch_flood"]

    assert run_virtual(main(), limit_s=100) == 1


def test_no_socket_for_punching_leaves_the_other_routes() -> None:
    async def main() -> tuple[NoisePayload, int]:
        async with peer_network() as net:
            serving = await net.peer(net.place("consistent", 1))
            dialling = await net.peer(net.place("consistent", 2))
            listener = serving.create_server(SERVER_KEYS, Echo())
            await listener.listen()

            async def exhausted() -> object:
                from engine.errors import BindFailed

                raise BindFailed

            serving.node.open_pool_socket = exhausted  # type: ignore[assignment]
            client = HandMadeClient(dialling, listener)
            await client.shake_hands()
            answer = await client.send(PunchPayload())
            assert answer.error == PeerError.ABORTED
            return client.payload, serving.node.drops["punch_socket_unavailable"]

    payload, dropped = run_virtual(main(), limit_s=100)
    assert payload.error == PeerError.NONE
    assert dropped == 1


def test_closing_the_server_in_the_middle_of_a_handshake() -> None:
    async def main() -> tuple[int, int]:
        async with peer_network() as net:
            client = await client_of(net)
            serving = net.peers[-2]
            await client.server.close()
            with pytest.raises(RequestTimeout):
                await client.send(PunchPayload())
            await asyncio.sleep(20)
            return serving.node.udx.stream_count, len(serving._context.sockets)

    assert run_virtual(main(), limit_s=100) == (0, 0)
