"""A peer's life as its owner sees it: starting without a network, leaving, coming back, keeping its secrets."""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import signal
import socket
import stat
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest
from websockets.asyncio.client import connect

from engine.config.sections import ENTRY_CHANNEL
from engine.net.dht.config import DhtConfig
from engine.net.dht.node import DhtNode
from engine.net.dht.operations import lookup
from engine.net.dht.testnet import start_bootstrap_network
from engine.net.tasks import TaskScope
from engine.net.udp import OsNetwork
from engine.services.sidechannel.names import topic
from engine.store.keyfile_store import load, load_or_create
from tests.harness.bridge_client import Agent
from tests.harness.processes import TOKEN, PeerProcess, free_port, running_command, running_peer

pytestmark = pytest.mark.e2e
HOST = "127.0.0.1"


def public_flags(home: Path, dht_port: int, bridge_port: int) -> tuple[str, ...]:
    """A peer that uses a bootstrap node it does not start itself."""
    network = ("--dht-bootstrap", f"{HOST}:{dht_port}", "--bind-host", HOST)
    bridge = ("--sc-bridge", "1", "--sc-bridge-port", str(bridge_port), "--sc-bridge-token", TOKEN)
    return ("run", "--home", str(home), *network, *bridge)


@asynccontextmanager
async def agent(port: int, token: str = TOKEN, **options: object) -> AsyncIterator[Agent]:
    """A client of a bridge that may not listen yet."""
    async with asyncio.timeout(30):
        while True:
            try:
                connection = await connect(f"ws://{HOST}:{port}")
            except OSError:
                await asyncio.sleep(0.05)
            else:
                break
    async with connection:
        client = Agent(connection)
        assert (await client.next())["type"] == "hello"
        assert await client.ask({"type": "auth", "token": token}) == {"type": "auth_ok"}
        if options:
            assert (await client.ask({"type": "options", **options}))["type"] == "options_set"
        yield client


async def error_line(process: asyncio.subprocess.Process, words: str) -> str:
    """Wait for a line with these words on standard error."""
    assert process.stderr is not None
    async with asyncio.timeout(30):
        while line := (await process.stderr.readline()).decode():
            if words in line:
                return line
    raise AssertionError(f"the peer ended without saying {words!r}")


@pytest.mark.timeout(120)
async def test_a_peer_that_starts_offline_says_so_and_comes_online_by_itself(tmp_path: Path) -> None:
    dht_port, bridge_port = free_port(socket.SOCK_DGRAM), free_port()
    async with running_command(*public_flags(tmp_path, dht_port, bridge_port)) as process:
        peer = PeerProcess(process, bridge_port)
        await peer.line("Peer pubkey (hex): ")
        assert f"Tried: {HOST}:{dht_port}" in await error_line(process, "offline:")
        async with agent(bridge_port) as client:
            stats = await client.ask({"type": "stats"})
            assert (stats["channels"], stats["sidechannelStarted"]) == ([ENTRY_CHANNEL], False)
            assert (await client.ask({"type": "send", "channel": ENTRY_CHANNEL, "message": "x"}))["type"] == "sent"
        async with running_command("dht", "--port", str(dht_port), "--nodes", "3"):
            await peer.line("Sidechannel: ready")
            assert "online: " in await error_line(process, "online:")
            assert await peer.terminate() == 0


@pytest.mark.timeout(120)
@pytest.mark.parametrize("after_s", [0.0, 0.1, 0.2, 0.4, 0.8, 1.5])
async def test_sigterm_ends_a_peer_that_is_starting_or_offline(tmp_path: Path, after_s: float) -> None:
    async with running_command(*public_flags(tmp_path, free_port(socket.SOCK_DGRAM), free_port())) as process:
        await asyncio.sleep(after_s)
        code = await PeerProcess(process, 0).terminate()
        assert process.stderr is not None
        assert b"Traceback" not in await process.stderr.read()
    assert code in (0, -signal.SIGTERM)  # the latter before the program had a chance to listen for it
    keypair = tmp_path / "stores" / "peer" / "db" / "keypair.json"
    if keypair.exists():
        assert load(keypair) is not None


async def test_ctrl_c_ends_a_peer_in_order_with_the_code_of_an_interruption(tmp_path: Path) -> None:
    async with running_peer(tmp_path, "a", free_port(socket.SOCK_DGRAM)) as peer:
        await peer.line("Sidechannel: ready")
        peer.process.send_signal(signal.SIGINT)
        assert await asyncio.wait_for(peer.process.wait(), 10) == 130
        assert "Traceback" not in await peer.errors()


async def announced(node: DhtNode, name: str) -> set[str]:
    """Keys that announce a channel."""
    found = lookup(node, topic(name))
    await found.finished()
    return {peer.public_key.hex() async for hit in found for peer in hit.peers}


async def test_sigterm_takes_the_announces_back(tmp_path: Path) -> None:
    scope, bridge_port = TaskScope("test"), free_port()
    nodes = await start_bootstrap_network(OsNetwork(), HOST, 0, 3, scope)
    dht_port = nodes[0].server_socket.local_address[1]
    asker = DhtNode(OsNetwork(), DhtConfig(((HOST, dht_port),), host=HOST, port=0), scope)
    await asker.start()
    await asker.fully_bootstrapped()
    try:
        flags = public_flags(tmp_path, dht_port, bridge_port)
        async with running_command(*flags, "--sidechannels", "extra") as process:
            peer = PeerProcess(process, bridge_port)
            key = await peer.line("Peer pubkey (hex): ")
            await peer.line("Sidechannel: ready")
            assert await announced(asker, ENTRY_CHANNEL) == await announced(asker, "extra") == {key}
            assert await peer.terminate() == 0
        assert await announced(asker, ENTRY_CHANNEL) == await announced(asker, "extra") == set()
    finally:
        for node in (asker, *nodes):
            await node.destroy()
        await scope.close()


async def test_a_wrong_password_is_named_and_never_makes_another_identity(tmp_path: Path) -> None:
    keypair = tmp_path / "stores" / "peer" / "db" / "keypair.json"
    wallet = load_or_create(keypair, "pässword".encode())
    before = keypair.read_bytes()
    passwords = tmp_path / "password"
    words = ["run", "--local", "--home", str(tmp_path), "--local-bootstrap-port", str(free_port(socket.SOCK_DGRAM))]
    for given in ([], ["--keypair-password-file", str(passwords)]):
        passwords.write_text("wrong\n")
        async with running_command(*words, *given) as process:
            _, errors = await asyncio.wait_for(process.communicate(), 30)
        assert process.returncode == 1
        assert f"{keypair}: The wallet file" in errors.decode()
        assert "--keypair-password-file" in errors.decode()
        assert keypair.read_bytes() == before
    passwords.write_text("pässword\n")
    async with running_command(*words, "--keypair-password-file", str(passwords)) as process:
        assert await PeerProcess(process, 0).line("Peer pubkey (hex): ") == wallet.public_hex


async def test_a_cursor_survives_a_restart(tmp_path: Path) -> None:
    port = free_port(socket.SOCK_DGRAM)
    async with running_peer(tmp_path, "a", port) as peer, agent(peer.bridge_port, extended=True, echo=True) as client:
        await peer.line("Sidechannel: ready")
        seqs = [
            (await client.ask({"type": "send", "channel": ENTRY_CHANNEL, "message": {"n": number}}))["seq"]
            for number in range(5)
        ]
        assert [(await client.event())["seq"] for _ in seqs] == seqs
        assert await peer.terminate() == 0
    async with running_peer(tmp_path, "a", port) as peer, agent(peer.bridge_port, extended=True, echo=True) as client:
        reply = await client.ask({"type": "subscribe", "channel": ENTRY_CHANNEL, "since": seqs[1], "limit": 2})
        assert (reply["replayed"], reply["cursor"], reply["more"]) == (2, seqs[3], True)
        reply = await client.ask({"type": "since", "cursor": seqs[3]})
        assert (reply["replayed"], reply["cursor"], reply["more"]) == (1, seqs[4], False)
        events = [await client.event() for _ in range(3)]
        assert [(event["seq"], event["message"], event["own"]) for event in events] == [
            (seqs[number], {"n": number}, True) for number in (2, 3, 4)
        ]
        sent = await client.ask({"type": "send", "channel": ENTRY_CHANNEL, "message": "later"})
        assert sent["seq"] > seqs[-1]


def private_tokens(file: str) -> dict[str, str]:
    """Tokens by label from a file that only its owner may read."""
    path = Path(file)
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    return {entry["label"]: entry["token"] for entry in json.loads(path.read_text())["tokens"]}


async def test_neither_output_nor_logs_hold_secrets(tmp_path: Path) -> None:
    home, bridge_port = tmp_path / "home", free_port()
    wallet = load_or_create(home / "stores" / "peer" / "db" / "keypair.json")
    assert wallet.mnemonic is not None
    words = ["run", "--local", "--home", str(home), "--local-bootstrap-port", str(free_port(socket.SOCK_DGRAM))]
    words += ["--log-level", "debug", "--sidechannel-debug", "1", "--sc-bridge-debug", "1", "--sc-bridge-cli", "1"]
    words += ["--sc-bridge", "1", "--sc-bridge-port", str(bridge_port), "--sc-bridge-cli-dangerous", "1"]
    async with running_command(*words) as process:
        peer = PeerProcess(process, bridge_port)
        tokens = private_tokens(await peer.line("SC-Bridge tokens: "))
        await peer.line("Sidechannel: ready")
        async with agent(bridge_port, tokens["admin"]) as client:
            shown = await client.ask({"type": "cli", "command": "/get_keys"})
            assert f"Secret Key:  {wallet.key_pair.secret_key.hex()}" in shown["output"]
            assert (await client.ask({"type": "cli", "command": f"/print --text {wallet.mnemonic}"}))["ok"]
            await client.ask({"type": "nonsense", "token": tokens["agent"]})
            await client.socket.send("{" + tokens["reader"])
            assert (await client.reply())["error"] == "Invalid JSON."
            assert (await client.ask({"type": "cli", "command": "/exit"}))["output"] == ["Exiting..."]
        assert process.stdout is not None
        assert process.stderr is not None
        said = await process.stdout.read() + await process.stderr.read()
        assert await asyncio.wait_for(process.wait(), 10) == 0
    logs = [path for path in home.rglob("*.log*") if path.is_file()]
    assert logs
    text = said.decode() + "".join(path.read_text() for path in logs)
    secret = wallet.key_pair.secret_key
    for hidden in (*tokens.values(), secret.hex(), secret[:32].hex(), wallet.mnemonic):
        assert hidden not in text


async def test_every_file_of_a_peer_is_readable_by_its_owner_only(tmp_path: Path) -> None:
    before = os.umask(0)
    try:
        async with running_peer(tmp_path / "home", "a", free_port(socket.SOCK_DGRAM)) as peer:
            await peer.line("Sidechannel: ready")
            async with agent(peer.bridge_port) as client:
                await client.ask({"type": "send", "channel": ENTRY_CHANNEL, "message": "x"})
            open_to_others = {str(path): path.stat().st_mode & 0o777 for path in loose(tmp_path / "home")}
    finally:
        os.umask(before)
    assert open_to_others == {}


def loose(home: Path) -> list[Path]:
    """Files and store directories that others could read."""
    found = [path for path in home.rglob("*") if path.is_file() or path.is_relative_to(home / "stores" / "a")]
    assert len(found) > 4
    return [path for path in found if path.stat().st_mode & 0o077]


async def test_a_peer_goes_on_when_nobody_reads_its_output(tmp_path: Path) -> None:
    async with running_peer(tmp_path, "a", free_port(socket.SOCK_DGRAM)) as peer:
        await peer.line("Peer pubkey (hex): ")
        assert peer.process.stdout is not None
        transport = peer.process._transport.get_pipe_transport(1)  # type: ignore[attr-defined]
        transport.close()
        async with agent(peer.bridge_port) as client:
            for _ in range(3):
                assert (await client.ask({"type": "ping"}))["type"] == "pong"
                await asyncio.sleep(0.2)
        with contextlib.suppress(ProcessLookupError):
            peer.process.send_signal(signal.SIGTERM)
        assert await asyncio.wait_for(peer.process.wait(), 10) == 0
