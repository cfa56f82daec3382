"""Opening, answering, retrying and queueing on connections in memory, with a clock of its own."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any

import pytest

from engine.crypto.keys import KeyPair
from engine.errors import DecodeError
from engine.proto.mux.channel import Channel
from engine.services.sidechannel import links as links_module
from engine.services.sidechannel.channel_links import ChannelLinks
from engine.services.sidechannel.links import Frame, Link, Seat
from engine.services.sidechannel.names import protocol_name
from engine.services.sidechannel.pacing import Pacers
from engine.wire.compact import Reader
from tests.harness.fakeswarm import FakeConnection, connect, settle
from tests.harness.virtual_loop import run_virtual

ME, YOU = KeyPair.from_seed(bytes([1]) * 32), KeyPair.from_seed(bytes([2]) * 32)


class Side:
    """Links with a listener that records."""

    def __init__(self, *names: str, rate: float = 0, burst: float = 256_000) -> None:
        self.names = list(names)
        self.log: list[tuple[str, str]] = []
        self.hold = False
        self.seats: list[tuple[Link, Seat]] = []
        self.changes = 0
        self.links = ChannelLinks(self, lambda: self.names, Pacers(rate, burst), asyncio.get_running_loop().time)

    def on_frame(self, link: Link, seat: Seat, text: bytes) -> None:
        self.log.append((seat.name, text.decode()))
        if text == b"bad":
            raise DecodeError("Not JSON.")

    def on_seat_open(self, link: Link, seat: Seat) -> None:
        self.seats.append((link, seat))
        if not self.hold:
            link.make_ready(seat)

    def on_change(self) -> None:
        self.changes += 1

    def send(self, name: str, text: str) -> tuple[int, int]:
        return self.links.broadcast(name, Frame.of(text.encode(), own=True), lambda link: True)

    def ready(self, name: str) -> bool:
        return any(link.ready_seat(name) for link in self.links)


def pair(one: Side, two: Side) -> tuple[FakeConnection, FakeConnection]:
    """Connect two sides."""
    left, right = connect(ME, YOU)
    one.links.attach(left)  # type: ignore[arg-type]
    two.links.attach(right)  # type: ignore[arg-type]
    return left, right


def scenario(run: Callable[[], Any]) -> None:
    """Run a test in virtual time."""
    run_virtual(run())


class Stubborn:
    """A bare peer that answers a channel once and then rejects it for ever, as the reference does."""

    def __init__(self, name: str) -> None:
        self.opens: list[float] = []
        self.received: list[bytes] = []
        self.answers = 1
        self._name = name

    def attach(self, connection: FakeConnection) -> None:
        self._mux = connection.mux
        self._mux.pair(protocol_name(self._name), None, self._answer)

    def _answer(self, id: bytes | None) -> None:
        self.opens.append(asyncio.get_running_loop().time())
        if self.answers:
            self.answers -= 1
            channel: Channel | None = self._mux.create_channel(
                protocol_name(self._name), None, messages=(lambda data: self.received.append(Reader(data).buffer()),)
            )
            assert channel is not None
            channel.open()


def test_channels_open_in_any_order() -> None:
    async def run() -> None:
        one, two = Side("a", "b"), Side("a")
        pair(one, two)
        await settle()
        assert one.ready("a")
        assert two.ready("a")
        assert not one.ready("b")
        two.names.append("b")
        two.links.open_everywhere("b")
        await settle()
        assert one.ready("b")
        assert one.send("b", "1") == (1, 0)
        await settle()
        assert two.log == [("b", "1")]

    scenario(run)


def test_retries_are_spaced_and_end() -> None:
    async def run() -> None:
        one, other = Side("a"), Stubborn("a")
        other.answers = 0
        left, right = connect(ME, YOU)
        other.attach(right)
        one.links.attach(left)  # type: ignore[arg-type]
        await asyncio.sleep(5)
        gaps = [round(later - earlier, 2) for earlier, later in zip(other.opens, other.opens[1:], strict=False)]
        assert gaps == [0.1, 0.2, 0.3, 0.4, 0.5]
        assert not left.closed
        one.links.open_everywhere("a")
        await asyncio.sleep(5)
        assert len(other.opens) == 12

    scenario(run)


def test_a_connection_is_dropped_once_when_a_channel_we_left_stays_rejected() -> None:
    async def run() -> None:
        one, other = Side("a"), Stubborn("a")
        left, right = connect(ME, YOU)
        other.attach(right)
        one.links.attach(left)  # type: ignore[arg-type]
        await settle()
        assert one.ready("a")
        one.names.clear()
        one.links.close_everywhere("a")
        await settle()
        one.names.append("a")
        one.links.open_everywhere("a")
        await asyncio.sleep(5)
        assert left.closed
        assert right.closed
        assert len(one.links) == 0

    scenario(run)


def test_leaving_while_a_channel_opens_does_not_count_as_left() -> None:
    async def run() -> None:
        one, other = Side("a"), Stubborn("a")
        other.answers = 0
        left, right = connect(ME, YOU)
        other.attach(right)
        one.links.attach(left)  # type: ignore[arg-type]
        one.links.close_everywhere("a")
        one.links.open_everywhere("a")
        await asyncio.sleep(5)
        assert not left.closed

    scenario(run)


def test_a_peer_that_leaves_may_come_back() -> None:
    async def run() -> None:
        one, two = Side("a"), Side("a")
        pair(one, two)
        await settle()
        two.names.clear()
        two.links.close_everywhere("a")
        await settle()
        assert not one.ready("a")
        assert one.send("a", "lost") == (0, 0)
        two.names.append("a")
        two.links.open_everywhere("a")
        await settle()
        assert one.send("a", "found") == (1, 0)
        await settle()
        assert two.log == [("a", "found")]

    scenario(run)


def test_an_open_with_an_id_is_not_ours() -> None:
    async def run() -> None:
        one = Side("a")
        left, right = connect(ME, YOU)
        closed: list[bool] = []
        channel = right.mux.create_channel(protocol_name("a"), b"id", on_close=closed.append)
        assert channel is not None
        one.links.attach(left)  # type: ignore[arg-type]
        channel.open()
        await settle()
        assert closed == [True]

    scenario(run)


def test_messages_wait_for_the_hello() -> None:
    async def run() -> None:
        one, two = Side("a"), Side("a")
        one.hold = True
        pair(one, two)
        assert one.send("a", "while opening") == (0, 1)
        await settle()
        assert one.send("a", "while greeting") == (0, 1)
        [(link, seat)] = one.seats
        link.write_hello(seat, Frame.of(b"hello", own=True))
        link.make_ready(seat)
        assert one.send("a", "ready") == (1, 0)
        await settle()
        assert [text for _, text in two.log] == ["hello", "while opening", "while greeting", "ready"]

    scenario(run)


def test_what_waits_in_a_seat_is_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(links_module, "SEAT_BYTES", 10)

    async def run() -> None:
        one, two = Side("a"), Side("a")
        pair(one, two)
        assert one.send("a", "12345678") == (0, 1)
        assert one.send("a", "12345678") == (0, 0)
        assert [link.lost for link in one.links] == [1]

    scenario(run)


def test_a_full_stream_makes_messages_wait_in_order() -> None:
    async def run() -> None:
        one, two = Side("a"), Side("a")
        left, _ = pair(one, two)
        await settle()
        left.full = True
        assert one.send("a", "0") == (1, 0)
        assert [one.send("a", str(number)) for number in range(1, 4)] == [(0, 1)] * 3
        await settle()
        assert [text for _, text in two.log] == ["0"]
        left.drain()
        await settle()
        assert [text for _, text in two.log] == ["0", "1", "2", "3"]

    scenario(run)


def test_pacing_keeps_the_order_and_the_rate() -> None:
    async def run() -> None:
        one, two = Side("a", rate=1000, burst=1000), Side("a")
        pair(one, two)
        await settle()
        texts = [f"{number:03}" + "x" * 97 for number in range(30)]
        assert [one.send("a", text) for text in texts[:9]] == [(1, 0)] * 9
        assert [one.send("a", text) for text in texts[9:]] == [(0, 1)] * 21
        await settle()
        assert len(two.log) == 9
        await asyncio.sleep(1.2)
        assert 9 < len(two.log) <= 21
        await asyncio.sleep(2)
        assert [text for _, text in two.log] == texts

    scenario(run)


def test_the_backlog_is_bounded_and_keeps_room_for_own_messages(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(links_module, "BACKLOG_BYTES", 400)

    async def run() -> None:
        one, two = Side("a", rate=100, burst=100), Side("a")
        pair(one, two)
        await settle()
        relayed = Frame.of(b"r" * 80, own=False)

        def relay() -> tuple[int, int]:
            return one.links.broadcast("a", relayed, lambda link: True)

        assert [relay() for _ in range(5)] == [(1, 0), (0, 1), (0, 1), (0, 0), (0, 0)]
        assert [one.send("a", "o" * 80) for _ in range(4)] == [(0, 1), (0, 1), (0, 1), (0, 0)]

    scenario(run)


def test_frames_for_a_seat_that_closed_are_dropped() -> None:
    async def run() -> None:
        one, two = Side("a", "b", rate=1000, burst=100), Side("a", "b")
        pair(one, two)
        await settle()
        one.send("a", "x" * 90)
        assert one.send("a", "closed meanwhile") == (0, 1)
        assert one.send("b", "still open") == (0, 1)
        one.links.close_everywhere("a")
        await asyncio.sleep(1)
        assert [text for _, text in two.log] == ["x" * 90, "still open"]

    scenario(run)


def test_bytes_that_are_no_message_close_the_connection() -> None:
    async def run() -> None:
        one, two = Side("a"), Side("a")
        left, right = pair(one, two)
        await settle()
        one.send("a", "bad")
        await settle()
        assert right.closed
        assert left.closed
        assert len(one.links) == len(two.links) == 0
        assert isinstance(right.mux.error, DecodeError)

    scenario(run)


def test_nothing_is_left_of_closed_connections() -> None:
    async def run() -> None:
        one, two = Side("a", "missing"), Side("a")
        for _ in range(20):
            left, _ = pair(one, two)
            one.links.attach(left)  # type: ignore[arg-type]
            await settle()
            left.destroy()
            await settle()
            one.links.attach(left)  # type: ignore[arg-type]
        assert len(one.links) == len(two.links) == 0
        await asyncio.sleep(1)
        assert one.links.of(YOU.public_key.hex()) == []

    scenario(run)


def test_closed_links_take_nothing_any_more() -> None:
    async def run() -> None:
        one, two = Side("a"), Side("a")
        left, _ = pair(one, two)
        await settle()
        two.send("a", "on its way")
        one.links.close()
        two.names.append("late")
        two.links.open_everywhere("late")
        await asyncio.sleep(1)
        assert one.log == []
        assert not left.closed

    scenario(run)
