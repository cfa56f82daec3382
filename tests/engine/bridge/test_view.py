"""The peer as sessions see it."""

from __future__ import annotations

from engine.bridge.view import EngineView
from tests.harness.bridge_session import ManualClock
from tests.harness.fake_engine import FakeEngine


def test_a_peer_becomes_ready_once() -> None:
    engine, clock = FakeEngine(), ManualClock()
    engine.sidechannel.ready = False
    view = EngineView(engine, clock)
    assert (view.ready, view.entry_channel, view.identity()) == (False, None, (None, None))
    engine.sidechannel.ready = True
    assert (view.ready, view.entry_channel) == (True, "0000intercom")
    assert view.identity() == (engine.identity.public_key, engine.identity.address)
    assert view.wall_ms() == clock.wall_ms()


def test_it_passes_on_what_the_peer_says() -> None:
    engine = FakeEngine()
    view = EngineView(engine, ManualClock())
    stored = [engine.receive("a", number) for number in range(3)]
    assert view.since(stored[0].seq, 1) == [stored[1]]
    assert view.stats() == engine.sidechannel.stats()
    assert view.info() == engine.info()
