from __future__ import annotations

import pytest

from engine.messages import Trust
from intercom_tui.app import IntercomApp
from intercom_tui.demo import DemoEngine
from intercom_tui.demo import script as story
from intercom_tui.widgets.message_log import MessageLog
from tests.harness.screens import demo_app, demo_engine, settle, text_grid, until

LOBBY = "0000intercom"


def filled(count: int) -> DemoEngine:
    engine = demo_engine(empty=True)
    for number in range(count):
        engine.sidechannel.deliver(LOBBY, story.KESTREL, f"message {number}", publish=False)
    return engine


def log_of(app: IntercomApp) -> MessageLog:
    return app.main.channels.log_view


async def test_it_follows_the_newest_message() -> None:
    engine = filled(100)
    app = demo_app(engine, channel=LOBBY)
    async with app.run_test(size=(100, 30)) as pilot:
        await settle(pilot)
        assert "message 99" in text_grid(app)
        engine.sidechannel.deliver(LOBBY, story.MIRA, "the newest")
        await until(pilot, lambda: "the newest" in text_grid(app))
        assert log_of(app).following


async def test_scrolled_up_it_stays_and_counts_what_comes() -> None:
    engine = filled(100)
    app = demo_app(engine, channel=LOBBY)
    async with app.run_test(size=(100, 30)) as pilot:
        await settle(pilot)
        await pilot.press("escape", "pageup", "pageup")
        await settle(pilot)
        before_rows = [row[20:90].rstrip() for row in text_grid(app).splitlines()[4:15]]
        for number in range(3):
            engine.sidechannel.deliver(LOBBY, story.MIRA, f"late {number}")
        await until(pilot, lambda: log_of(app).below == 3)
        await settle(pilot)
        grid = text_grid(app)
        assert "3 new below" in grid
        assert [row[20:90].rstrip() for row in grid.splitlines()[4:15]] == before_rows
        await pilot.press("end")
        await settle(pilot)
        assert "late 2" in text_grid(app)
        assert log_of(app).below == 0


async def test_a_click_on_the_pill_goes_to_the_newest() -> None:
    engine = filled(60)
    app = demo_app(engine, channel=LOBBY)
    async with app.run_test(size=(100, 30)) as pilot:
        await settle(pilot)
        log = log_of(app)
        log.scroll_to(y=0, animate=False, immediate=True)
        engine.sidechannel.deliver(LOBBY, story.MIRA, "below")
        await until(pilot, lambda: log.below)
        await pilot.click(log, offset=(log.size.width - 6, log.size.height - 1))
        await settle(pilot)
        assert log.following


async def test_older_pages_load_on_the_way_up_without_a_jump() -> None:
    engine = filled(1000)
    app = demo_app(engine, channel=LOBBY)
    async with app.run_test(size=(100, 30)) as pilot:
        await settle(pilot)
        log = log_of(app)
        held = len(log.items)
        await pilot.press("escape", "g")
        await settle(pilot)
        assert len(log.items) > held
        for _ in range(8):
            await pilot.press("g")
            await settle(pilot)
        assert "message 0" in text_grid(app)
        assert log.window.no_older


async def test_resizing_wraps_again_and_keeps_the_place() -> None:
    engine = demo_engine(empty=True)
    for number in range(200):
        engine.sidechannel.deliver(LOBBY, story.KESTREL, f"message {number} " + "word " * 30, publish=False)
    app = demo_app(engine, channel=LOBBY)
    async with app.run_test(size=(120, 36)) as pilot:
        await settle(pilot)
        log = log_of(app)
        await pilot.press("escape", "pageup", "pageup", "pageup")
        await settle(pilot)
        place = log.window.index.at(log.scroll_offset.y)
        assert place is not None
        first = log.items[place[0]]
        await pilot.resize_terminal(80, 24)
        await settle(pilot)
        place = log.window.index.at(log.scroll_offset.y)
        assert place is not None
        assert log.items[place[0]] is first
        await pilot.press("end")
        await pilot.resize_terminal(120, 36)
        await settle(pilot)
        assert "message 199" in text_grid(app)


async def test_copying_takes_the_message_and_not_its_rows() -> None:
    app = demo_app()
    copied: list[str] = []
    async with app.run_test(size=(80, 24)) as pilot:
        await settle(pilot)

        async def copy_text(text: str, what: str) -> None:
            copied.append(text)

        app.copy_text = copy_text  # type: ignore[method-assign]
        log = log_of(app)
        long = next(item for item in log.items if "example.org" in item.text)
        assert long.height > 1
        log.focus()
        log._move_to(long)
        await pilot.press("y", "Y")
        await until(pilot, lambda: len(copied) == 2)
        assert copied[0] == long.text
        assert "\n" not in copied[0]
        assert '"message": "yes, under tests/vectors' in copied[1]


async def test_a_selection_crosses_wraps_and_names_authors_when_it_spans_messages() -> None:
    app = demo_app()
    async with app.run_test(size=(80, 24)) as pilot:
        await settle(pilot)
        log = log_of(app)
        body = log._columns.body
        index = next(n for n, item in enumerate(log.items) if "example.org" in item.text)
        row = log.window.index.top(index) - log.scroll_offset.y
        await pilot.mouse_down(log, offset=(body, row))
        await pilot.hover(log, offset=(body + 20, row + log.items[index].height - 1))
        await pilot.mouse_up(log, offset=(body + 20, row + log.items[index].height - 1))
        await settle(pilot)
        text = app.screen.get_selected_text()
        assert text is not None
        assert "\n" not in text
        assert text in log.items[index].text
        assert len(text) > 40
        await pilot.mouse_down(log, offset=(body, row))
        await pilot.hover(log, offset=(body + 5, row + log.items[index].height))
        await pilot.mouse_up(log, offset=(body + 5, row + log.items[index].height))
        await settle(pilot)
        text = app.screen.get_selected_text()
        assert text is not None
        assert text.splitlines()[0].startswith("11:43 you: yes, under")
        assert text.splitlines()[1].startswith("11:45 mira: ")


async def test_two_clicks_select_a_word_and_three_the_message() -> None:
    app = demo_app()
    async with app.run_test(size=(80, 24)) as pilot:
        await settle(pilot)
        log = log_of(app)
        index = next(n for n, item in enumerate(log.items) if item.text.startswith("has anyone"))
        offset = (log._columns.body + 5, log.window.index.top(index) - log.scroll_offset.y)
        await pilot.click(log, offset=offset, times=2)
        await settle(pilot)
        assert app.screen.get_selected_text() == "anyone"
        await pilot.click(log, offset=offset, times=3)
        await settle(pilot)
        assert app.screen.get_selected_text() == log.items[index].text


async def test_finding_goes_to_older_matches_and_back() -> None:
    engine = filled(900)
    engine.sidechannel.deliver(LOBBY, story.MIRA, "a NEEDLE here", publish=False)
    app = demo_app(engine, channel=LOBBY)
    async with app.run_test(size=(100, 30)) as pilot:
        await settle(pilot)
        log = log_of(app)
        assert log.find("needle")
        assert log.find("message 5")
        first = log.cursor_item
        await pilot.press("escape")
        log.focus()
        log.action_find_next(-1)
        assert log.cursor_item is not first
        log.action_find_next(1)
        assert log.cursor_item is first
        assert log.find("message 17")
        assert not log.find("nowhere at all")


async def test_names_marks_and_trust_are_drawn() -> None:
    app = demo_app()
    async with app.run_test(size=(120, 36)) as pilot:
        await settle(pilot)
        rows = text_grid(app).splitlines()
        assert any("✓    kestrel" in row or "✓   kestrel" in row for row in rows)
        assert any("✓»2 mira" in row for row in rows)
        assert any("?   unsigned" in row for row in rows)
        assert any("you/pricer" in row for row in rows)
        assert any("──── Wed 12 Nov ─" in row for row in rows)


async def test_an_unsigned_sender_never_gets_a_name() -> None:
    engine = demo_engine(empty=True)
    engine.sidechannel.deliver(LOBBY, story.KESTREL, "i am kestrel", trust=Trust.UNSIGNED, publish=False)
    app = demo_app(engine, channel=LOBBY)
    async with app.run_test(size=(120, 36)) as pilot:
        await settle(pilot)
        row = next(row for row in text_grid(app).splitlines() if "i am kestrel" in row)
        assert "unsigned" in row
        assert "kestrel  " not in row.split("unsigned")[1].split("i am")[0]


@pytest.mark.parametrize("key", ["up", "k", "home", "g", "pageup", "ctrl+u"])
async def test_every_way_up_moves_the_cursor(key: str) -> None:
    engine = filled(100)
    app = demo_app(engine, channel=LOBBY)
    async with app.run_test(size=(100, 30)) as pilot:
        await settle(pilot)
        await pilot.press("escape")
        newest = log_of(app).cursor_item
        await pilot.press(key)
        await settle(pilot)
        assert log_of(app).cursor_item is not newest


async def test_far_back_and_down_again_ends_at_the_newest() -> None:
    engine = filled(7000)
    app = demo_app(engine, channel=LOBBY)
    async with app.run_test(size=(100, 30)) as pilot:
        await settle(pilot)
        log = log_of(app)
        log.focus()
        while not log.window.detached:
            log.load_older()
        await pilot.press("end")
        await settle(pilot)
        assert "message 6999" in text_grid(app)
        assert log.following
