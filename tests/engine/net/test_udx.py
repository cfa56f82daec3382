"""Streams on sockets: callbacks, connecting, closing, and whole transfers over loopback."""

from __future__ import annotations

import asyncio
import hashlib
import random
from collections.abc import Callable, Sequence
from typing import Any

import pytest

from engine.errors import LocalProtocolError
from engine.net.udp import Datagram, OsNetwork, UdpSocket
from engine.net.udx import MAX_STREAMS, Udx, UdxConnection, loop_clock
from engine.proto.udx.packet import DATA, DESTROY, END, Packet, decode_packet, encode_packet
from engine.wire.compact import Address
from tests.harness.virtual_loop import run_virtual

_PEER: Address = ("127.0.0.1", 1000)


class Wire:
    """A socket that remembers what is sent."""

    def __init__(self) -> None:
        self.local_address: Address = ("127.0.0.1", 3000)
        self.sent: list[tuple[Address, Packet]] = []

    def send(self, data: bytes, to: Address) -> None:
        self.sent.append((to, decode_packet(data)))

    def send_many(self, packets: Sequence[bytes], to: Address) -> None:
        for data in packets:
            self.send(data, to)

    def send_with_ttl(self, data: bytes, to: Address, ttl: int) -> None:
        self.send(data, to)

    def close(self) -> None:
        pass

    def flags(self) -> list[int]:
        """Flags of everything sent."""
        return [packet.flags for _, packet in self.sent]


class Side:
    """A node with one stream on a real socket."""

    def __init__(self) -> None:
        self.udx = Udx()
        self.received = bytearray()
        self.error: Exception | None = None
        self.closed = asyncio.Event()
        self.ended = asyncio.Event()

    async def start(self, network: OsNetwork) -> None:
        """Bind."""
        self.socket = await network.bind("127.0.0.1", 0, self._receive)
        self.stream = self.udx.create_stream()
        self.stream.on_data = self.received.extend
        self.stream.on_end = self.ended.set
        self.stream.on_close = self._close

    def _receive(self, sock: UdpSocket, burst: list[Datagram]) -> None:
        for data, source in burst:
            self.udx.receive(sock, data, source)
        self.udx.flush()

    def _close(self, error: Exception | None) -> None:
        self.error = error
        self.closed.set()


async def _pair(network: OsNetwork | None = None) -> tuple[Side, Side]:
    sides = Side(), Side()
    for side in sides:
        await side.start(network or OsNetwork())
    for side, other in (sides, sides[::-1]):
        side.stream.connect(side.socket, other.stream.local_id, other.socket.local_address)
    return sides


async def _finish(*sides: Side) -> None:
    for side in sides:
        side.udx.close()
        side.socket.close()
    await asyncio.sleep(0)


def _packet(stream: UdxConnection, flags: int, seq: int = 0, ack: int = 0, payload: bytes = b"") -> bytes:
    return encode_packet(Packet(flags, 0, stream.local_id, 4_194_304, seq, ack, (), payload))


async def _transfer(network: OsNetwork) -> None:
    a, b = await _pair(network)
    data = random.Random(1).randbytes(3_000_000)
    drained = asyncio.Event()
    a.stream.on_drain = drained.set
    b.stream.on_end = b.stream.end
    async with asyncio.timeout(30):
        for start in range(0, len(data), 100_000):
            if not a.stream.write(data[start : start + 100_000]):
                drained.clear()
                await drained.wait()
        a.stream.end()
        await a.closed.wait()
        await b.closed.wait()
    assert hashlib.sha256(b.received).digest() == hashlib.sha256(data).digest()
    assert (a.error, b.error) == (None, None)
    assert a.stream.bytes_written == b.stream.bytes_read == len(data)
    assert a.stream.rtt_s is not None
    assert (a.udx.stream_count, b.udx.stream_count) == (0, 0)
    await _finish(a, b)


@pytest.mark.parametrize("options", [{}, {"offload": False}, {"portable": True}], ids=str)
async def test_transfer(options: dict[str, bool]) -> None:
    await _transfer(OsNetwork(**options))


def test_transfer_on_uvloop() -> None:
    import uvloop

    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        runner.run(_transfer(OsNetwork()))


async def test_mtu_reaches_1500_on_loopback() -> None:
    a, b = await _pair()
    async with asyncio.timeout(20):
        while a.stream.core.mtu < 1500:
            a.stream.write(bytes(20_000))
            await asyncio.sleep(0.001)
    await _finish(a, b)


async def test_destroy_resets_the_peer() -> None:
    a, b = await _pair()
    a.stream.write(b"last words")
    await asyncio.sleep(0.02)
    a.stream.destroy()
    async with asyncio.timeout(5):
        await a.closed.wait()
        await b.closed.wait()
    assert a.error is None
    assert isinstance(b.error, ConnectionResetError)
    assert b.received == b"last words"
    assert not b.stream.connected
    assert b.stream.closed
    await _finish(a, b)


async def test_what_arrives_early_waits_for_callbacks() -> None:
    udx, wire = Udx(), Wire()
    stream = udx.create_stream()
    assert udx.receive(wire, _packet(stream, DATA, 0, payload=b"early "), _PEER)
    udx.flush()
    udx.receive_burst(wire, [(_packet(stream, DATA | END, 1, payload=b"bird"), _PEER)])
    assert wire.sent == []
    log: list[Any] = []
    stream.on_data = log.append
    await asyncio.sleep(0)
    stream.on_end = lambda: log.append("end")
    assert log == [b"early bird"]
    stream.connect(wire, 9, _PEER)
    await asyncio.sleep(0)
    assert [(packet.flags, packet.ack) for _, packet in wire.sent] == [(0, 2)]
    stream.destroy()
    stream.on_close = log.append
    await asyncio.sleep(0)
    assert log == [b"early bird", None]
    udx.close()


async def test_end_waits_for_its_callback() -> None:
    udx, wire = Udx(), Wire()
    stream = udx.create_stream()
    stream.connect(wire, 9, _PEER)
    udx.receive_burst(wire, [(_packet(stream, END), _PEER)])
    log: list[str] = []
    stream.on_end = lambda: log.append("end")
    stream.on_data = lambda data: log.append("data")
    await asyncio.sleep(0)
    assert log == ["end"]
    udx.close()


async def test_firewall_sees_other_sockets_and_connects() -> None:
    udx, wire, other = Udx(), Wire(), Wire()
    stream = udx.create_stream()
    calls: list[tuple[UdpSocket, Address]] = []
    received: list[bytes] = []
    stream.on_data = received.append

    def firewall(sock: UdpSocket, source: Address) -> bool:
        calls.append((sock, source))
        if len(calls) == 1:
            return True
        if not stream.connected:
            stream.connect(sock, 9, source)
        return False

    stream.on_firewall = firewall
    data = _packet(stream, DATA, 0, payload=b"knock")
    udx.receive_burst(wire, [(data, _PEER)])
    assert received == []
    assert udx.drops == {"firewall": 1}
    udx.receive_burst(wire, [(data, _PEER), (_packet(stream, DATA, 1, payload=b"!"), _PEER)])
    assert received == [b"knock!"]
    assert calls == [(wire, _PEER), (wire, _PEER)]
    assert stream.remote_address == _PEER
    udx.receive_burst(other, [(_packet(stream, DATA, 2, payload=b"?"), ("127.0.0.2", 5))])
    assert calls[-1] == (other, ("127.0.0.2", 5))
    assert [to for to, _ in wire.sent] == [_PEER, _PEER]
    assert other.sent == []
    udx.receive_burst(other, [(_packet(stream, DATA, 3), ("127.0.0.2", 0))])
    assert udx.drops["port"] == 1
    udx.close()


async def test_foreign_datagrams_are_not_ours() -> None:
    udx, wire = Udx(), Wire()
    stream = udx.create_stream()
    foreign = [(b"\x00", _PEER), (b"\x03" + bytes(30), _PEER), (b"\xff\x02" + bytes(18), _PEER)]
    unknown = (_packet(stream, DATA)[:4] + bytes(16), _PEER)
    ours = (_packet(stream, DATA, payload=b"x"), _PEER)
    assert udx.receive_burst(wire, [foreign[0], ours, *foreign[1:], unknown]) == [*foreign, unknown]
    assert udx.drops == {"unknown-stream": 1}
    assert stream.bytes_read == 1
    udx.close()


async def test_closed_streams_go_on_acknowledging() -> None:
    udx, wire = Udx(), Wire()
    stream = udx.create_stream()
    stream.connect(wire, 9, _PEER)
    stream.end()
    await asyncio.sleep(0)
    udx.receive_burst(wire, [(_packet(stream, END, 0, 1), _PEER)])
    assert stream.closed
    assert udx.stream_count == 0
    wire.sent.clear()
    assert udx.receive(wire, _packet(stream, END, 0, 1), _PEER)
    assert udx.receive(wire, _packet(stream, DESTROY, 1, 1), _PEER)
    assert [(to, packet.flags, packet.seq, packet.ack) for to, packet in wire.sent] == [(_PEER, 0, 1, 1)]
    udx.close()


async def test_pause_closes_the_window_and_resume_reopens_it() -> None:
    a, b = await _pair()
    b.stream.pause_reading()
    for _ in range(6):
        a.stream.write(bytes(1 << 20))
    for _ in range(200):
        await asyncio.sleep(0.005)
        if a.stream.core.sender.remote_window == 0:
            break
    assert a.stream.core.sender.remote_window == 0
    assert b.received == b""
    a.stream.end()
    b.stream.resume_reading()
    async with asyncio.timeout(10):
        await b.ended.wait()
    assert len(b.received) == a.stream.bytes_written
    await _finish(a, b)


async def test_messages() -> None:
    a, b = await _pair()
    loop = asyncio.get_running_loop()
    message: asyncio.Future[bytes] = loop.create_future()
    b.stream.on_message = message.set_result
    assert a.stream.send_message(b"ping")
    assert not a.stream.send_message(bytes(5000))
    assert await asyncio.wait_for(message, 5) == b"ping"
    await _finish(a, b)


async def test_a_failing_callback_costs_only_its_stream() -> None:
    reported: list[dict[str, Any]] = []
    asyncio.get_running_loop().set_exception_handler(lambda loop, context: reported.append(context))
    udx, wire = Udx(), Wire()
    bad, good = udx.create_stream(), udx.create_stream()
    received: list[bytes] = []
    closed: list[Exception | None] = []

    def fail(data: bytes) -> None:
        raise ValueError("application error")

    bad.on_data = fail
    bad.on_close = closed.append
    good.on_data = received.append
    burst = [(_packet(stream, DATA, payload=b"x"), _PEER) for stream in (bad, good)]
    udx.receive_burst(wire, burst)
    assert received == [b"x"]
    assert closed == [None]
    assert isinstance(reported[0]["exception"], ValueError)
    udx.close()


async def test_what_callbacks_cause_cannot_keep_the_loop(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("engine.net.udx.MAX_FLUSH_ROUNDS", 1)
    udx, wire = Udx(), Wire()
    stream = udx.create_stream()
    stream.connect(wire, 9, _PEER)

    def answer(data: bytes) -> None:
        stream.write(data)
        udx.flush()

    stream.on_data = answer
    udx.receive_burst(wire, [(_packet(stream, DATA, payload=b"x"), _PEER)])
    assert wire.flags() == [0]
    await asyncio.sleep(0)
    assert wire.flags() == [0, DATA]
    udx.close()


async def test_callbacks_may_write_and_destroy() -> None:
    a, b = await _pair()

    def shout(data: bytes) -> None:
        b.stream.write(data.upper())

    def answered(data: bytes) -> None:
        a.received += data
        a.stream.destroy()

    b.stream.on_data = shout
    a.stream.on_data = answered
    a.stream.write(b"echo")
    async with asyncio.timeout(5):
        await b.closed.wait()
    assert a.received == b"ECHO"
    await _finish(a, b)


async def test_change_of_remote() -> None:
    udx, old, new = Udx(), Wire(), Wire()
    stream = udx.create_stream()
    changed: list[bool] = []
    stream.on_remote_changed = lambda: changed.append(True)
    with pytest.raises(LocalProtocolError):
        stream.change_remote(new, 10, _PEER)
    stream.connect(old, 9, _PEER)
    stream.write(b"old")
    await asyncio.sleep(0)
    stream.change_remote(new, 10, ("127.0.0.2", 5))
    stream.write(b"new")
    await asyncio.sleep(0)
    assert [packet.stream_id for _, packet in old.sent] == [9]
    assert [(to, packet.stream_id) for to, packet in new.sent] == [(("127.0.0.2", 5), 10)]
    assert changed == []
    udx.receive_burst(new, [(_packet(stream, 0, 0, 1), _PEER)])
    assert changed == [True]
    udx.close()


def test_silence_ends_in_a_timeout() -> None:
    async def wait() -> tuple[float, Exception | None, list[int]]:
        udx, wire = Udx(), Wire()
        stream = udx.create_stream()
        loop = asyncio.get_running_loop()
        closed: asyncio.Future[Exception | None] = loop.create_future()
        stream.on_close = closed.set_result
        stream.connect(wire, 9, _PEER)
        began = loop.time()
        stream.write(b"anybody?")
        error = await closed
        return loop.time() - began, error, wire.flags()

    seconds, error, flags = run_virtual(wait())
    assert seconds == pytest.approx(13.0)
    assert isinstance(error, TimeoutError)
    assert flags == [DATA] * 7


def test_keepalive() -> None:
    async def wait() -> list[int]:
        udx, wire = Udx(), Wire()
        stream = udx.create_stream()
        stream.connect(wire, 9, _PEER)
        stream.set_keepalive(1.0)
        await asyncio.sleep(3.5)
        stream.set_keepalive(None)
        await asyncio.sleep(3.5)
        flags = wire.flags()
        udx.close()
        return flags

    assert run_virtual(wait()) == [0x20] * 3


async def test_closing_the_node_destroys_all_streams() -> None:
    udx, wire = Udx(), Wire()
    errors: list[Exception | None] = []
    for _ in range(3):
        stream = udx.create_stream()
        stream.on_close = errors.append
        stream.connect(wire, 9, _PEER)
    udx.close()
    assert errors == [None] * 3
    assert wire.flags() == [DESTROY] * 3
    with pytest.raises(LocalProtocolError):
        udx.create_stream()


async def test_ids_are_unique_and_streams_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    ids = iter([1, 1, 2, 1, 2, 3])
    udx = Udx(random_bytes=lambda size: next(ids).to_bytes(size, "little"))
    assert [udx.create_stream().local_id for _ in range(2)] == [1, 2]
    udx.create_stream()
    monkeypatch.setattr("engine.net.udx.MAX_STREAMS", 3)
    with pytest.raises(LocalProtocolError):
        udx.create_stream()
    assert MAX_STREAMS > 3
    udx.close()


async def test_connect_twice() -> None:
    udx, wire = Udx(), Wire()
    stream = udx.create_stream()
    stream.connect(wire, 9, _PEER)
    with pytest.raises(LocalProtocolError):
        stream.connect(wire, 10, _PEER)
    udx.close()


async def test_overflow_is_reported() -> None:
    udx, wire = Udx(), Wire()
    stream = udx.create_stream()
    errors: list[Exception | None] = []
    stream.on_close = errors.append
    stream.connect(wire, 9, _PEER)
    block = bytes(1 << 20)
    while not stream.closed:
        stream.write(block)
    await asyncio.sleep(0)
    assert isinstance(errors[0], BufferError)
    assert not stream.write(b"x")
    udx.close()


def test_clock_follows_the_loop() -> None:
    async def virtual() -> Callable[[], float]:
        return loop_clock(asyncio.get_running_loop())

    clock = run_virtual(virtual())
    assert clock() == pytest.approx(1000.0)
