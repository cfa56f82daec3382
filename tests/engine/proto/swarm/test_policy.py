from __future__ import annotations

from random import Random
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from engine.proto.swarm.policy import Incoming, Link, PeerState, SwarmPolicy
from engine.proto.swarm.refresh import Company

_OWN = b"\x80" * 32
_TOPIC, _OTHER_TOPIC = b"t" * 32, b"u" * 32


def _key(number: int) -> bytes:
    return number.to_bytes(32, "big")


def _policy(**options: Any) -> SwarmPolicy:
    policy = SwarmPolicy(_OWN, Random(1).random, **options)
    policy.topics.add(_TOPIC)
    return policy


def _dials(policy: SwarmPolicy, now: float = 0.0) -> list[bytes]:
    keys = []
    while (peer := policy.next_dial(now)) is not None:
        keys.append(peer.public_key)
    return keys


def _state(policy: SwarmPolicy, key: bytes, now: float = 0.0) -> PeerState:
    return next(peer.state for peer in policy.snapshot(now) if peer.public_key == key)


def test_found_peers_are_dialled_three_at_a_time() -> None:
    policy = _policy()
    for number in range(1, 6):
        policy.found(_key(number), (("127.0.0.1", number),), _TOPIC)
    first = _dials(policy)
    assert len(first) == 3
    assert policy.dialling == 3
    policy.dial_opened(first[0], 1.0)
    assert len(_dials(policy)) == 1
    policy.dial_closed(first[1], 2.0, "failed")
    assert len(_dials(policy)) == 1
    assert policy.peers[first[0]].relay_addresses == (("127.0.0.1", int.from_bytes(first[0], "big")),)


def test_we_never_dial_ourselves_or_a_linked_peer() -> None:
    policy = _policy()
    policy.found(_OWN, (), _TOPIC)
    policy.found(_key(1), (), _TOPIC)
    policy.accepted(_key(1))
    assert _dials(policy) == []
    policy.found(_key(1), (), _TOPIC)
    assert _dials(policy) == []


def test_no_dial_above_max_peers_but_incoming_ones_are_accepted() -> None:
    policy = _policy(max_peers=2)
    for number in range(1, 4):
        policy.found(_key(number), (), _TOPIC)
    first = _dials(policy)
    assert len(first) == 2
    for key in first:
        policy.dial_opened(key, 0.0)
    assert _dials(policy) == []
    assert policy.incoming(_key(9)) is Incoming.ACCEPT
    policy.accepted(_key(9))
    policy.accepted_closed(_key(9), "")
    policy.dial_closed(first[0], 100.0, "")
    assert len(_dials(policy, 100.0)) == 1


def test_no_dial_while_the_network_is_down() -> None:
    policy = _policy()
    policy.found(_key(1), (), _TOPIC)
    policy.online = False
    assert _dials(policy) == []
    policy.online = True
    assert _dials(policy) == [_key(1)]


def test_a_failed_peer_is_retried_and_given_up_after_four_failures() -> None:
    policy = _policy()
    policy.found(_key(1), (), _TOPIC)
    now, dials = 0.0, 0
    while policy.next_dial(now) is not None:
        dials += 1
        policy.dial_closed(_key(1), now, "no route")
        due = policy.next_timer
        if due is None:
            break
        assert _state(policy, _key(1), now) is PeerState.WAITING
        policy.handle_timer(due - 0.01)
        assert _dials(policy, due) == []
        now = due
        policy.handle_timer(now)
    assert dials == 4
    assert policy.peers == {}
    assert policy.company(_TOPIC) is Company.ALONE
    (gone,) = policy.snapshot(now)
    assert (gone.state, gone.attempts, gone.last_error, gone.topics) == (PeerState.GIVEN_UP, 4, "no route", (_TOPIC,))
    policy.found(_key(1), (), _TOPIC)
    assert _dials(policy, now) == [_key(1)]
    assert len(policy.snapshot(now)) == 1


def test_a_peer_without_a_common_topic_is_not_retried() -> None:
    policy = _policy()
    policy.found(_key(1), (), _TOPIC)
    _dials(policy)
    policy.dial_opened(_key(1), 0.0)
    policy.topics.discard(_TOPIC)
    policy.dial_closed(_key(1), 20.0, "")
    assert policy.next_timer is None
    assert policy.peers == {}
    assert policy.snapshot(20.0) == ()


def test_the_accepting_side_does_not_retry() -> None:
    policy = _policy()
    policy.found(_key(1), (), _TOPIC)
    policy.accepted(_key(1))
    policy.accepted_closed(_key(1), "reset")
    policy.handle_timer(1000.0)
    assert _dials(policy, 1000.0) == [_key(1)]  # still queued from the lookup
    policy.dial_closed(_key(1), 1001.0, "")
    other = _policy()
    other.accepted(_key(2))
    other.accepted_closed(_key(2), "reset")
    assert (other.next_timer, other.peers) == (None, {})


def test_a_peer_found_again_after_it_dialled_us_starts_over() -> None:
    policy = _policy()
    policy.found(_key(1), (), _TOPIC)
    _dials(policy)
    for now in (0.0, 1.0):
        policy.dial_closed(_key(1), now, "failed")
        policy.accepted(_key(1))
        policy.accepted_closed(_key(1), "")
        policy.found(_key(1), (), _TOPIC)
        assert policy.peers[_key(1)].attempts == 0
        assert _dials(policy, now) == [_key(1)]


@pytest.mark.parametrize(("remote", "decision"), [(b"\x7f", Incoming.REFUSE), (b"\x81", Incoming.REPLACE)])
def test_duplicates_follow_the_keys(remote: bytes, decision: Incoming) -> None:
    policy = _policy()
    key = remote * 32
    policy.found(key, (), _TOPIC)
    _dials(policy)
    assert policy.incoming(key) is decision
    policy.dial_opened(key, 0.0)
    assert policy.incoming(key) is decision
    assert policy.incoming(key, bytes_read=17, bytes_written=20) is Incoming.REPLACE


def test_a_replaced_dial_counts_as_closed_and_its_retry_is_dropped() -> None:
    policy = _policy()
    policy.found(_key(1), (), _TOPIC)
    _dials(policy)
    policy.dial_closed(_key(1), 0.0, "replaced")
    policy.accepted(_key(1))
    due = policy.next_timer
    assert due is not None
    policy.handle_timer(due)
    assert _dials(policy, due) == []
    assert policy.links == {_key(1): Link.ACCEPTED}
    assert policy.next_timer is None


def test_explicit_peers_ignore_topics_and_the_limit() -> None:
    policy = _policy(max_peers=0)
    policy.join_peer(_key(1))
    assert _dials(policy) == [_key(1)]
    policy.dial_closed(_key(1), 0.0, "failed")
    assert _dials(policy, 0.5) == []
    assert _dials(policy, 1.1) == [_key(1)]
    policy.dial_opened(_key(1), 2.0)
    policy.leave_peer(_key(1))
    policy.dial_closed(_key(1), 30.0, "")
    assert policy.peers == {}


def test_explicit_peers_are_never_given_up() -> None:
    policy = _policy()
    policy.join_peer(_key(1))
    now = 0.0
    for _ in range(12):
        keys = _dials(policy, now)
        if keys:
            policy.dial_closed(_key(1), now, "failed")
        due = policy.next_timer
        assert due is not None
        now = due
        policy.handle_timer(now)
    assert policy.peers[_key(1)].explicit


def test_banned_peers_are_neither_dialled_nor_accepted() -> None:
    policy = _policy()
    policy.found(_key(1), (), _TOPIC)
    policy.ban(_key(1), True)
    assert _dials(policy) == []
    assert policy.incoming(_key(1)) is Incoming.REFUSE
    assert policy.firewalled(_OWN)
    assert _state(policy, _key(1)) is PeerState.BANNED
    policy.ban(_key(1), False)
    assert policy.peers == {}
    assert policy.incoming(_key(1)) is Incoming.ACCEPT


def test_reconnect_now_brings_back_waiting_and_given_up_peers_as_new() -> None:
    policy = _policy()
    for number in (1, 2, 3):
        policy.found(_key(number), (), _TOPIC)
    _dials(policy)
    policy.dial_closed(_key(1), 0.0, "failed")
    policy.peers[_key(2)].attempts = 3
    policy.dial_closed(_key(2), 0.0, "failed")
    policy.dial_opened(_key(3), 0.0)
    assert _state(policy, _key(2)) is PeerState.GIVEN_UP
    policy.reconnect_now()
    assert sorted(_dials(policy)) == [_key(1), _key(2)]
    assert policy.peers[_key(2)].attempts == 0
    assert policy.next_timer is None


def test_company_of_a_topic() -> None:
    policy = _policy()
    assert policy.company(_TOPIC) is Company.ALONE
    policy.found(_key(1), (), _TOPIC)
    assert policy.company(_TOPIC) is Company.TRYING
    _dials(policy)
    assert policy.company(_TOPIC) is Company.TRYING
    policy.dial_opened(_key(1), 0.0)
    assert policy.company(_TOPIC) is Company.CONNECTED
    assert policy.company(_OTHER_TOPIC) is Company.ALONE


def test_invented_peers_are_bounded() -> None:
    policy = _policy(max_known=100)
    policy.found(_key(0), (), _TOPIC)
    _dials(policy)
    policy.dial_opened(_key(0), 0.0)
    for number in range(1, 10_000):
        policy.found(_key(number), (), _TOPIC)
    assert len(policy.peers) == 100
    assert policy.refused_records == 9_900
    assert policy.links == {_key(0): Link.DIALLED}


def test_given_up_peers_are_bounded() -> None:
    policy = _policy()
    for number in range(200):
        policy.found(_key(number), (), _TOPIC)
        (key,) = _dials(policy)
        policy.peers[key].attempts = 3
        policy.dial_closed(key, 0.0, "failed")
    assert len(policy.snapshot(0.0)) == 64


def test_flush_waits_for_the_dials_that_were_due_and_not_for_retries() -> None:
    policy = _policy()
    done: list[bool] = []
    assert policy.flush(done.append) is None
    for number in range(1, 6):
        policy.found(_key(number), (), _TOPIC)
    assert policy.flush(done.append) is not None
    policy.found(_key(6), (), _TOPIC)
    tried: set[bytes] = set()
    while len(tried) < 5:
        assert done == []
        peer = policy.next_dial(0.0)
        assert peer is not None
        if peer.public_key != _key(6):
            tried.add(peer.public_key)
        policy.dial_closed(peer.public_key, 0.0, "failed")
    assert done == [True]


def test_flush_ends_when_no_more_can_be_dialled_and_when_the_swarm_closes() -> None:
    policy = _policy(max_peers=1)
    done: list[bool] = []
    policy.found(_key(1), (), _TOPIC)
    policy.found(_key(2), (), _TOPIC)
    policy.flush(done.append)
    (first,) = _dials(policy)
    policy.dial_opened(first, 0.0)
    assert done == [True]
    policy.dial_closed(first, 30.0, "")
    flush = policy.flush(done.append)
    assert flush is not None
    policy.cancel_flush(flush)
    policy.cancel_flush(flush)
    policy.flush(done.append)
    policy.close()
    assert done == [True, False]
    assert _dials(policy, 40.0) == []


_ACTIONS = st.sampled_from(["found", "dial", "open", "close", "incoming", "timer", "join", "leave", "reconnect", "ban"])


@settings(max_examples=200, deadline=None)
@given(st.lists(st.tuples(_ACTIONS, st.integers(0, 6)), max_size=120), st.integers(1, 4))
def test_any_order_of_events_keeps_the_books(actions: list[tuple[str, int]], max_peers: int) -> None:
    policy = _policy(max_peers=max_peers)
    now = 0.0
    for action, number in actions:
        key = _key(number)
        now += 1.0
        link = policy.links.get(key)
        if action == "found":
            policy.found(key, (), _TOPIC)
        elif action == "dial":
            policy.next_dial(now)
        elif action == "open" and link is Link.DIALLING:
            policy.dial_opened(key, now)
        elif action == "close" and link is Link.ACCEPTED:
            policy.accepted_closed(key, "x")
        elif action == "close" and link is not None:
            policy.dial_closed(key, now, "x")
        elif action == "incoming":
            decision = policy.incoming(key)
            if decision is Incoming.REPLACE:
                policy.accepted_closed(key, "") if link is Link.ACCEPTED else policy.dial_closed(key, now, "")
            if decision is not Incoming.REFUSE:
                policy.accepted(key)
        elif action == "timer":
            policy.handle_timer(now)
        elif action in ("join", "leave"):
            (policy.join_peer if action == "join" else policy.leave_peer)(key)
        elif action == "reconnect":
            policy.reconnect_now()
        elif action == "ban":
            policy.ban(key, not policy.firewalled(key))
        assert set(policy.links) <= set(policy.peers)
        assert policy.dialling <= 3
        assert len(policy._queue) == sum(peer.queued for peer in policy.peers.values())
        assert all(not (peer.queued and peer.retry_at is not None) for peer in policy.peers.values())
        assert len({peer.public_key for peer in policy.snapshot(now)}) == len(policy.snapshot(now))


def test_incoming_connections_are_accepted_up_to_a_high_limit() -> None:
    policy = _policy(max_links=3)
    for number in range(3):
        assert policy.incoming(_key(number)) is Incoming.ACCEPT
        policy.accepted(_key(number))
    assert policy.incoming(_key(3)) is Incoming.REFUSE
    policy.accepted_closed(_key(0), "")
    assert policy.incoming(_key(3)) is Incoming.ACCEPT
