"""The simulated network behaves like the NAT boxes it stands for."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from engine.errors import BindFailed
from tests.harness.fakenet import FakeNet, FakeSocket, NatKind
from tests.harness.virtual_loop import START_S, run_virtual

Datagrams = list[tuple[bytes, tuple[str, int]]]


def collect(into: Datagrams) -> Any:
    return lambda socket, datagrams: into.extend(datagrams)


def test_time_is_virtual() -> None:
    async def main() -> float:
        await asyncio.sleep(3600)
        return asyncio.get_running_loop().time()

    assert run_virtual(main()) == pytest.approx(START_S + 3600)


def test_a_simulation_that_waits_for_nothing_is_an_error() -> None:
    async def main() -> None:
        await asyncio.get_running_loop().create_future()

    with pytest.raises(TimeoutError):
        run_virtual(main(), limit_s=100)


def test_public_hosts_reach_each_other_after_the_latency() -> None:
    async def main() -> tuple[Datagrams, Datagrams]:
        net = FakeNet(latency_s=0.5)
        got: Datagrams = []
        a = await net.host("1.0.0.1").bind("0.0.0.0", 5000, collect([]))
        await net.host("1.0.0.2").bind("0.0.0.0", 6000, collect(got))
        a.send(b"x", ("1.0.0.2", 6000))
        await asyncio.sleep(0.49)
        early = list(got)
        await asyncio.sleep(0.02)
        return early, got

    assert run_virtual(main()) == ([], [(b"x", ("1.0.0.1", 5000))])


def test_a_port_is_bound_once() -> None:
    async def main() -> None:
        host = FakeNet().host("1.0.0.1")
        first = await host.bind("0.0.0.0", 5000, collect([]))
        with pytest.raises(BindFailed):
            await host.bind("0.0.0.0", 5000, collect([]))
        first.close()
        await host.bind("0.0.0.0", 5000, collect([]))

    run_virtual(main())


@pytest.mark.parametrize(
    ("kind", "answer_from_host", "stranger", "same_port"),
    [
        (NatKind.FULL_CONE, True, True, True),
        (NatKind.CONSISTENT, True, False, True),
        (NatKind.RANDOM, False, False, False),
    ],
)
def test_nat_kinds(kind: NatKind, answer_from_host: bool, stranger: bool, same_port: bool) -> None:
    async def main() -> tuple[list[bytes], list[int]]:
        net = FakeNet()
        inside: Datagrams = []
        seen: Datagrams = []
        home = await net.nat("9.9.9.9", kind).host("192.168.0.2").bind("0.0.0.0", 7000, collect(inside))
        known_host, other_host = net.host("1.0.0.1"), net.host("1.0.0.2")
        known = await known_host.bind("0.0.0.0", 1, collect(seen))
        sibling = await known_host.bind("0.0.0.0", 2, collect(seen))
        other = await other_host.bind("0.0.0.0", 3, collect(seen))
        home.send(b"out", ("1.0.0.1", 1))
        await asyncio.sleep(1)
        outside = seen[0][1]
        known.send(b"answer", outside)
        sibling.send(b"sibling", outside)
        other.send(b"stranger", outside)
        await asyncio.sleep(1)
        home.send(b"out", ("1.0.0.2", 3))
        await asyncio.sleep(1)
        return [data for data, _ in inside], [source[1] for _, source in seen]

    received, ports = run_virtual(main())
    assert received == [b"answer"] + [b"sibling"] * answer_from_host + [b"stranger"] * stranger
    assert (ports[0] == ports[1]) is same_port


def test_a_low_ttl_datagram_opens_the_nat_and_dies_on_the_way() -> None:
    async def main() -> tuple[Datagrams, Datagrams]:
        net = FakeNet()
        inside: Datagrams = []
        outside: Datagrams = []
        box = net.nat("9.9.9.9", NatKind.CONSISTENT, preserve_ports=True)
        home = await box.host("192.168.0.2").bind("0.0.0.0", 7000, collect(inside))
        peer = await net.host("1.0.0.1").bind("0.0.0.0", 1, collect(outside))
        home.send_with_ttl(b"\0", ("1.0.0.1", 1), 5)
        await asyncio.sleep(1)
        peer.send(b"in", ("9.9.9.9", 7000))
        await asyncio.sleep(1)
        return inside, outside

    inside, outside = run_virtual(main())
    assert inside == [(b"in", ("1.0.0.1", 1))]
    assert outside == []


def test_idle_mappings_close() -> None:
    async def main() -> Datagrams:
        net = FakeNet()
        inside: Datagrams = []
        box = net.nat("9.9.9.9", NatKind.CONSISTENT, preserve_ports=True, idle_s=30)
        home = await box.host("192.168.0.2").bind("0.0.0.0", 7000, collect(inside))
        peer = await net.host("1.0.0.1").bind("0.0.0.0", 1, collect([]))
        home.send(b"out", ("1.0.0.1", 1))
        await asyncio.sleep(31)
        peer.send(b"late", ("9.9.9.9", 7000))
        await asyncio.sleep(1)
        return inside

    assert run_virtual(main()) == []


def test_neighbours_and_hairpin() -> None:
    async def main(hairpin: bool) -> tuple[Datagrams, FakeNet]:
        net = FakeNet()
        got: Datagrams = []
        box = net.nat("9.9.9.9", NatKind.FULL_CONE, preserve_ports=True, hairpin=hairpin)
        a = await box.host("192.168.0.2").bind("0.0.0.0", 1000, collect([]))
        b = await box.host("192.168.0.3").bind("0.0.0.0", 2000, collect(got))
        b.send(b"open", ("1.0.0.1", 1))
        a.send(b"near", ("192.168.0.3", 2000))
        a.send(b"far", ("9.9.9.9", 2000))
        await asyncio.sleep(1)
        return got, net

    near = (b"near", ("192.168.0.2", 1000))
    assert run_virtual(main(False))[0] == [near]
    assert run_virtual(main(True))[0] == [near, (b"far", ("9.9.9.9", 1000))]


def test_loss_and_duplicates_follow_the_seed() -> None:
    async def main() -> tuple[int, dict[str, int]]:
        net = FakeNet(seed=7, loss=0.2, duplicate=0.1, jitter_s=0.05)
        got: Datagrams = []
        a: FakeSocket = await net.host("1.0.0.1").bind("0.0.0.0", 1, collect([]))
        await net.host("1.0.0.2").bind("0.0.0.0", 2, collect(got))
        a.send_many([bytes((number,)) for number in range(200)], ("1.0.0.2", 2))
        await asyncio.sleep(1)
        assert [data for data, _ in got] != sorted(data for data, _ in got)
        return len(got), dict(net.counts)

    first = run_virtual(main())
    assert first == run_virtual(main())
    count, counts = first
    assert counts["lost"] > 20
    assert count > 200 - counts["lost"]


def test_blocks_and_unplugged_cables() -> None:
    async def main() -> Datagrams:
        net = FakeNet()
        got: Datagrams = []
        sender_host, receiver_host = net.host("1.0.0.1"), net.host("1.0.0.2")
        a = await sender_host.bind("0.0.0.0", 1, collect([]))
        await receiver_host.bind("0.0.0.0", 2, collect(got))
        net.block("1.0.0.1", "1.0.0.2")
        a.send(b"blocked", ("1.0.0.2", 2))
        net.unblock()
        receiver_host.up = False
        a.send(b"unplugged", ("1.0.0.2", 2))
        await asyncio.sleep(1)
        receiver_host.up = True
        a.send(b"fine", ("1.0.0.2", 2))
        await asyncio.sleep(1)
        return got

    assert [data for data, _ in run_virtual(main())] == [b"fine"]
