"""Requests that wait for the user."""

from __future__ import annotations

from engine.services.sidechannel.open_requests import CAPACITY, LIFETIME_MS, OpenRequests


def test_one_request_for_each_channel() -> None:
    requests = OpenRequests()
    first, gone = requests.add("room", "a", "lobby", 1000)
    assert gone == []
    second, gone = requests.add("room", "b", "lobby", 2000)
    assert gone == [first]
    assert requests.all() == (second,)
    assert second.request_id != first.request_id
    assert requests.take(first.request_id) is None
    assert requests.take(second.request_id) == second
    assert requests.all() == ()


def test_the_oldest_goes_first() -> None:
    requests = OpenRequests()
    made = [requests.add(f"room {number}", "a", "lobby", number)[0] for number in range(CAPACITY)]
    _, gone = requests.add("one more", "a", "lobby", CAPACITY)
    assert gone == [made[0]]
    assert len(requests.all()) == CAPACITY


def test_old_requests_are_forgotten() -> None:
    requests = OpenRequests()
    old, _ = requests.add("old", "a", "lobby", 0)
    new, gone = requests.add("new", "a", "lobby", LIFETIME_MS)
    assert gone == [old]
    assert requests.take_channel("old") is None
    assert requests.take_channel("new") == new
