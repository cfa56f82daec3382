"""Closed streams that go on acknowledging."""

from __future__ import annotations

from engine.proto.udx.linger import LINGER_S, MAX_ENTRIES, ClosedStreams
from engine.proto.udx.packet import DATA, DESTROY, END, HEARTBEAT
from engine.proto.udx.scoreboard import Route

_ROUTE = Route(9)


def test_answers_data_and_end_only() -> None:
    closed = ClosedStreams()
    closed.add(7, (_ROUTE, b"ack"), 0.0)
    assert closed.answer(7, END, 1.0) == (_ROUTE, b"ack")
    assert closed.answer(7, DATA, 1.0) == (_ROUTE, b"ack")
    for flags in (0, HEARTBEAT, DESTROY):
        assert closed.answer(7, flags, 1.0) is None
    assert closed.answer(8, END, 1.0) is None


def test_forgets() -> None:
    closed = ClosedStreams()
    closed.add(7, (_ROUTE, b"ack"), 0.0)
    assert 7 in closed
    assert closed.answer(7, END, LINGER_S) is None
    assert 7 not in closed


def test_ids_without_an_ack_are_only_reserved() -> None:
    closed = ClosedStreams()
    closed.add(7, None, 0.0)
    assert 7 in closed
    assert closed.answer(7, END, 1.0) is None


def test_is_bounded() -> None:
    closed = ClosedStreams()
    for local_id in range(MAX_ENTRIES + 10):
        closed.add(local_id, None, 0.0)
    assert len(closed) == MAX_ENTRIES
    assert 0 not in closed
    assert MAX_ENTRIES + 9 in closed
