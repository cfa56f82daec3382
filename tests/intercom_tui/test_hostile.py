"""Nothing a peer, an agent or a file sends can repaint the screen or trigger an action."""

from __future__ import annotations

import logging
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest
from textual.pilot import Pilot

from engine.events import InviteAccepted, OpenRequested, PlaneFailed, WelcomeAccepted
from engine.logs import RingHandler
from engine.messages import Trust
from engine.status import (
    BridgeClient,
    BridgeFailed,
    BridgeListening,
    ChannelKind,
    EngineStatus,
    OpenRequest,
    P2pOffline,
    P2pOnline,
    PeerStatus,
    StartupStep,
    StepState,
)
from intercom_tui.app import IntercomApp
from intercom_tui.demo import DemoEngine
from intercom_tui.demo import script as story
from intercom_tui.screens.dialogs import (
    InviteDialog,
    OpenDialog,
    SignedDialog,
    TextResultDialog,
    leave_dialog,
    link_dialog,
    message_dialog,
    paste_dialog,
    petname_dialog,
    request_dialog,
)
from tests.harness.hostile import hostile_texts, offences, screen_offences
from tests.harness.screens import demo_app, demo_engine, settle, until

TEXTS = hostile_texts()
SHORT = [text[:300] for text in TEXTS if text]
LOBBY = "0000intercom"


def test_there_are_enough_texts() -> None:
    assert len(TEXTS) == 500
    assert max(map(len, TEXTS)) > 1_000_000


async def test_every_message_is_drawn_without_a_control_byte() -> None:
    engine = demo_engine(empty=True)
    for number, text in enumerate(TEXTS):
        trust = (Trust.VERIFIED, Trust.UNSIGNED, Trust.OWN)[number % 3]
        value: Any = text if number % 5 else {"text": text, text[:50]: [text[:50]]}
        engine.sidechannel.deliver(
            LOBBY,
            story.KESTREL if number % 2 else text[:200],
            value,
            trust=trust,
            relayed_by=text[:100] or None,
            ttl=float(number % 7),
            label=text[:100] or None,
            publish=False,
            late=number % 11 == 0,
        )
    app = demo_app(engine, channel=LOBBY)
    async with app.run_test(size=(120, 36)) as pilot:
        await settle(pilot)
        log = app.main.channels.log_view
        log.focus()
        while not log.window.no_older:
            log.load_older()
        await settle(pilot)
        found: list[str] = []
        for y in range(0, log.window.index.height, log.size.height):
            log.scroll_to(y=y, animate=False, immediate=True)
            rows = [log.render_line(row) for row in range(log.size.height)]
            found += offences(rows)
            assert {strip.cell_length for strip in rows} == {log.size.width}
        assert found == []
        assert len([item for item in log.items if item.message]) == 500
        log.scroll_home(animate=False, immediate=True)
        await settle(pilot)
        assert screen_offences(app) == []


async def test_clicking_on_markup_does_nothing() -> None:
    engine = demo_engine(empty=True)
    for text in ("[@click=app.quit]quit[/]", "[@click=app.do('quit')]quit[/]", "[@click=screen.dismiss]x[/]"):
        engine.sidechannel.deliver(LOBBY, story.KESTREL, text, publish=False)
    app = demo_app(engine, channel=LOBBY)
    async with app.run_test(size=(100, 30)) as pilot:
        await settle(pilot)
        log = app.main.channels.log_view
        for y in range(4):
            for x in range(30, 60, 6):
                await pilot.click(log, offset=(x, y))
        await settle(pilot)
        assert app.is_running
        assert app.screen is app.main
        assert "[@click=app.quit]quit[/]" in log.items[1].text


def poisoned_status(engine: DemoEngine, text: str) -> EngineStatus:
    """A snapshot in which every text is hostile."""
    status = engine.status
    channel = status.channels[0]
    now = engine.clock.wall_ms()
    kinds = list(ChannelKind)
    channels = tuple(
        replace(
            channel,
            name=f"{text}{number}",
            kind=kinds[number % 4],
            owner=text,
            welcome_text=text,
            drops={text: 9, "duplicate": 1},
            can_write=False,
            blocked_reason=text,
            welcomed=number % 2 == 0,
            welcome_required=True,
        )
        for number in range(4)
    )
    client = BridgeClient(text, now, True, (text,), (text,), text, 3)
    return replace(
        status,
        p2p=P2pOffline(text) if len(text) % 2 else P2pOnline(1, text, 1, True, text),
        bridge=BridgeListening(text, 1, (client,)) if len(text) % 3 else BridgeFailed(text, text),
        startup=(StartupStep(text, StepState.FAILED, 0.0, 2, text), StartupStep(text, StepState.RUNNING, 0.0)),
        peers=(
            PeerStatus(text, text, True, 1.0, 1, 1, now, (text,), 1),
            PeerStatus(story.MIRA, text, False, None, 1, 1, now, ()),
        ),
        channels=(channel, *channels),
        open_requests=(OpenRequest(1, text, text, text, now),),
        drops={text: 4},
    )


async def visit(pilot: Pilot[Any], app: IntercomApp, engine: DemoEngine, text: str) -> list[str]:
    """Put a text everywhere a snapshot, an event or a name can carry one, and look at all panes."""
    engine._status = poisoned_status(engine, text)
    status = engine.status
    app.people.rename(story.MIRA, text)
    found = []
    names = [channel.name for channel in status.channels]
    app.main.channels.status_changed(status)
    app.main.channels.open_channel(names[1])
    app.main.channels.say(names[1], text)
    app.main.channels.events_happened([WelcomeAccepted(names[1], text), InviteAccepted(names[1], 1)])
    app._announce(OpenRequested(1, text, text, text))
    app._announce(PlaneFailed(text, text, text))
    app.toast(text, "error")
    await pilot.pause()
    found += screen_offences(app)
    await app.show_pane("activity")
    await pilot.pause()
    app.main.pane.theme_changed()
    await pilot.pause()
    found += screen_offences(app)
    await app.show_pane("channels")
    app.clear_notifications()
    return found


async def test_every_place_that_shows_a_remote_text_shows_only_text(monkeypatch: pytest.MonkeyPatch) -> None:
    engine = demo_engine(empty=True)
    ring = RingHandler()
    for text in SHORT[:200]:
        ring.handle(logging.LogRecord(text, logging.ERROR, "", 0, "%s", (text,), None))
    app = demo_app(engine, channel=LOBBY, log_ring=ring)
    async with app.run_test(size=(120, 36), notifications=True) as pilot:
        await settle(pilot)
        found = []
        for text in SHORT[::16]:
            found += await visit(pilot, app, engine, text)
        assert found == []
        assert app.is_running


async def test_dialogs_show_only_text(monkeypatch: pytest.MonkeyPatch) -> None:
    engine = demo_engine(empty=True)
    app = demo_app(engine, channel=LOBBY)
    async with app.run_test(size=(120, 36)) as pilot:
        await settle(pilot)
        found = []
        for turn, text in enumerate([*SHORT[:60:6], *SHORT[60::60], TEXTS[-1]]):
            message = engine.sidechannel.deliver(
                LOBBY, text[:100], text, relayed_by=text[:50] or "x", label=text[:50] or "x", publish=False
            )
            makers: list[Callable[[], Any]] = [
                lambda text=text: request_dialog(OpenRequest(1, text, text, text, 0), app.people.full_label(text), 0),
                lambda message=message, text=text: message_dialog(message, app.people.full_label(text[:100])),
                lambda text=text: leave_dialog(text),
                lambda text=text: link_dialog(text),
                lambda text=text: paste_dialog(text),
                lambda text=text: petname_dialog(text[:80], text[:80]),
                lambda text=text: OpenDialog(text, text[:200]),
                lambda text=text: InviteDialog(text, text[:200], 60),
                lambda text=text: SignedDialog("a welcome", text, text[:200]),
                lambda text=text: TextResultDialog(text[:200], text, (text[:2000],)),
            ]  # type: ignore[misc]
            for make in makers[turn % 3 :: 3]:
                dialog = make()
                await app.push_screen(dialog)
                await pilot.pause()
                found += screen_offences(app)
                await app.pop_screen()
        assert found == []
        assert app.is_running


async def test_the_palette_and_completions_show_only_text() -> None:
    engine = demo_engine(empty=True)
    app = demo_app(engine, channel=LOBBY)
    async with app.run_test(size=(120, 36)) as pilot:
        await settle(pilot)
        found = []
        for text in SHORT[::70]:
            engine._status = poisoned_status(engine, text)
            app.main.channels.open_channel(LOBBY)
            for keys in (("ctrl+g",), ("ctrl+p",)):
                await pilot.press(*keys)
                await until(pilot, lambda: app.screen is not app.main)
                found += screen_offences(app)
                await pilot.press("escape")
                await until(pilot, lambda: app.screen is app.main)
            app.main.channels.composer.set_text(f"#{text[:3]}")
            await settle(pilot)
            found += screen_offences(app)
            app.main.channels.composer.set_text("")
        assert found == []


async def test_pasted_text_is_cleaned_wherever_it_goes() -> None:
    from textual import events

    app = demo_app()
    async with app.run_test(size=(120, 36)) as pilot:
        await settle(pilot)
        composer = app.main.channels.composer
        found = []
        for text in SHORT[::25]:
            composer.set_text("")
            composer.post_message(events.Paste(text))
            await settle(pilot)
            if app.screen is not app.main:
                found += screen_offences(app)
                await pilot.click("#choose-one")
                await settle(pilot)
            found += screen_offences(app)
        await pilot.press("ctrl+n")
        await until(pilot, lambda: app.screen is not app.main)
        for text in SHORT[::25]:
            assert app.focused is not None
            app.focused.post_message(events.Paste(text))
            await settle(pilot)
            found += screen_offences(app)
        assert found == []


async def test_a_broken_pane_does_not_end_the_app(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    engine = demo_engine()
    app = demo_app(engine)
    async with app.run_test(size=(120, 36)) as pilot:
        await settle(pilot)

        def break_down(_: object) -> None:
            raise RuntimeError("broken")

        monkeypatch.setattr(app.main.channels, "status_changed", break_down)
        engine.touch()
        await until(pilot, lambda: "pane channels failed" in caplog.text)
        assert app.is_running
