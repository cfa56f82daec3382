from __future__ import annotations

import os
import socket
from collections.abc import Iterator
from pathlib import Path

import pytest

from engine.config.load import with_values
from engine.config.sections import Config
from engine.doctor import (
    Finding,
    Verdict,
    check_bridge_port,
    check_clock,
    check_dht,
    check_keypair,
    check_store,
    check_udp,
    diagnose,
)
from engine.messages import ChannelMessage, Trust
from engine.net.udp import OsNetwork
from engine.paths import Paths, resolve_paths
from engine.store.keyfile_store import load_or_create
from engine.store.lock import StoreLock
from engine.store.messages import MessageStore
from tests.harness.fakenet import FakeHost, FakeNet
from tests.harness.peer_network import peer_network
from tests.harness.virtual_loop import VirtualClock, run_virtual


class Clock:
    """A clock that stands still."""

    def __init__(self, wall_ms: int = 1_790_000_000_000) -> None:
        self._wall_ms = wall_ms

    def monotonic(self) -> float:
        """Seconds."""
        return 0.0

    def wall_ms(self) -> int:
        """Milliseconds since the epoch."""
        return self._wall_ms


@pytest.fixture
def paths(tmp_path: Path) -> Paths:
    return resolve_paths(str(tmp_path), Config())


@pytest.fixture
def taken_port() -> Iterator[int]:
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        listener.listen()
        yield listener.getsockname()[1]


def settings(**values: object) -> Config:
    return with_values(Config(), {key.replace("__", "."): value for key, value in values.items()})


def test_a_locked_store_is_a_warning_that_names_the_process(paths: Paths) -> None:
    with StoreLock(paths.lock):
        found = check_store(paths)
    assert found.verdict is Verdict.WARNING
    assert f"process {os.getpid()}" in found.text
    assert check_store(paths).verdict is Verdict.OK


def test_a_store_that_cannot_be_made_is_a_problem(tmp_path: Path) -> None:
    (tmp_path / "stores").write_text("")
    found = check_store(resolve_paths(str(tmp_path), Config()))
    assert found.verdict is Verdict.PROBLEM
    assert str(tmp_path) in found.text


def test_an_identity_that_others_can_read_is_a_warning(paths: Paths) -> None:
    assert "no identity yet" in check_keypair(paths).text
    load_or_create(paths.keypair)
    assert check_keypair(paths).verdict is Verdict.OK
    paths.keypair.chmod(0o644)
    found = check_keypair(paths)
    assert (found.verdict, found.hint) == (Verdict.WARNING, f"Run: chmod 600 {paths.keypair}")


@pytest.mark.parametrize(("skew_s", "verdict"), [(0, Verdict.OK), (-3600, Verdict.WARNING), (600, Verdict.WARNING)])
def test_the_clock_is_compared_with_the_peers(paths: Paths, skew_s: int, verdict: Verdict) -> None:
    paths.store.mkdir(parents=True)
    store = MessageStore(paths.messages)
    for number in range(5):
        now = 1_790_000_000_000 + number
        store.append(
            ChannelMessage(
                seq=store.next_seq,
                channel="c",
                id=str(number),
                sender="ab" * 32,
                origin="ab" * 32,
                message="x",
                ts_ms=now + skew_s * 1000,
                received_ms=now,
                ttl=3,
                relayed_by=None,
                signature=None,
                trust=Trust.VERIFIED,
            )
        )
    store.close()
    found = check_clock(paths, Clock())
    assert found.verdict is verdict
    if skew_s:
        assert f"{skew_s} s" in found.text


def test_a_clock_of_the_past_is_a_problem(paths: Paths) -> None:
    assert check_clock(paths, Clock(0)).verdict is Verdict.PROBLEM


@pytest.mark.parametrize(
    ("enabled", "running", "verdict"),
    [(True, False, Verdict.PROBLEM), (False, False, Verdict.WARNING), (True, True, Verdict.OK)],
)
def test_a_taken_bridge_port(taken_port: int, enabled: bool, running: bool, verdict: Verdict) -> None:
    config = settings(bridge__port=taken_port, bridge__enabled=enabled)
    found = check_bridge_port(config, running=running)
    assert found.verdict is verdict
    assert str(taken_port) in found.text


async def test_udp_works_on_loopback() -> None:
    found = await check_udp(OsNetwork(), settings(network__bind_host="127.0.0.1"))
    assert found.verdict is Verdict.OK


async def test_a_taken_udp_port_is_a_problem_unless_this_peer_has_it() -> None:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as taken:
        taken.bind(("127.0.0.1", 0))
        config = settings(network__bind_host="127.0.0.1", network__bind_port=taken.getsockname()[1])
        assert (await check_udp(OsNetwork(), config)).verdict is Verdict.PROBLEM
        assert (await check_udp(OsNetwork(), config, running=True)).verdict is Verdict.OK


def test_datagrams_that_never_arrive_are_a_problem() -> None:
    async def main() -> Finding:
        host = FakeNet(seed=1).host("1.2.3.4")
        host.up = False
        return await check_udp(host, Config())

    found = run_virtual(main())
    assert found.verdict is Verdict.PROBLEM
    assert "firewall" in found.hint


@pytest.mark.parametrize(
    ("kind", "verdict", "words"),
    [
        ("open", Verdict.OK, "(open)"),
        ("consistent", Verdict.OK, "(consistent NAT)"),
        ("random", Verdict.WARNING, "(random NAT)"),
    ],
)
def test_the_kind_of_nat_is_named(kind: str, verdict: Verdict, words: str) -> None:
    async def main() -> list[Finding]:
        async with peer_network() as net:
            config = settings(network__dht_bootstrap=(f"{net.bootstrap[0]}:{net.bootstrap[1]}",))
            return [finding async for finding in check_dht(net.place(kind, 7), config)]

    bootstrap, nat = run_virtual(main())
    assert (bootstrap.verdict, nat.verdict) == (Verdict.OK, verdict)
    assert words in nat.text


def diagnose_alone(host: FakeHost, config: Config, paths: Paths) -> list[Finding]:
    """All findings on a network without any DHT."""

    async def main() -> list[Finding]:
        return [finding async for finding in diagnose(config, paths, host, VirtualClock())]

    return run_virtual(main())


def test_a_silent_network_names_what_was_tried(paths: Paths) -> None:
    config = settings(network__dht_bootstrap=("9.9.9.9:1",), bridge__port=0)
    findings = diagnose_alone(FakeNet(seed=1).host("1.2.3.4"), config, paths)
    assert [finding.check for finding in findings] == ["store", "identity", "clock", "bridge port", "udp", "bootstrap"]
    assert findings[-1].verdict is Verdict.PROBLEM
    assert "9.9.9.9:1" in findings[-1].text
    assert "firewall" in findings[-1].hint


def test_a_local_network_that_nobody_runs_says_how_to_start_it(paths: Paths) -> None:
    config = settings(network__local=True, network__local_bootstrap_port=50_000, bridge__port=0)
    last = diagnose_alone(FakeNet(seed=1).host("1.2.3.4"), config, paths)[-1]
    assert last.hint.endswith("intercom-tui dht --port 50000")


async def test_a_local_port_that_something_else_has_is_told_apart(
    paths: Paths, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("engine.doctor.BOOTSTRAP_WAIT_S", 0.1)
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as other:
        other.bind(("127.0.0.1", 0))
        port = other.getsockname()[1]
        config = settings(network__local=True, network__local_bootstrap_port=port, bridge__port=0)
        findings = [finding async for finding in diagnose(config, paths, OsNetwork(), Clock())]
    assert findings[-1].hint.startswith(f"A program that is no DHT node has UDP port {port}")
