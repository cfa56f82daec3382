from __future__ import annotations

import pytest

from intercom_tui.screens.picker import Entry, Picker, PickerList, fuzzy_score
from tests.harness.screens import demo_app, settle, until


def test_typed_characters_must_appear_in_order() -> None:
    assert fuzzy_score("", "anything") > 0
    assert fuzzy_score("chjoin", "channel: join") > 0
    assert fuzzy_score("joinch", "channel: join") == 0
    assert fuzzy_score("zz", "channel: join") == 0


@pytest.mark.parametrize(
    ("query", "better", "worse"),
    [
        ("join", "channel: join", "channel: just once in a while"),
        ("ci", "channel: invite", "bicycle trip"),
        ("leave", "channel: leave", "lose every apple via exchange"),
    ],
)
def test_words_and_runs_score_higher(query: str, better: str, worse: str) -> None:
    assert fuzzy_score(query, better) > fuzzy_score(query, worse)


async def test_filter_move_take_and_refuse() -> None:
    app = demo_app()
    taken: list[str | None] = []
    entries = [Entry("a", "alpha"), Entry("b", "beta", "hint", "not now"), Entry("c", "gamma")]
    async with app.run_test(size=(120, 36)) as pilot:
        await settle(pilot)
        picker = Picker("Find", entries)
        app.push_screen(picker, taken.append)
        await until(pilot, lambda: app.screen is picker)
        await pilot.press("down", "enter")
        await settle(pilot)
        assert app.screen is picker
        await pilot.press("down", "enter")
        await until(pilot, lambda: taken == ["c"])


async def test_nothing_fits_and_clicks() -> None:
    app = demo_app()
    taken: list[str | None] = []
    async with app.run_test(size=(120, 36)) as pilot:
        await settle(pilot)
        picker = Picker("Find", [Entry("a", "alpha")])
        app.push_screen(picker, taken.append)
        await until(pilot, lambda: app.screen is picker)
        await pilot.press(*"zzz", "enter")
        await settle(pilot)
        assert app.screen is picker
        await pilot.press("backspace", "backspace", "backspace")
        await settle(pilot)
        await pilot.click(PickerList, offset=(3, 0))
        await until(pilot, lambda: taken == ["a"])
        again = Picker("Find", [Entry("a", "alpha")])
        app.push_screen(again, taken.append)
        await until(pilot, lambda: app.screen is again)
        await pilot.click(offset=(2, 34))
        await until(pilot, lambda: taken == ["a", None])


async def test_a_free_entry_stands_last() -> None:
    app = demo_app()
    taken: list[str | None] = []
    async with app.run_test(size=(120, 36)) as pilot:
        await settle(pilot)
        picker = Picker("Find", [Entry("a", "alpha")], free=lambda text: f"Join {text}")
        app.push_screen(picker, taken.append)
        await until(pilot, lambda: app.screen is picker)
        await pilot.press(*"al", "pagedown", "enter")
        await until(pilot, lambda: taken == ["free:al"])
