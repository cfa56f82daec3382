from __future__ import annotations

import pytest

from engine.status import (
    BridgeFailed,
    BridgeListening,
    BridgeOff,
    EngineStatus,
    P2pBootstrapping,
    P2pOffline,
    P2pOnline,
    P2pStatus,
    PeerStatus,
    StartupStep,
    StepState,
)
from intercom_tui.status_text import (
    bytes_text,
    current_step,
    duration_text,
    network_segment,
    plural,
    status_segments,
    step_text,
)

PEER = PeerStatus("ab" * 32, "127.0.0.1:1", True, 3.0, 1, 1, 0, ())


def status(p2p: P2pStatus, peers: int = 0, **more: object) -> EngineStatus:
    values: dict[str, object] = {"bridge": BridgeOff(), **more}
    return EngineStatus(None, p2p, peers=(PEER,) * peers, **values)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("p2p", "peers", "text", "mood"),
    [
        (P2pBootstrapping(97.0, 0), 0, "joining the DHT 3 s", "busy"),
        (P2pBootstrapping(97.0, 4), 0, "joining the DHT 3 s, 4 nodes", "busy"),
        (P2pOnline(20, None, 1, True, "consistent"), 0, "online, no peers yet", "busy"),
        (P2pOnline(20, None, 1, True, "consistent"), 1, "online  1 peer", "good"),
        (P2pOffline("no answer", 8.0), 0, "offline: no answer, retry in 8 s", "bad"),
        (P2pOffline("no answer"), 0, "offline: no answer", "bad"),
    ],
)
def test_online_means_that_nodes_answered(p2p: P2pStatus, peers: int, text: str, mood: str) -> None:
    segment = network_segment(status(p2p, peers), 100.0)
    assert (segment.text, segment.mood) == (text, mood)


@pytest.mark.parametrize(
    ("bridge", "text"),
    [
        (BridgeOff(), "bridge off"),
        (BridgeListening("127.0.0.1", 49222, ()), "bridge :49222  0 clients"),
        (BridgeFailed("port in use", "stop it"), "bridge failed: port in use"),
    ],
)
def test_the_bridge_has_a_segment(bridge: object, text: str) -> None:
    segments = status_segments(status(P2pOnline(1, None, 1, False, "open"), bridge=bridge), 0.0)
    assert [segment.text for segment in segments][-1] == text


def test_a_failed_step_is_named_before_a_running_one() -> None:
    steps = (
        StartupStep("open store", StepState.DONE, 0.0),
        StartupStep("join DHT", StepState.RUNNING, 97.0),
        StartupStep("bind port", StepState.FAILED, 98.0, attempt=2, detail="taken"),
    )
    current = current_step(status(P2pBootstrapping(0, 0), startup=steps))
    assert current is steps[2]
    assert step_text(steps[2], 100.0) == "bind port failed, attempt 2: taken"
    assert step_text(steps[1], 100.0) == "join DHT 3 s"
    assert current_step(status(P2pBootstrapping(0, 0), startup=steps[:1])) is None
    texts = [segment.text for segment in status_segments(status(P2pBootstrapping(0, 0), startup=steps), 100.0)]
    assert "bind port failed, attempt 2: taken" in texts


def test_numbers_are_readable() -> None:
    assert [bytes_text(n) for n in (0, 999, 40_000, 1_200_000)] == ["0 B", "999 B", "40 kB", "1.2 MB"]
    assert [duration_text(n) for n in (-1, 12, 180, 7500)] == ["0 s", "12 s", "3 min", "2 h 05"]
    assert [plural(n, "peer") for n in (1, 7, 1200)] == ["1 peer", "7 peers", "1,200 peers"]
