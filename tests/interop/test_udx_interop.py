"""Streams between this implementation and udx-native, over loopback."""

from __future__ import annotations

import asyncio
import hashlib
import random
from collections.abc import AsyncIterator
from typing import Any

import pytest

from engine.net.udp import Datagram, OsNetwork, UdpSocket
from engine.net.udx import Udx
from engine.proto.udx.mtu import MAX_MTU
from tests.interop.conftest import JsPeer, JsStack

pytestmark = pytest.mark.interop

_JS_ID = 77
_BYTES = 3_000_000


def pattern(size: int, seed: int) -> bytes:
    """The bytes that the script makes for the same numbers."""
    return bytes([(seed + index * 31 + (index >> 8)) & 255 for index in range(size)])


class Session:
    """Our stream and the script's, connected."""

    def __init__(self, peer: JsPeer) -> None:
        self.peer = peer
        self.udx = Udx()
        self.loss = 0.0
        self.received = bytearray()
        self.messages: asyncio.Queue[bytes] = asyncio.Queue()
        self.ended = asyncio.Event()
        self.closed = asyncio.Event()
        self.error: Exception | None = None
        self._random = random.Random(1)

    async def start(self, *, connect: bool = True) -> None:
        """Bind and connect both ends."""
        self.socket = await OsNetwork().bind("127.0.0.1", 0, self._receive)
        self.stream = self.udx.create_stream()
        self.stream.on_data = self.received.extend
        self.stream.on_end = self.ended.set
        self.stream.on_message = self.messages.put_nowait
        self.stream.on_close = self._close
        self.address = ("127.0.0.1", int((await self.peer.read_until("bound"))["port"]))
        if connect:
            self.stream.connect(self.socket, _JS_ID, self.address)
        self.tell("connect", id=self.stream.local_id, port=self.socket.local_address[1])

    def tell(self, command: str, **arguments: Any) -> None:
        """Give the script a command."""
        self.peer.write_json({"do": command, **arguments})

    async def received_by_peer(self) -> int:
        """Bytes the script has got so far."""
        self.tell("report")
        return int((await self.peer.read_until("report"))["received"])

    async def finish(self) -> None:
        """Free the port."""
        self.udx.close()
        self.socket.close()
        await asyncio.sleep(0)

    def _receive(self, sock: UdpSocket, burst: list[Datagram]) -> None:
        if self.loss:
            burst = [datagram for datagram in burst if self._random.random() >= self.loss]
        self.udx.receive_burst(sock, burst)

    def _close(self, error: Exception | None) -> None:
        self.error = error
        self.closed.set()


@pytest.fixture
async def session(js_stack: JsStack) -> AsyncIterator[Session]:
    current = Session(await js_stack.spawn("udx_peer.js", _JS_ID))
    yield current
    await current.finish()


async def test_both_directions_and_clean_close(session: Session) -> None:
    await session.start()
    ours = bytearray()
    session.tell("write", bytes=_BYTES, seed=2)
    while len(ours) < _BYTES or session.stream.core.mtu < MAX_MTU:  # each size costs a probe, a probe a round trip
        assert len(ours) < 20 * _BYTES
        part = pattern(100_000, len(ours) & 255)
        ours += part
        session.stream.write(part)
        while len(ours) - await session.received_by_peer() > 1_000_000:
            pass
    session.stream.end()
    end = await session.peer.read_until("end")
    assert (end["received"], end["sha256"]) == (len(ours), hashlib.sha256(ours).hexdigest())
    session.tell("end")
    async with asyncio.timeout(20):
        await session.ended.wait()
        await session.closed.wait()
    assert session.received == pattern(_BYTES, 2)
    assert session.error is None
    close = await session.peer.read_until("close")
    assert close["error"] is None


@pytest.mark.parametrize("loss", [0.05, 0.2])
async def test_loss_on_the_way_to_us(session: Session, loss: float) -> None:
    """Data of the reference and its acks get lost."""
    await session.start()
    session.loss = loss
    ours = pattern(1_000_000, 3)
    session.stream.write(ours)
    session.stream.end()
    session.tell("write", bytes=1_000_000, seed=4)
    session.tell("end")
    end = await session.peer.read_until("end")
    assert end["sha256"] == hashlib.sha256(ours).hexdigest()
    async with asyncio.timeout(30):
        await session.ended.wait()
    assert session.received == pattern(1_000_000, 4)


async def test_we_destroy(session: Session) -> None:
    await session.start()
    session.stream.write(b"hello")
    for _ in range(200):
        if await session.received_by_peer() == 5:
            break
        await asyncio.sleep(0.02)
    session.stream.destroy()
    close = await session.peer.read_until("close")
    assert (close["received"], close["error"]) == (5, "ECONNRESET")


async def test_the_reference_destroys(session: Session) -> None:
    await session.start()
    session.tell("write", bytes=5, seed=0)
    await asyncio.sleep(0.1)
    session.tell("destroy")
    async with asyncio.timeout(5):
        await session.closed.wait()
    assert isinstance(session.error, ConnectionResetError)
    assert session.received == pattern(5, 0)


async def test_data_before_connect(session: Session) -> None:
    """The reference's first packets arrive before we know its id; the firewall callback connects."""
    await session.start(connect=False)

    def firewall(sock: UdpSocket, source: tuple[str, int]) -> bool:
        if not session.stream.connected:
            session.stream.connect(sock, _JS_ID, source)
        return False

    session.stream.on_firewall = firewall
    session.tell("write", bytes=100_000, seed=5)
    session.tell("end")
    async with asyncio.timeout(10):
        await session.ended.wait()
    assert session.received == pattern(100_000, 5)
    session.stream.end()
    assert (await session.peer.read_until("close"))["error"] is None


async def test_messages(session: Session) -> None:
    await session.start()
    session.tell("message", hex="c0ffee")
    assert await asyncio.wait_for(session.messages.get(), 5) == bytes.fromhex("c0ffee")
    session.stream.send_message(b"tea")
    assert (await session.peer.read_until("message"))["hex"] == b"tea".hex()


async def test_back_pressure_on_the_reference(session: Session) -> None:
    """We stop reading: the window closes, the reference probes it, and everything arrives once we read again."""
    await session.start()
    session.stream.pause_reading()
    session.tell("write", bytes=6_000_000, seed=6)
    session.tell("end")
    await asyncio.sleep(0.2)
    assert session.received == b""
    assert session.stream.core.readable_bytes <= 2 * 4_194_304
    session.stream.resume_reading()
    async with asyncio.timeout(20):
        await session.ended.wait()
    assert hashlib.sha256(session.received).digest() == hashlib.sha256(pattern(6_000_000, 6)).digest()
