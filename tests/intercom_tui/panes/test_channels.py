from __future__ import annotations

from pathlib import Path

import pytest
from textual import events

from engine.errors import OwnerOnly
from engine.status import StepState
from intercom_tui.app import IntercomApp
from intercom_tui.demo import script as story
from intercom_tui.panes.channels import ChannelsPane
from intercom_tui.screens.dialogs import ConfirmDialog
from tests.harness.screens import demo_app, demo_engine, settle, text_grid, until


def pane_of(app: IntercomApp) -> ChannelsPane:
    return app.main.channels


async def test_channels_requests_and_peers_stand_in_the_sidebar() -> None:
    engine = demo_engine()
    engine.ask_open("otc-7")
    app = demo_app(engine)
    async with app.run_test(size=(120, 36)) as pilot:
        await settle(pilot)
        sidebar = "\n".join(row[:22] for row in text_grid(app).splitlines())
        for words in ("~ 0000intercom", "▌# builders", "! swap-desk", "= announce", "REQUESTS", "? otc-7", "kestrel"):
            assert words in sidebar


async def test_opening_a_channel_reads_it() -> None:
    app = demo_app()
    async with app.run_test(size=(120, 36)) as pilot:
        await settle(pilot)
        unread = app.inbox.unread("0000intercom").count
        assert unread == 12
        await pilot.press("alt+up")
        await until(pilot, lambda: pane_of(app).channel == "0000intercom")
        await until(pilot, lambda: app.inbox.unread("0000intercom").count == 0)
        assert app.state.read["0000intercom"] > 0


async def test_nothing_is_read_while_nobody_looks() -> None:
    engine = demo_engine()
    app = demo_app(engine)
    async with app.run_test(size=(120, 36)) as pilot:
        await settle(pilot)
        app.post_message(events.AppBlur())
        await settle(pilot)
        engine.sidechannel.deliver("builders", story.MIRA, "are you there?")
        await until(pilot, lambda: app.inbox.unread("builders").count == 1)
        app.post_message(events.AppFocus())
        await until(pilot, lambda: app.inbox.unread("builders").count == 0)


async def test_drafts_belong_to_their_channel_and_survive_a_restart(tmp_path: Path) -> None:
    path = tmp_path / "ui.json"
    app = demo_app(state_path=path)
    async with app.run_test(size=(120, 36)) as pilot:
        await settle(pilot)
        await pilot.press(*"half")
        await pilot.press("alt+down")
        await until(pilot, lambda: pane_of(app).channel == "swap-desk")
        assert pane_of(app).composer.text == ""
        await pilot.press(*"other")
        await pilot.press("ctrl+q")
        await until(pilot, lambda: isinstance(app.screen, ConfirmDialog))
        await pilot.press("enter")
        await pilot.pause()
    again = demo_app(channel="builders", state_path=path)
    async with again.run_test(size=(120, 36)) as pilot:
        await settle(pilot)
        assert pane_of(again).composer.text == "half"
        assert again.state.drafts["swap-desk"] == "other"
        assert again.inbox.unread("builders").count == 0


async def test_a_sent_message_shows_how_far_it_went() -> None:
    app = demo_app()
    async with app.run_test(size=(120, 36)) as pilot:
        await settle(pilot)
        await pilot.press(*"hi all", "enter")
        await until(pilot, lambda: "hi all  sent to 7" in text_grid(app))


async def test_a_message_that_reached_nobody_can_be_sent_again() -> None:
    engine = demo_engine()
    app = demo_app(engine)
    async with app.run_test(size=(120, 36)) as pilot:
        await settle(pilot)
        engine.go_offline()
        await until(pilot, lambda: "Offline" in text_grid(app))
        await pilot.press(*"lost", "enter")
        await until(pilot, lambda: "not delivered" in text_grid(app))
        engine.come_online()
        await until(pilot, lambda: "online  7 peers" in text_grid(app))
        await pilot.press("escape", "R")
        await until(pilot, lambda: "lost  sent to 7" in text_grid(app))


async def test_a_refused_message_says_why_and_is_not_lost(monkeypatch: pytest.MonkeyPatch) -> None:
    engine = demo_engine()
    app = demo_app(engine)

    async def refuse(*_: object, **__: object) -> None:
        raise OwnerOnly()

    monkeypatch.setattr(engine.sidechannel, "send", refuse)
    async with app.run_test(size=(120, 36)) as pilot:
        await settle(pilot)
        await pilot.press(*"precious", "enter")
        await until(pilot, lambda: "not sent: Only the owner may write" in text_grid(app).replace("\n", " ") or
                    any("not sent" in row for row in text_grid(app).splitlines()))  # fmt: skip
        assert pane_of(app).composer.text == "precious"


async def test_a_channel_that_cannot_be_written_says_why_in_the_composers_place() -> None:
    app = demo_app(channel="announce")
    async with app.run_test(size=(120, 36)) as pilot:
        await settle(pilot)
        assert not pane_of(app).composer.display
        assert "Only the owner writes here." in text_grid(app)


async def test_a_missing_welcome_is_explained_with_its_fix() -> None:
    app = demo_app(channel="dev-python")
    async with app.run_test(size=(120, 36)) as pilot:
        await settle(pilot)
        grid = text_grid(app)
        assert "awaiting welcome" in grid
        assert "Paste welcome" in grid
        assert "Paste the welcome" in grid


async def test_why_it_is_quiet_names_the_top_reason_and_opens_its_fix() -> None:
    app = demo_app()
    asked: list[str] = []
    async with app.run_test(size=(120, 36)) as pilot:
        await settle(pilot)
        app.do = lambda name, argument="": asked.append(name)  # type: ignore[method-assign]
        details = pane_of(app).details
        assert "rate limited" in text_grid(app)
        details.focus()
        details.move_to("action:settings")
        await pilot.press("enter")
        await settle(pilot)
        assert asked == ["settings"]


async def test_start_up_steps_are_shown_one_by_one() -> None:
    engine = demo_engine(online=False, empty=True)
    app = demo_app(engine, channel="0000intercom")
    async with app.run_test(size=(120, 36)) as pilot:
        await settle(pilot)
        assert "joining the DHT" in text_grid(app)
        engine.set_step(0, StepState.DONE)
        engine.set_step(1, StepState.FAILED, "port 49737 is taken", attempt=2)
        await until(pilot, lambda: "bind port failed, attempt 2: port 49737 is taken" in text_grid(app))
        engine.come_online()
        await until(pilot, lambda: "online  7 peers" in text_grid(app))
        assert "bind port" not in text_grid(app)


async def test_start_up_steps_stand_above_stored_messages() -> None:
    engine = demo_engine(online=False)
    app = demo_app(engine)
    async with app.run_test(size=(120, 36)) as pilot:
        await settle(pilot)
        engine.set_step(2, StepState.RUNNING)
        engine.set_step(0, StepState.DONE)
        engine.set_step(1, StepState.DONE)
        await until(pilot, lambda: "◐ join DHT 0 s" in text_grid(app))
        assert "has anyone pinned" in text_grid(app)


async def test_leaving_the_open_channel_goes_to_the_lobby() -> None:
    app = demo_app()
    async with app.run_test(size=(120, 36)) as pilot:
        await settle(pilot)
        app.do("leave")
        await until(pilot, lambda: isinstance(app.screen, ConfirmDialog))
        await pilot.press("enter")
        await until(pilot, lambda: pane_of(app).channel == "0000intercom")
        assert "builders" not in pane_of(app).names()


async def test_missed_events_are_read_from_the_store() -> None:
    engine = demo_engine()
    app = demo_app(engine)
    async with app.run_test(size=(120, 36)) as pilot:
        await settle(pilot)
        engine.sidechannel.deliver("builders", story.MIRA, "missed by the app", publish=False)
        engine.sidechannel.deliver("announce", story.KESTREL, "also missed", publish=False)
        from engine.events import Gap

        engine.publish(Gap(2))
        await until(pilot, lambda: "missed by the app" in text_grid(app))
        assert app.inbox.unread("announce").count == 2


async def test_a_reply_names_the_author() -> None:
    app = demo_app()
    async with app.run_test(size=(120, 36)) as pilot:
        await settle(pilot)
        log = pane_of(app).log_view
        log.focus()
        log._move_to(next(item for item in log.items if item.text.startswith("has anyone")))
        await pilot.press("r")
        await settle(pilot)
        assert pane_of(app).composer.text == "@kestrel "
        assert app.focused is pane_of(app).composer


async def test_find_asks_and_finds() -> None:
    app = demo_app()
    async with app.run_test(size=(120, 36)) as pilot:
        await settle(pilot)
        await pilot.press("ctrl+f")
        await until(pilot, lambda: pane_of(app).find_bar.has_focus)
        await pilot.press(*"carrier", "escape")
        await until(pilot, lambda: not pane_of(app).find_bar.display)
        await pilot.press("ctrl+f")
        await until(pilot, lambda: pane_of(app).find_bar.has_focus)
        await pilot.press(*"pinned", "enter")
        item = pane_of(app).log_view
        await until(pilot, lambda: item.has_focus and item.cursor_item is not None)
        assert item.cursor_item is not None
        assert "pinned" in item.cursor_item.text
