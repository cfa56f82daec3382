from __future__ import annotations

import pytest

from intercom_tui.setup import rules
from intercom_tui.setup.questions import BY_KEY


@pytest.mark.parametrize(
    ("key", "text", "value"),
    [
        ("sidechannel.relay_ttl", " 3 ", 3),
        ("sidechannel.rate_bytes", "64,000", 64_000),
        ("sidechannel.rate_bytes", "64_000", 64_000),
        ("sidechannel.rate_bytes", "-1", -1),
        ("sidechannel.channels", "a_b, c ,", ("a_b", "c")),
        ("sidechannel.channels", "", ()),
        ("sidechannel.owner", "  ", {}),
        ("identity.peer_store_name", "agent-7", "agent-7"),
        ("identity.peer_store_name", "", ""),
    ],
)
def test_typed_text_becomes_a_value(key: str, text: str, value: object) -> None:
    assert rules.parse_answer(BY_KEY[key], text) == (value, "")


@pytest.mark.parametrize(
    ("key", "text", "error"),
    [
        ("sidechannel.relay_ttl", "9", "It must be a whole number of 0 to 8."),
        ("sidechannel.relay_ttl", "", "It must be a whole number of 0 to 8."),
        ("sidechannel.pow_difficulty", "12x", "It must be a whole number of 0 to 32 bits."),
        ("bridge.port", "70000", "It must be a whole number of 0 to 65535."),
        ("ui.glyphs", "emoji", "It must be one of unicode, ascii."),
        ("sidechannel.owner", "room:12", "The owner of room must be a public key of 64 hex digits."),
        ("subnet.bootstrap", "12", "Invalid --subnet-bootstrap. Provide 32-byte hex (64 chars)."),
    ],
)
def test_text_that_is_no_value_is_explained(key: str, text: str, error: str) -> None:
    assert rules.parse_answer(BY_KEY[key], text) == (None, error)


@pytest.mark.parametrize("name", ["peer", "agent-7", "zoé", "a b"])
def test_names_of_stores(name: str) -> None:
    assert rules.check_setting("identity.peer_store_name", name) == ""


@pytest.mark.parametrize("name", ["", " ", ".", "..", "a/b", "a\\b", "a\x1b", " a", "a ", "x" * 101])
def test_names_that_are_no_directories(name: str) -> None:
    assert rules.check_setting("identity.peer_store_name", name) != ""


@pytest.mark.parametrize("host", ["127.0.0.1", "::1", "localhost", "192.168.1.4", "my-host.example.org"])
def test_addresses_to_listen_on(host: str) -> None:
    assert rules.check_setting("bridge.host", host) == ""


@pytest.mark.parametrize("host", ["", "127.0.0", "a b", "-x", "999.1.1.1", "http://x"])
def test_texts_that_are_no_addresses(host: str) -> None:
    assert rules.check_setting("bridge.host", host) != ""


@pytest.mark.parametrize(
    ("host", "allowed", "wrong"),
    [("127.0.0.1", False, False), ("localhost", False, False), ("0.0.0.0", False, True), ("0.0.0.0", True, False)],
)
def test_an_address_that_others_reach_must_be_allowed(host: str, allowed: bool, wrong: bool) -> None:
    assert bool(rules.exposed_host(host, allowed=allowed)) is wrong


def test_a_subnet_has_a_name_and_its_key_64_digits() -> None:
    assert rules.check_setting("subnet.channel", "") != ""
    assert rules.check_setting("subnet.channel", "x") == ""
    assert "needs its bootstrap key" in rules.bootstrap("")
    assert "these are 3 characters" in rules.bootstrap("abc")
    assert rules.bootstrap("ab" * 32) == ""


def test_a_passphrase_is_typed_twice() -> None:
    assert rules.repeated("a", "a") == ""
    assert rules.repeated("a", "") == "The two passphrases differ."
