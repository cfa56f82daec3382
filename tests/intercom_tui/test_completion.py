from __future__ import annotations

from intercom_tui.completion import complete, engine_commands, find_action, is_engine_command, nearest_command
from intercom_tui.demo import DemoEngine
from intercom_tui.demo import script as story
from intercom_tui.people import People

STATUS = DemoEngine(online=True).status
PEOPLE = People(dict(story.PETNAMES))


def texts(before: str) -> list[str]:
    return [entry.text for entry in complete(before, STATUS, PEOPLE)]


def test_commands_of_app_and_engine_are_offered_with_their_arguments() -> None:
    assert "/join " in texts("/j")
    assert "/sc_join " in texts("/sc")
    hints = {entry.text: entry.hint for entry in complete("/sc", STATUS, PEOPLE)}
    assert "--channel" in hints["/sc_join "]
    assert texts("/leave") == []
    assert texts("plain text") == []


def test_names_of_people_and_channels_are_completed() -> None:
    assert texts("hi @kes") == ["@kestrel "]
    assert texts("@77aa") == ["@77aa5e7d "]
    assert texts("see #bui") == ["#builders "]
    assert texts("/goto swap") == ["swap-desk "]
    assert texts("#builders") == []


def test_unknown_commands_have_a_nearest_one() -> None:
    assert nearest_command("/jion") == "/join"
    assert nearest_command("/thme") == "/theme"
    assert nearest_command("/zzzzzzzz") is None


def test_who_runs_a_command() -> None:
    assert find_action("/join") is not None
    assert find_action("/exit") is find_action("/quit")
    assert find_action("/sc_join") is None
    assert is_engine_command("/sc_join --channel x")
    assert not is_engine_command("/no-such-thing")


def test_the_apps_spelling_wins_over_the_engines_short_form() -> None:
    names = [command.name for command in engine_commands()]
    assert "/join" not in names
    assert len(names) == len(set(names))
