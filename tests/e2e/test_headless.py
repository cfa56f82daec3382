"""Peers as processes: start, talk, take over, stop."""

from __future__ import annotations

import asyncio
import json
import socket
from pathlib import Path

from websockets.asyncio.client import connect

from tests.harness.bridge_client import Agent
from tests.harness.processes import TOKEN, PeerProcess, free_port, running_command, running_peer

ENTRY = "0000intercom"


async def agent(peer: PeerProcess) -> Agent:
    """A client of the peer's bridge that may do everything."""
    client = Agent(await connect(f"ws://127.0.0.1:{peer.bridge_port}"))
    assert (await client.next())["type"] == "hello"
    assert await client.ask({"type": "auth", "token": TOKEN}) == {"type": "auth_ok"}
    return client


async def connected(client: Agent) -> None:
    """Wait until the client's peer has a connection."""
    for _ in range(400):
        if (await client.ask({"type": "stats"}))["connectionCount"]:
            return
        await asyncio.sleep(0.05)
    raise AssertionError("the peer stayed alone for 20 s")


async def say_until_heard(speaker: Agent, listener: Agent, text: str) -> dict[str, object]:
    """Send a text until the other one has it: a channel may still be opening on a new connection."""
    for _ in range(40):
        assert (await speaker.ask({"type": "send", "channel": ENTRY, "message": text}))["type"] == "sent"
        try:
            async with asyncio.timeout(0.5):
                while True:
                    event = await listener.event()
                    if event["message"] == text:
                        return event
        except TimeoutError:
            continue
    raise AssertionError(f"{text!r} was never heard")


async def test_two_peers_chat_and_say_goodbye(tmp_path: Path) -> None:
    port = free_port(socket.SOCK_DGRAM)
    async with running_peer(tmp_path, "first", port) as first, running_peer(tmp_path, "second", port) as second:
        key = await first.line("Peer pubkey (hex): ")
        await second.line("Sidechannel: ready")
        one, two = await agent(first), await agent(second)
        await connected(two)
        event = await say_until_heard(one, two, "hello")
        assert event["from"] == key
        await one.socket.close()
        await two.socket.close()
        assert await second.terminate() == 0
        assert await first.terminate() == 0
        for peer in (first, second):
            errors = await peer.errors()
            assert TOKEN not in errors
            assert "Traceback" not in errors


async def test_the_local_network_outlives_the_peer_that_started_it(tmp_path: Path) -> None:
    port = free_port(socket.SOCK_DGRAM)
    async with running_peer(tmp_path, "second", port) as second:
        await second.line("Sidechannel: ready")
        async with running_peer(tmp_path, "first", port) as first:
            await first.line("Sidechannel: ready")
            assert await second.terminate() == 0
            async with running_peer(tmp_path, "third", port) as third:
                await third.line("Sidechannel: ready")
                one, three = await agent(first), await agent(third)
                await connected(three)
                await say_until_heard(three, one, "we meet on the taken-over network")
                await one.socket.close()
                await three.socket.close()


async def test_a_quiet_relay_prints_no_message(tmp_path: Path) -> None:
    port = free_port(socket.SOCK_DGRAM)
    async with (
        running_peer(tmp_path, "talker", port) as talker,
        running_command(
            *("run", "--local", "--home", str(tmp_path), "--peer-store-name", "relay"),
            *("--local-bootstrap-port", str(port), "--sidechannel-quiet", "1"),
        ) as relay,
    ):
        await PeerProcess(relay, 0).line("Sidechannel: ready")
        await talker.line("Sidechannel: ready")
        client = await agent(talker)
        await connected(client)
        for _ in range(5):
            await client.ask({"type": "send", "channel": ENTRY, "message": "is anybody there?"})
        await client.socket.close()
        relay.terminate()
        assert await asyncio.wait_for(relay.wait(), 10) == 0
        assert relay.stdout is not None
        assert await relay.stdout.read() == b""


async def test_a_bootstrap_network_of_its_own_serves_peers(tmp_path: Path) -> None:
    port = free_port(socket.SOCK_DGRAM)
    async with running_command("dht", "--port", str(port), "--nodes", "4") as network:
        assert network.stdout is not None
        said = await asyncio.wait_for(network.stdout.readline(), 30)
        assert said.decode() == f"4 DHT nodes run. Join them with: intercom-tui --dht-bootstrap 127.0.0.1:{port}\n"
        async with running_command(
            *("run", "--home", str(tmp_path), "--dht-bootstrap", f"127.0.0.1:{port}", "--bind-host", "127.0.0.1"),
        ) as peer:
            await PeerProcess(peer, 0).line("Sidechannel: ready")
            peer.terminate()
            assert await asyncio.wait_for(peer.wait(), 10) == 0
        network.terminate()
        assert await asyncio.wait_for(network.wait(), 10) == 0


async def test_a_taken_bridge_port_leaves_the_peer_running(tmp_path: Path) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        bridge = str(taken.getsockname()[1])
        async with running_command(
            *("run", "--local", "--home", str(tmp_path), "--local-bootstrap-port", str(free_port(socket.SOCK_DGRAM))),
            *("--sc-bridge", "1", "--sc-bridge-port", bridge),
        ) as peer:
            assert peer.stdout is not None
            lines: list[str] = []
            while not (lines and lines[-1] == "Sidechannel: ready\n"):
                lines.append((await asyncio.wait_for(peer.stdout.readline(), 30)).decode())
            assert any("SC-Bridge failed to start" in line and bridge in line for line in lines)


async def test_the_doctor_names_a_missing_bootstrap_and_a_locked_store(tmp_path: Path) -> None:
    port = free_port(socket.SOCK_DGRAM)
    words = ["doctor", "--json", "--local", "--home", str(tmp_path), "--local-bootstrap-port", str(port)]
    async with running_command(*words) as doctor:
        out, _ = await doctor.communicate()
        findings = {row["check"]: row for row in json.loads(out)["findings"]}
        assert doctor.returncode == 1
        assert findings["bootstrap"]["verdict"] == "problem"
        assert str(port) in findings["bootstrap"]["text"]
        assert findings["udp"]["verdict"] == findings["store"]["verdict"] == "ok"
    async with running_peer(tmp_path, "peer", port) as peer:
        await peer.line("Sidechannel: ready")
        async with running_command(*words) as doctor:
            out, _ = await doctor.communicate()
            findings = {row["check"]: row for row in json.loads(out)["findings"]}
            assert doctor.returncode == 0
            assert findings["bootstrap"]["verdict"] == "ok"
            assert f"process {peer.process.pid}" in findings["store"]["text"]


async def test_a_taken_udp_port_is_named(tmp_path: Path) -> None:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as taken:
        taken.bind(("127.0.0.1", 0))
        port = str(taken.getsockname()[1])
        words = ["run", "--home", str(tmp_path), "--bind-host", "127.0.0.1", "--bind-port", port]
        async with running_command(*words, "--dht-bootstrap", "127.0.0.1:1") as peer:
            _, errors = await asyncio.wait_for(peer.communicate(), 30)
    assert peer.returncode == 1
    assert port in errors.decode()
    assert "choose another one" in errors.decode() or "another port" in errors.decode()
