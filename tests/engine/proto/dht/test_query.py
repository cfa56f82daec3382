"""The query algorithm on made-up networks."""

from __future__ import annotations

import random
from collections.abc import Sequence
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from engine.proto.dht.peer_id import distance, peer_id
from engine.proto.dht.query import MAX_VISITS, SLOW_START_CONCURRENCY, Query
from engine.wire.compact import Address

TARGET = b"\x42" * 32
OWN = bytes(32)


def address(number: int) -> Address:
    return f"10.{number >> 16}.{(number >> 8) & 255}.{number & 255}", 4000 + number % 1000


def by_distance(nodes: Sequence[Address]) -> list[Address]:
    return sorted(nodes, key=lambda node: distance(TARGET, peer_id(node)))


def make(table: Sequence[Address] = (), **options: Any) -> Query[Address]:
    return Query(TARGET, OWN, lambda count: list(table)[:count], **options)


def answer(query: Query[Address], node: Address, closer: Sequence[Address] = (), error: int = 0) -> None:
    query.answered(node, node, id=peer_id(node), error=error, closer_nodes=closer)


def run(query: Query[Address], network: dict[Address, list[Address]], dead: frozenset[Address] = frozenset()) -> int:
    """Ask until the end; every node answers with its best neighbours. Returns the number of visits."""
    visited = 0
    waiting = query.visits()
    while waiting:
        node = waiting.pop(0)
        visited += 1
        if node in dead:
            query.slow(node)
            query.failed(node, down=True)
        else:
            answer(query, node, by_distance(network[node])[:20])
        waiting += query.visits()
    return visited


@settings(max_examples=30)
@given(st.integers(0, 2**32), st.integers(30, 150))
def test_the_closest_nodes_are_found(seed: int, size: int) -> None:
    rng = random.Random(seed)
    nodes = [address(number) for number in range(size)]
    near = by_distance(nodes)
    network = {node: near[max(0, index - 15) : index + 5] + rng.sample(nodes, 10) for index, node in enumerate(near)}
    query = make(rng.sample(nodes, 5))
    visited = run(query, network)
    assert query.finished
    assert query.closest == near[:20]
    assert visited <= size


def test_dead_nodes_are_hinted_to_those_who_named_them() -> None:
    a, b, dead, later = address(1), address(2), address(3), address(4)
    query = make([a, b])
    assert set(query.visits()) == {a, b}
    answer(query, a, [dead])
    answer(query, b, [dead, later])
    assert set(query.visits()) == {dead, later}
    query.failed(dead, down=True)
    assert query.take_down_hints() == [(a, dead), (b, dead)]
    answer(query, later, [dead])
    assert query.take_down_hints() == [(later, dead)]
    assert query.visits() == []
    assert query.finished
    assert query.errors == 1


def test_cancelled_requests_are_no_reason_for_a_hint() -> None:
    query = make([address(1)])
    query.visits()
    query.failed(address(1), down=False)
    assert query.take_down_hints() == []


def test_concurrency_and_slow_nodes() -> None:
    query = make([address(number) for number in range(20)], concurrency=4)
    first = query.visits()
    assert len(first) == 4
    assert query.visits() == []
    query.slow(first[0])
    query.slow(first[0])
    assert len(query.visits()) == 1
    answer(query, first[0])
    query.slow(first[0])
    assert query.visits() == []


def test_slow_nodes_are_not_waited_for_once_twenty_answered() -> None:
    nodes = by_distance([address(number) for number in range(40)])
    query = make(nodes[:20], concurrency=30)
    query.add(nodes[20:25])
    asked = query.visits()
    for node in nodes[:4]:
        query.slow(node)
    for node in asked:
        if node not in nodes[:4]:
            answer(query, node)
    assert len(query.closest) == 20
    query.visits()
    assert query.finished
    answer(query, nodes[0])
    assert nodes[0] not in query.closest


def test_an_impatient_owner_may_stop_when_only_slow_nodes_are_left() -> None:
    query = make([address(1), address(2)])
    query.visits()
    query.slow(address(1))
    before = query.only_slow_left
    answer(query, address(2))
    assert (before, query.only_slow_left, query.finished) == (False, True, False)


def test_remembered_nodes_are_asked_three_at_a_time() -> None:
    remembered = by_distance([address(number) for number in range(30)])[:20]
    query = make([], nodes=remembered)
    assert not query.wants_bootstrap
    first = query.visits()
    assert first == remembered[:10]
    for node in first[:9]:
        answer(query, node)
        assert len(query.visits()) == 0 or len(query._in_flight) <= SLOW_START_CONCURRENCY
    for node in list(query._in_flight):
        answer(query, node)
    assert len(query.visits()) > SLOW_START_CONCURRENCY


def test_the_table_helps_out_when_remembered_nodes_are_dead() -> None:
    remembered = [address(number) for number in range(20)]
    fresh = [address(number) for number in range(100, 110)]
    query = make(fresh, nodes=remembered)
    network: dict[Address, list[Address]] = {node: [] for node in remembered + fresh}
    run(query, network, frozenset(remembered))
    assert query.finished
    assert set(query.closest) == set(fresh)


def test_few_remembered_nodes_are_completed_from_the_table() -> None:
    query = make([address(7), address(8)], nodes=[address(1), address(2)])
    assert query.wants_bootstrap
    query.add([address(9)])
    assert query.visits() == [address(9), address(8), address(7), address(1), address(2)]
    assert not query.wants_bootstrap


def test_only_given_nodes_are_asked() -> None:
    query = make([address(7)], nodes=[address(1), address(2)], only_nodes=True)
    assert not query.wants_bootstrap
    assert query.visits() == [address(1), address(2)]
    answer(query, address(1), [address(3)])
    query.failed(address(2), down=True)
    assert query.visits() == []
    assert query.finished


def test_errors_and_nodes_without_id_are_not_results() -> None:
    a, b, c = address(1), address(2), address(3)
    query = make([a, b])
    query.visits()
    answer(query, a, [c], error=1)
    query.answered(b, b, id=None, error=0, closer_nodes=[])
    assert query.visits() == [c]
    answer(query, c)
    assert query.visits() == []
    assert query.closest == [c]
    assert (query.answers, query.errors) == (2, 1)


def test_implausible_addresses_are_skipped() -> None:
    own_address = address(50)
    bad = [("127.0.0.1", 5), ("0.0.0.0", 5), ("255.255.255.255", 5), ("224.0.0.1", 5), ("1.2.3.4", 0), own_address]
    query: Query[Address] = Query(TARGET, peer_id(own_address), lambda count: [address(1)])
    query.visits()
    answer(query, address(1), [*bad, address(2)])
    assert query.visits() == [address(2)]


def test_loopback_nodes_may_name_each_other() -> None:
    query = make([("127.0.0.1", 1)])
    query.visits()
    answer(query, ("127.0.0.1", 1), [("127.0.0.1", 2)])
    assert query.visits() == [("127.0.0.1", 2)]


def test_nodes_without_end_do_not_keep_a_query_alive() -> None:
    """A sybil names ever closer nodes of its own."""
    sybils = by_distance([address(number) for number in range(3000)])[::-1]
    query = make([sybils[0]])
    position = 1
    visited = 0
    waiting = query.visits()
    while waiting:
        visited += 1
        answer(query, waiting.pop(0), sybils[position : position + 3])
        position += 3
        waiting += query.visits()
    assert query.finished
    assert visited <= MAX_VISITS


def test_the_first_name_that_is_not_closer_ends_a_list() -> None:
    ordered = by_distance([address(number) for number in range(60)])
    query = make(ordered[:21], concurrency=30)
    for node in query.visits():
        if node != ordered[20]:
            answer(query, node)
    query.add([ordered[30]])
    assert query.visits() == []
    assert len(query.closest) == 20


def test_nobody_to_ask() -> None:
    query = make()
    assert query.visits() == []
    assert query.finished
    assert query.closest == []
