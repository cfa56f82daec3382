from __future__ import annotations

import pytest

from engine.proto.swarm.peer import PeerInfo, Priority, retry_delay_s

_KEY = b"k" * 32


def _delays(**fields: object) -> tuple[float, float] | None:
    """Shortest and longest retry delay."""
    peer = PeerInfo(_KEY, **fields)  # type: ignore[arg-type]
    low, high = retry_delay_s(peer, lambda: 0.0), retry_delay_s(peer, lambda: 1.0)
    return None if low is None or high is None else (low, high)


_S, _M, _L, _X = (0.66, 2.64), (3.3, 8.58), (9.9, 23.1), (396.0, 950.4)
_PATIENT = (16.5, 46.2)


@pytest.mark.parametrize(
    ("attempts", "proven", "explicit", "range_s"),
    [
        (0, True, False, _S),
        (0, False, False, _S),
        (1, True, False, _S),
        (1, False, False, _M),
        (2, True, False, _M),
        (2, False, False, _L),
        (3, True, False, _L),
        (3, False, False, _L),
        (4, True, False, _PATIENT),
        (8, True, False, _PATIENT),
        (9, True, False, None),
        (4, False, False, None),
        (4, False, True, _X),
        (9, True, True, _X),
    ],
)
def test_retry_table(attempts: int, proven: bool, explicit: bool, range_s: tuple[float, float] | None) -> None:
    delays = _delays(attempts=attempts, proven=proven, explicit=explicit)
    assert delays == (None if range_s is None else pytest.approx(range_s))


@pytest.mark.parametrize("field", [{"banned": True}, {"reconnecting": False}])
def test_no_retry_for_peers_nobody_wants(field: dict[str, bool]) -> None:
    assert _delays(**field) is None


@pytest.mark.parametrize(
    ("attempts", "priority"),
    [(0, Priority.NORMAL), (1, Priority.VERY_HIGH), (2, Priority.HIGH), (3, Priority.LOW)],
)
def test_priority_by_failures(attempts: int, priority: Priority) -> None:
    peer = PeerInfo(_KEY, attempts=attempts)
    assert peer.may_queue()
    assert peer.priority is priority


def test_banned_queued_and_given_up_peers_are_not_queued() -> None:
    assert not PeerInfo(_KEY, banned=True).may_queue()
    assert not PeerInfo(_KEY, queued=True).may_queue()
    assert not PeerInfo(_KEY, attempts=4).may_queue()
    assert not PeerInfo(_KEY, attempts=9, proven=True).may_queue()
    patient = PeerInfo(_KEY, attempts=8, proven=True)
    assert patient.may_queue()
    assert patient.priority is Priority.VERY_LOW
    explicit = PeerInfo(_KEY, attempts=4, explicit=True)
    assert explicit.may_queue()
    assert explicit.attempts == 3


def test_a_long_connection_clears_the_failures() -> None:
    peer = PeerInfo(_KEY, attempts=3)
    peer.dial_opened(100.0)
    peer.dial_closed(114.9, "reset")
    assert (peer.attempts, peer.proven, peer.client, peer.last_error) == (4, True, True, "reset")
    peer.dial_opened(200.0)
    peer.dial_closed(215.0, "")
    assert peer.attempts == 1
    peer.dial_closed(216.0, "dial failed")
    assert peer.attempts == 2


def test_topics_are_kept_once_and_bounded() -> None:
    peer = PeerInfo(_KEY)
    for _ in range(2):
        for number in range(300):
            peer.add_topic(number.to_bytes(32, "big"))
    assert len(peer.topics) == 256
