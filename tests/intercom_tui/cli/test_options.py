from __future__ import annotations

from intercom_tui.cli.options import given_settings, normalise


def test_switches_never_swallow_the_command() -> None:
    assert normalise(["--local", "run", "name"]) == ["--local=true", "run", "name"]


def test_switches_take_a_word_that_is_a_switch_value() -> None:
    assert normalise(["--sc-bridge", "1", "--sidechannel-pow", "Off", "--local=0"]) == [
        "--sc-bridge=1",
        "--sidechannel-pow=off",
        "--local=0",
    ]


def test_other_flags_are_left_alone() -> None:
    words = ["run", "--peer-store-name", "1", "--sidechannels=a,b"]
    assert normalise(words) == words


def test_a_switch_at_the_end_is_on() -> None:
    assert normalise(["run", "--sc-bridge"]) == ["run", "--sc-bridge=true"]


def test_the_last_of_several_flags_wins() -> None:
    arguments = {"setting__bridge__port": ("1", "2"), "setting__bridge__host": (), "no_setup": True}
    assert given_settings(arguments) == {"bridge.port": "2"}
