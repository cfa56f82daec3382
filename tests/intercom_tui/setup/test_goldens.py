"""What the wizard looks like: text grids beside this file, screenshots for the documents."""

from __future__ import annotations

import re
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import pytest
from textual.pilot import Pilot

from engine.config.load import with_values
from engine.config.sections import Config
from intercom_tui.setup.app import SetupApp
from intercom_tui.setup.pages import Form, Quiz
from intercom_tui.setup.screen import SetupScreen
from intercom_tui.setup.steps import PASSPHRASE
from tests.harness.screens import SIZES, check_golden, screenshot, settle, text_grid
from tests.harness.setup_machine import FakeMachine, setup_app

GOLDENS = Path(__file__).parent / "goldens"
SCREENSHOTS = Path(__file__).parents[3] / "screenshots"

RISKY = {
    "bridge.enabled": True,
    "bridge.host": "0.0.0.0",
    "bridge.unsafe_bind": True,
    "bridge.cli": True,
    "sidechannel.auto_join": True,
    "sidechannel.relay": False,
    "subnet.mode": "contracts",
}

Scene = Callable[[Pilot[Any], SetupScreen], Awaitable[None]]


async def show(screen: SetupScreen, page: str, route: str = "full") -> None:
    """Go to a page, whatever came before it."""
    screen.model.take_route(route)
    if page in ("words", "quiz"):
        screen.model.take_identity(FakeMachine().new_identity(""))
    await screen._show(page)


def page(name: str, route: str = "full") -> Scene:
    async def scene(_: Pilot[Any], screen: SetupScreen) -> None:
        await show(screen, name, route)

    return scene


async def welcome(_: Pilot[Any], screen: SetupScreen) -> None:
    assert screen.model.page == "welcome"


async def passphrase(_: Pilot[Any], screen: SetupScreen) -> None:
    """Typed once, and another one the second time."""
    await show(screen, "identity")
    form = screen.page
    assert isinstance(form, Form)
    screen.model.enter(PASSPHRASE, "correct horse")
    screen.model.enter("@repeat", "battery staple")
    screen.model.check("identity")
    form.sync()
    field = form.field("@repeat")
    assert field is not None
    field.focus()


async def wrong_number(pilot: Pilot[Any], screen: SetupScreen) -> None:
    await show(screen, "messaging")
    await pilot.press("down", "ctrl+u", "9")


async def wrong_word(_: Pilot[Any], screen: SetupScreen) -> None:
    await show(screen, "quiz")
    quiz = screen.page
    assert isinstance(quiz, Quiz)
    quiz.sheet.enter("@word2", "zebra")
    quiz.check()


async def bridge_on(pilot: Pilot[Any], screen: SetupScreen) -> None:
    await show(screen, "bridge")
    await pilot.press("left")


SCENES: dict[str, tuple[Scene, dict[str, Any]]] = {
    "welcome": (welcome, {}),
    "quick": (page("review", "quick"), {}),
    "start": (page("start"), {}),
    "identity": (page("identity"), {}),
    "passphrase": (passphrase, {}),
    "import": (page("identity", "import"), {}),
    "words": (page("words"), {}),
    "quiz": (wrong_word, {}),
    "subnet": (page("subnet"), {"subnet.mode": "contracts", "subnet.bootstrap": "ab" * 32}),
    "messaging": (page("messaging"), {}),
    "wrong": (wrong_number, {}),
    "limits": (page("limits"), {}),
    "bridge": (bridge_on, {}),
    "review": (page("review"), RISKY),
}
PICTURED = ("welcome", "quick", "identity", "words", "messaging", "bridge", "review")
"""Scenes that have a screenshot."""


def still_app(values: dict[str, Any]) -> SetupApp:
    given = "bridge.enabled" not in values
    return setup_app(config=with_values(Config(), values), given=given)


@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize("name", SCENES)
async def test_the_wizard_looks_as_before(name: str, size: str) -> None:
    scene, values = SCENES[name]
    app = still_app(values)
    async with app.run_test(size=SIZES[size]) as pilot:
        assert isinstance(app.screen, SetupScreen)
        await settle(pilot)
        await scene(pilot, app.screen)
        await settle(pilot)
        check_golden(GOLDENS / f"{name}-{size}.txt", text_grid(app))
        if name in PICTURED:
            check_golden(SCREENSHOTS / f"setup-{name}-{size}.svg", screenshot(app))


@pytest.mark.parametrize("name", ["welcome", "messaging", "bridge", "review"])
async def test_without_colour_only_attributes_are_sent(name: str) -> None:
    scene, values = SCENES[name]
    app = SetupApp(with_values(Config(), values), FakeMachine(), no_color=True, random_bytes=bytes)
    async with app.run_test(size=(80, 24)) as pilot:
        assert isinstance(app.screen, SetupScreen)
        await settle(pilot)
        await scene(pilot, app.screen)
        await settle(pilot)
        colours = set()
        reverse = False
        for strip in app.screen._compositor.render_strips():
            for segment in strip:
                if segment.style:
                    colours |= {segment.style.color, segment.style.bgcolor}
                    reverse = reverse or bool(segment.style.reverse)
        named = {str(colour.name) for colour in colours if colour is not None}
        assert {name for name in named if name != "default"} == set()
        assert reverse, "the focus must be seen without colour"


async def test_ascii_glyphs_are_ascii() -> None:
    app = setup_app(config=with_values(Config(), {"ui.glyphs": "ascii"}))
    async with app.run_test(size=(80, 24)) as pilot:
        assert isinstance(app.screen, SetupScreen)
        await settle(pilot)
        await show(app.screen, "messaging")
        await settle(pilot)
        odd = set(re.findall(r"[^\x00-\x7f]", text_grid(app)))
        assert odd - set("▁▂▃▄▅▆▇█▏▎▍▌▋▊▉") == set(), "only the scroll bar is drawn with blocks"


async def test_text_from_outside_cannot_drive_the_terminal() -> None:
    evil = "a\x1b]52;c;aGk=\x07\u202eb\x9bc[@click=app.quit]d"
    config = with_values(
        Config(), {"identity.peer_store_name": evil, "sidechannel.channels": (evil,), "bridge.enabled": True}
    )
    app = setup_app(config=config)
    async with app.run_test(size=(120, 36)) as pilot:
        assert isinstance(app.screen, SetupScreen)
        for name in ("identity", "messaging", "review"):
            await show(app.screen, name)
            await settle(pilot)
            assert [mark for mark in "\x1b\x07\x9b\u202e" if mark in text_grid(app)] == []
