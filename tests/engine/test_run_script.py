from __future__ import annotations

import shlex

from engine.config.load import with_values
from engine.config.sections import Config
from engine.run_script import Joiner, joiner_command, render_script, start_command

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
