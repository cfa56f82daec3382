from __future__ import annotations

import click
import pytest

from intercom_tui.cli.options import given_settings, normalise


def test_switches_never_swallow_the_command() -> None:
    assert normalise(["--local", "run", "name"], ["run"]) == ["--local=true", "run", "name"]


def test_switches_take_the_next_word_even_if_it_is_no_value_of_theirs() -> None:
    assert normalise(["--sc-bridge", "1", "--sidechannel-pow", "maybe", "--local=0"]) == [
        "--sc-bridge=1",
        "--sidechannel-pow=maybe",
        "--local=0",
    ]


def test_a_store_may_have_the_name_of_a_command() -> None:
    assert normalise(["run", "run", "--local", "1"], ["run"]) == ["run", "run", "--local=1"]


@pytest.mark.parametrize("words", [["--theme", "--local"], ["--sidechannels"], ["run", "--home", "--local"]])
def test_flags_never_swallow_the_next_flag(words: list[str]) -> None:
    with pytest.raises(click.UsageError, match="needs a value"):
        normalise(words)


def test_values_may_be_negative() -> None:
    assert normalise(["--sidechannel-rate-bytes", "-1"]) == ["--sidechannel-rate-bytes=-1"]


def test_the_first_name_of_a_setting_wins() -> None:
    assert normalise(["--peer-dht-bootstrap", "a:1", "--dht-bootstrap=b:2"]) == ["--peer-dht-bootstrap=a:1"]
    assert normalise(["--peer-dht-bootstrap=", "--dht-bootstrap=b:2"])[1:] == ["--dht-bootstrap=b:2"]
    assert normalise(["--sidechannel", "a", "--sidechannels", "b"]) == ["--sidechannels=b"]


def test_a_switch_at_the_end_is_on() -> None:
    assert normalise(["run", "--sc-bridge"]) == ["run", "--sc-bridge=true"]


def test_the_last_of_several_flags_wins() -> None:
    arguments = {"setting__bridge__port": ("1", "2"), "setting__bridge__host": (), "no_setup": True}
    assert given_settings(arguments) == {"bridge.port": "2"}
