"""Two-generation stores: expiry, limits, random choice."""

from __future__ import annotations

import os

from hypothesis import given
from hypothesis import strategies as st

from engine.proto.dht.records import ExpiringMap, TopicRecords

AGE_S = 30.0
PERIOD_S = 20.0


def test_entries_live_between_one_and_two_periods() -> None:
    store: ExpiringMap[str, int] = ExpiringMap(AGE_S, 0.0)
    store.set("early", 1)
    store.expire(PERIOD_S - 1)
    store.set("late", 2)
    store.expire(PERIOD_S)
    assert len(store) == 2
    store.expire(2 * PERIOD_S)
    assert store.get("early") is None
    assert store.get("late") is None


def test_reading_renews() -> None:
    store: ExpiringMap[str, int] = ExpiringMap(AGE_S, 0.0)
    store.set("kept", 1)
    for step in range(1, 10):
        store.expire(step * PERIOD_S)
        assert store.get("kept") == 1
    store.expire(10 * PERIOD_S)
    store.expire(11 * PERIOD_S)
    assert store.get("kept") is None


def test_delete_and_overwrite() -> None:
    store: ExpiringMap[str, int] = ExpiringMap(AGE_S, 0.0)
    store.set("a", 1)
    store.expire(PERIOD_S)
    store.set("a", 2)
    assert store.get("a") == 2
    assert len(store) == 1
    store.delete("a")
    store.delete("a")
    assert store.get("a") is None


@given(st.lists(st.integers(0, 50), max_size=300))
def test_items_are_bounded(keys: list[int]) -> None:
    store: ExpiringMap[int, int] = ExpiringMap(AGE_S, 0.0, max_items=10)
    for key in keys:
        store.set(key, key)
        assert store.get(key) == key
        assert len(store) <= 20


@given(st.lists(st.tuples(st.integers(0, 9), st.binary(max_size=40)), max_size=200))
def test_weight_is_bounded(entries: list[tuple[int, bytes]]) -> None:
    store: ExpiringMap[int, bytes] = ExpiringMap(AGE_S, 0.0, max_weight=100, weigh=len)
    latest: dict[int, bytes] = {}
    for key, value in entries:
        store.set(key, value)
        latest[key] = value
        assert store.get(key) == value
        held = [store.get(key) for key in latest]
        assert sum(len(value) for value in held if value is not None) <= 200
        store.delete(key)


def topic_records(max_records: int = 1000) -> TopicRecords:
    return TopicRecords(AGE_S, 0.0, os.urandom, max_records=max_records)


def test_one_record_per_key_and_topic() -> None:
    records = topic_records()
    records.add(b"t", b"k1", b"one")
    records.add(b"t", b"k1", b"again")
    records.add(b"t", b"k2", b"two")
    records.add(b"u", b"k1", b"other topic")
    assert sorted(records.choose(b"t", 20)) == [b"one", b"two"]
    assert records.choose(b"u", 20) == [b"other topic"]
    assert records.choose(b"none", 20) == []
    assert len(records) == 3


def test_a_record_in_the_stale_generation_is_replaced() -> None:
    records = topic_records()
    records.add(b"t", b"k1", b"old")
    records.add(b"t", b"k2", b"stays")
    records.expire(PERIOD_S)
    records.add(b"t", b"k1", b"new")
    assert sorted(records.choose(b"t", 20)) == [b"new", b"stays"]
    records.expire(2 * PERIOD_S)
    assert records.choose(b"t", 20) == [b"new"]
    records.expire(3 * PERIOD_S)
    assert records.choose(b"t", 20) == []
    assert len(records) == 0


def test_remove_from_either_generation() -> None:
    records = topic_records()
    for number in range(5):
        records.add(b"t", bytes((number,)), b"%d" % number)
    records.expire(PERIOD_S)
    for number in range(5, 10):
        records.add(b"t", bytes((number,)), b"%d" % number)
    for number in (0, 9, 4, 5, 77):
        records.remove(b"t", bytes((number,)))
    assert sorted(records.choose(b"t", 20)) == [b"1", b"2", b"3", b"6", b"7", b"8"]
    assert len(records) == 6


@given(st.integers(0, 60), st.integers(0, 60), st.integers(1, 25))
def test_choice_is_distinct_and_complete(stale: int, fresh: int, count: int) -> None:
    records = topic_records()
    for number in range(stale):
        records.add(b"t", b"s%d" % number, b"s%d" % number)
    records.expire(PERIOD_S)
    for number in range(fresh):
        records.add(b"t", b"f%d" % number, b"f%d" % number)
    chosen = records.choose(b"t", count)
    assert len(chosen) == len(set(chosen)) == min(count, stale + fresh)


def test_every_record_can_be_chosen() -> None:
    records = topic_records()
    for number in range(40):
        records.add(b"t", b"%d" % number, b"%d" % number)
    seen = {record for _ in range(200) for record in records.choose(b"t", 5)}
    assert len(seen) == 40


def test_records_are_bounded() -> None:
    records = topic_records(max_records=10)
    for number in range(100):
        records.add(b"%d" % (number % 7), b"%d" % number, b"r")
        assert len(records) <= 21
