"""Punching schedules, probes and the budget of random schedules."""

from __future__ import annotations

import pytest

from engine.proto.dht.holepunch import (
    BIRTHDAY_PAUSE_S,
    BIRTHDAY_SOCKETS,
    CONSISTENT_TRIES,
    MAX_REMOTE_ADDRESSES,
    RANDOM_TRIES,
    Exhausted,
    Method,
    PathFound,
    Puncher,
    RandomPunchBudget,
    SendProbe,
)
from engine.proto.dht.nat_class import NatClassifier
from engine.proto.dht.payload import Firewall

PEER = ("5.6.7.8", 4000)
OTHER = ("9.9.9.9", 9)


def nat(firewall: Firewall) -> NatClassifier:
    classifier = NatClassifier(firewalled=firewall != Firewall.OPEN)
    if firewall in (Firewall.CONSISTENT, Firewall.RANDOM):
        for number in range(4):
            port = 1 if firewall == Firewall.CONSISTENT else number
            classifier.add(("1.2.3.4", port), ("10.0.0.1", number), firewalled=True)
    assert classifier.firewall == firewall
    return classifier


def puncher(local: Firewall, remote: Firewall, *, initiator: bool = True, verified: bool = True) -> Puncher:
    core = Puncher(initiator, nat(local), Firewall.UNKNOWN, lambda: 5555)
    core.update_remote(
        firewall=remote, punching=True, addresses=[PEER, OTHER], verified_host=PEER[0] if verified else None
    )
    return core


def run(core: Puncher, until: float) -> list[tuple[float, object]]:
    """Everything the schedule does until a point in time."""
    seen: list[tuple[float, object]] = []
    while (timer := core.next_timer()) is not None and timer <= until:
        core.handle_timer(timer)
        seen += [(round(timer, 3), event) for event in core.take_events()]
    return seen


@pytest.mark.parametrize(
    ("local", "remote", "verified", "method"),
    [
        (Firewall.CONSISTENT, Firewall.CONSISTENT, False, Method.CONSISTENT),
        (Firewall.OPEN, Firewall.CONSISTENT, True, Method.CONSISTENT),
        (Firewall.CONSISTENT, Firewall.OPEN, True, Method.CONSISTENT),
        (Firewall.CONSISTENT, Firewall.RANDOM, True, Method.RANDOM_PROBES),
        (Firewall.CONSISTENT, Firewall.RANDOM, False, Method.IMPOSSIBLE),
        (Firewall.RANDOM, Firewall.CONSISTENT, True, Method.BIRTHDAY),
        (Firewall.RANDOM, Firewall.CONSISTENT, False, Method.IMPOSSIBLE),
        (Firewall.RANDOM, Firewall.RANDOM, True, Method.IMPOSSIBLE),
        (Firewall.UNKNOWN, Firewall.CONSISTENT, True, Method.IMPOSSIBLE),
    ],
)
def test_method(local: Firewall, remote: Firewall, verified: bool, method: Method) -> None:
    assert puncher(local, remote, verified=verified).method is method


def test_nothing_to_punch_at() -> None:
    core = Puncher(True, nat(Firewall.CONSISTENT), Firewall.CONSISTENT, lambda: 1)
    assert core.start(0.0) is None


def test_consistent_schedule_of_the_initiator() -> None:
    core = puncher(Firewall.CONSISTENT, Firewall.CONSISTENT)
    assert core.start(100.0) == 0
    seen = run(core, 200.0)
    to_peer = [at for at, event in seen if event == SendProbe(0, PEER, False)]
    to_other = [at for at, event in seen if event == SendProbe(0, OTHER, False)]
    assert to_peer == [100.0 + second for second in range(CONSISTENT_TRIES)]
    assert to_other == [103.0, 107.0]
    assert seen[-1] == (110.0, Exhausted())
    assert not core.punching


def test_the_responder_waits_a_second() -> None:
    core = puncher(Firewall.CONSISTENT, Firewall.CONSISTENT, initiator=False)
    core.start(100.0)
    core.handle_timer(100.5)
    assert core.take_events() == []
    assert run(core, 101.0) == [(101.0, SendProbe(0, PEER, False))]


def test_random_probes_guess_ports_of_the_verified_host() -> None:
    core = puncher(Firewall.CONSISTENT, Firewall.RANDOM)
    assert core.start(0.0) == 0
    seen = run(core, 100.0)
    assert [event for _, event in seen[:-1]] == [SendProbe(0, (PEER[0], 5555), False)] * RANDOM_TRIES
    assert seen[-1][1] == Exhausted()
    assert 34.9 < seen[-1][0] < 35.1


def test_birthday_sockets_take_turns() -> None:
    core = puncher(Firewall.RANDOM, Firewall.CONSISTENT)
    assert core.start(0.0) == BIRTHDAY_SOCKETS - 1
    for slot in range(1, BIRTHDAY_SOCKETS):
        core.socket_opened(slot)
    assert core.take_events() == [SendProbe(slot, PEER, True) for slot in range(1, BIRTHDAY_SOCKETS)]
    core.sockets_ready(1.0)
    seen = run(core, 100.0)
    assert seen[0] == (1.0 + BIRTHDAY_PAUSE_S, SendProbe(0, PEER, True))
    assert [event for _, event in seen[:BIRTHDAY_SOCKETS]] == [
        SendProbe(slot, PEER, True) for slot in range(BIRTHDAY_SOCKETS)
    ]
    assert seen[BIRTHDAY_SOCKETS][1] == SendProbe(0, PEER, False)
    assert len(seen) == RANDOM_TRIES + 1


def test_the_first_probe_wins_at_the_initiator() -> None:
    core = puncher(Firewall.RANDOM, Firewall.CONSISTENT)
    core.start(0.0)
    core.socket_opened(1)
    core.take_events()
    core.probe_received(1, PEER)
    core.probe_received(0, OTHER)
    assert core.take_events() == [PathFound(1, PEER)]
    assert core.connected
    core.sockets_ready(1.0)
    assert core.next_timer() is None
    assert core.start(2.0) is None


def test_the_responder_answers_probes() -> None:
    core = Puncher(False, nat(Firewall.UNKNOWN), Firewall.UNKNOWN, lambda: 1)
    core.probe_received(0, OTHER)
    core.probe_received(0, OTHER)
    assert core.take_events() == [SendProbe(0, OTHER, False)] * 2
    assert not core.connected


def test_a_host_stays_verified() -> None:
    core = puncher(Firewall.CONSISTENT, Firewall.CONSISTENT)
    moved = (PEER[0], 1234)
    core.update_remote(firewall=Firewall.CONSISTENT, punching=False, addresses=[moved], verified_host=None)
    assert [remote.verified for remote in core.remote_addresses] == [True]
    assert not core.remote_punching


def test_a_verified_host_needs_no_address_yet() -> None:
    core = Puncher(True, nat(Firewall.CONSISTENT), Firewall.UNKNOWN, lambda: 1)
    core.update_remote(firewall=Firewall.UNKNOWN, punching=False, addresses=[], verified_host=PEER[0])
    assert core.remote_addresses == ()


def test_remote_addresses_are_limited() -> None:
    core = puncher(Firewall.CONSISTENT, Firewall.CONSISTENT)
    flood = [("1.1.1.1", port) for port in range(1, 200)]
    core.update_remote(firewall=Firewall.CONSISTENT, punching=True, addresses=flood, verified_host=None)
    assert len(core.remote_addresses) == MAX_REMOTE_ADDRESSES


@pytest.mark.parametrize(
    ("local", "remote", "unstable"),
    [
        (Firewall.UNKNOWN, Firewall.CONSISTENT, True),
        (Firewall.RANDOM, Firewall.RANDOM, True),
        (Firewall.RANDOM, Firewall.CONSISTENT, False),
        (Firewall.CONSISTENT, Firewall.RANDOM, False),
        (Firewall.OPEN, Firewall.UNKNOWN, False),
    ],
)
def test_unstable(local: Firewall, remote: Firewall, unstable: bool) -> None:
    assert puncher(local, remote).unstable is unstable


def test_random_schedules_are_rare() -> None:
    budget = RandomPunchBudget()
    assert budget.available(0.0)
    budget.reserve()
    assert not budget.available(0.0)
    budget.cancel()
    assert budget.available(0.0)
    budget.reserve()
    budget.finished(5.0)
    assert not budget.available(24.9)
    assert budget.available(25.0)
