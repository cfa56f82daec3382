"""Two peers behind every pair of NATs, in virtual time.

Five public persistent nodes make the DHT. Each peer sits behind its own NAT box, or has a public address.
"""

from __future__ import annotations

import asyncio

import pytest

from engine.errors import PeerUnreachable
from engine.net.dht.context import ConnectOptions
from engine.net.dht.handover import Handover
from tests.harness.fakenet import FakeNat, NatKind
from tests.harness.peer_network import CLIENT_KEYS, GREETING, SERVER_KEYS, Echo, exchange, peer_network
from tests.harness.virtual_loop import run_virtual

PAIRS = {
    ("open", "open"): "passive",
    ("consistent", "open"): "open",
    ("random", "open"): "open",
    ("open", "consistent"): "passive",
    ("open", "random"): "passive",
    ("consistent", "consistent"): "holepunch",
    ("consistent", "random"): "holepunch",
    ("random", "consistent"): "holepunch",
}


@pytest.mark.parametrize("fast_open", [True, False])
@pytest.mark.parametrize(("client", "server"), PAIRS)
def test_pair_connects(client: str, server: str, fast_open: bool) -> None:
    async def main() -> tuple[Handover, list[str], bytes, float]:
        async with peer_network() as net:
            options = ConnectOptions(fast_open=fast_open)
            serving = await net.peer(net.place(server, 1), options)
            dialling = await net.peer(net.place(client, 2), options)
            echo = Echo()
            await serving.create_server(SERVER_KEYS, echo).listen()
            began = asyncio.get_running_loop().time()
            handover = await dialling.connect(SERVER_KEYS.public_key, CLIENT_KEYS)
            took = asyncio.get_running_loop().time() - began
            return handover, echo.routes, await exchange(handover, b"hello"), took

    handover, routes, received, took = run_virtual(main(), limit_s=600)
    assert handover.route == PAIRS[client, server]
    assert len(routes) == 1
    assert received == GREETING + b"hello"
    assert took < (40 if "random" in (client, server) else 3)


def test_two_random_nats_are_hopeless() -> None:
    async def main() -> str:
        async with peer_network() as net:
            serving = await net.peer(net.place("random", 1))
            dialling = await net.peer(net.place("random", 2))
            await serving.create_server(SERVER_KEYS, Echo()).listen()
            with pytest.raises(PeerUnreachable) as failure:
                await dialling.connect(SERVER_KEYS.public_key, CLIENT_KEYS)
            return failure.value.reason

    assert run_virtual(main(), limit_s=600) == "HOLEPUNCH_DOUBLE_RANDOMIZED_NATS"


@pytest.mark.parametrize("loss", [0.05, 0.15])
def test_a_lossy_network_only_takes_longer(loss: float) -> None:
    async def main() -> bytes:
        async with peer_network(seed=7) as net:
            serving = await net.peer(net.place("consistent", 1))
            dialling = await net.peer(net.place("consistent", 2))
            await serving.create_server(SERVER_KEYS, Echo()).listen()
            net.fake.loss, net.fake.duplicate, net.fake.jitter_s = loss, 0.05, 0.03
            handover = await dialling.connect(SERVER_KEYS.public_key, CLIENT_KEYS)
            received = await exchange(handover, b"hello")
            net.fake.loss = 0.0
            return received

    assert run_virtual(main(), limit_s=600) == GREETING + b"hello"


def test_random_schedules_keep_their_distance() -> None:
    async def main() -> tuple[str, str, str]:
        async with peer_network() as net:
            serving = await net.peer(net.place("random", 1))
            first = await net.peer(net.place("consistent", 2))
            second = await net.peer(net.place("consistent", 3))
            await serving.create_server(SERVER_KEYS, Echo()).listen()
            await exchange(await first.connect(SERVER_KEYS.public_key, CLIENT_KEYS), b"hello")
            reasons = []
            for dialling in (first, second):
                with pytest.raises(PeerUnreachable) as failure:
                    await dialling.connect(SERVER_KEYS.public_key, CLIENT_KEYS)
                reasons.append(failure.value.reason)
            await asyncio.sleep(20)
            handover = await second.connect(SERVER_KEYS.public_key, CLIENT_KEYS)
            await exchange(handover, b"hello")
            return reasons[0], reasons[1], handover.route

    own_limit, try_later, route = run_virtual(main(), limit_s=600)
    assert (own_limit, try_later, route) == ("HOLEPUNCH_ABORTED", "REMOTE_ABORTED", "holepunch")


def test_too_few_nodes_to_know_the_own_nat() -> None:
    async def main() -> str:
        async with peer_network(nodes=2) as net:
            serving = await net.peer(net.place("consistent", 1))
            dialling = await net.peer(net.place("consistent", 2))
            await serving.create_server(SERVER_KEYS, Echo()).listen()
            with pytest.raises(PeerUnreachable) as failure:
                await dialling.connect(SERVER_KEYS.public_key, CLIENT_KEYS)
            return failure.value.reason

    assert run_virtual(main(), limit_s=600) in ("HOLEPUNCH_PROBE_TIMEOUT", "REMOTE_ABORTED")


def test_peers_of_one_home_meet_in_the_local_network() -> None:
    async def main() -> tuple[str, str, bytes]:
        async with peer_network() as net:
            home = net.fake.nat("20.0.1.1", NatKind.CONSISTENT)
            serving = await net.peer(home.host("192.168.1.2"))
            dialling = await net.peer(home.host("192.168.1.3"))
            echo = Echo()
            await serving.create_server(SERVER_KEYS, echo).listen()
            handover = await dialling.connect(SERVER_KEYS.public_key, CLIENT_KEYS)
            assert handover.udx.remote_address == ("192.168.1.2", serving.node.server_socket.local_address[1])
            received = await exchange(handover, b"hello")
            return handover.route, echo.routes[0], received

    assert run_virtual(main(), limit_s=600) == ("lan", "passive", GREETING + b"hello")


def test_a_blocked_local_network_is_punched_around() -> None:
    async def main() -> tuple[str, bytes]:
        async with peer_network() as net:
            home = net.fake.nat("20.0.1.1", NatKind.CONSISTENT, hairpin=True)
            isolate(home)
            serving = await net.peer(home.host("192.168.1.2"))
            dialling = await net.peer(home.host("192.168.1.3"))
            await serving.create_server(SERVER_KEYS, Echo()).listen()
            handover = await dialling.connect(SERVER_KEYS.public_key, CLIENT_KEYS)
            return handover.route, await exchange(handover, b"hello")

    assert run_virtual(main(), limit_s=600) == ("holepunch", GREETING + b"hello")


def test_a_local_network_without_any_way() -> None:
    async def main() -> tuple[str, float]:
        async with peer_network() as net:
            home = net.fake.nat("20.0.1.1", NatKind.CONSISTENT)
            isolate(home)
            serving = await net.peer(home.host("192.168.1.2"))
            dialling = await net.peer(home.host("192.168.1.3"))
            await serving.create_server(SERVER_KEYS, Echo()).listen()
            began = asyncio.get_running_loop().time()
            with pytest.raises(PeerUnreachable) as failure:
                await dialling.connect(SERVER_KEYS.public_key, CLIENT_KEYS)
            return failure.value.reason, asyncio.get_running_loop().time() - began

    reason, took = run_virtual(main(), limit_s=600)
    assert reason == "HOLEPUNCH_ABORTED"
    assert took < 20


def test_a_server_that_cannot_come_to_a_reachable_client() -> None:
    async def main() -> tuple[str, float]:
        async with peer_network() as net:
            serving = await net.peer(net.place("consistent", 1))
            dialling = await net.peer(net.place("open", 2))
            await serving.create_server(SERVER_KEYS, Echo()).listen()
            net.fake.block("20.0.1.1", "20.0.2.1")
            began = asyncio.get_running_loop().time()
            with pytest.raises(PeerUnreachable) as failure:
                await dialling.connect(SERVER_KEYS.public_key, CLIENT_KEYS)
            return failure.value.reason, asyncio.get_running_loop().time() - began

    reason, took = run_virtual(main(), limit_s=600)
    assert reason == "HOLEPUNCH_ABORTED"
    assert 10 <= took < 11


def test_a_path_that_does_not_open_ends_with_the_schedule() -> None:
    async def main() -> tuple[str, float]:
        async with peer_network() as net:
            serving = await net.peer(net.place("consistent", 1))
            dialling = await net.peer(net.place("consistent", 2))
            server = serving.create_server(SERVER_KEYS, Echo())
            await server.listen()
            net.fake.block("20.0.1.1", "20.0.2.1")
            began = asyncio.get_running_loop().time()
            with pytest.raises(PeerUnreachable) as failure:
                await dialling.connect(SERVER_KEYS.public_key, CLIENT_KEYS)
            took = asyncio.get_running_loop().time() - began
            await asyncio.sleep(30)
            assert server.pending_count == 0
            assert len(serving._context.sockets) == len(dialling._context.sockets) == 0
            return failure.value.reason, took

    reason, took = run_virtual(main(), limit_s=600)
    assert reason == "HOLEPUNCH_ABORTED"
    assert 10 <= took < 12


def isolate(box: FakeNat) -> None:
    """Hosts of the network cannot reach each other directly, as on guest networks and behind carriers."""
    send = box.send

    def only_outwards(data: bytes, inside: tuple[str, int], to: tuple[str, int], ttl: int) -> None:
        if to[0] not in box.hosts or to[0] == inside[0]:
            send(data, inside, to, ttl)

    box.send = only_outwards  # type: ignore[method-assign]
