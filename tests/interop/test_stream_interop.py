"""Noise XX, secret stream and Protomux against the reference over TCP, in both roles."""

from __future__ import annotations

import asyncio
import hashlib
import os
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import pytest

from engine.crypto.keys import KeyPair
from engine.proto.mux.protomux import Protomux
from engine.proto.stream.standalone import StandaloneStream
from engine.wire.compact import Reader, Writer

pytestmark = pytest.mark.interop

_KEY_PAIR = KeyPair.from_seed(b"\x07" * 32)


class _TcpPeer:
    """Our side of one TCP connection."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, *, initiator: bool) -> None:
        self.stream = StandaloneStream(initiator, _KEY_PAIR, os.urandom)
        self.mux = Protomux(self._write)
        self.events: asyncio.Queue[tuple[Any, ...]] = asyncio.Queue()
        self.frames = 0
        self._reader = reader
        self._writer = writer

    def _write(self, frame: bytes) -> bool:
        self._writer.write(self.stream.seal(frame))
        return True

    async def handshake(self) -> None:
        while True:
            self._writer.write(self.stream.data_to_send())
            if self.stream.opened:
                return
            assert self.stream.receive(await self._reader.read(4096)) == []

    async def pump(self) -> None:
        while data := await self._reader.read(65536):
            for frame in self.stream.receive(data):
                self.frames += 1
                self.mux.receive(frame)
            assert self.stream.error is None
            assert self.mux.error is None
        self.mux.shutdown()
        self.events.put_nowait(("end",))

    def channel(self, protocol: str, id: bytes | None = None) -> Any:
        return self.mux.create_channel(
            protocol,
            id,
            messages=[
                lambda payload: self.events.put_nowait((protocol, "text", Reader(payload).string())),
                lambda payload: self.events.put_nowait((protocol, "data", Reader(payload).buffer())),
            ],
            on_open=lambda handshake: self.events.put_nowait((protocol, "open", Reader(handshake).uint())),
            on_close=lambda remote: self.events.put_nowait((protocol, "close", remote)),
        )

    def end(self) -> None:
        self._writer.write_eof()


@asynccontextmanager
async def _connected(js_stack: Any, *, initiator: bool) -> AsyncIterator[tuple[_TcpPeer, Any]]:
    accepted: asyncio.Future[tuple[asyncio.StreamReader, asyncio.StreamWriter]]
    accepted = asyncio.get_running_loop().create_future()
    server = await asyncio.start_server(lambda reader, writer: accepted.set_result((reader, writer)), "127.0.0.1", 0)
    async with server:
        if initiator:
            js = await js_stack.spawn("stream_tcp.js", "listen")
            reader, writer = await asyncio.open_connection("127.0.0.1", (await js.read_json())["port"])
        else:
            js = await js_stack.spawn("stream_tcp.js", "connect", server.sockets[0].getsockname()[1])
            reader, writer = await accepted
        peer = _TcpPeer(reader, writer, initiator=initiator)
        await peer.handshake()
        async with asyncio.TaskGroup() as group:
            pump = group.create_task(peer.pump())
            yield peer, js
            pump.cancel()
        writer.close()
        await writer.wait_closed()


def _number(value: int) -> bytes:
    writer = Writer()
    writer.uint(value)
    return writer.getvalue()


def _buffer(data: bytes) -> bytes:
    writer = Writer()
    writer.buffer(data)
    return writer.getvalue()


@pytest.mark.parametrize("initiator", [True, False], ids=["we dial", "they dial"])
async def test_channels_over_a_stand_alone_stream(js_stack: Any, initiator: bool) -> None:
    async with _connected(js_stack, initiator=initiator) as (peer, js):
        first = peer.channel("first")  # before anything is read: an open of an unknown protocol is rejected
        first.open(_number(9))
        connect = await js.read_until("connect")
        assert peer.stream.handshake is not None
        assert connect["remotePublicKey"] == _KEY_PAIR.public_key.hex()
        assert connect["publicKey"] == peer.stream.handshake.remote_public_key.hex()

        assert (await js.read_until("open"))["handshake"] == 9
        assert await peer.events.get() == ("first", "open", 7)

        first.send(0, _buffer("grüezi".encode()))
        assert (await js.read_until("text"))["text"] == "grüezi"
        assert await peer.events.get() == ("first", "text", "echo grüezi")

        js.write_json({"do": "batch", "texts": ["one", "two", "three"]})
        for text in ("one", "two", "three"):
            assert await peer.events.get() == ("first", "text", text)
        assert (await js.read_until("channel-close"))["protocol"] == "unknown to you"

        paired = peer.channel("paired", b"\xaa\xbb")
        with peer.mux.corked():
            paired.open(_number(1))
            paired.send(0, _buffer(b"pipelined"))
            first.send(0, _buffer(b"beside"))
        assert (await js.read_until("pair"))["id"] == "aabb"
        seen = sorted([await peer.events.get() for _ in range(3)], key=repr)
        assert seen == sorted(
            [("paired", "open", 5), ("paired", "text", "echo pipelined"), ("first", "text", "echo beside")], key=repr
        )

        data = os.urandom(3_000_000)
        first.send(1, _buffer(data))
        assert (await js.read_until("data"))["sha256"] == hashlib.sha256(data).hexdigest()
        assert await peer.events.get() == ("first", "data", data)

        js.write_json({"do": "close first"})
        assert await peer.events.get() == ("first", "close", True)
        js.write_json({"do": "end"})
        assert sorted([await peer.events.get() for _ in range(2)]) == [("end",), ("paired", "close", True)]
        peer.end()
        await js.read_until("close")
