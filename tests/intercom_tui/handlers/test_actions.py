"""What actions do, from the dialog to the engine."""

from __future__ import annotations

import base64
import json
from pathlib import Path
from typing import Any

import pytest
from textual.pilot import Pilot
from textual.widgets import Input

from engine.status import BridgeListening
from intercom_tui.app import IntercomApp
from intercom_tui.demo import DemoEngine
from intercom_tui.demo import script as story
from intercom_tui.screens.dialog import Dialog
from intercom_tui.screens.dialogs import TextResultDialog
from intercom_tui.screens.picker import Picker
from tests.harness.screens import demo_app, demo_engine, settle, text_grid, until

INVITE = {"payload": {"channel": "swap-desk", "inviteePubKey": story.OWN}, "sig": "cd" * 64}
WELCOME = {"payload": {"channel": "dev-python", "ownerPubKey": story.MIRA, "text": "snakes"}, "sig": "cd" * 64}


def with_clipboard(app: IntercomApp) -> list[str]:
    copied: list[str] = []

    async def copy_text(text: str, what: str) -> None:
        copied.append(text)

    app.copy_text = copy_text  # type: ignore[method-assign]
    return copied


async def dialog(app: IntercomApp, pilot: Pilot[Any], kind: type = Dialog) -> Any:
    await until(pilot, lambda: isinstance(app.screen, kind), kind.__name__)
    await settle(pilot)
    return app.screen


async def fill(app: IntercomApp, pilot: Pilot[Any], **values: str) -> None:
    for field, value in values.items():
        app.screen.query_one(f"#{field}", Input).value = value
    await settle(pilot)


def saved_json(directory: Path) -> Any:
    return json.loads(next(directory.glob("*.txt")).read_text("utf-8"))


def problem(app: IntercomApp) -> str:
    return str(app.screen.query_one("#problem").render())


async def running(engine: DemoEngine | None = None, channel: str = "builders", **options: Any) -> IntercomApp:
    return demo_app(engine, channel=channel, **options)


async def test_joining_checks_what_was_pasted_and_opens_the_channel() -> None:
    app = await running()
    async with app.run_test(size=(120, 36)) as pilot:
        await settle(pilot)
        await pilot.press("ctrl+n")
        await dialog(app, pilot)
        await fill(app, pilot, channel='/sc_join --channel "')
        await pilot.press("enter")
        await settle(pilot)
        assert "neither a name" in problem(app)
        await fill(app, pilot, channel="lisbon")
        await pilot.press("enter")
        await until(pilot, lambda: app.main.channels.channel == "lisbon")
        assert "lisbon" in app.main.channels.names()
        assert any("joined lisbon" in item.text for item in app.main.channels.log_view.items)


@pytest.mark.parametrize(
    "text", ["#lisbon", json.dumps(INVITE), "b64:" + base64.b64encode(json.dumps(INVITE).encode()).decode()]
)
async def test_joining_with_an_argument_needs_no_dialog(text: str) -> None:
    app = await running()
    async with app.run_test(size=(120, 36)) as pilot:
        await settle(pilot)
        app.do("join", text)
        await until(pilot, lambda: app.main.channels.channel in ("lisbon", "swap-desk"))


async def test_asking_others_to_open_a_channel() -> None:
    engine = demo_engine()
    app = await running(engine)
    async with app.run_test(size=(120, 36)) as pilot:
        await settle(pilot)
        app.do("open")
        await dialog(app, pilot)
        await pilot.press("enter", "enter")
        await settle(pilot)
        assert "Give the channel a name" in problem(app)
        await fill(app, pilot, channel="lisbon", via="builders")
        await pilot.click("#choose-ask")
        await until(pilot, lambda: engine.sidechannel.open_asked == [("lisbon", "builders")])
        app.do("open", "porto")
        await until(pilot, lambda: ("porto", "0000intercom") in engine.sidechannel.open_asked)


async def test_an_invite_is_made_for_a_name_or_a_key_and_copied() -> None:
    app = await running(channel="swap-desk")
    copied = with_clipboard(app)
    async with app.run_test(size=(120, 36)) as pilot:
        await settle(pilot)
        app.do("invite")
        await dialog(app, pilot)
        await fill(app, pilot, key="nobody")
        await pilot.click("#choose-create")
        await settle(pilot)
        assert "not a name you gave" in problem(app)
        await fill(app, pilot, key="kestrel", hours="x")
        await pilot.click("#choose-create")
        await settle(pilot)
        assert "whole number" in problem(app)
        await fill(app, pilot, hours="24")
        await pilot.click("#choose-create")
        shown = await dialog(app, pilot, TextResultDialog)
        assert shown.text.startswith('/sc_join --channel "swap-desk" --invite ')
        await pilot.click("#choose-copy")
        await until(pilot, lambda: copied == [shown.text])
        app.do("invite", story.MIRA)
        await dialog(app, pilot, TextResultDialog)


async def test_a_welcome_is_made_and_saved(tmp_path: Path) -> None:
    app = await running(save_directory=tmp_path)
    async with app.run_test(size=(120, 36)) as pilot:
        await settle(pilot)
        app.do("welcome")
        await dialog(app, pilot)
        await pilot.press("enter")
        await settle(pilot)
        assert "must not be empty" in problem(app)
        await pilot.press(*"hello", "enter")
        await dialog(app, pilot, TextResultDialog)
        await pilot.click("#choose-save")
        await until(pilot, lambda: list(tmp_path.glob("welcome-*.txt")))
        assert saved_json(tmp_path)["payload"]["text"] == "hello"


async def test_a_pasted_welcome_opens_the_channel() -> None:
    engine = demo_engine()
    app = await running(engine, channel="dev-python")
    async with app.run_test(size=(120, 36), notifications=True) as pilot:
        await settle(pilot)
        app.do("paste-welcome")
        await dialog(app, pilot)
        await pilot.press(*"junk", "enter")
        await settle(pilot)
        assert "neither a JSON object" in problem(app)
        await fill(app, pilot, text=json.dumps(WELCOME))
        await pilot.press("enter")
        await until(pilot, lambda: "welcome verified: snakes" in text_grid(app))
        assert app.main.channels.composer.display
        app.do("paste-welcome", json.dumps({"nothing": 1}))
        await until(pilot, lambda: "does not verify" in text_grid(app))


async def test_a_pasted_invite_is_checked() -> None:
    app = await running(channel="swap-desk")
    async with app.run_test(size=(120, 36), notifications=True) as pilot:
        await settle(pilot)
        app.do("paste-invite", json.dumps(INVITE))
        await until(pilot, lambda: "The invite verified." in text_grid(app))
        app.do("paste-invite", json.dumps({"nothing": 1}))
        await until(pilot, lambda: "The invite does not verify" in text_grid(app))


async def test_keys_and_join_commands_are_copied() -> None:
    app = await running()
    copied = with_clipboard(app)
    async with app.run_test(size=(120, 36)) as pilot:
        await settle(pilot)
        app.do("copy-key")
        app.do("join-command")
        await until(pilot, lambda: len(copied) == 2)
        assert copied == [story.OWN, '/sc_join --channel "builders"']


async def test_everything_can_be_marked_read_and_channels_muted() -> None:
    engine = demo_engine()
    app = await running(engine)
    async with app.run_test(size=(120, 36), notifications=True) as pilot:
        await until(pilot, lambda: app.inbox.total)
        app.do("mute", "swap-desk")
        await until(pilot, lambda: app.inbox.is_muted("swap-desk"))
        assert "muted" in text_grid(app)
        app.do("mark-read", "all")
        await until(pilot, lambda: app.inbox.total == 0)
        engine.sidechannel.deliver("swap-desk", story.MIRA, "psst")
        await settle(pilot)
        app.do("mute", "swap-desk")
        await until(pilot, lambda: not app.inbox.is_muted("swap-desk"))
        assert app.inbox.unread("swap-desk").count == 1
        app.do("mark-read")
        app.do("next-unread")
        await until(pilot, lambda: app.main.channels.channel == "swap-desk")
        await until(pilot, lambda: app.inbox.total == 0)
        app.do("next-unread")
        await until(pilot, lambda: "Nothing is unread." in text_grid(app))


@pytest.mark.parametrize("argument", ["", "77aa", story.STRANGER])
async def test_a_peer_gets_a_name(argument: str) -> None:
    app = await running()
    async with app.run_test(size=(120, 36), notifications=True) as pilot:
        await settle(pilot)
        app.do("petname", argument)
        await dialog(app, pilot)
        if not argument:
            await pilot.press(*"zzz", "enter")
            await until(pilot, lambda: "not a peer's key" in text_grid(app))
            app.do("petname", "")
            await dialog(app, pilot)
            await pilot.press(*"77aa", "enter")
            await until(pilot, lambda: "Name for" in text_grid(app))
            await settle(pilot)
        await pilot.press(*"ghost", "enter")
        await until(pilot, lambda: app.people.petname(story.STRANGER) == "ghost")
        app.do("petname", f"{story.STRANGER} spirit")
        await until(pilot, lambda: app.people.petname(story.STRANGER) == "spirit")


async def test_going_to_a_channel_a_pane_or_a_new_name() -> None:
    app = await running()
    async with app.run_test(size=(120, 36)) as pilot:
        await settle(pilot)
        app.do("goto", "swap-desk")
        await until(pilot, lambda: app.main.channels.channel == "swap-desk")
        for typed, reached in (
            ("wallet", lambda: app.main.active == "wallet"),
            ("announce", lambda: app.main.active == "channels" and app.main.channels.channel == "announce"),
            ("lisbon", lambda: app.main.channels.channel == "lisbon"),
        ):
            await pilot.press("ctrl+g")
            await dialog(app, pilot, Picker)
            await fill(app, pilot, query=typed)
            await pilot.press("enter")
            await until(pilot, reached, typed)


async def test_a_palette_command_of_the_engine_is_begun_in_the_composer() -> None:
    app = await running()
    async with app.run_test(size=(120, 36)) as pilot:
        await settle(pilot)
        await pilot.press("ctrl+p")
        await dialog(app, pilot, Picker)
        await fill(app, pilot, query="sc_stats")
        await pilot.press("enter")
        await until(pilot, lambda: app.main.channels.composer.text.startswith("/sc_stats"))


async def test_the_bridge_and_the_network_follow() -> None:
    engine = demo_engine()
    app = await running(engine)
    async with app.run_test(size=(120, 36), notifications=True) as pilot:
        await settle(pilot)
        app.do("bridge.start")
        await until(pilot, lambda: isinstance(engine.status.bridge, BridgeListening))
        app.do("bridge.stop")
        await until(pilot, lambda: "The bridge is closed." in text_grid(app))
        app.do("reconnect")
        await until(pilot, lambda: engine.network.reconnects == 1)


async def test_links_are_shown_whole_and_only_web_addresses_open(monkeypatch: pytest.MonkeyPatch) -> None:
    import webbrowser

    opened: list[str] = []
    monkeypatch.setattr(webbrowser, "open", lambda url, new=0: opened.append(url))
    app = await running()
    async with app.run_test(size=(120, 36)) as pilot:
        await settle(pilot)
        log = app.main.channels.log_view
        log.focus()
        log._move_to(next(item for item in log.items if "example.org" in item.text))
        await pilot.press("o")
        await dialog(app, pilot)
        assert "https://example.org/a/long/link/that/wraps" in text_grid(app)
        await pilot.click("#choose-open")
        await until(pilot, lambda: len(opened) == 1)
        app.open_url("file:///etc/passwd")
        app.open_url("javascript:alert(1)")
        assert opened == ["https://example.org/a/long/link/that/wraps/but/still/copies/as/one/line"]


async def test_details_of_a_message_copy_save_and_name(tmp_path: Path) -> None:
    app = await running(save_directory=tmp_path)
    copied = with_clipboard(app)
    async with app.run_test(size=(120, 36)) as pilot:
        await settle(pilot)
        log = app.main.channels.log_view
        for choice, done in (
            ("copy", lambda: copied[-1:] == ["hello from nowhere"]),
            ("json", lambda: bool(copied) and '"trust": "unsigned"' in copied[-1]),
            ("save", lambda: bool(list(tmp_path.glob("message-*.txt")))),
        ):
            log.focus()
            log._move_to(next(item for item in log.items if item.text == "hello from nowhere"))
            await pilot.press("enter")
            await dialog(app, pilot, TextResultDialog)
            await pilot.click(f"#choose-{choice}")
            await until(pilot, done, choice)


async def test_the_screen_is_saved_as_a_picture(tmp_path: Path) -> None:
    app = await running(save_directory=tmp_path)
    async with app.run_test(size=(120, 36)) as pilot:
        await settle(pilot)
        app.do("screenshot")
        await until(pilot, lambda: list(tmp_path.glob("*.svg")))


async def test_the_bare_view_says_when_it_cannot_be_shown() -> None:
    app = await running()
    async with app.run_test(size=(120, 36), notifications=True) as pilot:
        await settle(pilot)
        await pilot.press("escape", "B")
        await until(pilot, lambda: "cannot show the plain view" in text_grid(app))


async def test_jumping_goes_to_the_part_behind_the_letter() -> None:
    app = await running()
    async with app.run_test(size=(120, 36)) as pilot:
        await settle(pilot)
        await pilot.press("ctrl+o")
        from intercom_tui.screens.jump import JumpScreen

        overlay = await dialog(app, pilot, JumpScreen)
        letter = next(letter for letter, widget in overlay.targets.items() if widget is app.main.channels.details)
        await pilot.press(letter)
        await until(pilot, lambda: app.focused is app.main.channels.details)
