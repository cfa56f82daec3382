"""Reassembly, SACK blocks and the advertised window."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from engine.proto.udx.packet import DATA, END, MAX_SACK_BLOCKS
from engine.proto.udx.receiver import MAX_LOOKAHEAD, Receiver


def _ranges(numbers: set[int]) -> list[tuple[int, int]]:
    ranges: list[tuple[int, int]] = []
    for number in sorted(numbers):
        if ranges and ranges[-1][1] == number:
            ranges[-1] = (ranges[-1][0], number + 1)
        else:
            ranges.append((number, number + 1))
    return ranges


@given(order=st.lists(st.integers(0, 39), max_size=120), first=st.sampled_from([0, 7, 0xFFFF_FFF0]))
def test_any_order_with_repetitions(order: list[int], first: int) -> None:
    receiver = Receiver(first)
    seen: set[int] = set()
    expected = 0
    data = b""
    for number in order:
        assert receiver.accept(first + number, DATA, b"%d," % number)
        seen.add(number)
        while expected in seen:
            data += b"%d," % expected
            expected += 1
        assert receiver.next_seq == first + expected
        waiting = {other for other in seen if other > expected}
        assert receiver.sack_blocks() == [(first + a, first + b) for a, b in _ranges(waiting)]
        assert receiver.has_gap == bool(waiting)
    assert receiver.readable_bytes == len(data)
    assert receiver.read() == data
    assert receiver.bytes_received == sum(len(b"%d," % number) for number in seen)


def test_the_first_copy_counts() -> None:
    receiver = Receiver()
    receiver.accept(1, DATA, b"first")
    receiver.accept(1, DATA, b"other")
    receiver.accept(0, DATA, b"")
    receiver.accept(0, DATA, b"late")
    assert receiver.read() == b"first"


def test_end_out_of_order() -> None:
    receiver = Receiver()
    receiver.accept(1, DATA | END, b"last")
    assert not receiver.ended
    receiver.accept(2, DATA, b"behind the end")
    receiver.accept(0, DATA, b"first ")
    assert receiver.next_seq == 2
    assert receiver.accept(2, DATA, b"behind the end")
    assert (receiver.ended, receiver.next_seq) == (True, 2)
    assert receiver.read() == b"first last"


def test_end_without_data_carries_nothing() -> None:
    receiver = Receiver()
    receiver.accept(0, END, b"not stream data")
    assert receiver.ended
    assert receiver.read() == b""


def test_lookahead_is_bounded() -> None:
    receiver = Receiver()
    assert receiver.accept(MAX_LOOKAHEAD, DATA, b"")
    assert not receiver.accept(MAX_LOOKAHEAD + 1, DATA, b"")


def test_bytes_are_bounded() -> None:
    receiver = Receiver(max_window=1000)
    taken = 0
    while receiver.accept(2 + taken, DATA, bytes(100)):
        taken += 1
    assert receiver.buffered_bytes <= 2000
    assert receiver.accept(0, DATA, b"x")
    receiver = Receiver(max_window=1000)
    while receiver.accept(receiver.next_seq, DATA, bytes(100)):
        pass
    assert receiver.readable_bytes == 2000
    assert receiver.window() == 0


def test_window_and_update() -> None:
    receiver = Receiver(max_window=1000)
    receiver.accept(0, DATA, bytes(900))
    assert receiver.window() == 100
    receiver.read()
    assert receiver.update_owed
    assert receiver.window() == 1000
    receiver.update_owed = False
    receiver.accept(1, DATA, bytes(100))
    assert receiver.window() == 900
    receiver.read()
    assert not receiver.update_owed


def test_a_burst_does_not_shrink_its_own_window() -> None:
    receiver = Receiver(max_window=1000)
    receiver.accept(0, DATA, bytes(100))
    receiver.begin_burst()
    receiver.accept(1, DATA, bytes(100))
    assert receiver.window() == 900
    receiver.end_burst()
    assert receiver.window() == 800


def test_number_of_blocks_is_bounded() -> None:
    receiver = Receiver()
    for number in range(1, 200, 2):
        receiver.accept(number, DATA, b"")
    blocks = receiver.sack_blocks()
    assert len(blocks) == MAX_SACK_BLOCKS
    assert blocks[0] == (1, 2)
