from __future__ import annotations

from collections import Counter

import pytest

from intercom_tui.actions import ACTIONS
from intercom_tui.app import IntercomApp
from intercom_tui.keymap import FORBIDDEN, app_bindings, keymap_problems, known_ids, normalise, usable


def test_every_default_key_is_free_and_allowed() -> None:
    keys = Counter(key for action in ACTIONS for key in action.keys.split(",") if key)
    assert [key for key, count in keys.items() if count > 1] == []
    assert not set(keys) & FORBIDDEN
    assert keymap_problems({}) == []


def test_ids_titles_and_slash_commands_are_unique() -> None:
    for values in (
        [action.id for action in ACTIONS],
        [action.title for action in ACTIONS if action.title],
        [action.slash_name for action in ACTIONS if action.slash],
    ):
        assert len(values) == len(set(values))


def test_every_binding_of_the_app_and_its_widgets_has_a_known_id() -> None:
    from intercom_tui.panes.activity import LogTable
    from intercom_tui.panes.channels import ChannelsPane
    from intercom_tui.widgets.bars import TabBar
    from intercom_tui.widgets.composer import Composer
    from intercom_tui.widgets.find_bar import FindBar
    from intercom_tui.widgets.message_log import MessageLog
    from intercom_tui.widgets.row_list import RowList

    owners = [IntercomApp, ChannelsPane, TabBar, Composer, FindBar, MessageLog, RowList, LogTable]
    used = {binding.id for owner in owners for binding in owner.BINDINGS}  # type: ignore[union-attr]
    assert used <= known_ids()
    assert {binding.id for binding in app_bindings()} <= known_ids()


@pytest.mark.parametrize(
    ("keymap", "words"),
    [
        ({"no-such": "x"}, "no action 'no-such'"),
        ({"join": "ctrl+p"}, "ctrl+p is used by palette and join"),
        ({"join": "ctrl+a"}, "needed for typing"),
    ],
)
def test_problems_are_reported_in_words(keymap: dict[str, str], words: str) -> None:
    assert any(words in problem for problem in keymap_problems(keymap))


def test_keys_are_spelled_as_textual_does() -> None:
    assert normalise(" ?, ctrl+n ,x") == "question_mark,ctrl+n,x"
    assert usable({"join": "f2", "no-such": "x", "find": " "}) == {"join": "f2"}
