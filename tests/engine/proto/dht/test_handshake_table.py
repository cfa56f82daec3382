"""The server's handshakes are deduplicated, bounded and forgotten."""

from __future__ import annotations

from engine.proto.dht.handshake_table import MAX_REFUSED, PENDING_S, SETTLED_S, HandshakeTable


def test_copies_find_the_same_handshake() -> None:
    table = HandshakeTable[str]()
    entry, evicted = table.add(b"message", "state", 0.0)
    assert evicted == []
    assert table.find(b"message") is entry
    assert table.get(entry.slot) is entry
    assert table.find(b"other") is None
    assert table.get(7) is None


def test_half_open_handshakes_are_bounded_oldest_first() -> None:
    table = HandshakeTable[int](max_pending=4)
    entries = []
    evicted = []
    for number in range(200):
        entry, gone = table.add(bytes([number]), number, float(number) / 100)
        entries.append(entry)
        evicted += gone
    assert table.pending_count == 4
    assert [entry.state for entry in evicted] == list(range(196))
    assert sorted(entry.slot for entry in entries[-4:]) == [0, 1, 2, 3]


def test_pending_handshakes_end_after_ten_seconds() -> None:
    table = HandshakeTable[str]()
    entry, _ = table.add(b"a", "a", 5.0)
    assert table.next_timer() == 5.0 + PENDING_S
    assert table.expire(14.9) == []
    assert table.expire(15.0) == [entry]
    assert len(table) == table.pending_count == 0
    assert table.next_timer() is None


def test_settled_handshakes_keep_their_answer_for_a_while() -> None:
    table = HandshakeTable[str]()
    entry, _ = table.add(b"a", "a", 0.0)
    table.settle(entry, 3.0)
    table.settle(entry, 9.0)
    assert table.pending_count == 0
    assert table.find(b"a") is entry
    assert table.expire(3.0 + SETTLED_S) == [entry]


def test_settled_handshakes_are_bounded() -> None:
    table = HandshakeTable[int](max_settled=2)
    for number in range(5):
        entry, _ = table.add(bytes([number]), number, 0.0)
        table.settle(entry, 0.0)
    assert len(table) == 2
    assert table.find(b"\x04") is not None


def test_a_punching_handshake_does_not_expire() -> None:
    table = HandshakeTable[str]()
    entry, _ = table.add(b"a", "a", 0.0)
    table.hold(entry)
    assert table.next_timer() is None
    assert table.expire(1000.0) == []
    table.settle(entry, 1000.0)
    table.hold(entry)
    assert table.next_timer() == 1000.0 + SETTLED_S


def test_slots_are_reused() -> None:
    table = HandshakeTable[str]()
    first, _ = table.add(b"a", "a", 0.0)
    second, _ = table.add(b"b", "b", 0.0)
    table.remove(first)
    table.remove(first)
    third, _ = table.add(b"c", "c", 0.0)
    assert (first.slot, second.slot, third.slot) == (0, 1, 0)


def test_a_forgotten_handshake_does_not_come_back() -> None:
    table = HandshakeTable[str]()
    entry, _ = table.add(b"a", "a", 0.0)
    assert table.clear() == [entry]
    table.settle(entry, 0.0)
    assert len(table) == 0


def test_refused_messages_are_remembered_within_bounds() -> None:
    table = HandshakeTable[str]()
    for number in range(MAX_REFUSED + 1):
        table.refuse(number.to_bytes(2, "big"))
    assert not table.is_refused(b"\x00\x00")
    assert table.is_refused(b"\x00\x01")
    table.clear()
    assert not table.is_refused(b"\x00\x01")
