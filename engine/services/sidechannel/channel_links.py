"""Sidechannels on all connections: opening, answering, retrying, closing.

Theory of operation. Every channel this peer uses is opened on every connection, whatever topic made it. A peer that
does not have the channel rejects; that is normal, and the opening is tried again five times with growing pauses,
because the other side may be just about to join. Whoever joins later opens, and the pair callback on the other side
answers, so two peers find each other in any order.

When the remote closes a channel its seat is forgotten, so that the remote can come back. The reference does not do
that: after this peer left and joins again on the same connection, it rejects forever. When the retries of such a
channel are used up, the connection is dropped, once; it is dialled again, and on a fresh connection the opening
works.

Protocol reference: 06-sidechannel sections 6.2 and 9 (row 2).
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterable, Iterator
from typing import Final, Protocol

from engine.net.connection import PeerConnection
from engine.services.sidechannel.links import Frame, Link, Retries, Seat, SeatState, Written
from engine.services.sidechannel.names import protocol_name
from engine.services.sidechannel.pacing import Pacers
from engine.wire.compact import Reader

RETRIES: Final = 5
RETRY_STEP_S: Final = 0.1
RETRY_FORGET_S: Final = 2.0
"""A failure after a longer quiet time starts a new series."""
ROOM_WAIT_S: Final = 10.0
"""Longest wait of a message for a neighbour that can take it."""


class LinkListener(Protocol):
    """What the links report."""

    def on_frame(self, link: Link, seat: Seat, text: bytes) -> None:
        """A message arrived.

        Raises:
            DecodeError: it is no JSON; the connection is closed.
        """

    def on_seat_open(self, link: Link, seat: Seat) -> None:
        """A channel opened; say hello and make the seat ready."""

    def on_change(self) -> None:
        """Connections or seats have changed."""


class ChannelLinks:
    """The links of all connections.

    Args:
        listener: takes what arrives.
        names: the channels this peer uses now.
        pacers: what each neighbour can take.
        now: seconds that never jump.
    """

    def __init__(
        self, listener: LinkListener, names: Callable[[], Iterable[str]], pacers: Pacers, now: Callable[[], float]
    ) -> None:
        self._listener = listener
        self._names = names
        self._pacers = pacers
        self._now = now
        self._links: dict[PeerConnection, Link] = {}
        self._room = asyncio.Event()

    def __iter__(self) -> Iterator[Link]:
        return iter(tuple(self._links.values()))

    def __len__(self) -> int:
        return len(self._links)

    def of(self, key: str) -> list[Link]:
        """The links to a neighbour, by its public key hex."""
        return [link for link in self._links.values() if link.key == key]

    def attach(self, connection: PeerConnection) -> None:
        """Use a connection: open every channel on it. Does nothing for a known or closed one."""
        if connection in self._links or connection.closed:
            return
        pacer = self._pacers.of(connection.remote_public_key.hex(), self._now())
        link = self._links[connection] = Link(connection, pacer, self._now)
        link.on_room = self._room.set
        connection.on_close.append(lambda error: self._detach(connection))
        with connection.mux.corked():
            for name in tuple(self._names()):
                self._open(link, name)
        self._listener.on_change()

    def open_everywhere(self, name: str) -> None:
        """Open a channel on every connection that does not have it."""
        for link in self:
            self._open(link, name)

    def close_everywhere(self, name: str) -> None:
        """Close a channel on every connection and stop answering its opens."""
        for link in self:
            link.connection.mux.unpair(protocol_name(name))
            self._forget_retries(link, name)
            seat = link.seats.pop(name, None)
            if seat is not None:
                if seat.state is not SeatState.OPENING:
                    link.left.add(name)
                seat.channel.close()

    def broadcast(self, name: str, frame: Frame, allowed: Callable[[Link], bool]) -> tuple[int, int]:
        """Write a message to every neighbour that has the channel and is allowed to read it.

        Returns:
            Neighbours it was written to now, and neighbours it waits for.
        """
        counts = {Written.NOW: 0, Written.QUEUED: 0, Written.LOST: 0}
        for link in self:
            seat = link.seats.get(name)
            if seat is not None and allowed(link):
                counts[link.write(seat, frame)] += 1
        return counts[Written.NOW], counts[Written.QUEUED]

    async def room(self, name: str, allowed: Callable[[Link], bool]) -> bool:
        """Wait while everybody who may read a channel has too much queued already.

        Returns:
            False if that did not change within :data:`ROOM_WAIT_S`.
        """
        try:
            async with asyncio.timeout(ROOM_WAIT_S):
                while (readers := [link for link in self if link.ready_seat(name) and allowed(link)]) and not any(
                    link.has_room for link in readers
                ):
                    self._room.clear()
                    await self._room.wait()
        except TimeoutError:
            return False
        return True

    def close(self) -> None:
        """Stop using all connections; they stay open."""
        for link in self:
            link.close()
        self._links.clear()

    def _detach(self, connection: PeerConnection) -> None:
        link = self._links.pop(connection, None)
        if link is not None:
            link.close()
            self._room.set()
            self._listener.on_change()

    def _open(self, link: Link, name: str) -> None:
        if name in link.seats or link.connection not in self._links:
            return
        mux, protocol = link.connection.mux, protocol_name(name)
        mux.pair(protocol, None, lambda id: self._answer(link, name, id))
        seat: Seat | None = None

        def opened(handshake: bytes) -> None:
            assert seat is not None
            self._opened(link, seat)

        def closed(remote: bool) -> None:
            if remote and seat is not None:
                self._closed(link, seat)

        def received(payload: bytes) -> None:
            assert seat is not None
            if link.connection in self._links:
                self._listener.on_frame(link, seat, Reader(payload).buffer())

        channel = mux.create_channel(protocol, None, messages=(received,), on_open=opened, on_close=closed)
        if channel is None:
            return
        seat = link.seats[name] = Seat(name, channel)
        channel.open()

    def _answer(self, link: Link, name: str, id: bytes | None) -> None:
        if not id and name in self._names():
            self._open(link, name)

    def _opened(self, link: Link, seat: Seat) -> None:
        if link.connection not in self._links:
            return
        self._forget_retries(link, seat.name)
        link.left.discard(seat.name)
        seat.state = SeatState.GREETING
        self._listener.on_seat_open(link, seat)
        self._listener.on_change()

    def _closed(self, link: Link, seat: Seat) -> None:
        """The remote closed or rejected, or the connection is going down."""
        if link.seats.get(seat.name) is seat:
            del link.seats[seat.name]
        if link.connection.mux.closed or link.connection not in self._links:
            return
        if seat.state is SeatState.OPENING:
            self._retry(link, seat.name)
        self._listener.on_change()

    def _retry(self, link: Link, name: str) -> None:
        retries = link.retries.setdefault(name, Retries())
        now = self._now()
        if now - retries.last > RETRY_FORGET_S:
            retries.count = 0
        retries.count += 1
        retries.last = now
        if retries.count <= RETRIES:
            loop = asyncio.get_running_loop()
            retries.timer = loop.call_later(RETRY_STEP_S * retries.count, self._try_again, link, name)
        elif name in link.left:
            link.left.clear()
            link.connection.destroy()

    def _try_again(self, link: Link, name: str) -> None:
        if name in self._names():
            self._open(link, name)

    def _forget_retries(self, link: Link, name: str) -> None:
        retries = link.retries.pop(name, None)
        if retries is not None and retries.timer is not None:
            retries.timer.cancel()
