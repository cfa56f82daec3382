"""DHT nodes in a simulated network: roles, states, requests, wake-ups."""

from __future__ import annotations

import asyncio
from typing import cast

import pytest

from engine.errors import BindFailed, LocalProtocolError, RequestCancelled, RequestTimeout
from engine.net.dht.config import DhtConfig, NodeState
from engine.net.dht.messages import IncomingRequest, Reply
from engine.net.dht.node import DhtNode
from engine.net.dht.testnet import bootstrapper_config
from engine.net.udp import UdpSocket
from engine.proto.dht.commands import Command, ErrorNumber, Internal
from engine.proto.dht.messages import encode_reply
from engine.proto.dht.neighbours import STABLE_TICKS, TICK_S
from engine.proto.dht.peer_id import peer_id
from engine.wire.compact import Address
from tests.harness.dht_network import BOOTSTRAP, dht_network
from tests.harness.fakenet import NatKind
from tests.harness.virtual_loop import VirtualLoop, run_virtual

TOPIC = b"\x07" * 32


def test_a_bootstrap_node_is_online_at_once_and_sends_its_id() -> None:
    async def main() -> None:
        async with dht_network(1) as net:
            node = net.nodes[0]
            assert node.id == peer_id(BOOTSTRAP)
            assert not node.ephemeral
            assert node.remote_address() == BOOTSTRAP
            assert node.state.phase == "online"
            wire = await net.wire()
            reply = await wire.ask(BOOTSTRAP, Internal.PING, internal=True)
            assert reply is not None
            assert reply.id == node.id

    run_virtual(main())


def test_persistent_nodes_know_each_other() -> None:
    async def main() -> None:
        async with dht_network(8) as net:
            addresses = {node.remote_address() for node in net.nodes}
            assert len(addresses) == 8
            for node in net.nodes:
                assert node.id == peer_id(cast("Address", node.remote_address()))
                assert {*node.known_nodes(), node.remote_address()} == addresses
                assert node.storage is not None

    run_virtual(main())


def test_an_ephemeral_node_sends_no_id_and_stores_nothing() -> None:
    async def main() -> None:
        async with dht_network(4) as net:
            node = await net.client(ephemeral=True)
            assert node.id is None
            assert node.storage is None
            assert all(("20.0.0.1", node.port) not in other.known_nodes() for other in net.nodes)
            wire = await net.wire()
            address = ("20.0.0.1", node.server_socket.local_address[1])
            reply = await wire.ask(address, Command.LOOKUP, target=TOPIC)
            assert reply is not None
            assert (reply.id, reply.token, reply.error) == (None, None, ErrorNumber.UNKNOWN_COMMAND)
            assert len(reply.closer_nodes) == 4
            unknown = await wire.ask(address, 77, internal=True)
            assert unknown is not None
            assert unknown.error == ErrorNumber.UNKNOWN_COMMAND

    run_virtual(main())


def test_a_reachable_node_finds_out_and_becomes_persistent_after_twenty_minutes() -> None:
    async def main() -> None:
        async with dht_network(6) as net:
            node = await net.client()
            assert (node.firewalled, node.remote_address()) == (False, ("20.0.0.1", 49737)), "quick firewall test"
            await asyncio.sleep(STABLE_TICKS * TICK_S - 60)
            before = node.id
            await asyncio.sleep(120)
            assert before is None
            assert node.id == peer_id(("20.0.0.1", 49737))
            assert all(("20.0.0.1", 49737) in other.known_nodes() for other in net.nodes[:6])

    run_virtual(main())


@pytest.mark.parametrize("kind", [NatKind.CONSISTENT, NatKind.RANDOM])
def test_a_node_behind_nat_stays_firewalled_and_ephemeral(kind: NatKind) -> None:
    async def main() -> None:
        async with dht_network(6) as net:
            host = net.fake.nat("20.0.0.9", kind).host("192.168.1.2")
            node = await net.start(host, DhtConfig(bootstrap=(BOOTSTRAP,)))
            await asyncio.sleep(2 * STABLE_TICKS * TICK_S)
            assert node.firewalled
            assert node.ephemeral
            assert node.remote_address() is None
            assert node.host == "20.0.0.9"
            assert (node.port == 0) is (kind is NatKind.RANDOM)
            assert node.local_addresses() == [("192.168.1.2", 49737)]

    run_virtual(main())


def test_a_port_forward_counts_as_reachable() -> None:
    async def main() -> None:
        async with dht_network(6) as net:
            host = net.fake.nat("20.0.0.9", NatKind.FULL_CONE, preserve_ports=True).host("192.168.1.2")
            node = await net.start(host, DhtConfig(bootstrap=(BOOTSTRAP,), quick_firewall=False))
            before = node.firewalled
            node.server_socket.send(b"\0", BOOTSTRAP)
            assert await node.check_network_state()
            assert before
            assert node.remote_address() == ("20.0.0.9", 49737)

    run_virtual(main())


def test_an_offline_start_becomes_online_when_the_bootstrap_node_appears() -> None:
    async def main() -> list[NodeState]:
        async with dht_network(0) as net:
            states: list[NodeState] = []
            node = net.create(net.fake.host("20.0.0.1"), DhtConfig(bootstrap=(BOOTSTRAP,)))
            node.on_state.append(states.append)
            assert node.state.phase == "binding"
            await node.start()
            await asyncio.sleep(60)
            offline = node.state
            await net.start(net.fake.host(BOOTSTRAP[0]), bootstrapper_config(*BOOTSTRAP))
            async with asyncio.timeout(12):
                await node.fully_bootstrapped()
            assert offline.last_error == "No bootstrap node answers; trying again."
            assert offline.since == states[1].since
            return states

    states = run_virtual(main())
    assert [state.phase for state in states] == ["bootstrapping", "offline", "online"]
    assert (states[-1].nodes, states[-1].answered, states[-1].last_error) == (1, 1, None)


def test_a_node_that_was_cut_off_comes_back() -> None:
    async def main() -> None:
        async with dht_network(5) as net:
            node = await net.client()
            host = net.fake._public["20.0.0.1"]
            changes: list[float] = []
            node.on_network_change.append(lambda: changes.append(asyncio.get_running_loop().time()))
            host.up = False  # type: ignore[union-attr]
            await asyncio.sleep(180)
            offline = node.state
            assert (offline.phase, offline.nodes) == ("offline", 0)
            assert len(changes) == 1, "the address of the interface vanished"
            host.up = True  # type: ignore[union-attr]
            await asyncio.sleep(15)
            online = node.state
            assert (online.phase, online.nodes) == ("online", 5)
            assert len(changes) == 3

    run_virtual(main())


def test_a_sleep_of_the_machine_is_noticed() -> None:
    async def main() -> None:
        async with dht_network(4) as net:
            node = await net.client()
            assert await node.check_network_state()
            before = node.id
            woken: list[int] = []
            node.on_network_change.append(lambda: woken.append(1))
            await asyncio.sleep(30)
            assert woken == []
            cast("VirtualLoop", asyncio.get_running_loop()).jump(120)
            await asyncio.sleep(TICK_S + 1)
            assert woken == [1]
            assert before is not None
            assert node.id is None
            assert node.state.phase == "online"
            await asyncio.sleep(60)
            assert len(node.known_nodes()) == 4

    run_virtual(main())


def test_requests_time_out_after_four_transmissions() -> None:
    async def main() -> float:
        async with dht_network(2) as net:
            node = await net.client()
            wire = await net.wire()
            loop = asyncio.get_running_loop()
            started = loop.time()
            with pytest.raises(RequestTimeout, match=r"30\.0\.0\.1:3000"):
                await node.ping(wire.address)
            assert len(wire.requests) == 4
            assert len({request.tid for request in wire.requests}) == 1
            with pytest.raises(RequestTimeout):
                await node.ping(wire.address, retries=0)
            assert len(wire.requests) == 5
            return loop.time() - started

    assert run_virtual(main()) == pytest.approx(5.0)


def test_a_cancelled_wait_cancels_the_request() -> None:
    async def main() -> None:
        async with dht_network(2) as net:
            node = await net.client()
            wire = await net.wire()
            with pytest.raises(TimeoutError):
                async with asyncio.timeout(1.5):
                    await node.ping(wire.address)
            await asyncio.sleep(5)
            assert len(wire.requests) == 2
            assert node.stats()["in_flight"] == 0

    run_virtual(main())


def test_replies_from_elsewhere_are_not_believed() -> None:
    async def main() -> None:
        async with dht_network(2) as net:
            node = await net.client()
            wire, liar = await net.wire(), await net.wire("30.0.0.2")
            task = net.scope.spawn("ping", node.ping(wire.address, retries=0))
            await asyncio.sleep(0.1)
            request = wire.requests[0]
            client = ("20.0.0.1", node.socket.local_address[1])
            liar.socket.send(encode_reply(request.tid, client), client)
            await asyncio.sleep(0.1)
            assert node.drops["unexpected_reply"] == 1
            assert not task.done()
            wire.socket.send(encode_reply(request.tid, client, id=b"\x01" * 32), client)
            reply = await task
            assert reply.source == wire.address
            assert reply.id is None, "the id is not the hash of the address"
            assert reply.rtt_s == pytest.approx(0.22)

    run_virtual(main())


def test_destroying_a_node_ends_everything() -> None:
    async def main() -> None:
        async with dht_network(2) as net:
            node = await net.client()
            waiting = net.scope.spawn("ping", _ignore_cancel(node))
            query = node.query(TOPIC, Command.LOOKUP)
            await asyncio.sleep(0)
            await node.destroy()
            await node.destroy()
            assert await waiting == "cancelled"
            await query.finished()
            with pytest.raises(RequestCancelled):
                await node.ping(BOOTSTRAP)
            with pytest.raises(LocalProtocolError):
                node.query(TOPIC, Command.LOOKUP)
            host = net.fake._public["20.0.0.1"]
            assert host.sockets == {}  # type: ignore[union-attr]

    run_virtual(main())


async def _ignore_cancel(node: DhtNode) -> str:
    try:
        await node.ping(("40.0.0.1", 1))
    except RequestCancelled:
        return "cancelled"
    return "answered"


def test_ports_are_tried_in_order() -> None:
    async def main() -> None:
        async with dht_network(1) as net:
            host = net.fake.host("20.0.0.1")
            config = DhtConfig(bootstrap=(BOOTSTRAP,))
            ports = [(await net.start(host, config)).server_socket.local_address[1] for _ in range(6)]
            assert ports[:5] == [49737, 49738, 49739, 49740, 49741]
            assert ports[5] not in range(49737, 49742)
            with pytest.raises(BindFailed):
                await net.create(host, DhtConfig((), port=49737, any_port=False)).start()

    run_virtual(main())


def test_registered_handlers_serve_on_every_node() -> None:
    async def main() -> None:
        async with dht_network(2) as net:
            node = await net.client()
            seen: list[IncomingRequest] = []

            def handler(request: IncomingRequest) -> None:
                seen.append(request)
                request.reply(b"handled", token=False, closer_nodes=False)

            node.set_handler(Command.PEER_HANDSHAKE, handler)
            wire = await net.wire()
            address = ("20.0.0.1", node.server_socket.local_address[1])
            reply = await wire.ask(address, Command.PEER_HANDSHAKE, target=TOPIC, value=b"noise")
            assert reply is not None
            assert reply.value == b"handled"
            assert (seen[0].source, seen[0].to, seen[0].value) == (wire.address, address, b"noise")
            assert seen[0].socket is node.server_socket

    run_virtual(main())


def test_forwarding_and_bare_answers() -> None:
    async def main() -> None:
        async with dht_network(2) as net:
            relay = net.nodes[1]
            server, client = await net.wire("30.0.0.5"), await net.wire("30.0.0.6")

            def handler(request: IncomingRequest) -> None:
                if request.source == client.address:
                    relay.forward(server.address, request, value=b"onwards")
                else:
                    relay.answer(request.tid, client.address, value=b"back", socket=request.socket)

            relay.set_handler(Command.PEER_HANDSHAKE, handler)
            address = cast("Address", relay.remote_address())
            assert await client.ask(address, Command.PEER_HANDSHAKE, target=TOPIC, value=b"hello") is None
            (onwards,) = server.requests
            assert (onwards.tid, onwards.command, onwards.target) == (1, Command.PEER_HANDSHAKE, TOPIC)
            assert (onwards.value, onwards.id, onwards.token) == (b"onwards", relay.id, None)
            assert await server.ask(address, Command.PEER_HANDSHAKE, target=TOPIC, value=b"reply") is None
            (back,) = client.replies
            assert (back.tid, back.value, back.id, back.to) == (1, b"back", relay.id, client.address)

    run_virtual(main())


def test_pool_sockets_carry_requests_and_probes() -> None:
    async def main() -> None:
        async with dht_network(2) as net:
            node = await net.client()
            probes: list[tuple[UdpSocket, Address]] = []
            node.on_socket_probe = lambda socket, source: probes.append((socket, source))
            socket = await node.open_pool_socket()
            reply: Reply = await node.ping(BOOTSTRAP, socket=socket)
            assert reply.socket is socket
            assert reply.to == ("20.0.0.1", socket.local_address[1])
            wire = await net.wire()
            wire.socket.send(b"\0", reply.to)
            await asyncio.sleep(1)
            assert probes == [(socket, wire.address)]
            socket.close()

    run_virtual(main())


def test_remembered_nodes_replace_bootstrap_nodes() -> None:
    async def main() -> None:
        async with dht_network(6) as net:
            remembered = [cast("Address", node.remote_address()) for node in net.nodes[3:]]
            net.fake.block("20.0.0.1", BOOTSTRAP[0])
            node = net.create(net.fake.host("20.0.0.1"), DhtConfig(bootstrap=(BOOTSTRAP,)))
            node.add_nodes(remembered)
            await node.start()
            await node.fully_bootstrapped()
            assert set(remembered) <= set(node.known_nodes())
            assert node.state.answered >= 3

    run_virtual(main())


def test_lost_packets_do_not_keep_a_node_out() -> None:
    async def main() -> None:
        async with dht_network(10, loss=0.2, jitter_s=0.02, duplicate=0.05, seed=3) as net:
            node = await net.client()
            assert node.state.phase == "online"
            assert len(node.known_nodes()) >= 8

    run_virtual(main())


def test_a_forced_persistent_node_that_knew_nobody_gets_there_later() -> None:
    """The first node of a JavaScript test network does not know its own address."""

    async def main() -> None:
        async with dht_network(0) as net:
            config = DhtConfig((), host="0.0.0.0", port=49737, ephemeral=False, firewalled=False)
            first = await net.start(net.fake.host(BOOTSTRAP[0]), config)
            before = first.id
            await net.persistent("10.0.0.2")
            await asyncio.sleep(2 * TICK_S)
            assert before is None
            assert first.id == peer_id(BOOTSTRAP)

    run_virtual(main())


def test_a_failed_client_socket_closes_the_server_socket() -> None:
    async def main() -> None:
        async with dht_network(0) as net:
            host = net.fake.host("20.0.0.1")
            node = net.create(host, DhtConfig((), port=5000))
            original = host.bind

            async def bind(address: str, port: int, receive: object) -> object:
                if port == 0:
                    raise BindFailed("no port left")
                return await original(address, port, receive)  # type: ignore[arg-type]

            host.bind = bind  # type: ignore[method-assign, assignment]
            with pytest.raises(BindFailed):
                await node.start()
            assert host.sockets == {}

    run_virtual(main())
