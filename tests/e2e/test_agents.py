"""What agents do, over the bridges of whole peers in processes of their own."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from websockets.asyncio.client import connect

from engine.config.sections import ENTRY_CHANNEL
from engine.store.keyfile_store import load_or_create
from tests.harness.bridge_client import Agent
from tests.harness.processes import TOKEN, PeerProcess, free_port, running_peer

pytestmark = [pytest.mark.e2e, pytest.mark.timeout(120)]


@dataclass
class Machine:
    """A running peer and one agent with full power."""

    name: str
    key: str
    process: PeerProcess
    agent: Agent

    async def cli(self, command: str) -> list[Any]:
        """Output of a terminal command."""
        reply = await self.agent.ask({"type": "cli", "command": command})
        assert reply["ok"], reply
        return list(reply["output"])

    async def peers(self, channel: str, count: int = 1) -> None:
        """Send until so many neighbours get it."""
        for _ in range(600):
            reply = await self.agent.ask({"type": "send", "channel": channel, "message": {"kind": "probe"}})
            if reply.get("peers", 0) >= count:
                return
            await asyncio.sleep(0.05)
        raise AssertionError(f"{self.name} stayed alone in {channel}")

    async def text(self, channel: str) -> Any:
        """The next text in a channel; probes and controls are skipped."""
        while True:
            event = await self.agent.event()
            if event["channel"] == channel and isinstance(event["message"], str):
                return event["message"]


async def new_agent(process: PeerProcess) -> Agent:
    """One more agent on a bridge."""
    agent = Agent(await connect(f"ws://127.0.0.1:{process.bridge_port}", proxy=None))
    assert (await agent.next())["type"] == "hello"
    assert await agent.ask({"type": "auth", "token": TOKEN}) == {"type": "auth_ok"}
    return agent


class Machines:
    """Peers of one test on one local network."""

    def __init__(self, home: Path, stack: AsyncExitStack) -> None:
        self._home = home
        self._stack = stack
        self._port = free_port(socket.SOCK_DGRAM)

    def key(self, name: str) -> str:
        """Public key of a peer that need not run yet."""
        return load_or_create(self._home / "stores" / name / "db" / "keypair.json").public_hex

    async def start(self, name: str, *flags: str) -> Machine:
        """A peer that is in its channels."""
        key = self.key(name)
        peer = running_peer(self._home, name, self._port, "--sc-bridge-cli", "1", *flags)
        process = await self._stack.enter_async_context(peer)
        await process.line("Sidechannel: ready")
        agent = await new_agent(process)
        await self._stack.enter_async_context(agent.socket)
        await agent.ask({"type": "options", "extended": True})
        return Machine(name, key, process, agent)


@pytest.fixture
async def machines(tmp_path: Path) -> AsyncIterator[Machines]:
    async with AsyncExitStack() as stack:
        yield Machines(tmp_path, stack)


@asynccontextmanager
async def watching(process: PeerProcess, *requests: dict[str, Any]) -> AsyncIterator[Agent]:
    """An agent that asked for something before anybody speaks."""
    agent = await new_agent(process)
    async with agent.socket:
        for request in requests:
            assert (await agent.ask(request))["type"] != "error"
        yield agent


async def test_filters_and_subscriptions_choose_what_an_agent_sees(machines: Machines) -> None:
    open_rooms = ("--sidechannels", "a,b", "--sidechannel-welcome-required", "0")
    filtered = ("--sc-bridge-filter", "default", "--sc-bridge-filter-channel", "a")
    one = await machines.start("one", *open_rooms)
    two = await machines.start("two", *open_rooms, *filtered)
    for channel in ("a", "b"):
        await one.peers(channel)
    async with (
        watching(two.process) as default,
        watching(two.process, {"type": "set_filter", "filter": "Alpha+beta | gamma"}) as own_filter,
        watching(two.process, {"type": "clear_filter"}, {"type": "subscribe", "channels": ["b"]}) as subscribed,
        watching(
            two.process,
            {"type": "clear_filter"},
            {"type": "subscribe", "channel": "b"},
            {"type": "unsubscribe", "channel": "b"},
        ) as everything,
    ):
        texts = ["by DEFAULT", "beta then ALPHA", "alpha only", "gamma"]
        for text in texts:
            for channel in ("a", "b"):
                assert (await one.agent.ask({"type": "send", "channel": channel, "message": text}))["peers"] == 1
        for channel in ("a", "b"):
            await one.agent.ask({"type": "send", "channel": channel, "message": "default alpha beta gamma end"})

        async def seen(agent: Agent, channel: str) -> list[str]:
            found: list[tuple[str, str]] = []
            while not found or found[-1] != (channel, "default alpha beta gamma end"):
                event = await agent.event()
                found.append((event["channel"], event["message"]))
            return [f"{where}: {what}" for where, what in found[:-1]]

        all_b = [f"b: {text}" for text in texts]
        end = "a: default alpha beta gamma end"
        assert sorted(await seen(default, "b")) == sorted(["a: by DEFAULT", end, *all_b])
        assert sorted(await seen(own_filter, "b")) == sorted(["a: beta then ALPHA", "a: gamma", end, *all_b])
        assert await seen(subscribed, "b") == all_b
        assert sorted(await seen(everything, "b")) == sorted([f"a: {text}" for text in texts] + [end, *all_b])


def protected(owner: str) -> tuple[str, ...]:
    """Flags for a channel that needs an invite and a welcome of its owner."""
    invites = ("--sidechannel-invite-required", "1", "--sidechannel-invite-channels", "vault")
    return (*invites, "--sidechannel-inviter-keys", owner, "--sidechannel-owner", f"vault:{owner}")


@pytest.mark.parametrize("way", ["bridge", "command", "file", "flags"])
async def test_invite_and_welcome_at_join(machines: Machines, tmp_path: Path, way: str) -> None:
    owner = await machines.start("owner", *protected(machines.key("owner")), "--sidechannels", "vault")
    welcome = await owner.cli('/sc_welcome --channel vault --text "Be kind."')
    assert welcome[1].startswith("welcome_b64: ")
    invite = (await owner.cli(f"/sc_invite --ch vault --invitee {machines.key('guest')} --ttl_sec 600"))[1]
    invite_b64 = invite.removeprefix("invite_b64: ")
    flags = (*protected(owner.key), "--sidechannels", "vault", "--sidechannel-invite", f"vault:b64:{invite_b64}")
    guest = await machines.start("guest", *(flags if way == "flags" else protected(owner.key)))
    if way == "bridge":
        refused = await guest.agent.ask({"type": "join", "channel": "vault"})
        assert (refused["error"], refused["code"]) == (
            "Join denied (invite required or invalid).",
            "policy.invite_required",
        )
        joined = await guest.agent.ask({"type": "join", "channel": "vault", "invite": invite_b64})
        assert joined["type"] == "joined"
    elif way == "command":
        assert await guest.cli("/sc_join --name vault") == ["Join denied (invite required or invalid)."]
        assert await guest.cli(f"/sc_join --name vault --invite_b64 {invite_b64}") == ["Joined sidechannel: vault"]
    elif way == "file":
        (tmp_path / "invite").write_text(f"b64:{invite_b64}\n")
        sent = await guest.cli(f'/sc_send --channel vault --message "first" --invite "@{tmp_path}/invite"')
        assert sent == []
    await owner.peers("vault")
    await owner.agent.ask({"type": "send", "channel": "vault", "message": "to the guest"})
    assert await guest.text("vault") == "to the guest"
    await guest.agent.ask({"type": "send", "channel": "vault", "message": "to the owner"})
    assert "to the owner" in [await owner.text("vault"), *([await owner.text("vault")] if way == "file" else [])]


async def test_requests_to_open_a_channel_with_and_without_auto_join(machines: Machines) -> None:
    asker = await machines.start("asker", "--sidechannels", "side", "--sidechannel-welcome-required", "0")
    eager = await machines.start("eager", "--sidechannel-auto-join", "1", "--sidechannel-welcome-required", "0")
    careful = await machines.start("careful", "--sidechannel-welcome-required", "0")
    deaf = await machines.start("deaf", "--sidechannel-allow-remote-open", "0", "--sidechannel-welcome-required", "0")
    await asker.peers(ENTRY_CHANNEL, 3)
    assert await asker.cli("/sc_open --channel side --via 0000intercom") == ["Requested channel: side"]
    await asker.peers("side")
    assert "side" in (await eager.agent.ask({"type": "stats"}))["channels"]
    said = await careful.process.line(f"[sidechannel:{ENTRY_CHANNEL}] {asker.key} asks to open side")
    assert "--sidechannel-auto-join" in said
    for peer in (careful, deaf):
        assert (await peer.agent.ask({"type": "stats"}))["channels"] == [ENTRY_CHANNEL]
    asked = await asker.agent.ask({"type": "open", "channel": "later"})
    assert (asked["type"], asked["via"], asked["peers"]) == ("open_requested", None, 3)


async def test_commands_answer_with_the_words_of_the_reference(machines: Machines) -> None:
    peer = await machines.start("peer")
    assert await peer.cli("/sc_join") == [
        'Usage: /sc_join --channel "<name>" [--invite <json|b64|@file>] [--welcome <json|b64|@file>]'
    ]
    assert await peer.cli("/sc_join --channel x --invite nonsense!") == ["Invalid invite. Pass JSON, base64, or @file."]
    assert await peer.cli("/sc_join --channel x --welcome @/does/not/exist") == [
        "Invalid welcome. Pass JSON, base64, or @file."
    ]
    assert await peer.cli('/sc_join --channel "x y"') == ["Joined sidechannel: x y"]
    assert await peer.cli('/sc_send --ch "x y" --msg ""') == []
    assert await peer.cli(f"/sc_invite --channel x --peer {'ab' * 32} --ttl 0") == [
        "Invite TTL is required. Pass --ttl <sec> or set --sidechannel-invite-ttl."
    ]
    assert await peer.cli("/sc_statsfoo") == ['{"channels":["0000intercom","x y"],"connectionCount":0}']
    assert await peer.cli("/print --text hello") == ["hello"]
    assert await peer.cli("/nonsense") == []
    for command in ("/exit", "/get_keys"):
        reply = await peer.agent.ask({"type": "cli", "command": command})
        assert (reply["ok"], reply["output"]) == (False, [])
        assert "--sc-bridge-cli-dangerous" in reply["error"]
