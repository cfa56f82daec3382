from __future__ import annotations

import shlex
from typing import Any

import pytest

from engine.config.load import with_values
from engine.config.sections import Config
from intercom_tui.setup import summary
from intercom_tui.setup.steps import KEPT, NOTES
from tests.harness.setup_machine import GIVEN, WORDS, FakeMachine, setup_model


def facts(values: dict[str, Any] | None = None, **notes: Any) -> dict[str, str]:
    model = setup_model(with_values(Config(), values or {}))
    model.answers.update(notes)
    return {fact.name: fact.text for fact in summary.facts(model)}


def risks(values: dict[str, Any]) -> str:
    return "\n".join(summary.risks(setup_model(with_values(Config(), values))))


def test_the_defaults_in_words() -> None:
    told = facts()
    assert told["Identity"] == "new, made at the start, in store peer; no passphrase"
    assert told["Runs"] == "sidechannels only"
    assert told["Network"] == "the internet"
    assert told["Channels"] == "0000intercom"
    assert told["Relay"] == "on, up to 3 hops"
    assert told["Requests to open"] == "you are asked"
    assert told["Proof of work"] == "12 bits"
    assert told["Limits"] == "64,000 bytes/s, 256,000 at once; 3 strikes in 5 s block for 30 s"
    assert told["Largest message"] == "1,000,000 bytes; a warning above 200,000"
    assert told["Bridge"] == "off"
    assert "Subnet" not in told


@pytest.mark.parametrize(
    ("values", "name", "text"),
    [
        ({"network.local": True}, "Network", "this machine only"),
        ({"sidechannel.channels": ("a", "0000intercom", "b")}, "Channels", "0000intercom, a, b"),
        ({"sidechannel.relay": False}, "Relay", "off"),
        ({"sidechannel.relay_ttl": 1}, "Relay", "on, up to 1 hop"),
        ({"sidechannel.auto_join": True}, "Requests to open", "joined without asking"),
        ({"sidechannel.allow_remote_open": False}, "Requests to open", "ignored"),
        ({"sidechannel.pow": False}, "Proof of work", "off"),
        ({"sidechannel.rate_bytes": 0}, "Limits", "none"),
        ({"bridge.enabled": True}, "Bridge", "127.0.0.1:49222, token in bridge-tokens.json, no commands"),
        ({"subnet.mode": "contracts"}, "Subnet", "create trac-peer-subnet, chat off, auto-add writers off, timer off"),
    ],
)
def test_what_was_decided_in_words(values: dict[str, Any], name: str, text: str) -> None:
    assert facts(values)[name] == text


def test_a_subnet_that_is_joined_shows_its_key_in_short() -> None:
    told = facts({"subnet.mode": "value", "subnet.bootstrap": "ab" * 32})
    assert told["Subnet"].startswith("join abab..abab ")


def test_what_was_given_says_that_it_is_not_stored() -> None:
    model = setup_model(with_values(Config(), {"network.local": True}), GIVEN)
    told = {fact.name: fact.text for fact in summary.facts(model)}
    assert told["Network"] == "this machine only (given with --local, not stored)"


def test_identities_in_words() -> None:
    assert facts(**{KEPT: True})["Identity"] == "the one in store peer"
    model, machine = setup_model(), FakeMachine()
    model.take_identity(machine.new_identity("x"))
    assert summary.identity_text(model, model.config).endswith("in store peer; words not saved yet; passphrase")
    model.words_checked = True
    assert "words checked" in summary.identity_text(model, model.config)
    model.take_identity(machine.identity_of_words(WORDS, ""))
    assert summary.identity_text(model, model.config).startswith("from recovery words: ")


def test_the_defaults_carry_no_risk() -> None:
    assert risks({}) == ""
    assert summary.risks(setup_model(), ["The store is in use."]) == ["The store is in use."]


@pytest.mark.parametrize(
    ("values", "text"),
    [
        ({"bridge.enabled": True}, "The bridge is on"),
        ({"bridge.enabled": True, "bridge.host": "0.0.0.0"}, "Other machines can reach the bridge on 0.0.0.0"),
        ({"bridge.enabled": True, "bridge.cli": True}, "control this peer completely"),
        ({"bridge.enabled": True, "bridge.cli_dangerous": True}, "secret key"),
        ({"sidechannel.auto_join": True}, "Auto-join is on"),
        ({"sidechannel.relay": False}, "You relay nothing"),
        ({"sidechannel.pow": False}, "drop everything you send"),
        ({"sidechannel.pow_difficulty": 8}, "less than 12 bits"),
        ({"sidechannel.pow_difficulty": 24}, "takes seconds"),
        ({"sidechannel.welcome_required": False}, "cannot be told from others"),
        ({"sidechannel.require_signed": False}, "pretend to be anybody"),
        ({"sidechannel.rate_bytes": 0}, "no rate limit"),
        ({"sidechannel.max_bytes": 0}, "nothing can be sent"),
        ({"sidechannel.max_bytes": 100}, "Almost no message fits"),
        ({"subnet.mode": "contracts"}, "not in this version"),
    ],
)
def test_risks_are_called_out(values: dict[str, Any], text: str) -> None:
    assert text in risks(values)


def test_a_bridge_that_is_off_is_no_risk() -> None:
    assert risks({"bridge.cli": True, "bridge.host": "0.0.0.0"}) == ""


def test_recovery_words_that_nobody_checked_are_a_risk() -> None:
    model = setup_model()
    model.take_identity(FakeMachine().new_identity("secret"))
    told = "\n".join(summary.risks(model))
    assert "The recovery words are not saved" in told
    assert "asks for the passphrase at each start" in told


def test_the_commands_can_be_copied_as_they_are() -> None:
    assert summary.again_command(["--peer-store-name", "my peer"]) == "intercom-tui --peer-store-name 'my peer'"
    config = with_values(Config(), {"identity.peer_store_name": "agent-7", "sidechannel.relay": False})
    words = shlex.split(summary.full_command(config, "/tmp/a b"))
    assert words == [
        "intercom-tui", "run", "--home", "/tmp/a b", "--peer-store-name", "agent-7", "--sidechannel-relay", "0",
    ]  # fmt: skip


def test_the_preview_is_the_file() -> None:
    text = summary.preview(setup_model())
    assert "\nrelay_ttl = 3\n" in text
    assert "\n# bind_port = 0\n" in text


def test_notes_never_reach_the_file() -> None:
    assert set(NOTES).isdisjoint(setup_model().result())
