"""Retransmission, matching and the congestion window."""

from __future__ import annotations

import itertools
import os

import pytest

from engine.proto.dht import rpc
from engine.proto.dht.rpc import DRAIN_S, MAX_WINDOW, CongestionWindow, Failure, PendingRequest, RequestTable
from engine.wire.compact import Address

NODE = ("1.2.3.4", 5)
Request = PendingRequest[str, str]


class Bench:
    """A request table with a recorded wire."""

    def __init__(self) -> None:
        self.wire: list[tuple[float, int, Address]] = []
        self.events: list[tuple[float, str]] = []
        self.now = 0.0
        self.table: RequestTable[str, str] = RequestTable(
            lambda request: self.wire.append((self.now, request.tid, request.to)), os.urandom
        )

    def start(self, to: Address = NODE, *, retries: int = 3, timeout_s: float = 1.0) -> Request:
        request: Request = PendingRequest(
            to,
            "socket",
            retries=retries,
            on_reply=lambda reply: self.events.append((self.now, reply)),
            on_failure=lambda failure: self.events.append((self.now, failure.value)),
            on_slow=lambda: self.events.append((self.now, "slow")),
            timeout_s=timeout_s,
        )
        assert self.table.start(request, lambda tid: b"%d" % tid, self.now)
        return request

    def run(self, until: float) -> None:
        while (at := self.table.next_timer()) is not None and at <= until:
            self.now = at
            self.table.handle_timer(at)
        self.now = until


def test_four_transmissions_one_second_apart_then_failure() -> None:
    bench = Bench()
    request = bench.start()
    bench.run(10)
    assert [at for at, _, _ in bench.wire] == [0.0, 1.0, 2.0, 3.0]
    assert {tid for _, tid, _ in bench.wire} == {request.tid}
    assert bench.events == [(1.0, "slow"), (4.0, "timed out")]
    assert (bench.table.timeouts, bench.table.retransmissions, len(bench.table)) == (1, 3, 0)


def test_a_reply_must_match_id_and_source() -> None:
    bench = Bench()
    request = bench.start()
    assert bench.table.match(request.tid, ("6.6.6.6", 5)) is None
    assert bench.table.match(request.tid ^ 1, NODE) is None
    assert bench.table.match(request.tid, NODE) is request
    assert bench.table.match(request.tid, NODE) is None, "duplicate"
    bench.run(10)
    assert len(bench.wire) == 1
    assert bench.events == []
    assert bench.table.replies == 1


def test_cancelled_requests_are_forgotten() -> None:
    bench = Bench()
    request = bench.start()
    bench.table.cancel(request)
    bench.table.cancel(request)
    bench.run(10)
    assert len(bench.wire) == 1
    assert bench.events == []
    assert bench.table.match(request.tid, NODE) is None


def test_clear_fails_everything_once() -> None:
    bench = Bench()
    for port in range(1, 4):
        bench.start(("1.2.3.4", port))
    bench.table.clear()
    bench.table.clear()
    assert bench.events == [(0.0, "cancelled")] * 3
    assert bench.table.next_timer() is None


def test_ids_are_unpredictable_and_unique_per_receiver() -> None:
    bench = Bench()
    first = [bench.start().tid for _ in range(70)]
    assert len(set(first)) == 70
    assert any(abs(a - b) > 1000 for a, b in itertools.pairwise(first))


def test_a_used_id_is_not_given_again() -> None:
    table: RequestTable[str, str] = RequestTable(lambda request: None, lambda size: b"\xff\xff")
    tids = []
    for _ in range(3):
        request: Request = PendingRequest(NODE, "s", retries=0, on_reply=print, on_failure=print)
        table.start(request, lambda tid: b"", 0.0)
        tids.append(request.tid)
    assert tids == [0xFFFF, 0, 1]


def test_the_window_holds_requests_back() -> None:
    bench = Bench()
    for port in range(1, MAX_WINDOW + 31):
        bench.start(("1.2.3.4", port), retries=0)
    assert len(bench.wire) == MAX_WINDOW
    bench.now = DRAIN_S
    bench.table.drain(bench.now)
    assert len(bench.wire) == MAX_WINDOW + 30
    assert bench.wire[-1][2] == ("1.2.3.4", MAX_WINDOW + 30)


def test_waiting_requests_can_be_cancelled() -> None:
    bench = Bench()
    requests = [bench.start(("1.2.3.4", port), retries=0) for port in range(1, MAX_WINDOW + 11)]
    for request in requests[MAX_WINDOW : MAX_WINDOW + 5]:
        bench.table.cancel(request)
    bench.table.drain(bench.now)
    assert len(bench.wire) == MAX_WINDOW + 5


def test_at_most_two_slots_are_sent_in_the_whole_window() -> None:
    window = CongestionWindow()
    sent = 0
    for _ in range(4):
        while not window.full:
            window.sent()
            sent += 1
        window.drain()
    assert sent == 2 * MAX_WINDOW
    first_slot_has_left = not window.full
    assert first_slot_has_left
    window.answered()
    while not window.full:
        window.sent()
        sent += 1
    assert sent == 3 * MAX_WINDOW
    window.answered()
    assert not window.full


def test_the_table_is_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(rpc, "MAX_PENDING", 5)
    bench = Bench()
    for port in range(1, 6):
        bench.start(("1.2.3.4", port))
    request: Request = PendingRequest(NODE, "s", retries=0, on_reply=print, on_failure=print)
    assert not bench.table.start(request, lambda tid: b"", 0.0)
    assert not request.pending


def test_cancelled_waiting_requests_do_not_pile_up(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(rpc, "MAX_PENDING", MAX_WINDOW + 5)
    bench = Bench()
    for _ in range(MAX_WINDOW):
        bench.start()
    for _ in range(1000):
        bench.table.cancel(bench.start(retries=0))
        bench.table.window.sent()
    assert len(bench.table._waiting) <= rpc.MAX_PENDING


def test_a_request_may_be_cancelled_when_it_turns_slow() -> None:
    bench = Bench()
    request = bench.start()
    request.on_slow = lambda: bench.table.cancel(request)
    bench.run(10)
    assert len(bench.wire) == 1
    assert bench.events == []


def test_own_timeout() -> None:
    bench = Bench()
    bench.start(retries=0, timeout_s=11.0)
    bench.start(("1.2.3.4", 6), retries=0)
    bench.run(20)
    assert bench.events == [(1.0, "slow"), (1.0, Failure.TIMED_OUT.value), (11.0, "slow"), (11.0, "timed out")]
