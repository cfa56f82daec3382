"""Pings, down hints and refreshes of a running node."""

from __future__ import annotations

import asyncio
from typing import cast

from engine.net.dht.maintenance import MAX_DOWN_HINTS_PER_TICK, time_since_boot
from engine.proto.dht.commands import Command, Internal
from engine.proto.dht.messages import encode_request
from engine.proto.dht.neighbours import TICK_S
from engine.proto.dht.peer_id import peer_id
from engine.wire.compact import Address
from tests.harness.dht_network import dht_network
from tests.harness.virtual_loop import run_virtual

TOPIC = b"\x07" * 32


def test_dead_nodes_leave_the_table_within_minutes() -> None:
    async def main() -> None:
        async with dht_network(10) as net:
            node = await net.client()
            dead = net.nodes[4]
            address = cast("Address", dead.remote_address())
            await dead.destroy()
            assert address in node.known_nodes()
            await asyncio.sleep(240)
            for other in (*net.nodes[:4], *net.nodes[5:]):
                assert address not in other.known_nodes()
                assert len(other.known_nodes()) >= 8

    run_virtual(main())


def test_whoever_names_a_dead_node_is_told() -> None:
    async def main() -> None:
        async with dht_network(4) as net:
            dead = cast("Address", net.nodes[3].remote_address())
            await net.nodes[3].destroy()
            node = await net.client(quick_firewall=False)
            await asyncio.sleep(15)
            assert all(dead not in other.known_nodes() for other in net.nodes[:3])
            assert dead not in node.known_nodes()

    run_virtual(main())


def test_down_hints_are_limited_per_tick() -> None:
    async def main() -> None:
        async with dht_network(1) as net:
            node = net.nodes[0]
            wire = await net.wire()
            for port in range(1, 100):
                node._maintenance.send_down_hint(wire.address, ("40.0.0.1", port))
            await asyncio.sleep(0.5)
            hints = [request for request in wire.requests if request.command == Internal.DOWN_HINT]
            assert len(hints) == MAX_DOWN_HINTS_PER_TICK
            await asyncio.sleep(TICK_S)
            node._maintenance.send_down_hint(wire.address, ("40.0.0.1", 100))
            assert node._maintenance._down_hints == 1

    run_virtual(main())


def test_a_down_hint_makes_a_node_check_and_forget() -> None:
    async def main() -> None:
        async with dht_network(3) as net:
            target, victim = net.nodes[0], net.nodes[2]
            address = cast("Address", victim.remote_address())
            wire = await net.wire()
            value = bytes([10, 0, 0, 3]) + address[1].to_bytes(2, "little")
            to = cast("Address", target.remote_address())
            assert await wire.ask(to, Internal.DOWN_HINT, internal=True, value=value) is not None
            assert address in target.known_nodes(), "it answered the ping"
            await victim.destroy()
            await asyncio.sleep(TICK_S)
            assert await wire.ask(to, Internal.DOWN_HINT, internal=True, value=value) is not None
            await asyncio.sleep(10)
            assert address not in target.known_nodes()

    run_virtual(main())


def test_a_node_that_stops_sending_its_id_is_dropped() -> None:
    async def main() -> None:
        async with dht_network(4) as net:
            quiet = net.nodes[3]
            address = cast("Address", quiet.remote_address())
            quiet._reachability.become_ephemeral()
            quiet.config = type(quiet.config)((), ephemeral=True)
            await asyncio.sleep(300)
            assert all(address not in node.known_nodes() for node in net.nodes[:3])

    run_virtual(main())


def test_idle_nodes_stay_in_touch_for_hours() -> None:
    async def main() -> None:
        async with dht_network(6) as net:
            client = await net.client(ephemeral=True)
            await asyncio.sleep(3 * 3600)
            assert len(client.known_nodes()) == 6
            assert all(len(node.known_nodes()) == 5 for node in net.nodes[:6])
            assert client.state.phase == "online"
            assert client.stats()["timeouts"] == 0

    run_virtual(main())


def test_old_records_expire_on_a_running_node() -> None:
    async def main() -> None:
        async with dht_network(3) as net:
            node = net.nodes[0]
            assert node.storage is not None
            node.storage.records.add(TOPIC, bytes(32), b"record")
            node.forwards.announce(TOPIC, ("1.2.3.4", 5), b"record")
            await asyncio.sleep(10 * 60)
            assert node.stats()["records"] == node.stats()["forwards"] == 1
            await asyncio.sleep(20 * 60)
            assert node.stats()["records"] == node.stats()["forwards"] == 0

    run_virtual(main())


def test_the_clock_for_sleep_detection_moves() -> None:
    assert time_since_boot() <= time_since_boot()


def test_full_rows_are_cleaned_up_on_demand() -> None:
    """A newcomer replaces a dead node of its full row."""

    async def main() -> None:
        async with dht_network(1) as net:
            node = net.nodes[0]
            own = node.table.id
            far = [("50.0.0.1", port) for port in range(1, 200) if (peer_id(("50.0.0.1", port))[0] ^ own[0]) & 0x80]
            node.add_nodes(far[:20])
            await asyncio.sleep(2 * TICK_S)
            host = net.fake.host("50.0.0.2")
            port = next(p for p in range(1, 200) if (peer_id(("50.0.0.2", p))[0] ^ own[0]) & 0x80)
            socket = await host.bind("0.0.0.0", port, lambda socket, datagrams: None)
            to = cast("Address", node.remote_address())
            newcomer = ("50.0.0.2", port)
            packet = encode_request(1, to, Command.FIND_PEER, id=peer_id(newcomer), target=TOPIC)
            socket.send(packet, to)
            await asyncio.sleep(5)
            assert newcomer in node.known_nodes()
            assert len(node.table.row(0)) == 20

    run_virtual(main())
