"""Which nodes are kept, pinged and dropped, and when."""

from __future__ import annotations

import pytest

from engine.proto.dht.neighbours import (
    MAX_CHECKS,
    MORE_STABLE_TICKS,
    OLD_TICKS,
    PING_EVERY_TICKS,
    REFRESH_TICKS,
    STABLE_TICKS,
    Check,
    Neighbours,
    TickPlan,
    wanted,
)
from engine.proto.dht.peer_id import peer_id
from engine.wire.compact import Address

OWN = ("9.9.9.9", 1000)


def neighbours(own: bytes = bytes(32)) -> Neighbours:
    table = Neighbours(own, bytes)
    table.bootstrapped = True
    return table


def address(number: int) -> Address:
    return f"10.0.{number >> 8}.{number & 255}", 5000 + number


def hear(table: Neighbours, number: int, *, to: Address = OWN, sample: bool = True) -> Check | None:
    source = address(number)
    return table.heard(source, peer_id(source), to, sample=sample)


def tick(table: Neighbours, count: int = 1, *, in_flight: int = 0) -> TickPlan:
    for _ in range(count):
        plan = table.tick(slept=False, in_flight=in_flight, adaptive=True)
    return plan


def next_ping_tick(table: Neighbours) -> list[Check]:
    for _ in range(PING_EVERY_TICKS):
        checks = tick(table).checks
        if checks:
            return checks
    return []


def test_messages_with_an_id_add_and_refresh_nodes() -> None:
    table = neighbours()
    for number in (1, 2, 3):
        assert hear(table, number) is None
    hear(table, 1)
    assert [node.address for node in table.latest()] == [address(1), address(3), address(2)]
    assert [node.address for node in table.latest(1)] == [address(1)]
    assert len(table.table) == 3


def test_own_id_and_unwanted_nodes_stay_out() -> None:
    table = neighbours(peer_id(address(1)))
    hear(table, 1)
    for unwanted in [("150.136.142.116", 7), ("134.209.28.98", 49738), ("35.233.47.252", 9400), ("1.1.1.1", 0)]:
        assert not wanted(unwanted)
        table.heard(unwanted, peer_id(unwanted), OWN, sample=True)
        table.learned(unwanted)
    assert wanted(("134.209.28.98", 49737))
    assert len(table.table) == 0
    assert table.nat.size == 0


def test_own_address_comes_from_samples_of_the_request_socket() -> None:
    table = neighbours()
    hear(table, 1, to=("9.9.9.9", 77), sample=False)
    assert table.nat.size == 0
    hear(table, 1)
    hear(table, 2)
    assert (table.nat.host, table.nat.port, table.nat.size) == (*OWN, 2)
    hear(table, 1)
    assert table.nat.size == 2
    tick(table, OLD_TICKS)
    hear(table, 1)
    assert table.nat.size == 3


def test_nodes_without_an_id_have_as_many_votes_as_bootstrap_nodes() -> None:
    table = Neighbours(bytes(32), bytes, 2)
    for number in range(5):
        table.heard(address(number), None, OWN, sample=True)
        table.heard(address(0), None, OWN, sample=True)
    assert table.nat.size == 2
    assert len(table.table) == 0


def test_the_oldest_nodes_are_pinged_every_forty_seconds() -> None:
    table = neighbours()
    for number in range(12):
        hear(table, number)
    table._tick += 30
    hear(table, 0)
    checks = next_ping_tick(table)
    assert [check.node.address for check in checks] == [address(number) for number in (1, 2, 3, 4, 5)]
    for check in checks:
        table.check_done(check, alive=check.node.address != address(3))
    assert address(3) not in [node.address for node in table.latest()]
    assert len(table.table) == 11


def test_fewer_pings_while_busy_or_when_all_are_fresh() -> None:
    table = neighbours()
    for number in range(12):
        hear(table, number)
    fresh = next_ping_tick(table)
    assert len(fresh) == 2
    for check in fresh:
        table.check_done(check, alive=True)
    table._tick += 30
    for _ in range(PING_EVERY_TICKS):
        busy = tick(table, in_flight=3).checks
        if busy:
            break
    assert len(busy) == 3


def test_an_empty_table_asks_for_a_refresh() -> None:
    table = neighbours()
    plans = [tick(table) for _ in range(PING_EVERY_TICKS)]
    assert sum(plan.refresh for plan in plans) == 1
    assert table.refresh_target() == bytes(32)


def test_refresh_five_minutes_after_the_last_query() -> None:
    table = neighbours()
    for number in range(200):
        hear(table, number)
    assert len(table.table) >= 20
    tick(table, REFRESH_TICKS)
    table.queried()
    plans = [tick(table).refresh for _ in range(REFRESH_TICKS)]
    assert plans == [False] * (REFRESH_TICKS - 1) + [True]
    assert table.table.get(table.refresh_target()) is not None


def test_a_small_table_is_refreshed_more_often() -> None:
    table = neighbours()
    hear(table, 1)
    count = 0
    for _ in range(64):
        table.queried()
        count += tick(table).refresh
    assert count == 1


def test_nothing_happens_before_bootstrap() -> None:
    table = Neighbours(bytes(32), bytes)
    hear(table, 1)
    assert all(tick(table) == TickPlan([], False, False) for _ in range(2 * REFRESH_TICKS))


def test_persistence_is_tried_after_twenty_minutes_and_again_when_the_host_changed() -> None:
    table = neighbours()
    hear(table, 1)
    plans = [tick(table).try_persistent for _ in range(STABLE_TICKS)]
    assert plans == [False] * (STABLE_TICKS - 1) + [True]
    table.state_checked()
    assert not any(tick(table).try_persistent for _ in range(MORE_STABLE_TICKS))
    for number in range(2, 30):
        hear(table, number, to=("8.8.8.8", 1))
    assert table.nat.host == "8.8.8.8"
    assert any(tick(table).try_persistent for _ in range(MORE_STABLE_TICKS))


def test_after_a_sleep_everything_is_old() -> None:
    table = neighbours()
    for number in range(12):
        hear(table, number)
    tick(table, STABLE_TICKS - 2)
    plan = table.tick(slept=True, in_flight=0, adaptive=True)
    assert plan.refresh
    assert not plan.try_persistent
    table.queried()
    assert tick(table).checks == []
    assert len(tick(table).checks) == 5
    assert not any(tick(table).try_persistent for _ in range(STABLE_TICKS))


def row_zero(count: int) -> list[Address]:
    """Addresses whose ids start with a one bit, that is row 0 of the all-zero id."""
    found = [address(number) for number in range(1000) if peer_id(address(number))[0] & 0x80]
    return found[:count]


def fill_row(table: Neighbours) -> Address:
    first, *members, newcomer = row_zero(21)
    table.heard(first, peer_id(first), OWN, sample=True)
    tick(table)
    for member in members:
        table.heard(member, peer_id(member), OWN, sample=True)
    return newcomer


@pytest.mark.parametrize("alive", [True, False])
def test_a_full_row_gives_way_when_its_stalest_node_is_silent(alive: bool) -> None:
    table = neighbours()
    newcomer = fill_row(table)
    tick(table)
    check = table.heard(newcomer, peer_id(newcomer), OWN, sample=True)
    assert check is not None
    assert check.node.address == row_zero(1)[0]
    table.check_done(check, alive=alive)
    kept = [node.address for node in table.latest()]
    assert (newcomer in kept) is not alive
    assert (check.node.address in kept) is alive


def test_a_full_row_is_left_alone() -> None:
    table = neighbours()
    newcomer = fill_row(table)
    first = row_zero(1)[0]
    table.heard(first, peer_id(first), OWN, sample=True)
    assert table.heard(newcomer, peer_id(newcomer), OWN, sample=True) is None, "all heard this tick"
    tick(table)
    checks = [table.heard(newcomer, peer_id(newcomer), OWN, sample=True) for _ in range(5)]
    assert sum(check is not None for check in checks) == 3, "three checks at once"
    for check in checks:
        if check is not None:
            table.check_done(check, alive=True)
    tick(table, OLD_TICKS + 1)
    for member in row_zero(20):
        table.heard(member, peer_id(member), OWN, sample=True)
    tick(table)
    assert table.heard(newcomer, peer_id(newcomer), OWN, sample=True) is None, "old and heard this minute"
    table.bootstrapped = False
    tick(table, 100)
    assert table.heard(newcomer, peer_id(newcomer), OWN, sample=True) is None


def test_down_hints_cost_one_ping_per_tick() -> None:
    table = neighbours()
    for number in range(30):
        hear(table, number)
    assert table.down_hint(("1.2.3.4", 5)) is None
    known = table.latest()[0].address
    check = table.down_hint(known)
    assert check is not None
    assert table.down_hint(known) is None
    table.check_done(check, alive=True)
    assert tick(table).checks == []
    checks = [table.down_hint(node.address) for node in table.latest()]
    assert sum(check is not None for check in checks) == MAX_CHECKS


def test_silent_nodes_leave() -> None:
    table = neighbours()
    hear(table, 1)
    table.silent(address(1))
    table.silent(address(1))
    assert table.latest() == []
    assert len(table.table) == 0


def test_remembered_nodes_are_kept_until_they_fail() -> None:
    table = neighbours()
    table.learned(address(1))
    table.learned(address(1))
    assert [node.address for node in table.latest()] == [address(1)]
    assert table.nat.size == 0


def test_rebase_keeps_nodes_and_takes_the_new_view() -> None:
    table = neighbours()
    for number in range(40):
        hear(table, number)
    before = {node.address for node in table.latest()}
    own = peer_id(address(3))
    sampler = type(table.nat)()
    sampler.add("7.7.7.7", 7)
    table.rebase(own, sampler)
    assert table.table.id == own
    assert (table.nat.host, table.nat.port) == ("7.7.7.7", 7)
    after = {node.address for node in table.latest()}
    assert address(3) not in after
    assert after <= before
    assert len(after) == len(table.table) > 20
    table.rebase(own)
    assert len(table.table) == len(after)
