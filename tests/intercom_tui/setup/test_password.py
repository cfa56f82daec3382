from __future__ import annotations

from pathlib import Path

import pytest

from intercom_tui.setup.controls import TextControl
from intercom_tui.setup.password import PasswordApp
from tests.harness.screens import SIZES, check_golden, settle, text_grid

PATH = Path("/home/you/stores/peer/db/keypair.json")
ERROR = "The wallet file does not open with this password, or it is damaged."


async def test_enter_gives_the_passphrase() -> None:
    app = PasswordApp(PATH)
    async with app.run_test(size=(80, 24)) as pilot:
        await settle(pilot)
        assert isinstance(app.screen.focused, TextControl)
        await pilot.press("a", "é", "space", "enter")
    assert app.return_value == "aé ".encode()


async def test_an_empty_passphrase_is_one_too() -> None:
    app = PasswordApp(PATH)
    async with app.run_test(size=(80, 24)) as pilot:
        await settle(pilot)
        await pilot.press("tab", "tab", "enter")
    assert app.return_value == b""


@pytest.mark.parametrize("key", ["escape", "ctrl+q", "ctrl+c"])
async def test_quitting_gives_nothing(key: str) -> None:
    app = PasswordApp(PATH)
    async with app.run_test(size=(80, 24)) as pilot:
        await settle(pilot)
        await pilot.press("a", key)
    assert app.return_value is None


async def test_the_quit_button_gives_nothing() -> None:
    app = PasswordApp(PATH)
    async with app.run_test(size=(80, 24)) as pilot:
        await settle(pilot)
        await pilot.click("#quit")
        await settle(pilot)
    assert app.return_value is None


@pytest.mark.parametrize("size", SIZES)
async def test_the_question_looks_as_before(size: str) -> None:
    app = PasswordApp(PATH, ERROR, no_color=False)
    async with app.run_test(size=SIZES[size]) as pilot:
        await settle(pilot)
        await pilot.press("a", "b")
        await settle(pilot)
        check_golden(Path(__file__).parent / "goldens" / f"password-{size}.txt", text_grid(app))
