from __future__ import annotations

import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest
from textual import events

from engine.config.sections import Config, UiConfig
from engine.errors import BindFailed
from engine.events import PlaneFailed
from engine.status import BridgeListening
from intercom_tui import clipboard
from intercom_tui.actions import ACTIONS
from intercom_tui.app import IntercomApp
from intercom_tui.demo import script as story
from intercom_tui.link import StatusUpdated
from intercom_tui.screens.dialogs import ConfirmDialog
from intercom_tui.screens.help import HelpScreen
from intercom_tui.screens.jump import JumpScreen
from intercom_tui.screens.picker import Picker
from intercom_tui.screens.too_small import TooSmallScreen
from tests.harness.screens import demo_app, demo_engine, settle, text_grid, until

LATE = (
    "websockets",
    "nacl",
    "mnemonic",
    "markdown_it",
    "tree_sitter",
    "pygments",
    "intercom_tui.handlers.channel",
    "intercom_tui.screens.dialogs",
    "engine.engine",
    "engine.bridge.server",
    "tomli_w",
    "webbrowser",
)


def test_importing_the_app_imports_nothing_that_is_needed_later() -> None:
    code = f"import sys, intercom_tui.app; print([name for name in {LATE!r} if name in sys.modules])"
    result = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert result.stdout.strip() == "[]"


async def test_the_first_frame_needs_no_network() -> None:
    engine = demo_engine(online=False)
    calls: list[str] = []
    engine.events = lambda *kinds, limit=1000: calls.append("events")  # type: ignore[assignment,method-assign,func-returns-value]
    app = demo_app(engine)
    shown: list[str] = []
    app._begin = lambda: shown.append(text_grid(app))  # type: ignore[method-assign]
    async with app.run_test(size=(120, 36)) as pilot:
        await settle(pilot)
        assert calls == []
        assert "INTERCOM" in shown[0]
        assert "builders" in shown[0]


@pytest.mark.parametrize("size", [(59, 24), (80, 15), (20, 5)])
async def test_too_small_is_covered_and_recovers(size: tuple[int, int]) -> None:
    app = demo_app()
    async with app.run_test(size=size) as pilot:
        await settle(pilot)
        assert isinstance(app.screen, TooSmallScreen)
        assert f"{size[0]}x{size[1]} is too small" in text_grid(app) or size[0] < 30
        await pilot.press("ctrl+p")
        assert isinstance(app.screen, TooSmallScreen)
        await pilot.resize_terminal(100, 30)
        await settle(pilot)
        assert app.screen is app.main
        await pilot.resize_terminal(*size)
        await settle(pilot)
        assert isinstance(app.screen, TooSmallScreen)


@pytest.mark.parametrize(
    ("width", "sidebar", "details"),
    [(120, True, True), (112, True, True), (111, True, False), (76, True, False), (75, False, False)],
)
async def test_columns_follow_the_width(width: int, sidebar: bool, details: bool) -> None:
    app = demo_app()
    async with app.run_test(size=(width, 30)) as pilot:
        await settle(pilot)
        pane = app.main.channels
        assert (pane.sidebar.size.width > 0, pane.details.size.width > 0) == (sidebar, details)
        await pilot.press("ctrl+t", "alt+d")
        await until(pilot, lambda: (pane.sidebar.size.width > 0) is not sidebar)
        await until(pilot, lambda: (pane.details.size.width > 0) is not details)


async def test_a_hidden_column_stays_hidden_after_a_restart(tmp_path: Path) -> None:
    path = tmp_path / "ui.json"
    app = demo_app(state_path=path)
    async with app.run_test(size=(120, 36)) as pilot:
        await settle(pilot)
        await pilot.press("alt+d")
        await until(pilot, lambda: app.main.channels.details.size.width == 0)
        app.leave()
    again = demo_app(state_path=path)
    async with again.run_test(size=(120, 36)) as pilot:
        await settle(pilot)
        assert again.main.channels.details.size.width == 0
        assert again.main.channels.sidebar.size.width > 0


async def test_next_unread_goes_to_mentions_then_requests_then_the_rest() -> None:
    engine = demo_engine()
    app = demo_app(engine, channel="0000intercom")
    async with app.run_test(size=(120, 36)) as pilot:
        await settle(pilot)
        engine.ask_open("otc-7")
        await until(pilot, lambda: "REQUESTS" in text_grid(app))
        await pilot.press("alt+a")
        await until(pilot, lambda: app.main.channels.channel == "builders")
        await until(pilot, lambda: app.inbox.mentions == 0)
        await pilot.press("alt+a")
        await until(pilot, lambda: isinstance(app.screen, ConfirmDialog))
        await pilot.press("enter")
        await until(pilot, lambda: app.main.channels.channel == "otc-7")
        assert engine.status.open_requests == ()
        await pilot.press("alt+a")
        await until(pilot, lambda: app.main.channels.channel in ("announce", "swap-desk"))


async def test_ctrl_c_copies_or_asks_again(monkeypatch: pytest.MonkeyPatch) -> None:
    app = demo_app()
    written: list[str] = []
    monkeypatch.setattr(clipboard, "write_to_terminal", lambda _, sequence: written.append(sequence))
    async with app.run_test(size=(120, 36), notifications=True) as pilot:
        await settle(pilot)
        await pilot.press(*"word", "f7", "ctrl+c")
        await until(pilot, lambda: len(written) == 1)
        assert app.is_running
        await pilot.press("right", "ctrl+c")
        await settle(pilot)
        assert app.is_running
        assert "Press ctrl+c again to quit." in text_grid(app)
        await pilot.press("ctrl+c")
        await pilot.pause()
    assert app.return_code == 0


async def test_mentions_ring_and_mark_the_title_only_when_nobody_looks(monkeypatch: pytest.MonkeyPatch) -> None:
    written: list[str] = []
    rung: list[bool] = []
    monkeypatch.setattr(clipboard, "write_to_terminal", lambda _, sequence: written.append(sequence))
    engine = demo_engine()
    app = demo_app(engine, config=replace(Config(), ui=UiConfig(bell=True)))
    app.bell = lambda: rung.append(True)  # type: ignore[method-assign]
    async with app.run_test(size=(120, 36)) as pilot:
        await settle(pilot)
        engine.sidechannel.deliver("swap-desk", story.MIRA, "@agent-7 look")
        await until(pilot, lambda: app.inbox.mentions == 1)
        assert (written, rung) == ([], [])
        app.post_message(events.AppBlur())
        await settle(pilot)
        engine.sidechannel.deliver("swap-desk", story.MIRA, "@agent-7 again")
        await until(pilot, lambda: rung == [True])
        assert written == ["\x1b]0;(2) Intercom\x07"]
        app.post_message(events.AppFocus())
        await until(pilot, lambda: written[-1] == "\x1b]0;Intercom\x07")


async def test_errors_of_the_engine_become_notices_with_a_hint(monkeypatch: pytest.MonkeyPatch) -> None:
    engine = demo_engine()
    app = demo_app(engine)

    async def fail() -> None:
        raise BindFailed("Port 49222 is taken.")

    monkeypatch.setattr(engine.bridge, "start", fail)
    async with app.run_test(size=(120, 36), notifications=True) as pilot:
        await settle(pilot)
        app.do("bridge.start")
        await until(pilot, lambda: "Port 49222 is taken." in text_grid(app))
        engine.publish(PlaneFailed("bridge", "it broke", "Start it again."))
        await until(pilot, lambda: "bridge failed: it broke" in text_grid(app))


async def test_an_unexpected_error_is_logged_and_the_app_lives(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    engine = demo_engine()
    app = demo_app(engine)

    async def fail() -> None:
        raise RuntimeError("surprise")

    monkeypatch.setattr(engine.network, "reconnect", fail)
    async with app.run_test(size=(120, 36)) as pilot:
        await settle(pilot)
        app.do("reconnect")
        await until(pilot, lambda: "surprise" in caplog.text)
        assert app.is_running


async def test_reasons_against_an_action_are_said() -> None:
    engine = demo_engine()
    await engine.bridge.start()
    app = demo_app(engine, channel="0000intercom")
    async with app.run_test(size=(120, 36), notifications=True) as pilot:
        await settle(pilot)
        assert "listening already" in app.why_not("bridge.start")
        assert app.why_not("bridge.stop") == ""
        assert "lobby" in app.why_not("leave")
        app.do("leave")
        await until(pilot, lambda: "The lobby cannot be left" in text_grid(app))
        assert isinstance(engine.status.bridge, BridgeListening)
        app.do("bridge.stop")
        await until(pilot, lambda: app.why_not("bridge.stop") == "The bridge is off.")


async def test_every_action_has_a_handler() -> None:
    app = demo_app()
    async with app.run_test(size=(120, 36)) as pilot:
        await settle(pilot)
        assert {action.id for action in ACTIONS} - {"copy"} == set(app.handlers.table)


@pytest.mark.parametrize(
    ("keys", "screen"), [("ctrl+p", Picker), ("ctrl+g", Picker), ("f1", HelpScreen), ("ctrl+o", JumpScreen)]
)
async def test_overlays_open_and_close(keys: str, screen: type) -> None:
    app = demo_app()
    async with app.run_test(size=(120, 36)) as pilot:
        await settle(pilot)
        await pilot.press(keys)
        await until(pilot, lambda: isinstance(app.screen, screen))
        await pilot.press("escape")
        await until(pilot, lambda: app.screen is app.main)


async def test_short_keys_work_outside_text_and_are_text_inside() -> None:
    app = demo_app()
    async with app.run_test(size=(120, 36)) as pilot:
        await settle(pilot)
        await pilot.press("5", "?")
        assert app.main.channels.composer.text == "5?"
        await pilot.press("escape", "5")
        await until(pilot, lambda: app.main.active == "activity")
        await pilot.press("1", "escape", "question_mark")
        await until(pilot, lambda: isinstance(app.screen, HelpScreen))


async def test_a_wrong_keymap_is_reported_and_the_rest_works() -> None:
    config = replace(Config(), ui=UiConfig(keymap={"join": "ctrl+p", "nothing": "x", "help": "f2"}))
    app = demo_app(config=config)
    async with app.run_test(size=(120, 36), notifications=True) as pilot:
        await until(pilot, lambda: "no action 'nothing'" in text_grid(app))
        await pilot.press("f2")
        await until(pilot, lambda: isinstance(app.screen, HelpScreen))


async def test_an_unknown_theme_falls_back_and_says_so() -> None:
    app = demo_app(theme="no-such")
    async with app.run_test(size=(120, 36), notifications=True) as pilot:
        await until(pilot, lambda: "There is no theme" in text_grid(app))
        assert app.theme == "nightline"


@pytest.mark.parametrize("value", ["1", "yes"])
async def test_no_color_draws_default_colours_only(monkeypatch: pytest.MonkeyPatch, value: str) -> None:
    monkeypatch.setenv("NO_COLOR", value)
    app = demo_app()
    async with app.run_test(size=(120, 36)) as pilot:
        await settle(pilot)
        assert app.no_color
        styles = [segment.style for strip in app.screen._compositor.render_strips() for segment in strip]
        shown = [style for style in styles if style is not None]
        filtered = [
            segment.style
            for strip in app.screen._compositor.render_strips()
            for segment in app._filters[-1].apply(list(strip), app.styles.background)
            if segment.style is not None
        ]
        assert shown
        assert all(style.color is None or style.color.is_default for style in filtered)
        assert all(style.bgcolor is None or style.bgcolor.is_default for style in filtered)


async def test_an_empty_no_color_does_not_count(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("NO_COLOR", "")
    assert not demo_app().no_color
    assert demo_app(no_color=True).no_color


@pytest.mark.parametrize(
    ("line", "shown"),
    [
        ('/sc_join --channel "lisbon"', "Joined sidechannel: lisbon"),
        ("/sc_join", "Usage: /sc_join"),
        ("/thme", "Did you mean /theme?"),
        ("/sc_stats", "channels"),
        ("/join lisbon", "lisbon"),
    ],
)
async def test_slash_commands_answer_in_the_log(line: str, shown: str) -> None:
    app = demo_app()
    async with app.run_test(size=(120, 36)) as pilot:
        await settle(pilot)
        app.run_line(line)
        log = app.main.channels.log_view
        await until(pilot, lambda: any(shown in item.text for item in log.items) or app.state.channel == shown, shown)


async def test_the_theme_picker_previews_and_remembers(tmp_path: Path) -> None:
    path = tmp_path / "ui.json"
    app = demo_app(state_path=path)
    async with app.run_test(size=(120, 36), notifications=True) as pilot:
        await settle(pilot)
        app.do("theme")
        await until(pilot, lambda: isinstance(app.screen, Picker))
        await pilot.press("down")
        await until(pilot, lambda: app.theme == "daylight")
        await pilot.press("escape")
        await until(pilot, lambda: app.theme == "nightline")
        app.do("theme", "contrast")
        await until(pilot, lambda: app.theme == "contrast")
        app.do("theme", "nonsense")
        await until(pilot, lambda: "There is no theme" in text_grid(app))
        app.leave()
    assert IntercomApp(demo_engine(), state_path=path).theme == "contrast"


async def test_late_timers_do_not_disturb_the_end() -> None:
    app = demo_app()
    async with app.run_test(size=(120, 36)):
        assert app.main.standing
        await app.main.query_one("#tabs").remove()
        assert not app.main.standing
        app._tick()
        app.on_status_updated(StatusUpdated(app.engine.status))
