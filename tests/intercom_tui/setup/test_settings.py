"""The settings form, pushed onto an app as the peer's app does it."""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest
from textual.events import Paste
from textual.pilot import Pilot

from engine.config.load import read_file, with_values
from engine.config.sections import OPTIONS, SECTIONS, Config
from engine.errors import StoreUnwritable
from intercom_tui.app_base import AppBase
from intercom_tui.screens.settings import SettingsScreen
from intercom_tui.setup.controls import ActionButton, ChoiceControl, TextControl
from intercom_tui.setup.settings import SettingsSheet, restart_keys, saved_words
from intercom_tui.setup.settings_file import SettingsFile
from tests.harness.screens import SIZES, check_golden, screenshot, settle, text_grid, until

GOLDENS = Path(__file__).parent / "goldens"
SCREENSHOTS = Path(__file__).parents[3] / "screenshots"


@asynccontextmanager
async def settings(
    write: Any = None, *, config: Config | None = None, size: tuple[int, int] = (120, 36), **more: Any
) -> AsyncIterator[tuple[Pilot[Any], SettingsScreen]]:
    app = AppBase()
    async with app.run_test(size=size, notifications=True) as pilot:
        screen = SettingsScreen(config or Config(), write, **more)
        await app.push_screen(screen)
        await settle(pilot)
        yield pilot, screen


async def section(pilot: Pilot[Any], screen: SettingsScreen, name: str) -> None:
    screen.sections.move_to(name)
    await until(pilot, lambda: screen.header.section == name and screen.form.views[0].question.id.startswith(name))


async def type_into(pilot: Pilot[Any], screen: SettingsScreen, key: str, text: str) -> None:
    field = screen.form.field(key)
    assert isinstance(field, TextControl)
    field.value = ""
    field.post_message(Paste(text))
    await settle(pilot)


async def test_every_setting_but_the_secrets_is_there() -> None:
    async with settings() as (pilot, screen):
        seen = []
        for name in SECTIONS:
            await section(pilot, screen, name)
            seen += [view.question.id for view in screen.form.views]
        assert seen == [option.key for option in OPTIONS if not option.secret]


async def test_changes_are_saved_and_told(tmp_path: Path) -> None:
    file = SettingsFile(tmp_path / "config.toml")
    async with settings(file) as (pilot, screen):
        await pilot.press("down", "down", "enter")
        await until(pilot, lambda: isinstance(screen.focused, TextControl))
        await pilot.press("down", "right")
        await settle(pilot)
        assert screen.sheet.changes() == {"sidechannel.debug": True}
        assert "1 changed" in text_grid(pilot.app)
        await pilot.press("ctrl+s")
        await until(pilot, lambda: pilot.app.screen is not screen, "the screen to close")
        assert read_file(file.path) == {"sidechannel.debug": True}
        (note,) = pilot.app._notifications
        assert "After a restart: sidechannel.debug." in note.message


async def test_the_theme_changes_at_once(tmp_path: Path) -> None:
    async with settings(SettingsFile(tmp_path / "c.toml")) as (pilot, screen):
        await section(pilot, screen, "ui")
        await type_into(pilot, screen, "ui.theme", "daylight")
        await pilot.press("ctrl+s")
        await until(pilot, lambda: pilot.app.screen is not screen, "the screen to close")
        assert pilot.app.theme == "daylight"
        (note,) = pilot.app._notifications
        assert "It works already." in note.message


async def test_a_theme_that_does_not_exist_is_told(tmp_path: Path) -> None:
    async with settings(SettingsFile(tmp_path / "c.toml")) as (pilot, screen):
        await section(pilot, screen, "ui")
        await type_into(pilot, screen, "ui.theme", "nosuch")
        await pilot.press("ctrl+s")
        await until(pilot, lambda: pilot.app.screen is not screen, "the screen to close")
        assert pilot.app.theme == "nightline"
        assert "nosuch" in " ".join(note.message for note in pilot.app._notifications)


async def test_a_wrong_setting_of_any_section_is_gone_to(tmp_path: Path) -> None:
    file = SettingsFile(tmp_path / "config.toml")
    async with settings(file) as (pilot, screen):
        await section(pilot, screen, "bridge")
        await type_into(pilot, screen, "bridge.port", "70000")
        await section(pilot, screen, "log")
        await pilot.press("ctrl+s")
        await until(pilot, lambda: screen.header.section == "bridge")
        await settle(pilot)
        assert not file.path.exists()
        assert isinstance(screen.focused, TextControl)
        assert screen.focused.part.key == "bridge.port"
        assert "It must be a whole number of 0 to 65535." in text_grid(pilot.app)


async def test_an_exposed_bridge_must_be_allowed(tmp_path: Path) -> None:
    config = with_values(Config(), {"bridge.enabled": True})
    async with settings(SettingsFile(tmp_path / "c.toml"), config=config) as (pilot, screen):
        await section(pilot, screen, "bridge")
        await type_into(pilot, screen, "bridge.host", "0.0.0.0")
        await pilot.press("ctrl+s")
        await until(pilot, lambda: "bridge.host" in screen.sheet.errors)
        await settle(pilot)
        assert "Other machines could reach this address" in text_grid(pilot.app)


async def test_escape_asks_before_it_discards() -> None:
    written: list[Mapping[str, Any]] = []

    def write(changes: Mapping[str, Any]) -> Path:
        written.append(changes)
        return Path("x")

    async with settings(write) as (pilot, screen):
        await pilot.press("enter")
        await type_into(pilot, screen, "identity.peer_store_name", "other")
        await pilot.press("escape")
        assert screen.focused is screen.sections
        await pilot.press("escape")
        assert "Not saved yet" in text_grid(pilot.app)
        await pilot.press("escape")
        await until(pilot, lambda: pilot.app.screen is not screen, "the screen to close")
        assert written == []


async def test_nothing_changed_is_nothing_written() -> None:
    async with settings(lambda changes: Path("never")) as (pilot, screen):
        await pilot.press("ctrl+s")
        await until(pilot, lambda: pilot.app.screen is not screen, "the screen to close")


async def test_without_a_writer_the_settings_can_be_looked_at() -> None:
    async with settings() as (pilot, screen):
        await pilot.press("ctrl+s")
        await settle(pilot)
        assert pilot.app.screen is screen
        assert "can only be looked at" in text_grid(pilot.app)


async def test_what_cannot_be_written_is_told() -> None:
    def write(changes: Mapping[str, Any]) -> Path:
        raise StoreUnwritable("the disk is full")

    async with settings(write) as (pilot, screen):
        await pilot.press("enter")
        await type_into(pilot, screen, "identity.peer_store_name", "other")
        screen.query_one("#save", ActionButton).action_press()
        await until(pilot, lambda: "the disk is full" in screen.header.note)
        assert pilot.app.screen is screen


async def test_what_was_given_is_shown_and_not_asked(tmp_path: Path) -> None:
    file = SettingsFile(tmp_path / "c.toml", {"network.local": "--local"})
    async with settings(file, config=with_values(Config(), {"network.local": True})) as (pilot, screen):
        await section(pilot, screen, "network")
        await settle(pilot)
        assert "Yes   given: --local" in text_grid(pilot.app)
        assert screen.form.field("network.local") is None


async def test_arrows_and_tab_reach_everything() -> None:
    async with settings(size=(80, 24)) as (pilot, screen):
        await section(pilot, screen, "log")
        await pilot.press("enter", "down", "down", "down")
        assert screen.focused is screen.query_one("#save")
        await pilot.press("up")
        assert isinstance(screen.focused, ChoiceControl)
        await pilot.press("pagedown", "tab", "tab")
        assert screen.focused is screen.query_one("#save")


def test_which_changes_need_a_restart() -> None:
    assert restart_keys({"ui.theme": "x", "bridge.port": 1}) == ["bridge.port"]
    many = {option.key: None for option in OPTIONS[:6]}
    assert saved_words(many).endswith("and 2 more.")


def test_a_sheet_counts_changes_by_section() -> None:
    sheet = SettingsSheet(Config(), {})
    sheet.enter("bridge.port", "1")
    sheet.enter("bridge.port", "49222")
    sheet.enter("log.file", "/tmp/x")
    assert (sheet.changed_in("bridge"), sheet.changed_in("log")) == (0, 1)
    assert "bridge.token" not in sheet.answers


@pytest.mark.parametrize("size", SIZES)
async def test_the_form_looks_as_before(size: str) -> None:
    async with settings(SettingsFile(Path("c.toml")), size=SIZES[size]) as (pilot, screen):
        await section(pilot, screen, "sidechannel")
        await pilot.press("enter", "down", "right")
        await settle(pilot)
        check_golden(GOLDENS / f"settings-{size}.txt", text_grid(pilot.app))
        check_golden(SCREENSHOTS / f"setup-settings-{size}.svg", screenshot(pilot.app))
