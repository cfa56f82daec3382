"""What the screens look like: text grids that a reviewer can read, and pictures.

``UPDATE_GOLDENS=1`` writes both; the pictures are the ones the README shows.
"""

from __future__ import annotations

import logging
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest
from textual.pilot import Pilot

from engine.logs import RingHandler
from intercom_tui.app import IntercomApp
from intercom_tui.demo import DemoEngine
from tests.harness.hostile import screen_offences
from tests.harness.screens import (
    NOON_MS,
    SIZES,
    check_golden,
    demo_app,
    demo_engine,
    screenshot,
    settle,
    text_grid,
    until,
)

GOLDENS = Path(__file__).parent / "goldens"
SCREENSHOTS = Path(__file__).parents[2] / "screenshots"
PANES = {"channels": "alt+1", "chat": "alt+2", "subnet": "alt+3", "wallet": "alt+4", "activity": "alt+5"}
LOOKS = ("nightline", "daylight", "nocolor")

LOG = (
    (logging.INFO, "engine.net.dht.node", "bound 0.0.0.0:49737"),
    (logging.INFO, "engine.net.dht.node", "bootstrapped through 3 nodes in 0.8 s"),
    (logging.INFO, "engine.net.swarm", "joined 0000intercom, 41 peers announced"),
    (logging.WARNING, "engine.services.sidechannel", "rate limit: 77aa..1f0c is silent for 30 s"),
    (logging.INFO, "engine.bridge.server", "pricer signed in with scopes read send"),
)


def log_ring() -> RingHandler:
    ring = RingHandler()
    for number, (level, name, text) in enumerate(LOG):
        record = logging.LogRecord(name, level, "", 0, text, (), None)
        record.created = NOON_MS / 1000 - 600 + number * 45
        ring.handle(record)
    return ring


async def furnished() -> DemoEngine:
    engine = demo_engine()
    await engine.bridge.start()
    engine.ask_open("otc-7")
    return engine


async def at_rest(app: IntercomApp, pilot: Pilot[Any]) -> None:
    """Unread counts are in and nothing moves any more."""
    await until(pilot, lambda: app.inbox.total)
    await settle(pilot)
    await pilot.pause(0.05)
    await settle(pilot)


@pytest.mark.parametrize("size", sorted(SIZES))
@pytest.mark.parametrize("look", LOOKS)
async def test_panes(look: str, size: str) -> None:
    colourless = look == "nocolor"
    app = demo_app(
        await furnished(), theme="nightline" if colourless else look, no_color=colourless, log_ring=log_ring()
    )
    async with app.run_test(size=SIZES[size]) as pilot:
        await at_rest(app, pilot)
        for pane, key in PANES.items():
            await pilot.press(key)
            await until(pilot, lambda pane=pane: app.main.active == pane)  # type: ignore[misc]
            await at_rest(app, pilot)
            assert screen_offences(app) == []
            if look == "nightline":
                check_golden(GOLDENS / f"{pane}-{size}.txt", text_grid(app))
            check_golden(SCREENSHOTS / f"{pane}-{size}-{look}.svg", screenshot(app))


async def test_a_large_terminal() -> None:
    app = demo_app(await furnished())
    async with app.run_test(size=(200, 60)) as pilot:
        await at_rest(app, pilot)
        check_golden(GOLDENS / "channels-200x60.txt", text_grid(app))


SCENES: dict[str, tuple[str, Sequence[str]]] = {
    "palette": ("builders", ["ctrl+p"]),
    "palette-filtered": ("builders", ["ctrl+p", *"chan inv"]),
    "help": ("builders", ["escape", "f1"]),
    "join": ("builders", ["ctrl+n"]),
    "message": ("builders", ["escape", "k", "enter"]),
    "completion": ("builders", [*"/sc"]),
    "owner-only": ("announce", []),
    "awaiting-welcome": ("dev-python", []),
    "json-message": ("swap-desk", []),
    "quit": ("builders", ["ctrl+q"]),
    "jump": ("builders", ["ctrl+o"]),
}


@pytest.mark.parametrize("scene", sorted(SCENES))
@pytest.mark.parametrize("size", sorted(SIZES))
async def test_scenes(scene: str, size: str) -> None:
    channel, keys = SCENES[scene]
    app = demo_app(await furnished(), channel=channel)
    async with app.run_test(size=SIZES[size]) as pilot:
        await at_rest(app, pilot)
        for key in keys:
            await pilot.press(key)
            await settle(pilot)
        await until(pilot, lambda: app.screen.is_mounted)
        await at_rest(app, pilot)
        assert screen_offences(app) == []
        check_golden(GOLDENS / f"{scene}-{size}.txt", text_grid(app))


@pytest.mark.parametrize("size", sorted(SIZES))
async def test_the_start(size: str) -> None:
    from engine.status import StepState

    engine = demo_engine(online=False, empty=True)
    engine.set_step(0, StepState.DONE)
    engine.set_step(1, StepState.RUNNING)
    app = demo_app(engine, channel="0000intercom")
    async with app.run_test(size=SIZES[size]) as pilot:
        await settle(pilot)
        await pilot.pause(0.05)
        check_golden(GOLDENS / f"start-{size}.txt", text_grid(app))


async def test_pictures_are_the_same_every_time() -> None:
    pictures = []
    for _ in range(2):
        app = demo_app(await furnished())
        async with app.run_test(size=(80, 24)) as pilot:
            await at_rest(app, pilot)
            pictures.append(screenshot(app))
    assert pictures[0] == pictures[1]
    assert len(pictures[0]) < 60_000
