"""Cutting writes into payloads."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from engine.proto.udx.send_queue import SendQueue


@given(writes=st.lists(st.binary(max_size=50)), sizes=st.lists(st.integers(1, 40)))
def test_bytes_keep_their_order(writes: list[bytes], sizes: list[int]) -> None:
    queue = SendQueue()
    for data in writes:
        queue.append(data)
    whole = b"".join(writes)
    assert queue.bytes == len(whole)
    position = 0
    for size in sizes:
        taken = bytes(queue.take(size))
        assert taken == whole[position : position + size]
        position += len(taken)
        assert queue.bytes == len(whole) - position
    queue.append(b"more")
    assert bytes(queue.take(10_000)) == whole[position:] + b"more"


def test_large_writes_are_not_copied() -> None:
    data = bytes(100_000)
    queue = SendQueue()
    queue.append(data)
    part = queue.take(1000)
    assert isinstance(part, memoryview)
    assert part.obj is data


def test_clear() -> None:
    queue = SendQueue()
    queue.append(b"abc")
    queue.take(1)
    queue.clear()
    assert queue.bytes == 0
    assert queue.take(10) == b""
