"""Finding out why the network does not work, in words.

Each check returns one :class:`Finding`: what was looked at, what was seen, and what to do about it.
"""

from __future__ import annotations

import asyncio
import socket
import statistics
from collections.abc import AsyncIterator
from dataclasses import dataclass
from enum import Enum

from engine.clock import Clock
from engine.config.sections import LOCAL_HOST, Config
from engine.errors import BindFailed, IntercomError, NetworkError, StoreLocked
from engine.net.dht.config import DhtConfig
from engine.net.dht.node import DhtNode
from engine.net.tasks import TaskScope
from engine.net.udp import Datagram, UdpNetwork, UdpSocket
from engine.paths import Paths
from engine.store.lock import StoreLock
from engine.store.messages import MessageStore

EARLIEST_WALL_MS = 1_761_955_200_000
"""1 November 2025: a clock before this program existed is wrong."""
CLOCK_SKEW_MS = 60_000
"""Difference to the peers' clocks that is worth a warning."""
BOOTSTRAP_WAIT_S = 6.0


class Verdict(Enum):
    """How a check ended."""

    OK = "ok"
    WARNING = "warning"
    PROBLEM = "problem"


@dataclass(frozen=True, slots=True)
class Finding:
    """The outcome of one check."""

    check: str
    verdict: Verdict
    text: str
    """What was seen."""
    hint: str = ""
    """What to do."""


async def diagnose(config: Config, paths: Paths, network: UdpNetwork, clock: Clock) -> AsyncIterator[Finding]:
    """Run all checks, in the order in which things start.

    Args:
        config: settings of the peer.
        paths: its files.
        network: where sockets come from.
        clock: source of time.
    """
    store = check_store(paths)
    running = store.verdict is Verdict.WARNING
    yield store
    yield check_keypair(paths)
    yield check_clock(paths, clock)
    yield check_bridge_port(config, running=running)
    udp = await check_udp(network, config, running=running)
    yield udp
    if udp.verdict is not Verdict.PROBLEM:
        async for finding in check_dht(network, config):
            yield finding


def check_store(paths: Paths) -> Finding:
    """Can the store be written, and is it free?"""
    try:
        StoreLock(paths.lock).release()
    except StoreLocked as error:
        return Finding("store", Verdict.WARNING, str(error), error.hint)
    except IntercomError as error:
        return Finding("store", Verdict.PROBLEM, str(error), error.hint)
    return Finding("store", Verdict.OK, f"{paths.store} is writable and free.")


def check_keypair(paths: Paths) -> Finding:
    """Is there an identity that only its owner can read?"""
    try:
        mode = paths.keypair.stat().st_mode & 0o777
    except FileNotFoundError:
        return Finding("identity", Verdict.OK, "There is no identity yet; the first start makes one.")
    except OSError as error:
        return Finding("identity", Verdict.PROBLEM, f"{paths.keypair} cannot be read: {error.strerror}.")
    if mode & 0o077:
        return Finding(
            "identity",
            Verdict.WARNING,
            f"{paths.keypair} can be read by other users (mode {mode:o}).",
            f"Run: chmod 600 {paths.keypair}",
        )
    return Finding("identity", Verdict.OK, f"{paths.keypair} is there and private.")


def check_clock(paths: Paths, clock: Clock) -> Finding:
    """Is the clock plausible, and near those of the peers whose messages are stored?"""
    if clock.wall_ms() < EARLIEST_WALL_MS:
        return Finding(
            "clock", Verdict.PROBLEM, "The clock of this machine is years behind.", "Set it, or switch on NTP."
        )
    skews: list[int] = []
    if paths.messages.exists():
        try:
            store = MessageStore(paths.messages)
        except IntercomError as error:
            return Finding("clock", Verdict.WARNING, f"The message history cannot be read: {error}", error.hint)
        newest = store.since(max(0, store.last_seq() - 200), limit=200)
        skews = [message.ts_ms - message.received_ms for message in newest if not message.own]
        store.close()
    if skews and abs(skew := statistics.median(skews)) > CLOCK_SKEW_MS:
        return Finding(
            "clock",
            Verdict.WARNING,
            f"This clock differs from the peers' by about {skew / 1000:.0f} s.",
            "Switch on NTP: welcomes, invites and 'late' marks depend on the clock.",
        )
    return Finding("clock", Verdict.OK, "The clock is plausible.")


def check_bridge_port(config: Config, *, running: bool = False) -> Finding:
    """Can the bridge listen?

    Args:
        config: settings of the peer.
        running: this peer runs now and may have the port itself.
    """
    host, port = config.bridge.host, config.bridge.port
    try:
        with socket.socket(socket.AF_INET6 if ":" in host else socket.AF_INET, socket.SOCK_STREAM) as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            probe.bind((host, port))
    except OSError as error:
        text = f"{host}:{port} cannot be opened: {error.strerror}."
        if running:
            return Finding("bridge port", Verdict.OK, f"{text} The running peer has it.")
        verdict = Verdict.PROBLEM if config.bridge.enabled else Verdict.WARNING
        hint = "Another peer may have it; choose another one with --sc-bridge-port."
        return Finding("bridge port", verdict, text, hint)
    return Finding("bridge port", Verdict.OK, f"{host}:{port} is free.")


async def check_udp(network: UdpNetwork, config: Config, *, running: bool = False) -> Finding:
    """Do datagrams leave and arrive on this machine?

    Args:
        network: where sockets come from.
        config: settings of the peer.
        running: this peer runs now and has the configured port itself.
    """
    arrived = asyncio.Event()

    def receive(_socket: UdpSocket, datagrams: list[Datagram]) -> None:
        if any(data == b"intercom" for data, _ in datagrams):
            arrived.set()

    host = config.network.bind_host or (LOCAL_HOST if config.network.local else "0.0.0.0")
    try:
        probe = await network.bind(host, 0 if running else config.network.bind_port, receive)
    except BindFailed as error:
        return Finding("udp", Verdict.PROBLEM, str(error), error.hint)
    try:
        probe.send(b"intercom", (LOCAL_HOST if host == "0.0.0.0" else host, probe.local_address[1]))
        async with asyncio.timeout(2.0):
            await arrived.wait()
    except TimeoutError:
        return Finding(
            "udp",
            Verdict.PROBLEM,
            "A datagram sent to this machine itself did not arrive.",
            "A local firewall drops UDP: allow it for this program.",
        )
    finally:
        probe.close()
    return Finding("udp", Verdict.OK, "UDP works on this machine.")


async def check_dht(network: UdpNetwork, config: Config) -> AsyncIterator[Finding]:
    """Do bootstrap nodes answer, and what kind of NAT is in between?"""
    settings = config.network
    bootstrap = settings.dht_bootstrap
    if settings.local:
        bootstrap = (f"{LOCAL_HOST}:{settings.local_bootstrap_port}",)
    scope = TaskScope("doctor")
    host = settings.bind_host or (LOCAL_HOST if settings.local else "0.0.0.0")
    node = DhtNode(network, DhtConfig(bootstrap=tuple(bootstrap), host=host, port=0), scope)
    try:
        await node.start()
        async with asyncio.timeout(BOOTSTRAP_WAIT_S):
            await node.fully_bootstrapped()
        yield Finding("bootstrap", Verdict.OK, f"The network answers; {len(node.table)} DHT nodes are known.")
        yield _nat_finding(node)
    except TimeoutError:
        listed = ", ".join(str(entry) for entry in bootstrap)
        hint = "Check the internet connection and that a firewall lets UDP out."
        if settings.local:
            hint = await _local_hint(network, settings.local_bootstrap_port)
        yield Finding("bootstrap", Verdict.PROBLEM, f"No bootstrap node answers ({listed}).", hint)
    except NetworkError as error:
        yield Finding("bootstrap", Verdict.PROBLEM, str(error), error.hint)
    finally:
        await node.destroy()
        await scope.close()


async def _local_hint(network: UdpNetwork, port: int) -> str:
    """What to do about a local network that does not answer."""
    try:
        probe = await network.bind(LOCAL_HOST, port, lambda _socket, _datagrams: None)
    except BindFailed:
        return f"A program that is no DHT node has UDP port {port}: choose another with --local-bootstrap-port."
    probe.close()
    return f"Nobody runs it yet: the first peer with --local starts it, and so does: intercom-tui dht --port {port}"


def _nat_finding(node: DhtNode) -> Finding:
    if not node.firewalled:
        return Finding("nat", Verdict.OK, "This peer is reachable from outside (open).")
    if node.host is None:
        return Finding("nat", Verdict.WARNING, "The public address is not known yet; too few nodes answered.")
    if node.port == 0:
        return Finding(
            "nat",
            Verdict.WARNING,
            f"Behind {node.host}, with another port for every destination (random NAT).",
            "Peers with the same kind of NAT cannot be reached directly; relays carry the messages.",
        )
    return Finding(
        "nat", Verdict.OK, f"Behind {node.host}:{node.port}, the same for every destination (consistent NAT)."
    )
