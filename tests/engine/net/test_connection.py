from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any

import pytest

from engine.errors import FrameTooLarge, LocalProtocolError, RemoteProtocolError
from engine.net.connection import END_WAIT_S, HEADER_WAIT_S, KEEP_ALIVE_S, PeerConnection
from engine.proto.mux.state import MuxLimits
from engine.proto.stream.framing import encode_frame
from tests.harness.connections import Link, handshake
from tests.harness.fakenet import FakeNet
from tests.harness.virtual_loop import run_virtual

Scenario = Callable[[PeerConnection, PeerConnection, FakeNet], Awaitable[None]]


def run(scenario: Scenario, *, net: FakeNet | None = None, **options: Any) -> None:
    """Run a scenario with the two ends of one connection."""

    async def main() -> None:
        network = net or FakeNet(seed=1)
        link = Link(network)
        await link.open()
        a, b = link.connect(**options)
        await scenario(a, b, network)
        a.destroy()
        b.destroy()
        link.close()

    run_virtual(main())


def record(connection: PeerConnection) -> list[Any]:
    """What is reported when the connection closes."""
    reasons: list[Any] = []
    connection.on_close.append(reasons.append)
    return reasons


def test_both_sides_know_who_they_talk_to() -> None:
    async def scenario(a: PeerConnection, b: PeerConnection, net: FakeNet) -> None:
        assert (a.public_key, a.remote_public_key) == (b.remote_public_key, b.public_key)
        assert (a.is_initiator, b.is_initiator) == (True, False)
        assert a.handshake_hash == b.handshake_hash
        assert a.remote_address is not None
        await asyncio.sleep(1)
        assert a.rtt_s == pytest.approx(0.04, abs=0.01)
        assert a.bytes_out == b.bytes_in == 59

    run(scenario)


def test_the_header_alone_does_not_count_as_data() -> None:
    async def scenario(a: PeerConnection, b: PeerConnection, net: FakeNet) -> None:
        await asyncio.sleep(1)
        assert [a.raw_bytes_read, a.raw_bytes_written, b.raw_bytes_read, b.raw_bytes_written] == [0, 0, 0, 0]
        a.keepalive()
        await asyncio.sleep(1)
        assert (a.raw_bytes_written, b.raw_bytes_read) == (20, 17)

    run(scenario)


def test_channels_work_over_a_lossy_reordering_network() -> None:
    async def scenario(a: PeerConnection, b: PeerConnection, net: FakeNet) -> None:
        got: list[bytes] = []
        receiver = b.mux.create_channel("numbers", messages=[got.append])
        sender = a.mux.create_channel("numbers", messages=[lambda payload: None])
        assert sender is not None
        assert receiver is not None
        sender.open()
        receiver.open()
        sent = [bytes([index % 256]) * (index * 37 % 5000) for index in range(300)]
        for payload in sent:
            sender.send(0, payload)
        await asyncio.sleep(60)
        assert got == sent

    run(scenario, net=FakeNet(seed=3, loss=0.1, jitter_s=0.05, duplicate=0.05))


def test_keep_alive_is_sent_after_five_seconds_without_own_writes() -> None:
    async def scenario(a: PeerConnection, b: PeerConnection, net: FakeNet) -> None:
        b.on_message = lambda message: None
        await asyncio.sleep(KEEP_ALIVE_S - 1)
        a.write(b"still here")
        written = a.raw_bytes_written
        await asyncio.sleep(KEEP_ALIVE_S - 0.1)
        assert a.raw_bytes_written == written
        await asyncio.sleep(0.2)
        assert a.raw_bytes_written == written + 20
        await asyncio.sleep(2 * KEEP_ALIVE_S)
        assert a.raw_bytes_written == written + 60

    run(scenario)


def test_a_keep_alive_never_reaches_the_layer_above() -> None:
    async def scenario(a: PeerConnection, b: PeerConnection, net: FakeNet) -> None:
        got: list[bytes] = []
        b.on_message = got.append
        a.keepalive()
        a.write(b"data")
        a.keepalive()
        await asyncio.sleep(1)
        assert got == [b"data"]

    run(scenario)


def test_a_dead_peer_is_noticed_by_its_missing_acks() -> None:
    async def scenario(a: PeerConnection, b: PeerConnection, net: FakeNet) -> None:
        reasons = record(a)
        await asyncio.sleep(1)
        net.block("1.0.0.1", "1.0.0.2")
        await asyncio.sleep(30)
        assert isinstance(reasons[0], TimeoutError)
        assert "acknowledge" in a.close_reason
        assert a.closed

    run(scenario)


def test_end_closes_both_sides_without_error() -> None:
    async def scenario(a: PeerConnection, b: PeerConnection, net: FakeNet) -> None:
        got: list[bytes] = []
        b.on_message = got.append
        reasons = record(a), record(b)
        channel = b.mux.create_channel("x", on_close=lambda remote: got.append(b"closed"))
        assert channel is not None
        channel.open()
        a.write(b"last words")
        a.end()
        assert a.write(b"too late") is False
        await asyncio.sleep(1)
        assert got == [b"last words", b"closed"]
        assert reasons == ([None], [None])
        assert a.close_reason == "The connection ended normally."

    run(scenario)


def test_a_peer_that_does_not_answer_our_end_is_cut_off() -> None:
    async def main() -> None:
        net = FakeNet(seed=1)
        link = Link(net)
        await link.open()
        a, b = link.connect()
        b._udx.on_end = None
        reasons = record(a)
        a.end()
        await asyncio.sleep(END_WAIT_S - 1)
        assert not a.closed
        await asyncio.sleep(2)
        assert isinstance(reasons[0], TimeoutError)
        b.destroy()
        link.close()

    run_virtual(main())


def test_destroy_is_a_reset_for_the_peer_and_reported_once() -> None:
    async def scenario(a: PeerConnection, b: PeerConnection, net: FakeNet) -> None:
        reasons = record(a), record(b)
        await asyncio.sleep(0.1)
        cause = RemoteProtocolError("Duplicate connection")
        a.destroy(cause)
        assert a.closed
        a.destroy()
        await asyncio.sleep(1)
        assert reasons[0] == [cause]
        assert isinstance(reasons[1][0], ConnectionResetError)
        assert a.close_reason == "Duplicate connection"
        assert a.write(b"x") is False

    run(scenario)


@pytest.mark.parametrize(
    ("data", "kind"),
    [
        (encode_frame(b"x" * 30), RemoteProtocolError),
        (encode_frame(b""), RemoteProtocolError),
        ((9_000_000).to_bytes(3, "little"), FrameTooLarge),
    ],
    ids=["forged", "empty", "too large"],
)
def test_a_violation_destroys_only_that_connection_with_its_reason(data: bytes, kind: type[Exception]) -> None:
    async def main() -> None:
        link = Link(FakeNet(seed=1))
        await link.open()
        bad, victim = link.connect(max_frame_bytes=8_000_000)
        good, other = link.connect()
        reasons = record(victim)
        bad._udx.write(data)
        await asyncio.sleep(1)
        assert isinstance(reasons[0], kind)
        assert bad.closed
        assert not good.closed
        assert not other.closed
        for connection in (good, other):
            connection.destroy()
        link.close()

    run_virtual(main())


def test_a_mux_violation_destroys_the_connection() -> None:
    async def scenario(a: PeerConnection, b: PeerConnection, net: FakeNet) -> None:
        reasons = record(b)
        a.write(bytes.fromhex("000201"))
        await asyncio.sleep(1)
        assert "Invalid reject" in str(reasons[0])
        assert a.closed

    run(scenario)


def test_a_failing_handler_of_ours_costs_one_connection(caplog: pytest.LogCaptureFixture) -> None:
    async def scenario(a: PeerConnection, b: PeerConnection, net: FakeNet) -> None:
        reasons = record(b)

        def broken(message: bytes) -> None:
            raise KeyError("bug")

        b.on_message = broken
        a.write(b"x")
        await asyncio.sleep(1)
        assert isinstance(reasons[0], KeyError)
        assert "a handler of the connection" in caplog.text

    run(scenario)


def test_a_failing_close_handler_does_not_stop_the_others(caplog: pytest.LogCaptureFixture) -> None:
    async def scenario(a: PeerConnection, b: PeerConnection, net: FakeNet) -> None:
        def broken(error: Exception | None) -> None:
            raise KeyError("bug")

        a.on_close.append(broken)
        reasons = record(a)
        a.destroy()
        assert reasons == [None]
        assert "a close handler" in caplog.text

    run(scenario)


def test_write_reports_full_and_drain_follows() -> None:
    async def scenario(a: PeerConnection, b: PeerConnection, net: FakeNet) -> None:
        received = 0
        drained: list[str] = []

        def count(message: bytes) -> None:
            nonlocal received
            received += len(message)

        b.on_message = count
        a.on_drain.append(lambda: drained.append("connection"))
        channel = a.mux.create_channel("x", on_drain=lambda: drained.append("channel"))
        assert channel is not None
        channel.open()
        while a.write(bytes(65_536)):
            pass
        assert drained == []
        await asyncio.sleep(30)
        assert drained[:2] == ["channel", "connection"]
        assert received > 65_536

    run(scenario)


def test_messages_for_an_undecided_channel_stop_the_reading_until_it_is_claimed() -> None:
    async def scenario(a: PeerConnection, b: PeerConnection, net: FakeNet) -> None:
        got: list[bytes] = []
        release: list[Callable[[], None]] = []
        b.mux.pair("slow", None, lambda id: release.append(b.mux.hold_pairing()))
        sender = a.mux.create_channel("slow")
        assert sender is not None
        sender.open()
        sent = [index.to_bytes(2, "little") * 5000 for index in range(200)]
        for payload in sent:
            sender.send(0, payload)
        await asyncio.sleep(5)
        assert not b.closed
        assert b.mux.paused
        assert got == []
        receiver = b.mux.create_channel("slow", messages=[got.append])
        assert receiver is not None
        receiver.open()
        release[0]()
        await asyncio.sleep(5)
        assert got == sent
        assert not b.mux.paused

    run(scenario, mux_limits=MuxLimits(queued_bytes=200_000))


def test_a_message_that_fits_no_frame_is_refused_and_the_connection_stays() -> None:
    async def scenario(a: PeerConnection, b: PeerConnection, net: FakeNet) -> None:
        with pytest.raises(LocalProtocolError, match="too large"):
            a.write(bytes(1 << 24))
        assert not a.closed

    run(scenario)


def test_data_that_arrived_before_the_connection_was_made_is_read() -> None:
    async def main() -> None:
        link = Link(FakeNet(seed=1))
        await link.open()
        results = handshake(*link.key_pairs, link.random_bytes)
        streams = link.streams()
        a = PeerConnection(streams[0], results[0])
        a.write(b"early")
        await asyncio.sleep(1)
        got: list[bytes] = []
        b = PeerConnection(streams[1], results[1])
        b.on_message = got.append
        await asyncio.sleep(1)
        assert got == [b"early"]
        a.destroy()
        b.destroy()
        link.close()

    run_virtual(main())


def test_a_peer_that_never_begins_is_cut_off() -> None:
    async def main() -> None:
        link = Link(FakeNet(seed=1))
        await link.open()
        results = handshake(*link.key_pairs, link.random_bytes)
        silent, stream = link.streams()
        silent.write(b"\x38")
        connection = PeerConnection(stream, results[1])
        reasons = record(connection)
        assert connection.close_reason == ""
        await asyncio.sleep(HEADER_WAIT_S - 1)
        assert not connection.closed
        await asyncio.sleep(KEEP_ALIVE_S + 1)
        assert isinstance(reasons[0], TimeoutError)
        link.close()

    run_virtual(main())


def test_nothing_is_delivered_after_a_handler_has_closed_the_connection() -> None:
    async def scenario(a: PeerConnection, b: PeerConnection, net: FakeNet) -> None:
        got: list[bytes] = []

        def once(message: bytes) -> None:
            got.append(message)
            b.destroy()

        b.on_message = once
        a.write(b"one")
        a.write(b"two")
        await asyncio.sleep(1)
        assert got == [b"one"]

    run(scenario)


def test_a_handler_of_plain_messages_may_refuse_one() -> None:
    async def scenario(a: PeerConnection, b: PeerConnection, net: FakeNet) -> None:
        def refuse(message: bytes) -> None:
            raise RemoteProtocolError("not what was agreed")

        b.on_message = refuse
        a.write(b"x")
        await asyncio.sleep(1)
        assert b.close_reason == "not what was agreed"

    run(scenario)
