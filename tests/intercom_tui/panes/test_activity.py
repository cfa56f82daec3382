from __future__ import annotations

import logging

from engine.logs import RingHandler
from engine.status import BridgeFailed, BridgeListening, BridgeOff
from intercom_tui.demo import script as story
from intercom_tui.panes.activity import ActivityPane
from intercom_tui.screens.dialogs import TextDialog
from tests.harness.screens import demo_app, demo_engine, settle, text_grid, until


def ring_with(*texts: tuple[int, str]) -> RingHandler:
    ring = RingHandler()
    for level, text in texts:
        ring.handle(logging.LogRecord("engine.net.swarm", level, "", 0, text, (), None))
    return ring


async def test_peers_bridge_and_log_are_shown() -> None:
    engine = demo_engine()
    await engine.bridge.start()
    app = demo_app(
        engine, log_ring=ring_with((logging.INFO, "joined"), (logging.DEBUG, "detail"), (logging.ERROR, "bad"))
    )
    async with app.run_test(size=(120, 36)) as pilot:
        await settle(pilot)
        await pilot.press("alt+5")
        await until(pilot, lambda: app.main.active == "activity")
        await settle(pilot)
        grid = text_grid(app)
        for words in (
            "7 peers, 212 DHT nodes",
            "behind a NAT",
            "1 strike",
            "listens on 127.0.0.1:49222",
            "3 waiting",
            "joined",
        ):
            assert words in grid
        assert "detail" not in grid
        await pilot.press("tab", "tab", "l")
        await settle(pilot)
        assert "bad" in text_grid(app)
        assert "joined" not in text_grid(app)
        await pilot.press("l")
        await settle(pilot)
        assert "detail" in text_grid(app)


async def test_new_log_records_appear_with_the_next_second() -> None:
    ring = ring_with()
    app = demo_app(log_ring=ring)
    async with app.run_test(size=(120, 36)) as pilot:
        await settle(pilot)
        await pilot.press("alt+5")
        await until(pilot, lambda: "Nothing was logged." in text_grid(app))
        ring.handle(logging.LogRecord("engine.x", logging.WARNING, "", 0, "odd %s", ("thing",), None))
        app.main.query_one(ActivityPane).tick()
        await settle(pilot)
        assert "odd thing" in text_grid(app)


async def test_an_agent_is_cut_off_with_enter() -> None:
    engine = demo_engine()
    await engine.bridge.start()
    app = demo_app(engine)
    async with app.run_test(size=(120, 36)) as pilot:
        await settle(pilot)
        await pilot.press("alt+5")
        await until(pilot, lambda: app.main.active == "activity")
        await pilot.press("tab", "enter")
        bridge = engine.status.bridge
        assert isinstance(bridge, BridgeListening)
        assert [client.label for client in bridge.clients] == ["watcher"]


async def test_the_bridge_is_started_from_here() -> None:
    engine = demo_engine()
    app = demo_app(engine)
    async with app.run_test(size=(120, 36)) as pilot:
        await settle(pilot)
        await pilot.press("alt+5")
        await until(pilot, lambda: "Start the bridge" in text_grid(app))
        assert isinstance(engine.status.bridge, BridgeOff)
        await pilot.press("tab", "enter")
        await until(pilot, lambda: isinstance(engine.status.bridge, BridgeListening))


async def test_a_failed_bridge_says_why() -> None:
    engine = demo_engine()
    engine.update(bridge=BridgeFailed("Port 49222 is taken.", "Stop the other program."))
    app = demo_app(engine)
    async with app.run_test(size=(120, 36)) as pilot:
        await settle(pilot)
        await pilot.press("alt+5")
        await until(pilot, lambda: "Port 49222 is taken. Stop the other program." in text_grid(app))


async def test_a_peer_gets_a_name_from_here() -> None:
    app = demo_app()
    async with app.run_test(size=(120, 36)) as pilot:
        await settle(pilot)
        await pilot.press("alt+5")
        await until(pilot, lambda: app.main.active == "activity")
        app.main.query_one(ActivityPane).peer_table.move_to(story.ATLAS)
        await pilot.press("enter")
        await until(pilot, lambda: isinstance(app.screen, TextDialog))
        await pilot.press(*"atlas", "enter")
        await until(pilot, lambda: app.people.petname(story.ATLAS) == "atlas")
        assert "atlas b1a5..9d30" in text_grid(app)


async def test_planned_panes_say_that_they_are_not_in_this_version() -> None:
    app = demo_app()
    async with app.run_test(size=(120, 36)) as pilot:
        await settle(pilot)
        for key, name in (("alt+2", "chat"), ("alt+3", "subnet"), ("alt+4", "wallet")):
            await pilot.press(key)
            await until(pilot, lambda name=name: app.main.active == name)  # type: ignore[misc]
            await settle(pilot)
            assert "not in this version" in text_grid(app)
        await pilot.press("down", "enter")
        await until(pilot, lambda: app.main.active == "channels")
