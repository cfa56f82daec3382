"""The firewall check and becoming persistent, with scripted nodes."""

from __future__ import annotations

import asyncio

import pytest

from engine.net.dht.config import DhtConfig
from engine.net.dht.messages import IncomingRequest
from engine.proto.dht.commands import Internal
from tests.harness.dht_network import BOOTSTRAP, DhtNetwork, dht_network
from tests.harness.fakenet import FakeNet, NatKind
from tests.harness.virtual_loop import run_virtual


def silence_ping_nat(net: DhtNetwork, count: int) -> None:
    """Let the first nodes ignore PING_NAT."""
    for node in net.nodes[:count]:
        commands = node._dispatcher._internal
        commands._handlers[Internal.PING_NAT] = lambda request: None


@pytest.mark.parametrize(("nodes", "silent", "reachable"), [(5, 2, True), (5, 3, False), (3, 2, True), (3, 3, False)])
def test_three_of_five_answers_are_needed(nodes: int, silent: int, reachable: bool) -> None:
    async def main() -> None:
        async with dht_network(nodes) as net:
            silence_ping_nat(net, silent)
            node = await net.client(quick_firewall=False)
            assert await node.check_network_state() is reachable
            assert node.firewalled is not reachable

    run_virtual(main())


def test_an_answer_on_the_client_socket_proves_nothing() -> None:
    async def main() -> None:
        async with dht_network(3) as net:

            def answer_to_source(request: IncomingRequest) -> None:
                request.reply(token=False, closer_nodes=False)

            for other in net.nodes:
                other._dispatcher._internal._handlers[Internal.PING_NAT] = answer_to_source
            node = await net.client()
            assert not await node.check_network_state()
            assert node.firewalled

    run_virtual(main())


def test_a_mapped_port_is_not_claimed() -> None:
    """Reachable behind a full cone NAT, but under another port than the local one."""

    async def main() -> None:
        async with dht_network(5) as net:
            host = net.fake.nat("20.0.0.9", NatKind.FULL_CONE).host("192.168.0.2")
            node = await net.start(host, DhtConfig((BOOTSTRAP,), quick_firewall=False))
            node.server_socket.send(b"\0", BOOTSTRAP)
            assert not await node.check_network_state()
            assert node.remote_address() is None

    run_virtual(main())


def test_nothing_is_checked_without_a_consistent_address_or_nodes() -> None:
    async def main() -> None:
        async with dht_network(0) as net:
            alone = await net.start(FakeNet().host("20.0.0.1"), DhtConfig(()))
            assert not await alone.check_network_state()

    run_virtual(main())


def test_an_ephemeral_node_only_checks_its_firewall() -> None:
    async def main() -> None:
        async with dht_network(5) as net:
            node = await net.client(ephemeral=True, quick_firewall=False)
            assert await node.check_network_state()
            assert not await node.check_network_state(), "nothing left to improve"
            assert (node.firewalled, node.ephemeral) == (False, True)
            assert node.socket is node.server_socket

    run_virtual(main())


def test_an_address_that_changes_during_the_check_is_not_claimed() -> None:
    async def main() -> None:
        async with dht_network(5) as net:
            node = await net.client(quick_firewall=False)
            check = net.scope.spawn("check", node.check_network_state())
            await asyncio.sleep(0)
            for port in range(1, 17):
                node._neighbours.nat.add("9.9.9.9", port)
            assert not await check
            assert node.ephemeral

    run_virtual(main())
