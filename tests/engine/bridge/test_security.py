"""Which web pages and host names may connect: every pair of the security suite."""

from __future__ import annotations

import pytest

from engine.bridge.security import AccessRules, check_bind, is_loopback
from engine.errors import BridgeMisconfigured
from tests.harness.published import record_reliability

ALLOWED = "https://desk.example:8443"
LOCAL = AccessRules("127.0.0.1", (ALLOWED,))

PAIRS = [
    # Origin, Host, refusal
    (None, "127.0.0.1:49222", None),
    (None, "127.0.0.1", None),
    (None, "localhost:49222", None),
    (None, "LOCALHOST", None),
    (None, "[::1]:49222", None),
    (None, "[::1]", None),
    (None, "127.1.2.3:1", None),
    (None, "127.0.0.1:9999", None),
    (ALLOWED, "127.0.0.1:49222", None),
    ("HTTPS://Desk.Example:8443", "localhost:49222", None),
    ("https://desk.example", "127.0.0.1:49222", "origin"),
    ("http://desk.example:8443", "127.0.0.1:49222", "origin"),
    ("https://desk.example:8443.evil.example", "127.0.0.1:49222", "origin"),
    ("https://evil.example", "127.0.0.1:49222", "origin"),
    ("http://127.0.0.1:49222", "127.0.0.1:49222", "origin"),
    ("http://localhost", "localhost:49222", "origin"),
    ("http://localhost:3000", "localhost:49222", "origin"),
    ("null", "127.0.0.1:49222", "origin"),
    ("", "127.0.0.1:49222", "origin"),
    ("file://", "127.0.0.1:49222", "origin"),
    ("chrome-extension://abcdefgh", "127.0.0.1:49222", "origin"),
    (ALLOWED, "evil.example:49222", "host"),
    (None, "evil.example", "host"),
    (None, "localhost.evil.example", "host"),
    (None, "127.0.0.1.nip.io:49222", "host"),
    (None, "0.0.0.0:49222", "host"),
    (None, "192.168.1.5:49222", "host"),
    (None, "[::ffff:10.0.0.1]:49222", "host"),
    (None, "2130706433:49222", "host"),
    (None, "localhost.:49222", "host"),
    (None, "user@127.0.0.1", "host"),
    (None, "127.0.0.1:99999", "host"),
    (None, "127.0.0.1:port", "host"),
    (None, "", "host"),
    (None, "127.0.0.1, evil.example", "host"),
]


@pytest.mark.parametrize(("origin", "host", "refusal"), PAIRS)
def test_pairs(origin: str | None, host: str, refusal: str | None) -> None:
    reason = LOCAL.refusal([] if origin is None else [origin], [host])
    assert reason == (None if refusal is None else f"Forbidden {refusal}.")


def test_there_are_thirty_pairs(request: pytest.FixtureRequest) -> None:
    assert len(PAIRS) >= 30
    refused = sum(refusal is not None for _, _, refusal in PAIRS)
    record_reliability(
        request, "12. bridge: web pages", f"{len(PAIRS)} pairs of Origin and Host, the {refused} foreign ones refused"
    )


@pytest.mark.parametrize(
    ("origins", "hosts"),
    [([], []), ([], ["127.0.0.1", "127.0.0.1"]), ([ALLOWED, ALLOWED], ["127.0.0.1"])],
)
def test_headers_come_once(origins: list[str], hosts: list[str]) -> None:
    assert LOCAL.refusal(origins, hosts) is not None


def test_without_a_list_no_page_may_connect() -> None:
    assert AccessRules("127.0.0.1").refusal([ALLOWED], ["127.0.0.1"]) == "Forbidden origin."


def test_a_configured_name_and_addresses_count_on_other_binds() -> None:
    named = AccessRules("peer.lan")
    assert named.refusal([], ["PEER.lan:49222"]) is None
    everywhere = AccessRules("0.0.0.0")
    assert everywhere.refusal([], ["192.168.1.5:49222"]) is None
    assert everywhere.refusal([], ["evil.example:49222"]) == "Forbidden host."


@pytest.mark.parametrize("host", ["127.0.0.1", "127.9.9.9", "::1", "localhost"])
def test_loopback_may_be_bound(host: str) -> None:
    assert is_loopback(host)
    check_bind(host, unsafe=False)


@pytest.mark.parametrize("host", ["0.0.0.0", "::", "192.168.1.5", "peer.lan", ""])
def test_other_addresses_need_the_unsafe_flag(host: str) -> None:
    with pytest.raises(BridgeMisconfigured) as refused:
        check_bind(host, unsafe=False)
    assert "--sc-bridge-unsafe-bind" in refused.value.hint
    check_bind(host, unsafe=True)
