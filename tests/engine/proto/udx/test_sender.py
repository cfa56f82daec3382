"""Timers and limits of the sending half."""

from __future__ import annotations

import pytest

from engine.proto.udx.congestion import INITIAL_WINDOW
from engine.proto.udx.packet import DATA, END, Packet, decode_packet, encode_packet
from engine.proto.udx.scoreboard import Route
from engine.proto.udx.sender import RECOVERY_PROBE_S, RecoveryState
from engine.proto.udx.stream import UdxStream


class Peer:
    """A stream whose packets are looked at and answered by hand."""

    def __init__(self) -> None:
        self.stream = UdxStream(7)
        self.stream.connect(Route(9))
        self.now = 10.0

    def sent(self) -> list[Packet]:
        """Packets that leave now."""
        return [decode_packet(data) for _, packets in self.stream.packets_to_send(self.now) for data in packets]

    def ack(self, ack: int, *sacks: tuple[int, int], window: int = 4_194_304) -> None:
        """Answer."""
        flags = 4 if sacks else 0
        self.stream.receive([encode_packet(Packet(flags, 0, 7, window, 0, ack, sacks, b""))], self.now)

    def next_timer(self) -> float:
        """Let time pass until the next deadline; returns how long that took."""
        deadline = self.stream.next_timer()
        assert deadline is not None
        waited = deadline - self.now
        self.now = deadline
        self.stream.handle_timer(self.now)
        return waited

    def measured(self, rtt_s: float) -> None:
        """Give the stream a round trip time."""
        self.stream.write(b"x")
        self.sent()
        self.now += rtt_s
        self.ack(self.stream.sender.board.next_seq)


def test_initial_window_and_packet_size() -> None:
    peer = Peer()
    peer.stream.write(bytes(100_000))
    sent = peer.sent()
    assert len(sent) == INITIAL_WINDOW
    assert {len(packet.payload) for packet in sent} == {1152}
    assert peer.sent() == []


def test_the_last_packet_carries_the_end() -> None:
    peer = Peer()
    peer.stream.write(bytes(2000))
    peer.stream.end()
    assert [(packet.flags, len(packet.payload)) for packet in peer.sent()] == [(DATA, 1152), (DATA | END, 848)]


def test_peer_window_limits_what_is_outstanding() -> None:
    peer = Peer()
    peer.ack(0, window=3 * 1152)
    peer.stream.write(bytes(100_000))
    assert len(peer.sent()) == 3
    peer.ack(0, (1, 3), window=3 * 1152)
    assert [packet.seq for packet in peer.sent()] == [0]  # sent again; nothing new
    peer.ack(3, window=1)
    assert [packet.seq for packet in peer.sent()] == [3]


def test_tail_loss_probe_of_one_packet() -> None:
    peer = Peer()
    peer.measured(0.1)
    peer.stream.write(b"tail")
    peer.sent()
    assert peer.next_timer() == pytest.approx(0.202)
    assert [packet.seq for packet in peer.sent()] == [1]
    assert peer.next_timer() == pytest.approx(1.0)
    assert peer.stream.sender.state is RecoveryState.LOSS


def test_tail_loss_probe_prefers_new_data() -> None:
    peer = Peer()
    peer.measured(0.1)
    peer.stream.write(bytes(1152 * (peer.stream.sender.congestion.window + 2)))
    first = peer.sent()
    peer.next_timer()
    probe = peer.sent()
    assert [packet.seq for packet in probe] == [first[-1].seq + 1]


def test_tail_loss_probe_repeats_the_highest() -> None:
    peer = Peer()
    peer.measured(0.1)
    peer.stream.write(bytes(3000))
    assert [packet.seq for packet in peer.sent()] == [1, 2, 3]
    assert peer.next_timer() == pytest.approx(0.2)
    assert [packet.seq for packet in peer.sent()] == [3]


def test_one_probe_per_round_trip_sample() -> None:
    peer = Peer()
    peer.measured(0.1)
    peer.stream.write(b"1")
    peer.sent()
    peer.next_timer()
    peer.sent()
    peer.stream.write(b"2")
    peer.sent()
    assert peer.next_timer() == pytest.approx(1.0)


def test_timeout_restarts_doubled_once() -> None:
    peer = Peer()
    peer.stream.write(b"x")
    peer.sent()
    waits = []
    for _ in range(6):
        waits.append(peer.next_timer())
        assert len(peer.sent()) == 1
    waits.append(peer.next_timer())
    assert waits == pytest.approx([1.0, 2.0, 2.0, 2.0, 2.0, 2.0, 2.0])
    assert peer.stream.closed


def test_progress_restarts_the_timeout() -> None:
    peer = Peer()
    peer.stream.write(bytes(3000))
    peer.sent()
    peer.now += 0.9
    peer.ack(1)
    peer.sent()
    deadlines = [peer.next_timer(), peer.next_timer()]
    assert sum(deadlines) > 1.0


def test_recovery_ends_with_the_number_that_was_next() -> None:
    peer = Peer()
    peer.measured(0.1)
    peer.stream.write(bytes(1152 * 6))
    peer.sent()
    peer.now += 0.1
    peer.ack(2, (3, 7))  # number 1 is an MTU probe, whose loss would not count
    states = [peer.stream.sender.state]
    assert [packet.seq for packet in peer.sent()] == [2]
    assert peer.stream.sender.retransmissions == 1
    peer.now += 0.1
    peer.ack(7)
    states.append(peer.stream.sender.state)
    assert states == [RecoveryState.RECOVERY, RecoveryState.OPEN]


def test_lost_retransmission_at_the_tail_is_probed() -> None:
    peer = Peer()
    peer.measured(0.01)
    peer.stream.write(bytes(1152 * 6))
    peer.sent()
    peer.now += 0.01
    peer.ack(2, (3, 7))
    assert [packet.seq for packet in peer.sent()] == [2]
    assert peer.next_timer() == pytest.approx(RECOVERY_PROBE_S)
    assert [packet.seq for packet in peer.sent()] == [2]
    assert peer.stream.sender.state is RecoveryState.RECOVERY


def test_lost_probe_is_no_congestion() -> None:
    peer = Peer()
    peer.measured(0.1)
    peer.stream.write(bytes(1152 * 6))
    sent = peer.sent()
    assert sent[0].seq == 1
    peer.now += 0.1
    peer.ack(2)
    peer.stream.write(bytes(1152 * 6))
    probe = next(packet for packet in peer.sent() if packet.data_offset)
    assert probe.data_offset == 32
    peer.now += 0.1
    peer.ack(probe.seq, (probe.seq + 1, peer.stream.sender.board.next_seq))
    again = peer.sent()
    assert (again[0].seq, again[0].data_offset, again[0].payload) == (probe.seq, 0, probe.payload)
    assert peer.stream.sender.state is RecoveryState.OPEN
    assert peer.stream.mtu == 1200


def test_large_queues_leave_in_paced_slices() -> None:
    peer = Peer()
    peer.measured(0.1)
    peer.stream.sender.congestion.window = 4000
    peer.stream.sender.congestion.pacing_rate = 10_000.0
    peer.stream.write(bytes(4_000_000))
    first = len(peer.sent())
    assert 10 <= first <= 64
    assert peer.sent() == []
    peer.next_timer()
    assert 0 < len(peer.sent()) <= 64
