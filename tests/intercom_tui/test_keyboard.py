"""Everything is reachable with Tab, arrows, Enter and the palette."""

from __future__ import annotations

import pytest
from textual.widget import Widget
from textual.widgets import Button

from engine.status import OpenRequest
from intercom_tui.actions import ACTIONS
from intercom_tui.app import IntercomApp
from intercom_tui.demo import script as story
from intercom_tui.handlers import Handler
from intercom_tui.screens.dialog import Dialog
from intercom_tui.screens.dialogs import (
    InviteDialog,
    JoinDialog,
    OpenDialog,
    SignedDialog,
    leave_dialog,
    link_dialog,
    message_dialog,
    paste_dialog,
    petname_dialog,
    quit_dialog,
    request_dialog,
)
from intercom_tui.screens.picker import Picker
from intercom_tui.widgets.line_input import LineInput
from tests.harness.screens import demo_app, demo_engine, settle, until


async def walk(app: IntercomApp, press: object, key: str = "tab", limit: int = 20) -> set[str]:
    """Ids of everything that gets the focus while a key is pressed again and again."""
    seen: set[str] = set()
    for _ in range(limit):
        if app.focused is not None:
            seen.add(app.focused.id or "")
        await press(key)  # type: ignore[operator]
    return seen


@pytest.mark.parametrize(
    ("size", "parts"),
    [
        ((120, 36), {"tabs", "sidebar", "log", "composer", "details"}),
        ((80, 24), {"tabs", "sidebar", "log", "composer"}),
        ((60, 16), {"tabs", "log", "composer"}),
    ],
)
async def test_tab_walks_through_every_part(size: tuple[int, int], parts: set[str]) -> None:
    app = demo_app()
    async with app.run_test(size=size) as pilot:
        await settle(pilot)
        assert await walk(app, pilot.press) == parts
        assert await walk(app, pilot.press, "shift+tab") == parts


async def test_arrows_choose_panes_in_the_tab_bar() -> None:
    app = demo_app()
    async with app.run_test(size=(120, 36)) as pilot:
        await settle(pilot)
        app.main.tabs.focus()
        shown = []
        for _ in range(5):
            await pilot.press("right")
            await settle(pilot)
            shown.append(app.main.active)
            app.main.tabs.focus()
        assert shown == ["chat", "subnet", "wallet", "activity", "channels"]
        await pilot.press("left")
        await until(pilot, lambda: app.main.active == "activity")
        app.main.tabs.focus()
        await pilot.press("down")
        assert app.focused is not app.main.tabs


async def test_every_action_is_in_the_palette() -> None:
    app = demo_app()
    done: list[str] = []

    def recorder(name: str) -> Handler:
        async def record(argument: str) -> None:
            done.append(name)

        return record

    async with app.run_test(size=(120, 36)) as pilot:
        await settle(pilot)
        palette = app.handlers.table["palette"]
        app.handlers.table = {name: recorder(name) for name in app.handlers.table} | {"palette": palette}
        app.why_not = lambda name: ""  # type: ignore[method-assign]
        wanted = [action for action in ACTIONS if action.title]
        for action in wanted:
            await pilot.press("ctrl+p")
            await until(pilot, lambda: isinstance(app.screen, Picker))
            app.screen.query_one("#query", LineInput).value = action.title
            await settle(pilot)
            await pilot.press("enter")
            await until(pilot, lambda action=action: done[-1:] == [action.id], action.title)  # type: ignore[misc]
        assert done == [action.id for action in wanted]


DIALOGS = {
    "join": lambda: JoinDialog("x"),
    "open": lambda: OpenDialog("via"),
    "invite": lambda: InviteDialog("a", "", 3600),
    "signed": lambda: SignedDialog("a welcome", "a"),
    "leave": lambda: leave_dialog("a"),
    "quit": lambda: quit_dialog(2),
    "request": lambda: request_dialog(OpenRequest(1, "a", "k", "v", 0), "who", 0),
    "link": lambda: link_dialog("https://example.org"),
    "paste": lambda: paste_dialog("a\nb\nc\nd"),
    "petname": lambda: petname_dialog(story.MIRA, ""),
}


@pytest.mark.parametrize("size", [(120, 36), (60, 16)])
async def test_every_part_of_every_dialog_is_reached_and_visible(size: tuple[int, int]) -> None:
    app = demo_app()
    async with app.run_test(size=size) as pilot:
        await settle(pilot)
        for name, make in DIALOGS.items():
            dialog: Dialog[object] = make()  # type: ignore[assignment]
            await app.push_screen(dialog)
            await settle(pilot)
            wanted = {widget.id for widget in dialog.query(Widget) if widget.focusable}
            buttons = list(dialog.query(Button))
            assert {button.id for button in buttons} <= wanted, name
            assert await walk(app, pilot.press, limit=len(wanted)) == wanted, name
            assert all(button.region.right <= size[0] and button.region.bottom <= size[1] for button in buttons), name
            assert all(button.region.width > len(str(button.label)) for button in buttons), name
            await pilot.press("escape")
            await until(pilot, lambda: app.screen is app.main)


async def test_everything_about_a_message_is_done_with_arrows_and_enter() -> None:
    engine = demo_engine()
    app = demo_app(engine)
    async with app.run_test(size=(80, 24)) as pilot:
        await settle(pilot)
        message = engine.sidechannel.deliver("builders", story.MIRA, "see https://example.org")
        dialog = message_dialog(message, "mira", has_link=True)
        await app.push_screen(dialog)
        await settle(pilot)
        assert {button.id for button in dialog.query(Button)} == {
            "choose-copy", "choose-save", "choose-json", "choose-reply", "choose-link", "choose-name", "cancel",
        }  # fmt: skip
        assert all(button.region.right <= 78 for button in dialog.query(Button))
        await pilot.press("escape")
        await until(pilot, lambda: app.screen is app.main)
        app.main.channels.log_view.focus()
        await pilot.press("enter")
        await until(pilot, lambda: isinstance(app.screen, Dialog))
        await pilot.press("tab", "right", "right", "right", "enter")
        await until(pilot, lambda: app.main.channels.composer.text == "@mira ")


async def test_a_request_and_a_channel_are_chosen_in_the_sidebar() -> None:
    engine = demo_engine()
    engine.ask_open("otc-7")
    app = demo_app(engine)
    async with app.run_test(size=(120, 36)) as pilot:
        await settle(pilot)
        app.main.channels.sidebar.focus()
        await pilot.press("down", "enter")
        await until(pilot, lambda: app.main.channels.channel == "swap-desk")
        app.main.channels.sidebar.focus()
        await pilot.press("down", "down", "down", "enter")
        await until(pilot, lambda: isinstance(app.screen, Dialog))
        await pilot.press("right", "enter")
        await until(pilot, lambda: engine.status.open_requests == ())
