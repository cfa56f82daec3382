"""The forward table: announces from the network, pinned local servers."""

from __future__ import annotations

from engine.proto.dht.forwards import Forward, ForwardTable
from engine.proto.dht.records import RECORD_AGE_S

TARGET = bytes(32)
ADDRESS = ("1.2.3.4", 5)


def test_announce_replaces_and_unannounce_forgets() -> None:
    table = ForwardTable(0.0)
    table.announce(TARGET, ADDRESS, b"one")
    table.announce(TARGET, ("1.2.3.4", 6), b"two")
    assert table.get(TARGET) == Forward(("1.2.3.4", 6), b"two")
    assert len(table) == 1
    table.unannounce(TARGET)
    assert table.get(TARGET) is None


def test_pinned_targets_belong_to_the_local_server() -> None:
    table = ForwardTable(0.0)
    server = object()
    table.announce(TARGET, ADDRESS, b"remote")
    table.pin(TARGET, b"mine", server)
    table.announce(TARGET, ADDRESS, b"remote")
    table.unannounce(TARGET)
    for step in range(5):
        table.expire(step * RECORD_AGE_S)
    assert table.get(TARGET) == Forward(None, b"mine", server)
    table.unpin(TARGET)
    table.unpin(TARGET)
    assert table.get(TARGET) is None


def test_unused_entries_expire_and_used_ones_stay() -> None:
    table = ForwardTable(0.0)
    used, unused = bytes(32), bytes([1]) * 32
    table.announce(used, ADDRESS, b"used")
    table.announce(unused, ADDRESS, b"unused")
    for step in range(1, 4):
        table.expire(step * RECORD_AGE_S)
        assert table.get(used) is not None
    assert table.get(unused) is None
