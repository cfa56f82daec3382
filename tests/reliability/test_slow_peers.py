"""Peers that only pretend to speak: half-open connections and writers of one byte a second are given up in 10 s."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest

from engine.bridge import websocket
from engine.net.connection import HEADER_WAIT_S, PeerConnection
from engine.net.udx import UdxConnection
from engine.proto.stream.secret import SecretStream
from engine.proto.swarm.policy import Incoming, SwarmPolicy
from tests.harness.bridge_client import agent, bridge
from tests.harness.connections import Link, handshake
from tests.harness.fake_engine import FakeEngine
from tests.harness.fakenet import FakeNet
from tests.harness.published import record_reliability
from tests.harness.virtual_loop import run_virtual

CONNECTIONS = 200
UPGRADES = 200


def test_connections_that_are_written_byte_by_byte_are_freed(request: pytest.FixtureRequest) -> None:
    async def main() -> None:
        link = Link(FakeNet(seed=1))
        await link.open()
        slow: list[tuple[UdxConnection, bytes]] = []
        victims: list[PeerConnection] = []
        reasons: list[Exception | None] = []
        for _ in range(CONNECTIONS):
            results = handshake(*link.key_pairs, link.random_bytes)
            streams = link.streams()
            victim = PeerConnection(streams[1], results[1], random_bytes=link.random_bytes)
            victim.on_close.append(reasons.append)
            victims.append(victim)
            slow.append((streams[0], SecretStream(results[0], link.random_bytes).header()))
        honest, other = link.connect()
        for second in range(int(HEADER_WAIT_S)):
            for stream, header in slow:
                stream.write(header[second : second + 1])
            await asyncio.sleep(1)
        assert all(isinstance(reason, TimeoutError) for reason in reasons)
        assert len(reasons) == CONNECTIONS
        assert all(victim.closed and victim.mux.closed for victim in victims)
        await asyncio.sleep(1)
        assert link.endpoints[1].udx.stream_count == 1, "only the honest one is left"
        assert not honest.closed
        assert not other.closed
        honest.destroy()
        await asyncio.sleep(1)
        link.close()

    run_virtual(main())
    record_reliability(
        request, "11c. writers of one byte a second", f"{CONNECTIONS} connections: all freed after {HEADER_WAIT_S:g} s"
    )


def test_the_number_of_connections_is_capped() -> None:
    policy = SwarmPolicy(bytes(32), lambda: 0.5, max_links=CONNECTIONS)
    taken = 0
    for number in range(2 * CONNECTIONS):
        key = number.to_bytes(32, "big")
        if policy.incoming(key) is Incoming.ACCEPT:
            policy.accepted(key)
            taken += 1
    assert taken == CONNECTIONS


async def test_bridge_upgrades_that_never_end_are_cut_off(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, request: pytest.FixtureRequest
) -> None:
    monkeypatch.setattr(websocket, "HANDSHAKE_DEADLINE_S", 0.2)
    async with bridge(FakeEngine(), tmp_path / "tokens") as server:
        opened = [await asyncio.open_connection("127.0.0.1", server.port) for _ in range(50)]
        for letter in b"GET":
            for _, writer in opened:
                writer.write(bytes([letter]))
            await asyncio.sleep(0.05)
        for reader, writer in opened:
            async with asyncio.timeout(5):
                assert await reader.read() == b""
            writer.close()
        async with agent(server) as client:
            assert (await client.ask({"type": "ping"}))["type"] == "pong"
    record_reliability(request, "11c. bridge upgrades that never end", "50 at once: all cut off, the bridge serves on")
