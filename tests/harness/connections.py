"""Two peers with a connection between them, on the simulated network."""

from __future__ import annotations

from collections.abc import Callable
from random import Random
from typing import Any

from engine.crypto.keys import KeyPair
from engine.crypto.noise import HandshakeIK, HandshakeResult
from engine.net.connection import PeerConnection
from engine.net.udx import Udx, UdxConnection
from tests.harness.fakenet import FakeHost, FakeNet, FakeSocket

RandomBytes = Callable[[int], bytes]


def handshake(one: KeyPair, other: KeyPair, random_bytes: RandomBytes) -> tuple[HandshakeResult, HandshakeResult]:
    """The results of a finished handshake between *one*, the initiator, and *other*."""
    initiator = HandshakeIK(True, one, other.public_key, b"p" * 32, random_bytes)
    responder = HandshakeIK(False, other, None, b"p" * 32, random_bytes)
    responder.recv(initiator.send())
    initiator.recv(responder.send())
    assert initiator.result is not None
    assert responder.result is not None
    return initiator.result, responder.result


class Endpoint:
    """A host with one socket for UDX streams."""

    def __init__(self, host: FakeHost, random_bytes: RandomBytes) -> None:
        self.host = host
        self.udx = Udx(random_bytes=random_bytes)
        self._socket: FakeSocket | None = None

    async def open(self) -> None:
        """Bind the socket."""
        self._socket = await self.host.bind("0.0.0.0", 0, self._receive)

    @property
    def socket(self) -> Any:
        """The bound socket."""
        assert self._socket is not None
        return self._socket

    @property
    def address(self) -> tuple[str, int]:
        """Where others reach it."""
        return self.host.address, self.socket.local_address[1]

    def _receive(self, socket: FakeSocket, datagrams: list[tuple[bytes, tuple[str, int]]]) -> None:
        self.udx.receive_burst(socket, datagrams)

    def close(self) -> None:
        """Destroy all streams and free the socket."""
        self.udx.close()
        self.socket.close()


class Link:
    """Two endpoints and the connections between them.

    Args:
        net: carries the packets.
        one, other: identities; *one* is the initiator of :meth:`connect`.
    """

    def __init__(self, net: FakeNet, one: KeyPair | None = None, other: KeyPair | None = None) -> None:
        self.random_bytes = Random(7).randbytes
        self.key_pairs = (one or KeyPair.from_seed(b"1" * 32), other or KeyPair.from_seed(b"2" * 32))
        self.endpoints = (
            Endpoint(net.host("1.0.0.1"), self.random_bytes),
            Endpoint(net.host("1.0.0.2"), self.random_bytes),
        )

    async def open(self) -> None:
        """Bind both sockets."""
        for endpoint in self.endpoints:
            await endpoint.open()

    def streams(self) -> tuple[UdxConnection, UdxConnection]:
        """Two connected UDX streams."""
        one, other = self.endpoints
        first, second = one.udx.create_stream(), other.udx.create_stream()
        first.connect(one.socket, second.local_id, other.address)
        second.connect(other.socket, first.local_id, one.address)
        return first, second

    def connect(self, **options: Any) -> tuple[PeerConnection, PeerConnection]:
        """A connection, as seen by both sides. *options* go to both."""
        results = handshake(*self.key_pairs, self.random_bytes)
        streams = self.streams()
        return (
            PeerConnection(streams[0], results[0], random_bytes=self.random_bytes, **options),
            PeerConnection(streams[1], results[1], random_bytes=self.random_bytes, **options),
        )

    def close(self) -> None:
        """Close both endpoints."""
        for endpoint in self.endpoints:
            endpoint.close()
