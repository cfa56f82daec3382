from __future__ import annotations

from random import Random

import pytest

from engine.proto.swarm.peer import PeerInfo, Priority
from engine.proto.swarm.queue import DialQueue


def _peer(number: int, priority: Priority) -> PeerInfo:
    return PeerInfo(bytes([number]) * 32, priority=priority)


def test_higher_priorities_come_first_and_order_inside_one_is_random() -> None:
    orders = set()
    for seed in range(20):
        queue = DialQueue(Random(seed).random)
        for number in range(12):
            queue.push(_peer(number, Priority(number % 5)))
        popped = [queue.pop() for _ in range(12)]
        assert [peer.priority for peer in popped] == sorted((peer.priority for peer in popped), reverse=True)
        assert not any(peer.queued for peer in popped)
        orders.add(tuple(peer.public_key[0] for peer in popped))
    assert len(orders) > 10


def test_an_empty_queue_has_nothing() -> None:
    queue = DialQueue(Random(1).random)
    assert len(queue) == 0
    with pytest.raises(IndexError):
        queue.pop()


def test_a_queued_peer_knows_it() -> None:
    queue = DialQueue(Random(1).random)
    peer = _peer(1, Priority.NORMAL)
    queue.push(peer)
    assert peer.queued
    assert queue.pop() is peer


def test_a_discarded_peer_is_not_popped() -> None:
    queue = DialQueue(Random(1).random)
    one, two = _peer(1, Priority.NORMAL), _peer(2, Priority.NORMAL)
    queue.push(one)
    queue.push(two)
    queue.discard(one)
    queue.discard(one)
    assert (one.queued, queue.pop(), len(queue)) == (False, two, 0)
