"""Which port the server socket takes."""

from __future__ import annotations

import pytest

from engine.errors import BindFailed
from engine.net.dht.config import DhtConfig
from engine.net.dht.sockets import PORT_RANGE, bind_server_socket
from engine.net.udp import Datagram, UdpSocket
from tests.harness.fakenet import FakeNet


def ignore(socket: UdpSocket, datagrams: list[Datagram]) -> None:
    return None


async def test_the_configured_range_then_any_port() -> None:
    host = FakeNet().host("1.0.0.1")
    config = DhtConfig((), port=5000)
    ports = [(await bind_server_socket(host, config, ignore)).local_address[1] for _ in range(PORT_RANGE + 1)]
    assert ports[:PORT_RANGE] == list(range(5000, 5000 + PORT_RANGE))
    assert ports[-1] not in range(5000, 5000 + PORT_RANGE)


async def test_port_zero_is_any_port() -> None:
    host = FakeNet().host("1.0.0.1")
    socket = await bind_server_socket(host, DhtConfig((), port=0), ignore)
    assert socket.local_address[1] != 0


async def test_a_fixed_port_that_is_taken_is_an_error() -> None:
    host = FakeNet().host("1.0.0.1")
    config = DhtConfig((), port=5000, any_port=False)
    await bind_server_socket(host, config, ignore)
    with pytest.raises(BindFailed):
        await bind_server_socket(host, config, ignore)
