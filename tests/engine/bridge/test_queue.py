"""What waits for a slow client."""

from __future__ import annotations

from engine.bridge.queue import MAX_BYTES, MAX_EVENTS, TAKE_BYTES, OutboundQueue


def test_frames_leave_in_order_and_the_cursor_follows() -> None:
    queue = OutboundQueue()
    assert queue.push(b"a")
    assert queue.push(b"b", 7)
    assert queue.push(b"c", 8)
    assert (len(queue), queue.events, queue.bytes, queue.cursor) == (3, 2, 3, None)
    assert queue.take() == b"abc"
    assert (len(queue), queue.events, queue.bytes, queue.cursor) == (0, 0, 0, 8)
    assert queue.take() == b""


def test_large_frames_leave_one_at_a_time() -> None:
    queue = OutboundQueue()
    for seq in (1, 2, 3):
        assert queue.push(bytes(TAKE_BYTES), seq)
    assert len(queue.take()) == TAKE_BYTES
    assert (queue.cursor, queue.events) == (1, 2)


def test_the_limit_counts_events() -> None:
    queue = OutboundQueue()
    assert all(queue.push(b"x", seq) for seq in range(1, MAX_EVENTS + 1))
    assert not queue.push(b"x", MAX_EVENTS + 1)
    assert queue.push(b"reply")
    assert queue.events == MAX_EVENTS
    queue.take()
    assert queue.push(b"x", MAX_EVENTS + 1)


def test_the_limit_counts_bytes() -> None:
    queue = OutboundQueue()
    assert queue.push(bytes(MAX_BYTES - 1))
    assert not queue.push(b"xx")
    assert not queue.push(b"xx", 1)
    assert queue.push(b"x")
    queue.clear()
    assert (len(queue), queue.events, queue.bytes) == (0, 0, 0)
    assert queue.push(b"xx", 1)
