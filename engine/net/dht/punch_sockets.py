"""Extra sockets for punching, and who still needs them.

A pool socket is closed when nobody holds it and no stream used it for as long as closed streams answer late packets.

Protocol reference: 02-hyperdht section 20.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable

from engine.net.dht.node import DhtNode
from engine.net.udp import UdpSocket
from engine.net.udx import UdxConnection
from engine.proto.udx.linger import LINGER_S
from engine.wire.compact import Address

OnProbe = Callable[[Address], None]
"""Called with the source of a probe."""


class _Held:
    __slots__ = ("holders", "on_probe")

    def __init__(self, on_probe: OnProbe) -> None:
        self.on_probe: OnProbe | None = on_probe
        self.holders = 1


class PunchSockets:
    """The pool sockets of one node.

    Args:
        node: opens the sockets and reports the probes that arrive on them.
    """

    def __init__(self, node: DhtNode) -> None:
        self._node = node
        self._held: dict[UdpSocket, _Held] = {}
        node.on_socket_probe = self._on_probe

    def __len__(self) -> int:
        return len(self._held)

    async def open(self, on_probe: OnProbe) -> UdpSocket:
        """A new socket that the caller holds until :meth:`release`.

        Raises:
            BindFailed: no socket to be had.
        """
        socket = await self._node.open_pool_socket()
        self._held[socket] = _Held(on_probe)
        return socket

    def release(self, socket: UdpSocket) -> None:
        """The one who opened *socket* does not need it any more; probes are not reported any more."""
        held = self._held.get(socket)
        if held is not None and held.on_probe is not None:
            held.on_probe = None
            self._drop(socket)

    def keep_for(self, socket: UdpSocket, stream: UdxConnection) -> None:
        """Keep *socket* open as long as *stream* lives; sockets that are not from the pool are left alone."""
        held = self._held.get(socket)
        if held is not None:
            held.holders += 1
            stream.on_released = lambda: self._drop_later(socket)

    def close(self) -> None:
        """Close all sockets."""
        for socket in self._held:
            socket.close()
        self._held.clear()

    def _drop_later(self, socket: UdpSocket) -> None:
        asyncio.get_running_loop().call_later(LINGER_S, self._drop, socket)

    def _drop(self, socket: UdpSocket) -> None:
        held = self._held.get(socket)
        if held is None:
            return
        held.holders -= 1
        if held.holders == 0:
            del self._held[socket]
            socket.close()

    def _on_probe(self, socket: UdpSocket, source: Address) -> None:
        held = self._held.get(socket)
        if held is not None and held.on_probe is not None:
            held.on_probe(source)
