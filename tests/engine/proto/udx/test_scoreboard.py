"""Acknowledgements and RACK loss detection."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from engine.proto.udx.packet import DATA
from engine.proto.udx.rtt import RttEstimator
from engine.proto.udx.scoreboard import (
    IN_FLIGHT,
    LOST,
    MAX_EXPIRIES,
    SACKED,
    AckResult,
    Route,
    Scoreboard,
    Transmission,
)

_ROUTE = Route(1)


class Board:
    """A scoreboard with sent packets at hand."""

    def __init__(self) -> None:
        self.rtt = RttEstimator()
        self.board = Scoreboard(0, self.rtt)
        self.sent: dict[int, Transmission] = {}

    def send(self, count: int, now: float) -> None:
        """Send new packets of ten bytes."""
        for _ in range(count):
            packet = Transmission(self.board.next_seq, DATA, bytes(10), _ROUTE)
            self.sent[packet.seq] = packet
            self.board.register(packet, now)

    def repeat(self, now: float) -> int | None:
        """Send the next lost packet again; returns its number."""
        packet = self.board.next_lost()
        if packet is None:
            return None
        again = self.board.repeat(packet)
        self.sent[again.seq] = again
        self.board.register(again, now)
        return again.seq

    def ack(self, ack: int, now: float, *sacks: tuple[int, int]) -> AckResult:
        """Process one ack."""
        result = AckResult()
        if ack > self.board.una:
            self.board.acknowledge(ack, result)
        assert self.board.mark_sacked(sacks, result) == 0
        self.board.settle(result, now)
        return result

    def check(self) -> None:
        """The counters agree with the packets."""
        live = [packet for seq, packet in self.sent.items() if seq >= self.board.una]
        states = [packet.state for packet in live]
        assert self.board.pipe == states.count(IN_FLIGHT)
        assert self.board.sacked == states.count(SACKED)
        assert self.board.lost_count == states.count(LOST)
        assert self.board.outstanding == len(live)


def test_cumulative_ack() -> None:
    board = Board()
    board.send(3, 1.0)
    result = board.ack(2, 1.1)
    assert (result.advanced, result.delivered, result.bytes_freed) == (True, 2, 20)
    assert result.rtt_s == pytest.approx(0.1)
    assert board.rtt.smoothed_s == pytest.approx(0.1)
    assert board.board.pipe == 1
    board.check()


def test_hole_is_lost_after_a_quarter_of_the_round_trip() -> None:
    board = Board()
    board.send(1, 0.0)
    board.ack(1, 0.1)
    board.send(1, 1.0)
    board.send(1, 1.01)
    board.ack(1, 1.11, (2, 3))
    assert board.board.detect(1.11, recovering=False) == []
    assert board.board.reorder_deadline == pytest.approx(1.0 + 0.1 + 0.1 / 4)
    assert board.board.detect(1.126, recovering=False) == [board.sent[1]]
    assert board.board.lost_count == 1
    board.check()


def test_three_sacks_make_waiting_pointless() -> None:
    board = Board()
    board.send(4, 1.0)
    board.ack(0, 1.1, (1, 4))
    assert board.board.detect(1.1, recovering=False) == [board.sent[0]]
    assert board.repeat(1.1) == 0
    assert board.repeat(1.1) is None
    board.check()


def test_reordering_is_remembered() -> None:
    board = Board()
    board.send(5, 1.0)
    board.ack(0, 1.1, (1, 5))
    board.ack(5, 1.1)
    assert board.board.reordering_seen
    board.send(4, 2.0)
    board.ack(5, 2.1, (6, 9))
    assert board.board.detect(2.1, recovering=False) == []
    assert board.board.reorder_deadline == pytest.approx(2.125)


def test_lost_retransmission_is_found_by_later_deliveries() -> None:
    board = Board()
    board.send(4, 1.0)
    board.ack(0, 1.1, (1, 4))
    board.board.detect(1.1, recovering=False)
    board.repeat(1.1)
    board.send(1, 1.15)
    board.ack(0, 1.25, (1, 5))
    assert [packet.seq for packet in board.board.detect(1.25, recovering=True)] == [0]
    board.check()


def test_ack_of_an_earlier_copy_says_nothing_about_the_path() -> None:
    board = Board()
    board.send(1, 1.0)
    board.ack(1, 1.1)
    board.send(2, 2.0)
    board.board.expire(3.0, recovering=False)
    assert board.repeat(3.0) == 1
    assert board.repeat(3.0) == 2
    result = board.ack(2, 3.001)
    assert result.rtt_s is None
    assert board.board.detect(3.2, recovering=True) == []
    assert board.rtt.smoothed_s == pytest.approx(0.1)


def test_acked_while_marked_lost() -> None:
    board = Board()
    board.send(4, 1.0)
    board.ack(0, 1.1, (1, 4))
    board.board.detect(1.1, recovering=False)
    result = board.ack(4, 1.15)
    assert result.delivered == 1
    assert board.board.lost_count == 0
    assert board.repeat(1.2) is None
    board.check()


def test_expiry_counts_per_packet() -> None:
    board = Board()
    board.send(1, 0.0)
    now = 1.0
    for _ in range(MAX_EXPIRIES):
        lost, over = board.board.expire(now, recovering=False)
        assert [packet.seq for packet in lost] == [0]
        assert not over
        assert board.repeat(now) == 0
        now += 2.0
    assert board.board.expire(now, recovering=True) == ([], True)


def test_expiry_spares_young_packets() -> None:
    board = Board()
    board.send(1, 0.0)
    board.ack(1, 0.1)
    board.send(2, 1.0)
    board.send(1, 1.99)
    lost, _ = board.board.expire(2.0, recovering=False)
    assert [packet.seq for packet in lost] == [1, 2]


def test_invalid_blocks_are_counted_and_old_ones_ignored() -> None:
    board = Board()
    board.send(5, 1.0)
    board.ack(2, 1.1)
    result = AckResult()
    assert board.board.mark_sacked([(3, 3), (4, 3), (3, 9), (0, 2), (1, 4)], result) == 3
    assert result.delivered == 0
    board.check()


def test_highest_in_flight() -> None:
    board = Board()
    assert board.board.highest_in_flight() is None
    board.send(4, 1.0)
    board.ack(0, 1.1, (2, 4))
    highest = board.board.highest_in_flight()
    assert highest is not None
    assert highest.seq == 1


def test_clear() -> None:
    board = Board()
    board.send(4, 1.0)
    board.board.clear()
    assert (board.board.pipe, board.board.outstanding, board.board.lost_count) == (0, 0, 0)


_ACTIONS = st.lists(
    st.one_of(
        st.tuples(st.just("send"), st.integers(1, 6), st.just(0)),
        st.tuples(st.just("ack"), st.integers(0, 30), st.just(0)),
        st.tuples(st.just("sack"), st.integers(0, 30), st.integers(1, 6)),
        st.tuples(st.just("detect"), st.just(0), st.just(0)),
        st.tuples(st.just("expire"), st.just(0), st.just(0)),
        st.tuples(st.just("repeat"), st.just(0), st.just(0)),
        st.tuples(st.just("probe"), st.just(0), st.just(0)),
    ),
    max_size=60,
)


@given(_ACTIONS)
def test_counters_always_agree(actions: list[tuple[str, int, int]]) -> None:
    harness = Board()
    board = harness.board
    delivered = 0
    now = 1.0
    for kind, first, second in actions:
        now += 0.01
        result = AckResult()
        if kind == "send":
            harness.send(first, now)
        elif kind == "ack":
            delivered += harness.ack(min(board.una + first, board.next_seq), now).delivered
        elif kind == "sack":
            start = board.una + first
            board.mark_sacked([(start, start + second)], result)
            board.settle(result, now)
            delivered += result.delivered
        elif kind == "detect":
            board.detect(now, recovering=False)
        elif kind == "expire":
            board.expire(now, recovering=False)
        elif kind == "repeat":
            harness.repeat(now)
        else:
            packet = board.highest_in_flight()
            if packet is not None:
                again = board.repeat(packet)
                harness.sent[again.seq] = again
                board.register(again, now)
        harness.check()
    assert board.delivered == delivered
    assert delivered == board.una + board.sacked
