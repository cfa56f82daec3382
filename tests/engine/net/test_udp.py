"""Real sockets on loopback, every way this platform can carry datagrams."""

from __future__ import annotations

import asyncio
import errno
import socket
from collections.abc import AsyncIterator, Callable, Coroutine, Sequence
from typing import Any

import pytest

from engine.errors import BindFailed
from engine.net.interfaces import interface_addresses
from engine.net.udp import MAX_PORTABLE_BACKLOG_BYTES, Datagram, OsNetwork, PortableSocket, UdpSocket, open_socket
from engine.net.udp_drained import MAX_BACKLOG_DATAGRAMS, DrainedSocket

_NETWORKS = {
    "drained": OsNetwork(),
    "without-offload": OsNetwork(offload=False),
    "portable": OsNetwork(portable=True),
}


class Inbox:
    """Collects bursts."""

    def __init__(self) -> None:
        self.bursts: list[list[Datagram]] = []
        self.arrived = asyncio.Event()

    def __call__(self, sock: UdpSocket, burst: list[Datagram]) -> None:
        self.bursts.append(burst)
        self.arrived.set()

    @property
    def datagrams(self) -> list[Datagram]:
        """Everything so far."""
        return [datagram for burst in self.bursts for datagram in burst]

    async def wait(self, count: int) -> list[Datagram]:
        """Everything once there are so many."""
        async with asyncio.timeout(5):
            while len(self.datagrams) < count:
                self.arrived.clear()
                await self.arrived.wait()
        return self.datagrams


@pytest.fixture(params=_NETWORKS)
async def pair(request: pytest.FixtureRequest) -> AsyncIterator[tuple[UdpSocket, UdpSocket, Inbox]]:
    network = _NETWORKS[request.param]
    inbox = Inbox()
    sender = await network.bind("127.0.0.1", 0, Inbox())
    receiver = await network.bind("127.0.0.1", 0, inbox)
    yield sender, receiver, inbox
    sender.close()
    receiver.close()
    await asyncio.sleep(0)


async def test_one_datagram(pair: tuple[UdpSocket, UdpSocket, Inbox]) -> None:
    sender, receiver, inbox = pair
    sender.send(b"hello", receiver.local_address)
    assert await inbox.wait(1) == [(b"hello", sender.local_address)]
    assert receiver.local_address[1] > 0


async def test_bursts_keep_sizes_and_order(pair: tuple[UdpSocket, UdpSocket, Inbox]) -> None:
    sender, receiver, inbox = pair
    packets = [bytes([index]) * 1400 for index in range(100)]
    packets += [b"short", b"longer than the one before", bytes(1472), bytes(1472)]
    sender.send_many(packets, receiver.local_address)
    received = await inbox.wait(len(packets))
    assert [data for data, _ in received] == packets


async def test_ttl(pair: tuple[UdpSocket, UdpSocket, Inbox]) -> None:
    sender, receiver, inbox = pair
    sender.send_with_ttl(b"low", receiver.local_address, 5)
    sender.send(b"normal", receiver.local_address)
    assert {data for data, _ in await inbox.wait(2)} == {b"low", b"normal"}


async def test_sending_never_raises(pair: tuple[UdpSocket, UdpSocket, Inbox]) -> None:
    sender, receiver, inbox = pair
    assert isinstance(sender, DrainedSocket | PortableSocket)
    sender.send(bytes(70_000), receiver.local_address)
    sender.send_many([bytes(65_500), bytes(70_000)], receiver.local_address)
    sender.send_with_ttl(bytes(70_000), receiver.local_address, 5)
    await asyncio.sleep(0.01)
    assert sum(sender.drops.values()) + len(inbox.datagrams) >= 2
    sender.send(b"still works", receiver.local_address)
    await inbox.wait(len(inbox.datagrams) + 1)


async def test_closed_sockets_are_silent(pair: tuple[UdpSocket, UdpSocket, Inbox]) -> None:
    sender, receiver, inbox = pair
    sender.close()
    sender.close()
    sender.send(b"x", receiver.local_address)
    sender.send_many([b"x", b"y"], receiver.local_address)
    sender.send_with_ttl(b"x", receiver.local_address, 5)
    await asyncio.sleep(0.01)
    assert inbox.bursts == []


async def test_drained_sockets_deliver_bursts() -> None:
    inbox = Inbox()
    network = OsNetwork()
    sender = await network.bind("127.0.0.1", 0, Inbox())
    receiver = await network.bind("127.0.0.1", 0, inbox)
    for _ in range(64):
        sender.send(b"x", receiver.local_address)
    await inbox.wait(64)
    assert len(inbox.bursts) == 1
    sender.close()
    receiver.close()


async def test_port_in_use() -> None:
    first = await OsNetwork().bind("127.0.0.1", 0, Inbox())
    with pytest.raises(BindFailed, match=str(first.local_address[1])):
        await OsNetwork().bind("127.0.0.1", first.local_address[1], Inbox())
    first.close()
    with pytest.raises(BindFailed):
        open_socket("127.0.0.1", 70_000)


class FlakySocket:
    """Stands in for an operating system socket whose sends fail as told."""

    def __init__(self, real: socket.socket) -> None:
        self._real = real
        self.failures: list[int] = []
        self.sent: list[bytes] = []

    def __getattr__(self, name: str) -> Any:
        return getattr(self._real, name)

    def sendto(self, data: bytes, to: Any) -> int:
        if self.failures:
            raise OSError(self.failures.pop(0), "told to")
        self.sent.append(data)
        return len(data)

    def sendmsg(self, buffers: Sequence[bytes], *rest: Any) -> int:
        if self.failures:
            raise OSError(self.failures.pop(0), "told to")
        self.sent += buffers
        return sum(map(len, buffers))


@pytest.fixture
async def flaky() -> AsyncIterator[tuple[DrainedSocket, FlakySocket]]:
    fake = FlakySocket(open_socket("127.0.0.1", 0))
    drained = DrainedSocket(fake, asyncio.get_running_loop(), Inbox())  # type: ignore[arg-type]
    drained.start()
    yield drained, fake
    drained.close()


_TO = ("127.0.0.1", 9)


async def test_a_full_send_buffer_is_waited_for(flaky: tuple[DrainedSocket, FlakySocket]) -> None:
    drained, fake = flaky
    fake.failures = [errno.EAGAIN, errno.EAGAIN, errno.ENETUNREACH]
    for data in (b"1", b"2", b"3"):
        drained.send(data, _TO)
    assert fake.sent == []
    await asyncio.sleep(0.02)
    assert fake.sent == [b"2", b"3"]
    assert drained.drops == {"ENETUNREACH": 1}
    drained.send(b"4", _TO)
    assert fake.sent == [b"2", b"3", b"4"]


async def test_the_backlog_is_bounded(flaky: tuple[DrainedSocket, FlakySocket]) -> None:
    drained, fake = flaky
    fake.failures = [errno.EAGAIN]
    for _ in range(MAX_BACKLOG_DATAGRAMS + 10):
        drained.send(b"x", _TO)
    assert drained.drops == {"backlog": 10}


async def test_segments_go_one_by_one_where_the_kernel_refuses(flaky: tuple[DrainedSocket, FlakySocket]) -> None:
    drained, fake = flaky
    if not drained.offloads[0]:
        pytest.fail("this kernel has no UDP_SEGMENT")
    fake.failures = [errno.EINVAL]
    drained.send_many([b"1", b"2"], _TO)
    assert fake.sent == [b"1", b"2"]
    assert drained.offloads[0]
    fake.failures = [errno.EIO]
    drained.send_many([b"3", b"4"], _TO)
    assert fake.sent == [b"1", b"2", b"3", b"4"]
    assert not drained.offloads[0]


async def test_closing_with_a_backlog(flaky: tuple[DrainedSocket, FlakySocket]) -> None:
    drained, fake = flaky
    fake.failures = [errno.EAGAIN]
    drained.send(b"x", _TO)
    drained.close()
    await asyncio.sleep(0.01)
    assert fake.sent == []


async def test_the_portable_backlog_is_bounded() -> None:
    portable = await OsNetwork(portable=True).bind("127.0.0.1", 0, Inbox())
    assert isinstance(portable, PortableSocket)
    block = bytes(1000)
    for _ in range(MAX_PORTABLE_BACKLOG_BYTES // 1000 + 10):
        portable.send(block, portable.local_address)
    assert portable.drops["backlog"] >= 9
    portable.close()
    await asyncio.sleep(0)


async def test_loops_without_readers_get_the_portable_socket(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(self: DrainedSocket) -> None:
        raise NotImplementedError

    monkeypatch.setattr(DrainedSocket, "start", refuse)
    inbox = Inbox()
    receiver = await OsNetwork().bind("127.0.0.1", 0, inbox)
    assert isinstance(receiver, PortableSocket)
    receiver.send(b"to myself", receiver.local_address)
    assert await inbox.wait(1) == [(b"to myself", receiver.local_address)]
    receiver.close()
    await asyncio.sleep(0)


def test_uvloop() -> None:
    import uvloop

    async def exchange() -> list[Datagram]:
        inbox = Inbox()
        sender = await OsNetwork().bind("127.0.0.1", 0, Inbox())
        receiver = await OsNetwork().bind("127.0.0.1", 0, inbox)
        sender.send_many([bytes(1000)] * 20, receiver.local_address)
        received = await inbox.wait(20)
        sender.close()
        receiver.close()
        return received

    run: Callable[[Coroutine[Any, Any, list[Datagram]]], list[Datagram]] = asyncio.Runner(
        loop_factory=uvloop.new_event_loop
    ).run
    assert len(run(exchange())) == 20


def test_interface_addresses() -> None:
    addresses = interface_addresses()
    assert OsNetwork().interface_addresses() == addresses
    for address in addresses:
        assert socket.inet_aton(address)
        assert not address.startswith("127.")
