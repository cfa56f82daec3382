"""Dialling by key when something is missing, gone, wrong or hostile, in virtual time."""

from __future__ import annotations

import asyncio
import random

import pytest

from engine.crypto.hashes import blake2b
from engine.crypto.keys import KeyPair
from engine.crypto.noise import HandshakeIK
from engine.errors import LocalProtocolError, PeerUnreachable, RequestTimeout
from engine.net.dht.config import DhtConfig
from engine.net.dht.context import ConnectOptions
from engine.net.dht.handover import Handover
from engine.net.dht.hyperdht import HyperDht
from engine.net.dht.server import DhtServer
from engine.net.dht.server_handshake import MAX_WAITING
from engine.proto.dht.commands import Command
from engine.proto.dht.handshake_messages import HandshakeMessage, HolepunchMessage, Mode
from engine.proto.dht.handshake_table import MAX_PENDING
from engine.proto.dht.payload import (
    NoisePayload,
    PeerError,
    SecretStreamInfo,
    UdxInfo,
    decode_noise_payload,
    encode_noise_payload,
)
from engine.proto.dht.punch_payload import NS_PEER_HANDSHAKE
from engine.wire.compact import Address
from tests.harness.peer_network import CLIENT_KEYS, GREETING, SERVER_KEYS, Echo, Network, exchange, peer_network
from tests.harness.published import record_reliability
from tests.harness.virtual_loop import run_virtual

TARGET = blake2b(SERVER_KEYS.public_key)


async def reason_of(dialling: HyperDht, key: bytes = SERVER_KEYS.public_key) -> tuple[str, float]:
    """Why a dial fails, and after how many seconds."""
    began = asyncio.get_running_loop().time()
    with pytest.raises(PeerUnreachable) as failure:
        await dialling.connect(key, CLIENT_KEYS)
    return failure.value.reason, asyncio.get_running_loop().time() - began


async def pair(
    net: Network, server: str = "consistent", client: str = "consistent"
) -> tuple[DhtServer, HyperDht, Echo]:
    """A listening server and somebody to dial it."""
    serving = await net.peer(net.place(server, 1))
    dialling = await net.peer(net.place(client, 2))
    echo = Echo()
    listener = serving.create_server(SERVER_KEYS, echo)
    await listener.listen()
    return listener, dialling, echo


def test_unknown_key() -> None:
    async def main() -> tuple[str, float]:
        async with peer_network() as net:
            return await reason_of(await net.peer(net.place("consistent", 1)), b"k" * 32)

    reason, took = run_virtual(main(), limit_s=100)
    assert reason == "PEER_NOT_FOUND"
    assert took < 1


def test_a_key_that_is_no_point_is_refused() -> None:
    async def main() -> str:
        async with peer_network() as net:
            listener, dialling, _ = await pair(net)
            await listener.close()
            serving = net.peers[-2]
            serving.node.forwards.pin(blake2b(bytes(32)), bytes(33), listener)
            return (await reason_of(dialling, bytes(32)))[0]

    assert run_virtual(main(), limit_s=100) in ("PEER_NOT_FOUND", "PEER_CONNECTION_FAILED")


def test_a_server_that_said_goodbye_is_not_found() -> None:
    async def main() -> str:
        async with peer_network() as net:
            listener, dialling, _ = await pair(net)
            await listener.close()
            return (await reason_of(dialling))[0]

    assert run_virtual(main(), limit_s=100) == "PEER_NOT_FOUND"


def test_a_server_that_vanished() -> None:
    async def main() -> tuple[str, float]:
        async with peer_network() as net:
            _, dialling, _ = await pair(net)
            await exchange(await dialling.connect(SERVER_KEYS.public_key, CLIENT_KEYS), b"hello")
            net.fake.block("20.0.1.1", "10.200.0.1")
            for number in range(2, 6):
                net.fake.block("20.0.1.1", f"10.200.0.{number}")
            return await reason_of(dialling)

    reason, took = run_virtual(main(), limit_s=100)
    assert reason == "PEER_CONNECTION_FAILED"
    assert took < 17


def test_a_server_that_came_back_elsewhere_is_found_in_spite_of_remembered_relays() -> None:
    async def main() -> bytes:
        async with peer_network() as net:
            _, dialling, _ = await pair(net, "consistent")
            await exchange(await dialling.connect(SERVER_KEYS.public_key, CLIENT_KEYS), b"hello")
            serving = net.peers[-2]
            net.peers.remove(serving)
            await serving.destroy()
            returned = await net.peer(net.place("consistent", 3))
            await returned.create_server(SERVER_KEYS, Echo()).listen()
            return await exchange(await dialling.connect(SERVER_KEYS.public_key, CLIENT_KEYS), b"again")

    assert run_virtual(main(), limit_s=200) == GREETING + b"again"


def test_the_second_dial_needs_no_lookup() -> None:
    async def main() -> tuple[list[int], bytes]:
        async with peer_network() as net:
            _, dialling, _ = await pair(net)
            await exchange(await dialling.connect(SERVER_KEYS.public_key, CLIENT_KEYS), b"hello")
            commands: list[int] = []
            request = dialling.node.request
            query = dialling.node.query

            async def counted_request(to: Address, command: int, **options: object) -> object:
                if not options.get("internal"):
                    commands.append(command)
                return await request(to, command, **options)  # type: ignore[arg-type]

            def counted_query(target: bytes, command: int, **options: object) -> object:
                commands.append(100 + command)
                return query(target, command, **options)  # type: ignore[arg-type]

            dialling.node.request = counted_request  # type: ignore[assignment]
            dialling.node.query = counted_query  # type: ignore[assignment]
            handover = await dialling.connect(SERVER_KEYS.public_key, CLIENT_KEYS)
            return commands, await exchange(handover, b"hello")

    commands, received = run_virtual(main(), limit_s=100)
    assert received == GREETING + b"hello"
    assert commands.count(Command.PEER_HANDSHAKE) == 2
    assert 100 + Command.FIND_PEER not in commands


def test_a_reachable_client_gets_the_servers_data_before_the_handshake_answer() -> None:
    async def main() -> tuple[Handover, bytes]:
        async with peer_network() as net:
            _, dialling, _ = await pair(net, "open", "open")
            net.fake.tap = None
            handover = await dialling.connect(SERVER_KEYS.public_key, CLIENT_KEYS)
            await asyncio.sleep(1)
            return handover, await exchange(handover, b"hello")

    handover, received = run_virtual(main(), limit_s=100)
    assert handover.route == "passive"
    assert received == GREETING + b"hello"


def test_the_node_that_was_asked_is_the_server() -> None:
    async def main() -> tuple[str, str, bytes]:
        async with peer_network() as net:
            config = DhtConfig(bootstrap=(net.bootstrap,), ephemeral=False, firewalled=False)
            serving = await net.node(net.fake.host("10.200.0.9"), config)
            dialling = await net.peer(net.place("consistent", 2))
            echo = Echo()
            await serving.create_server(SERVER_KEYS, echo).listen()
            handover = await dialling.connect(
                SERVER_KEYS.public_key, CLIENT_KEYS, relay_addresses=[("10.200.0.9", 49737)]
            )
            return handover.route, echo.routes[0], await exchange(handover, b"hello")

    assert run_virtual(main(), limit_s=100) == ("direct", "direct", GREETING + b"hello")


def test_a_node_that_holds_the_announce_dials_through_itself() -> None:
    async def main() -> bytes:
        async with peer_network() as net:
            await pair(net, "open")
            holder = next(node for node in net.peers if node.node.forwards.get(TARGET) is not None)
            return await exchange(await holder.connect(SERVER_KEYS.public_key, CLIENT_KEYS), b"hello")

    assert run_virtual(main(), limit_s=100) == GREETING + b"hello"


def test_the_firewall_hook_refuses_without_an_answer() -> None:
    async def main() -> tuple[str, list[bytes], int]:
        async with peer_network() as net:
            serving = await net.peer(net.place("consistent", 1))
            dialling = await net.peer(net.place("consistent", 2))
            seen: list[bytes] = []

            def refuse(key: bytes, payload: NoisePayload, address: Address) -> bool:
                seen.append(key)
                return True

            server = serving.create_server(SERVER_KEYS, Echo(), firewall=refuse)
            await server.listen()
            reason, _ = await reason_of(dialling)
            return reason, seen, server.pending_count

    assert run_virtual(main(), limit_s=100) == ("PEER_CONNECTION_FAILED", [CLIENT_KEYS.public_key], 0)


def test_a_failing_firewall_hook_refuses(caplog: pytest.LogCaptureFixture) -> None:
    async def main() -> str:
        async with peer_network() as net:
            serving = await net.peer(net.place("consistent", 1))
            dialling = await net.peer(net.place("consistent", 2))

            def broken(key: bytes, payload: NoisePayload, address: Address) -> bool:
                raise ValueError("broken hook")

            await serving.create_server(SERVER_KEYS, Echo(), firewall=broken).listen()
            return (await reason_of(dialling))[0]

    assert run_virtual(main(), limit_s=100) == "PEER_CONNECTION_FAILED"
    assert "firewall hook" in caplog.text


def test_a_failing_connection_handler_ends_that_connection_only(caplog: pytest.LogCaptureFixture) -> None:
    async def main() -> bytes:
        async with peer_network() as net:
            serving = await net.peer(net.place("open", 1))
            dialling = await net.peer(net.place("consistent", 2))
            echo = Echo()
            calls = 0

            def first_fails(handover: Handover) -> None:
                nonlocal calls
                calls += 1
                if calls == 1:
                    raise ValueError("broken handler")
                echo(handover)

            await serving.create_server(SERVER_KEYS, first_fails).listen()
            first = await dialling.connect(SERVER_KEYS.public_key, CLIENT_KEYS)
            closed = asyncio.Event()
            first.udx.on_data = lambda data: None
            first.udx.on_close = lambda error: closed.set()
            first.udx.write(b"hello")
            await closed.wait()
            return await exchange(await dialling.connect(SERVER_KEYS.public_key, CLIENT_KEYS), b"hello")

    assert run_virtual(main(), limit_s=100) == GREETING + b"hello"
    assert "not accepted" in caplog.text


@pytest.mark.parametrize(
    ("payload", "error"),
    [
        (encode_noise_payload(NoisePayload(secret_stream=SecretStreamInfo())), PeerError.ABORTED),
        (b"\x02", PeerError.VERSION_MISMATCH),
    ],
)
def test_incompatible_clients_get_an_error(payload: bytes, error: PeerError) -> None:
    async def main() -> NoisePayload:
        async with peer_network() as net:
            listener, dialling, _ = await pair(net, "open")
            noise = HandshakeIK(
                True, CLIENT_KEYS, SERVER_KEYS.public_key, NS_PEER_HANDSHAKE, random.Random(1).randbytes
            )
            value = HandshakeMessage(Mode.FROM_CLIENT, noise.send(payload)).encode()
            relay = listener.relay_addresses[1]
            reply = await dialling.node.request(relay, Command.PEER_HANDSHAKE, target=TARGET, value=value)
            assert listener.pending_count == 0
            return decode_noise_payload(noise.recv(HandshakeMessage.decode(reply.value or b"").noise))

    assert run_virtual(main(), limit_s=100).error == error


@pytest.mark.parametrize(
    ("answer", "reason"),
    [
        (encode_noise_payload(NoisePayload(error=1, udx=UdxInfo(1))), "SERVER_ERROR"),
        (encode_noise_payload(NoisePayload()), "SERVER_ERROR"),
        (b"\x01", "SERVER_ERROR"),
        (b"\x02", "SERVER_INCOMPATIBLE"),
    ],
)
def test_incompatible_servers_end_the_dial(answer: bytes, reason: str, monkeypatch: pytest.MonkeyPatch) -> None:
    async def main() -> str:
        async with peer_network() as net:
            _, dialling, _ = await pair(net)
            monkeypatch.setattr("engine.net.dht.server.encode_noise_payload", lambda payload: answer)
            return (await reason_of(dialling))[0]

    assert run_virtual(main(), limit_s=100) == reason


def test_forged_answers_do_not_spoil_the_dial(monkeypatch: pytest.MonkeyPatch) -> None:
    async def main() -> bytes:
        async with peer_network() as net:
            _, dialling, _ = await pair(net)
            forge = iter([True, False, False, False])

            def forged(message: HandshakeMessage, source: Address, noise: bytes) -> object:
                from engine.proto.dht.router import server_reply

                return server_reply(message, source, bytes(len(noise)) if next(forge) else noise)

            monkeypatch.setattr("engine.net.dht.server.server_reply", forged)
            return await exchange(await dialling.connect(SERVER_KEYS.public_key, CLIENT_KEYS), b"hello")

    assert run_virtual(main(), limit_s=100) == GREETING + b"hello"


def test_forged_handshakes_are_counted_and_cost_nothing() -> None:
    async def main() -> tuple[int, int, bytes]:
        async with peer_network() as net:
            listener, dialling, _ = await pair(net)
            serving = net.peers[-2]
            junk = random.Random(3)
            for _ in range(300):
                value = HandshakeMessage(Mode.FROM_CLIENT, junk.randbytes(120)).encode()
                with pytest.raises(RequestTimeout):
                    await dialling.node.request(
                        listener.relay_addresses[0], Command.PEER_HANDSHAKE, target=TARGET, value=value, retries=0
                    )
            forged = serving.node.drops["handshake_forged"]
            pending = listener.pending_count
            return forged, pending, await exchange(await dialling.connect(SERVER_KEYS.public_key, CLIENT_KEYS), b"x")

    assert run_virtual(main(), limit_s=1000) == (300, 0, GREETING + b"x")


def test_half_open_handshakes_are_capped_and_freed_and_honest_clients_still_connect(
    request: pytest.FixtureRequest,
) -> None:
    async def main() -> tuple[int, int, int, int, int, bytes]:
        async with peer_network() as net:
            listener, dialling, _ = await pair(net)
            serving = net.peers[-2]
            await asyncio.sleep(30)
            sockets, streams = len(serving._context.sockets), serving.node.udx.stream_count
            entropy = random.Random(4)

            async def shake() -> None:
                keys = KeyPair.generate(entropy.randbytes)
                noise = HandshakeIK(True, keys, SERVER_KEYS.public_key, NS_PEER_HANDSHAKE, entropy.randbytes)
                payload = NoisePayload(udx=UdxInfo(7), secret_stream=SecretStreamInfo())
                value = HandshakeMessage(Mode.FROM_CLIENT, noise.send(encode_noise_payload(payload))).encode()
                relay = listener.relay_addresses[0]
                await dialling.node.request(relay, Command.PEER_HANDSHAKE, target=TARGET, value=value)

            await asyncio.gather(*(shake() for _ in range(MAX_PENDING + 44)))
            most = listener.pending_count
            received = await exchange(await dialling.connect(SERVER_KEYS.public_key, CLIENT_KEYS), b"x")
            evicted = serving.node.drops["handshake_evicted"]
            await asyncio.sleep(10)
            freed = listener.pending_count
            await asyncio.sleep(20)
            sockets = len(serving._context.sockets) - sockets
            streams = serving.node.udx.stream_count - streams
            return most, evicted, freed, sockets, streams, received

    assert run_virtual(main(), limit_s=1000) == (MAX_PENDING, 45, 0, 0, 0, GREETING + b"x")
    record_reliability(
        request,
        "11c. half-open handshakes",
        f"{MAX_PENDING + 44} opened: at most {MAX_PENDING} kept, freed after 10 s, an honest client still connects",
    )


def test_copies_of_a_message_get_the_same_answer() -> None:
    async def main() -> tuple[set[bytes], int]:
        async with peer_network() as net:
            listener, dialling, _ = await pair(net)
            noise = HandshakeIK(
                True, CLIENT_KEYS, SERVER_KEYS.public_key, NS_PEER_HANDSHAKE, random.Random(5).randbytes
            )
            payload = NoisePayload(udx=UdxInfo(7), secret_stream=SecretStreamInfo())
            value = HandshakeMessage(Mode.FROM_CLIENT, noise.send(encode_noise_payload(payload))).encode()
            replies = await asyncio.gather(
                *(
                    dialling.node.request(relay, Command.PEER_HANDSHAKE, target=TARGET, value=value)
                    for relay in listener.relay_addresses
                    for _ in range(3)
                )
            )
            assert len(replies) > MAX_WAITING
            return {HandshakeMessage.decode(reply.value or b"").noise for reply in replies}, listener.pending_count

    answers, pending = run_virtual(main(), limit_s=100)
    assert len(answers) == 1
    assert pending == 1


def test_holepunch_messages_out_of_place_are_counted() -> None:
    async def main() -> tuple[int, int]:
        async with peer_network() as net:
            listener, dialling, _ = await pair(net)
            serving = net.peers[-2]
            noise = HandshakeIK(
                True, CLIENT_KEYS, SERVER_KEYS.public_key, NS_PEER_HANDSHAKE, random.Random(5).randbytes
            )
            payload = NoisePayload(udx=UdxInfo(7), secret_stream=SecretStreamInfo())
            value = HandshakeMessage(Mode.FROM_CLIENT, noise.send(encode_noise_payload(payload))).encode()
            relay = listener.relay_addresses[0]
            await dialling.node.request(relay, Command.PEER_HANDSHAKE, target=TARGET, value=value)
            for slot in (0, 5):
                message = HolepunchMessage(Mode.FROM_CLIENT, slot, b"junk" * 20)
                with pytest.raises(RequestTimeout):
                    await dialling.node.request(
                        relay, Command.PEER_HOLEPUNCH, target=TARGET, value=message.encode(), retries=0
                    )
            return serving.node.drops["holepunch_forged"], serving.node.drops["holepunch_without_handshake"]

    assert run_virtual(main(), limit_s=100) == (1, 1)


def test_one_server_per_key() -> None:
    async def main() -> None:
        async with peer_network() as net:
            await pair(net)
            with pytest.raises(LocalProtocolError, match="KEYPAIR_ALREADY_USED"):
                await net.peers[-2].create_server(SERVER_KEYS, Echo()).listen()

    run_virtual(main(), limit_s=100)


def test_a_cancelled_dial_leaves_nothing_behind() -> None:
    async def main() -> tuple[int, int]:
        async with peer_network() as net:
            _, dialling, _ = await pair(net)
            for delay in (0.01, 0.03, 0.05, 0.09, 0.13, 0.17):
                dial = asyncio.ensure_future(dialling.connect(SERVER_KEYS.public_key, CLIENT_KEYS))  # noqa: TID251
                await asyncio.sleep(delay)
                dial.cancel()
                with pytest.raises(asyncio.CancelledError):
                    await dial
            await asyncio.sleep(60)
            return dialling.node.udx.stream_count, len(dialling._context.sockets)

    assert run_virtual(main(), limit_s=200) == (0, 0)


def test_destroying_the_node_ends_its_dials() -> None:
    async def main() -> tuple[str, str]:
        async with peer_network() as net:
            _, dialling, _ = await pair(net, "random", "random")
            dial = asyncio.ensure_future(reason_of(dialling))  # noqa: TID251
            await asyncio.sleep(0.2)
            await dialling.destroy()
            return (await dial)[0], (await reason_of(dialling))[0]

    assert run_virtual(main(), limit_s=100) == ("REQUEST_DESTROYED", "REQUEST_DESTROYED")


def test_connections_come_and_go_without_a_trace() -> None:
    async def main() -> tuple[int, int, int, int]:
        async with peer_network() as net:
            listener, dialling, _ = await pair(net)
            serving = net.peers[-2]
            for _ in range(10):
                await exchange(await dialling.connect(SERVER_KEYS.public_key, CLIENT_KEYS), b"hello")
            await asyncio.sleep(60)
            return (
                serving.node.udx.stream_count + dialling.node.udx.stream_count,
                len(serving._context.sockets) + len(dialling._context.sockets),
                listener.pending_count,
                len(listener._table),
            )

    assert run_virtual(main(), limit_s=300) == (0, 0, 0, 0)


def test_local_connections_can_be_turned_off() -> None:
    async def main() -> str:
        async with peer_network() as net:
            options = ConnectOptions(local_connection=False, holepunch=False)
            serving = await net.peer(net.place("consistent", 1), options)
            dialling = await net.peer(net.place("consistent", 2), options)
            await serving.create_server(SERVER_KEYS, Echo()).listen()
            return (await dialling.connect(SERVER_KEYS.public_key, CLIENT_KEYS)).route

    assert run_virtual(main(), limit_s=100) == "open"
