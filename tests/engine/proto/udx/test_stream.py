"""Life cycle, back pressure, windows and hostile input of one stream."""

from __future__ import annotations

import random
from collections import Counter

import pytest
from hypothesis import given
from hypothesis import strategies as st

from engine.errors import LocalProtocolError
from engine.proto.udx.events import Closed, CloseReason, Drained, MessageReceived, RemoteChanged
from engine.proto.udx.packet import DATA, DESTROY, END, HEARTBEAT, MESSAGE, SACK, Packet, decode_packet, encode_packet
from engine.proto.udx.scoreboard import Route
from engine.proto.udx.stream import ACK_EVERY, ACK_EVERY_WITH_GAP, MAX_EVENTS, MAX_WRITE_BYTES, UdxStream
from tests.harness.pair import Link, Pair, describe

_LOCAL = 7
_REMOTE = 9


def _connected(**options: int) -> UdxStream:
    stream = UdxStream(_LOCAL, **options)  # type: ignore[arg-type]
    stream.connect(Route(_REMOTE))
    return stream


def _packet(flags: int, seq: int = 0, ack: int = 0, payload: bytes = b"", window: int = 4_194_304) -> bytes:
    return encode_packet(Packet(flags, 0, _LOCAL, window, seq, ack, (), payload))


def _sent(stream: UdxStream, now: float) -> list[Packet]:
    return [decode_packet(data) for _, packets in stream.packets_to_send(now) for data in packets]


def test_full_and_drained() -> None:
    pair = Pair(Link(0.01)).connect()
    stream = pair.a.stream
    assert stream.write(bytes(100_000))
    full = False
    for _ in range(100):
        full = not stream.write(bytes(100_000))
        if full:
            break
    assert full
    assert not stream.write(b"x")
    pair.run(30.0, until=lambda: any(isinstance(event, Drained) for event in pair.a.events))
    assert stream.write(b"y")
    pair.run(30.0)
    assert len(pair.b.received) == stream.bytes_written == pair.b.stream.bytes_received


def test_a_writer_that_ignores_full_is_cut_off() -> None:
    stream = _connected()
    block = bytes(1 << 20)
    for _ in range(MAX_WRITE_BYTES // len(block)):
        stream.write(block)
    assert not stream.closed
    assert not stream.write(b"x")
    assert stream.next_event() == Closed(CloseReason.OVERFLOW)
    assert [packet.flags for packet in _sent(stream, 1.0)] == [DESTROY]


def test_local_mistakes() -> None:
    stream = UdxStream(_LOCAL)
    with pytest.raises(LocalProtocolError):
        stream.change_remote(Route(1))
    stream.connect(Route(_REMOTE))
    with pytest.raises(LocalProtocolError):
        stream.connect(Route(_REMOTE))
    stream.end()
    with pytest.raises(LocalProtocolError):
        stream.write(b"late")


def test_nothing_happens_after_close() -> None:
    stream = _connected()
    stream.destroy()
    assert [packet.flags for packet in _sent(stream, 1.0)] == [DESTROY]
    stream.destroy()
    stream.abort()
    stream.end()
    stream.connect(Route(1))
    stream.change_remote(Route(1))
    assert not stream.write(b"x")
    assert not stream.send_message(b"x")
    stream.receive([_packet(DATA, payload=b"x")], 2.0)
    stream.handle_timer(3.0)
    assert stream.next_timer() is None
    assert _sent(stream, 3.0) == []
    assert stream.next_event() == Closed(CloseReason.CLEAN)
    assert stream.next_event() is None
    assert stream.final_ack() is None


def test_destroy_before_connect_says_nothing() -> None:
    stream = UdxStream(_LOCAL)
    stream.destroy()
    assert stream.packets_to_send(1.0) == []


def test_writes_before_connect_wait() -> None:
    stream = UdxStream(_LOCAL)
    assert stream.write(b"early")
    assert stream.packets_to_send(1.0) == []
    stream.connect(Route(_REMOTE))
    assert [packet.payload for packet in _sent(stream, 1.0)] == [b"early"]


def test_acks_inside_a_large_burst() -> None:
    stream = _connected()
    stream.receive([_packet(DATA, seq, payload=b"x") for seq in range(3 * ACK_EVERY + 5)], 1.0)
    assert [packet.ack for packet in _sent(stream, 1.0)] == [ACK_EVERY, 2 * ACK_EVERY, 3 * ACK_EVERY, 3 * ACK_EVERY + 5]


def test_acks_are_frequent_while_packets_are_missing() -> None:
    stream = _connected()
    stream.receive([_packet(DATA, seq, payload=b"x") for seq in range(1, 2 * ACK_EVERY_WITH_GAP + 1)], 1.0)
    assert [describe(encode_packet(packet))[:4] for packet in _sent(stream, 1.0)] == [
        (SACK, 0, 0, ((1, ACK_EVERY_WITH_GAP + 1),)),
        (SACK, 0, 0, ((1, 2 * ACK_EVERY_WITH_GAP + 1),)),
    ]


def test_an_unread_stream_closes_and_reopens_its_window() -> None:
    writer = _connected()
    reader = UdxStream(_REMOTE, max_window=20_000)
    reader.connect(Route(_LOCAL))
    data = random.Random(1).randbytes(100_000)
    writer.write(data)
    received = b""
    now = 1.0
    for step in range(400):
        now += 0.01
        reader.receive([packet for _, packets in writer.packets_to_send(now) for packet in packets], now)
        if step % 50 == 49:
            assert reader.readable_bytes <= 40_000
            received += reader.read()
        writer.receive([packet for _, packets in reader.packets_to_send(now) for packet in packets], now)
    assert received == data
    assert writer.rejections == reader.rejections


def test_zero_window_is_probed_for_ever() -> None:
    stream = _connected()
    stream.receive([_packet(0, window=0)], 1.0)
    stream.write(b"waits")
    probes = []
    now = 1.0
    for _ in range(5):
        for packet in _sent(stream, now):
            assert packet.flags == HEARTBEAT
            probes.append(now)
        deadline = stream.next_timer()
        assert deadline is not None
        now = deadline
        stream.handle_timer(now)
    assert probes == [1.0, 2.0, 4.0, 6.0, 8.0]
    stream.packets_to_send(now)
    stream.receive([_packet(0, window=4_194_304)], now)
    assert [packet.payload for packet in _sent(stream, now)] == [b"waits"]


def test_end_needs_no_window() -> None:
    stream = _connected()
    stream.receive([_packet(0, window=0)], 1.0)
    stream.end()
    assert [packet.flags for packet in _sent(stream, 1.0)] == [END]


def test_old_windows_are_not_believed() -> None:
    stream = _connected()
    stream.receive([_packet(0, seq=5, window=1000), _packet(0, seq=4, window=9)], 1.0)
    assert stream.sender.remote_window == 1000


def test_two_ends_in_one_burst() -> None:
    """The peer's END and its ack of ours arrive together: everything is acknowledged before the stream closes."""
    stream = _connected()
    stream.end()
    _sent(stream, 1.0)
    stream.receive([_packet(END, 0, 0), _packet(0, 1, 1)], 1.1)
    assert [(packet.flags, packet.ack) for packet in _sent(stream, 1.1)] == [(0, 1)]
    assert stream.closed
    answer = stream.final_ack()
    assert answer is not None
    assert describe(answer[1])[:3] == (0, 1, 1)


def test_end_and_ack_of_our_end_in_one_packet() -> None:
    stream = _connected()
    stream.end()
    _sent(stream, 1.0)
    stream.receive([_packet(END, 0, 1)], 1.1)
    assert [(packet.flags, packet.ack) for packet in _sent(stream, 1.1)] == [(0, 1)]
    assert stream.closed


def test_change_of_remote() -> None:
    stream = _connected()
    stream.write(b"old")
    _sent(stream, 1.0)
    new = Route(55, "there")
    stream.change_remote(new)
    stream.write(b"new")
    assert [(route.remote_id, len(packets)) for route, packets in stream.packets_to_send(1.1)] == [(55, 1)]
    stream.handle_timer(2.1)
    repeated = [
        (route.remote_id, describe(data)[4]) for route, packets in stream.packets_to_send(2.1) for data in packets
    ]
    assert (_REMOTE, b"old") in repeated
    assert (55, b"old") not in repeated
    assert stream.next_event() is None
    stream.receive([_packet(0, 0, 1)], 2.2)
    assert stream.next_event() == RemoteChanged()
    stream.receive([_packet(0, 0, 2)], 2.3)
    stream.change_remote(Route(56))
    assert stream.next_event() == RemoteChanged()


def test_messages() -> None:
    stream = _connected()
    assert stream.send_message(b"hello")
    assert [(packet.flags, packet.payload) for packet in _sent(stream, 1.0)] == [(MESSAGE, b"hello")]
    assert not stream.send_message(bytes(1153))
    stream.receive([_packet(MESSAGE, payload=b"m")] * (MAX_EVENTS + 5), 1.0)
    assert stream.next_event() == MessageReceived(b"m")
    assert stream.rejections["messages"] == 5


def test_a_clock_that_goes_back_stands_still() -> None:
    stream = _connected()
    stream.write(b"x")
    _sent(stream, 100.0)
    deadline = stream.next_timer()
    stream.receive([_packet(0, 0, 0)], 1.0)
    stream.handle_timer(1.0)
    assert _sent(stream, 1.0) == []
    assert stream.next_timer() == deadline
    stream.receive([_packet(0, 0, 1)], 50.0)
    assert stream.rtt_s == 0.0


def test_a_jump_of_the_clock_costs_one_expiry() -> None:
    stream = _connected()
    stream.write(b"x")
    _sent(stream, 1.0)
    stream.handle_timer(100_000.0)
    assert not stream.closed
    assert len(_sent(stream, 100_000.0)) == 1
    stream.receive([_packet(0, 0, 1)], 100_000.1)
    assert not stream.closed


def test_rejections_are_counted_by_reason() -> None:
    counter: Counter[str] = Counter()
    stream = UdxStream(_LOCAL, max_window=1000, rejections=counter)
    stream.connect(Route(_REMOTE))
    stream.receive([b"", b"short", _packet(0)[:19], b"\xff\x02" + bytes(18)], 1.0)
    stream.receive([_packet(DATA, 20_000, payload=b"far")], 1.0)
    stream.receive([_packet(0, 0, 77)], 1.0)
    bad = encode_packet(Packet(SACK, 0, _LOCAL, 1000, 0, 0, ((5, 3),), b""))
    stream.receive([bad, b"\xff\x01\x01\xc8" + _packet(DATA)[4:]], 1.0)
    assert counter == {"not-udx": 4, "window": 1, "ack-beyond": 1, "sack": 1, "data-offset": 1}
    assert not stream.closed


@given(
    headers=st.lists(
        st.tuples(
            st.integers(0, 255),
            st.sampled_from([0, 0, 8, 16, 255]),
            st.integers(-3, 12),
            st.integers(-3, 12),
            st.sampled_from([0, 100, 4_194_304]),
            st.binary(max_size=40),
        ),
        max_size=30,
    )
)
def test_no_input_raises(headers: list[tuple[int, int, int, int, int, bytes]]) -> None:
    stream = _connected()
    now = 1.0
    stream.write(bytes(5000))
    for flags, offset, seq, ack, window, payload in headers:
        _sent(stream, now)
        data = (
            b"\xff\x01"
            + bytes([flags, offset])
            + b"".join((number & 0xFFFF_FFFF).to_bytes(4, "little") for number in (_LOCAL, window, seq, ack))
        )
        stream.receive([data + payload, payload], now)
        deadline = stream.next_timer()
        now += 0.05
        if deadline is not None and deadline <= now:
            stream.handle_timer(now)
        board = stream.sender.board
        assert board.pipe >= 0
        assert 0 <= board.outstanding <= 5
        assert stream.sender.unacked_bytes >= 0
    stream.read()


def test_random_datagrams() -> None:
    stream = _connected()
    source = random.Random(5)
    for _ in range(3000):
        data = bytearray(source.randbytes(source.randrange(0, 60)))
        if source.random() < 0.8:
            data[:2] = b"\xff\x01"
        stream.receive([bytes(data)], 1.0)
        stream.packets_to_send(1.0)
        while stream.next_event() is not None:
            pass
        if stream.closed:
            stream = _connected()
    assert stream.receiver.buffered_bytes < 1_000_000
