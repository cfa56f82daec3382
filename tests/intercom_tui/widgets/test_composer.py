from __future__ import annotations

import pytest
from textual import events

from intercom_tui.app import IntercomApp
from intercom_tui.screens.dialogs import ConfirmDialog
from intercom_tui.widgets.composer import Composer
from tests.harness.screens import demo_app, settle, until


def composer_of(app: IntercomApp) -> Composer:
    return app.main.channels.composer


def last_message(app: IntercomApp, channel: str = "builders") -> object:
    return app.engine.sidechannel.history(channel, limit=1)[-1].message


async def test_enter_sends_even_when_everything_comes_at_once() -> None:
    app = demo_app()
    async with app.run_test() as pilot:
        await settle(pilot)
        for key in [*"first", "enter", *"second", "enter", *"rest"]:
            app.post_message(events.Key(key, key if len(key) == 1 else None))
        await until(pilot, lambda: last_message(app) == "second")
        sent = [message.message for message in app.engine.sidechannel.history("builders", limit=2)]
        assert sent == ["first", "second"]
        assert composer_of(app).text == "rest"


async def test_new_lines_and_blank_text() -> None:
    app = demo_app()
    async with app.run_test() as pilot:
        await settle(pilot)
        await pilot.press("enter", "space", "enter")
        await pilot.press("backspace", "a", "ctrl+j", "b", "alt+enter", "c", "enter")
        await until(pilot, lambda: last_message(app) == "a\nb\nc")


async def test_two_slashes_send_one() -> None:
    app = demo_app()
    async with app.run_test() as pilot:
        await settle(pilot)
        await pilot.press(*"//etc", "enter")
        await until(pilot, lambda: last_message(app) == "/etc")


async def test_history_comes_back_at_the_edges() -> None:
    app = demo_app()
    async with app.run_test() as pilot:
        await settle(pilot)
        app.state.history[:] = ["one", "two"]
        await pilot.press(*"draft", "up")
        assert composer_of(app).text == "two"
        await pilot.press("up", "up")
        assert composer_of(app).text == "one"
        await pilot.press("down", "down")
        assert composer_of(app).text == "draft"


async def test_completion_opens_moves_takes_and_closes() -> None:
    app = demo_app()
    async with app.run_test(size=(120, 36)) as pilot:
        await settle(pilot)
        await pilot.press(*"/jo")
        await until(pilot, lambda: composer_of(app).completing)
        assert app.main.channels.completions.display
        await pilot.press("down", "up", "tab")
        await until(pilot, lambda: composer_of(app).text == "/join ")
        await pilot.press("escape")
        await settle(pilot)
        assert app.focused is not composer_of(app) or not composer_of(app).completing


async def test_escape_first_closes_completions_then_goes_to_messages() -> None:
    app = demo_app()
    async with app.run_test(size=(120, 36)) as pilot:
        await settle(pilot)
        await pilot.press(*"/th")
        await until(pilot, lambda: composer_of(app).completing)
        await pilot.press("escape")
        await until(pilot, lambda: not composer_of(app).completing)
        assert app.focused is composer_of(app)
        await pilot.press("escape")
        await until(pilot, lambda: app.focused is app.main.channels.log_view)
        assert composer_of(app).text == "/th"


async def test_tab_without_anything_to_complete_goes_on() -> None:
    app = demo_app()
    async with app.run_test(size=(120, 36)) as pilot:
        await settle(pilot)
        await pilot.press(*"word", "tab")
        await settle(pilot)
        assert app.focused is not composer_of(app)


@pytest.mark.parametrize(("choice", "text"), [("one", "a\nb\nc\nd"), ("quote", "> a\n> b\n> c\n> d\n"), ("cancel", "")])
async def test_a_long_paste_is_asked_about(choice: str, text: str) -> None:
    app = demo_app()
    async with app.run_test(size=(120, 36)) as pilot:
        await settle(pilot)
        composer_of(app).post_message(events.Paste("a\nb\nc\nd"))
        await until(pilot, lambda: isinstance(app.screen, ConfirmDialog))
        await pilot.press(*"typing", "enter") if choice == "none" else None
        await pilot.click(f"#choose-{choice}" if choice != "cancel" else "#cancel")
        await until(pilot, lambda: not isinstance(app.screen, ConfirmDialog))
        assert composer_of(app).text == text


async def test_a_short_paste_goes_in_without_its_controls() -> None:
    app = demo_app()
    async with app.run_test(size=(120, 36)) as pilot:
        await settle(pilot)
        composer_of(app).post_message(events.Paste("one\x1b[2J\u202e two\nthree"))
        await settle(pilot)
        assert composer_of(app).text == "one\u241b[2J two\nthree"


async def test_a_users_keys_work_in_the_composer() -> None:
    from dataclasses import replace

    from engine.config.sections import Config, UiConfig

    config = replace(Config(), ui=UiConfig(keymap={"composer.send": "f5"}))
    app = demo_app(config=config)
    async with app.run_test(size=(120, 36)) as pilot:
        await settle(pilot)
        await pilot.press(*"x", "enter", *"y")
        assert composer_of(app).text == "x\ny"
        await pilot.press("f5")
        await until(pilot, lambda: last_message(app) == "x\ny")
