"""A server stays reachable: announces, pings, renewals and goodbyes, in virtual time."""

from __future__ import annotations

import asyncio

from engine.crypto.hashes import blake2b
from engine.net.dht.announcer import PING_INTERVAL_S, PINGS_PER_ROUND
from engine.net.dht.config import DhtConfig
from engine.proto.dht.commands import Command
from engine.wire.compact import Address
from tests.harness.peer_network import CLIENT_KEYS, GREETING, SERVER_KEYS, Echo, Network, exchange, peer_network
from tests.harness.virtual_loop import run_virtual

TARGET = blake2b(SERVER_KEYS.public_key)


def holders(net: Network) -> list[Address]:
    """Nodes that relay to the server."""
    found = []
    for dht in net.peers:
        forward = dht.node.forwards.get(TARGET)
        if forward is not None and forward.relay_address is not None:
            found.append(dht.node.server_socket.local_address)
    return found


def test_three_nodes_relay_to_a_server_and_forget_it_at_the_end() -> None:
    async def main() -> tuple[int, int, int, int]:
        async with peer_network(nodes=8) as net:
            serving = await net.peer(net.place("consistent", 1))
            server = serving.create_server(SERVER_KEYS, Echo())
            await server.listen()
            announced = len(holders(net))
            state = server.announced
            await server.close()
            await server.close()
            return announced, state.relays, len(server.relay_addresses), len(holders(net))

    assert run_virtual(main(), limit_s=100) == (3, 3, 0, 0)


def test_a_reachable_server_hands_out_its_own_address_first() -> None:
    async def main() -> tuple[Address, Address | None]:
        async with peer_network() as net:
            serving = await net.peer(net.place("open", 1))
            server = serving.create_server(SERVER_KEYS, Echo())
            await server.listen()
            return server.relay_addresses[0], serving.node.remote_address()

    first, own = run_virtual(main(), limit_s=100)
    assert first == own == ("20.0.1.1", 49737)


def test_the_next_round_comes_after_five_minutes_and_pings_keep_the_mapping() -> None:
    async def main() -> tuple[int, int, int, bytes]:
        async with peer_network() as net:
            home = net.fake.nat("20.0.1.1", net.place("consistent", 9).router.kind, idle_s=10)  # type: ignore[union-attr]
            serving = await net.peer(home.host("192.168.1.2"))
            dialling = await net.peer(net.place("consistent", 2))
            server = serving.create_server(SERVER_KEYS, Echo())
            await server.listen()
            await asyncio.sleep(PINGS_PER_ROUND * PING_INTERVAL_S - 5)
            before = server.announced.rounds
            received = await exchange(await dialling.connect(SERVER_KEYS.public_key, CLIENT_KEYS), b"late")
            await asyncio.sleep(40)
            return before, server.announced.rounds, len(holders(net)), received

    assert run_virtual(main(), limit_s=1000) == (1, 2, 3, GREETING + b"late")


def test_a_silent_relay_is_replaced() -> None:
    async def main() -> tuple[int, set[Address], Address, bytes]:
        async with peer_network(nodes=8) as net:
            serving = await net.peer(net.place("consistent", 1))
            dialling = await net.peer(net.place("consistent", 2))
            server = serving.create_server(SERVER_KEYS, Echo())
            await server.listen()
            dead = next(dht for dht in net.peers[1:] if dht.node.remote_address() in server.relay_addresses)
            address = dead.node.remote_address()
            assert address is not None
            net.peers.remove(dead)
            await dead.destroy()
            await asyncio.sleep(60)
            received = await exchange(await dialling.connect(SERVER_KEYS.public_key, CLIENT_KEYS), b"hello")
            return server.announced.rounds, set(server.relay_addresses), address, received

    rounds, relays, dead, received = run_virtual(main(), limit_s=1000)
    assert rounds >= 2
    assert len(relays) == 3
    assert dead not in relays
    assert received == GREETING + b"hello"


def test_nodes_that_were_not_chosen_again_are_told() -> None:
    async def main() -> tuple[int, list[Address]]:
        async with peer_network() as net:
            serving = await net.peer(net.place("consistent", 1))
            server = serving.create_server(SERVER_KEYS, Echo())
            await server.listen()
            for number in range(10, 30):
                config = DhtConfig(bootstrap=(net.bootstrap,), ephemeral=False, firewalled=False)
                await net.node(net.fake.host(f"10.200.0.{number}"), config)
            server.refresh()
            await asyncio.sleep(20)
            relays = {relay.relay_address for relay in server._announcer.relays}
            return server.announced.rounds, [
                dht.node.remote_address() or ("", 0)
                for dht in net.peers
                if dht.node.remote_address() not in relays
                and (forward := dht.node.forwards.get(TARGET)) is not None
                and forward.relay_address is not None
            ]

    rounds, stale = run_virtual(main(), limit_s=1000)
    assert rounds == 2
    assert stale == []


def test_a_server_that_starts_offline_announces_as_soon_as_it_can() -> None:
    async def main() -> tuple[int, int]:
        async with peer_network() as net:
            host = net.place("consistent", 1)
            host.up = False
            serving = type(net.peers[0])(
                host, DhtConfig(bootstrap=(net.bootstrap,)), net.scope, random_bytes=net.random.randbytes
            )
            net.peers.append(serving)
            await serving.start()
            server = serving.create_server(SERVER_KEYS, Echo())
            await server.listen()
            offline = server.announced.relays
            host.up = True
            await asyncio.sleep(120)
            return offline, server.announced.relays

    assert run_virtual(main(), limit_s=1000) == (0, 3)


def test_a_stale_token_is_replaced_once() -> None:
    async def main() -> tuple[int, int]:
        async with peer_network() as net:
            serving = await net.peer(net.place("consistent", 1))
            request = serving.node.request
            announces = 0

            async def stale(to: Address, command: int, **options: object) -> object:
                nonlocal announces
                if command == Command.ANNOUNCE and not options.get("internal"):
                    announces += 1
                    if announces <= 3:
                        options["token"] = bytes(32)
                return await request(to, command, **options)  # type: ignore[arg-type]

            serving.node.request = stale  # type: ignore[assignment]
            server = serving.create_server(SERVER_KEYS, Echo())
            await server.listen()
            return announces, server.announced.relays

    assert run_virtual(main(), limit_s=100) == (6, 3)


def test_a_goodbye_to_dead_nodes_does_not_take_long() -> None:
    async def main() -> float:
        async with peer_network() as net:
            serving = await net.peer(net.place("consistent", 1))
            server = serving.create_server(SERVER_KEYS, Echo())
            await server.listen()
            for number in range(1, 6):
                net.fake.block("20.0.1.1", f"10.200.0.{number}")
            began = asyncio.get_running_loop().time()
            await server.close()
            return asyncio.get_running_loop().time() - began

    assert run_virtual(main(), limit_s=100) <= 5.0


def test_a_network_that_was_gone_and_returned_is_told() -> None:
    async def main() -> tuple[list[float], int]:
        async with peer_network(nodes=4) as net:
            serving = await net.peer(net.place("consistent", 1))
            server = serving.create_server(SERVER_KEYS, Echo())
            returned: list[float] = []
            server.on_return(lambda: returned.append(asyncio.get_running_loop().time()))
            await server.listen()
            await asyncio.sleep(30)
            assert returned == []
            net.fake.loss = 1.0
            await asyncio.sleep(30)
            assert returned == []
            net.fake.loss = 0.0
            await asyncio.sleep(60)
            return returned, len(holders(net))

    returned, relays = run_virtual(main(), limit_s=1000)
    assert len(returned) == 1
    assert relays >= 3
