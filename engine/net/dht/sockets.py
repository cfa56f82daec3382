"""The UDP sockets of a node.

Protocol reference: 02-hyperdht sections 1 and 9 (bind).
"""

from __future__ import annotations

from engine.errors import BindFailed
from engine.net.dht.config import DhtConfig
from engine.net.udp import Receive, UdpNetwork, UdpSocket

PORT_RANGE = 5
"""Ports tried from the configured one upwards."""


async def bind_server_socket(network: UdpNetwork, config: DhtConfig, receive: Receive) -> UdpSocket:
    """Open the socket with the well-known port: the configured one, one of the four after it, or any.

    Raises:
        BindFailed: no port is free.
    """
    last: BindFailed | None = None
    first = config.port
    for port in range(first, first + PORT_RANGE) if first else ():
        try:
            return await network.bind(config.host, port, receive)
        except BindFailed as error:
            last = error
            if not config.any_port:
                break
    if last is None or config.any_port:
        return await network.bind(config.host, 0, receive)
    raise last
