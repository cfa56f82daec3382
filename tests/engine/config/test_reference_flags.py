"""Every flag and environment name of the reference, with its default, and that both are taken."""

from __future__ import annotations

from typing import Any

import pytest

from engine.config.load import load_config, values_of
from engine.config.sections import DEFAULT_DHT_BOOTSTRAP, OPTIONS
from intercom_tui.cli.options import given_settings, normalise

KEY = "ab" * 32

ROWS: tuple[tuple[str, str, Any, str, Any], ...] = (
    # flag, environment, default, text, value
    ("peer-store-name", "PEER_STORE_NAME", "peer", "two", "two"),
    ("peer-stores-directory", "PEER_STORES_DIRECTORY", "", "stores/", "stores/"),
    ("msb-store-name", "MSB_STORE_NAME", "", "m", "m"),
    ("msb-stores-directory", "MSB_STORES_DIRECTORY", "", "stores/", "stores/"),
    ("subnet-channel", "SUBNET_CHANNEL", "trac-peer-subnet", "c", "c"),
    ("subnet-bootstrap", "SUBNET_BOOTSTRAP", "", KEY.upper(), KEY),
    ("peer-dht-bootstrap", "PEER_DHT_BOOTSTRAP", DEFAULT_DHT_BOOTSTRAP, "a:1, b:2", ("a:1", "b:2")),
    ("dht-bootstrap", "DHT_BOOTSTRAP", DEFAULT_DHT_BOOTSTRAP, "a:1", ("a:1",)),
    ("msb-dht-bootstrap", "MSB_DHT_BOOTSTRAP", (), "a:1", ("a:1",)),
    ("sidechannels", "SIDECHANNELS", (), "a, b", ("a", "b")),
    ("sidechannel", "SIDECHANNELS", (), "a", ("a",)),
    ("sidechannel-debug", "SIDECHANNEL_DEBUG", False, "yes", True),
    ("sidechannel-quiet", "SIDECHANNEL_QUIET", False, "1", True),
    ("sidechannel-max-bytes", "SIDECHANNEL_MAX_BYTES", 1_000_000, "5", 5),
    ("sidechannel-allow-remote-open", "SIDECHANNEL_ALLOW_REMOTE_OPEN", True, "0", False),
    ("sidechannel-auto-join", "SIDECHANNEL_AUTO_JOIN", False, "on", True),
    ("sidechannel-pow", "SIDECHANNEL_POW", True, "off", False),
    ("sidechannel-pow-difficulty", "SIDECHANNEL_POW_DIFFICULTY", 12, "0", 0),
    ("sidechannel-pow-entry", "SIDECHANNEL_POW_ENTRY", False, "TRUE", True),
    ("sidechannel-pow-channels", "SIDECHANNEL_POW_CHANNELS", (), "a,b", ("a", "b")),
    ("sidechannel-rate-bytes", "SIDECHANNEL_RATE_BYTES", 64_000, "-1", -1),
    ("sidechannel-rate-burst", "SIDECHANNEL_RATE_BURST", 256_000, "9", 9),
    ("sidechannel-max-strikes", "SIDECHANNEL_MAX_STRIKES", 3, "9", 9),
    ("sidechannel-invite-required", "SIDECHANNEL_INVITE_REQUIRED", False, "1", True),
    ("sidechannel-invite-channels", "SIDECHANNEL_INVITE_CHANNELS", (), "a", ("a",)),
    ("sidechannel-invite-prefixes", "SIDECHANNEL_INVITE_PREFIXES", (), "a-", ("a-",)),
    ("sidechannel-inviter-keys", "SIDECHANNEL_INVITER_KEYS", (), KEY, (KEY,)),
    ("sidechannel-invite-ttl", "SIDECHANNEL_INVITE_TTL", 604_800, "60", 60),
    ("sidechannel-owner", "SIDECHANNEL_OWNER", {}, f"a:{KEY},b={KEY}", {"a": KEY, "b": KEY}),
    ("sidechannel-owner-write-only", "SIDECHANNEL_OWNER_WRITE_ONLY", False, "1", True),
    ("sidechannel-owner-write-channels", "SIDECHANNEL_OWNER_WRITE_CHANNELS", (), "a", ("a",)),
    ("sidechannel-welcome", "SIDECHANNEL_WELCOME", {}, "a:@f,b:b64:e30=", {"a": "@f", "b": "b64:e30="}),
    ("sidechannel-welcome-required", "SIDECHANNEL_WELCOME_REQUIRED", True, "no", False),
    ("sc-bridge", "SC_BRIDGE", False, "1", True),
    ("sc-bridge-host", "SC_BRIDGE_HOST", "127.0.0.1", "::1", "::1"),
    ("sc-bridge-port", "SC_BRIDGE_PORT", 49222, "5", 5),
    ("sc-bridge-token", "SC_BRIDGE_TOKEN", "", "t", "t"),
    ("sc-bridge-cli", "SC_BRIDGE_CLI", False, "1", True),
    ("sc-bridge-debug", "SC_BRIDGE_DEBUG", False, "1", True),
    ("sc-bridge-filter", "SC_BRIDGE_FILTER", "", "a+b|c", "a+b|c"),
    ("sc-bridge-filter-channel", "SC_BRIDGE_FILTER_CHANNEL", (), "a,b", ("a", "b")),
)
BY_FLAG = {flag: option for option in OPTIONS for flag in option.flags}


def value(key: str, environ: dict[str, str], flags: dict[str, str]) -> Any:
    return values_of(load_config(None, environ, flags).config)[key]


@pytest.mark.parametrize(("flag", "environment", "default", "text", "expected"), ROWS, ids=[row[0] for row in ROWS])
def test_a_flag_of_the_reference(flag: str, environment: str, default: Any, text: str, expected: Any) -> None:
    key = BY_FLAG[f"--{flag}"].key
    assert value(key, {}, {}) == default
    assert value(key, {environment: text}, {}) == expected
    assert value(key, {}, {key: text}) == expected
    assert normalise([f"--{flag}", text]) == normalise([f"--{flag}={text}"]) == [f"--{flag}={text}"]


def test_a_switch_alone_is_on_and_an_empty_value_counts_as_not_given() -> None:
    assert normalise(["--sc-bridge", "--sidechannel-debug"]) == ["--sc-bridge=true", "--sidechannel-debug=true"]
    assert value("bridge.enabled", {}, {"bridge.enabled": ""}) is False
    assert value("bridge.enabled", {"SC_BRIDGE": "1"}, {"bridge.enabled": ""}) is True


def test_later_flags_win() -> None:
    assert given_settings({"setting__bridge__port": ("1", "2")}) == {"bridge.port": "2"}


def test_the_first_environment_name_wins() -> None:
    both = {"PEER_DHT_BOOTSTRAP": "a:1", "DHT_BOOTSTRAP": "b:2"}
    assert value("network.dht_bootstrap", both, {}) == ("a:1",)


def test_a_peer_starts_from_the_nodes_of_the_reference() -> None:
    assert [node.rpartition("@")[2] for node in DEFAULT_DHT_BOOTSTRAP] == [
        "116.202.214.149:10001",
        "157.180.12.214:10001",
        "node1.hyperdht.org:49737",
        "node2.hyperdht.org:49737",
        "node3.hyperdht.org:49737",
    ]
