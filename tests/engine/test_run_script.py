from __future__ import annotations

import shlex
from pathlib import Path

import pytest

from engine.config.load import with_values
from engine.config.sections import Config
from engine.run_script import Joiner, carried_by_flags, joiner_command, render_script, start_command

_OWNER = "ab" * 32


def test_the_start_command_has_what_differs_from_the_defaults() -> None:
    config = with_values(
        Config(), {"network.local": True, "sidechannel.channels": ("a room", "b"), "bridge.enabled": True}
    )
    assert start_command(config, home="", headless=True) == (
        "intercom-tui run --local 1 --sidechannels 'a room,b' --sc-bridge 1"
    )


def test_secrets_stay_out_of_every_command() -> None:
    config = with_values(Config(), {"bridge.token": "s3cret"})
    assert "s3cret" not in start_command(config, home="/x", headless=False)


def test_a_joiner_gets_the_network_the_owner_and_the_welcome_but_not_our_identity() -> None:
    config = with_values(
        Config(),
        {"identity.peer_store_name": "mine", "network.dht_bootstrap": ("127.0.0.1:1",), "network.bind_port": 7},
    )
    words = shlex.split(joiner_command(config, "it's", welcome_b64="eyJ9", owner=_OWNER))
    assert words == [
        "intercom-tui",
        "run",
        "--peer-dht-bootstrap",
        "127.0.0.1:1",
        "--sidechannels",
        "it's",
        "--sidechannel-owner",
        f"it's:{_OWNER}",
        "--sidechannel-welcome",
        "it's:b64:eyJ9",
    ]


def test_the_script_has_no_placeholder_and_every_joiner_on_one_line() -> None:
    joiner = Joiner("room", joiner_command(Config(), "room"), "anybody may")
    text = render_script(Config(), home="/tmp/with space", joiners=[joiner])
    assert "<" not in text
    assert "exec intercom-tui run --home '/tmp/with space' \"$@\"" in text
    assert f"#   {joiner.command}\n" in text


def test_files_are_found_from_any_directory(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    config = with_values(
        Config(),
        {"identity.peer_stores_directory": "stores/", "sidechannel.welcome": {"a": "@w.json", "b": "b64:e30="}},
    )
    words = shlex.split(start_command(config, home="home", headless=True))
    assert words[2:] == [
        *("--home", f"{tmp_path}/home", "--peer-stores-directory", f"{tmp_path}/stores"),
        *("--sidechannel-welcome", f"a:@{tmp_path}/w.json,b:b64:e30="),
    ]


def test_a_name_cannot_leave_its_comment() -> None:
    text = render_script(Config(), home="", joiners=[Joiner("a\nrm -rf /\u2028b", "", "no\rcommand")])
    assert "# To join a?rm -rf /?b: no?command\n" in text


@pytest.mark.parametrize(("name", "carried"), [("my room", True), ("a,b", False), ("a:b", False), ("a\nb", False)])
def test_names_that_flags_can_carry(name: str, carried: bool) -> None:
    assert carried_by_flags(name) is carried
