"""Commands about the peer itself (protocol reference: 15-terminal-commands sections 3 to 6)."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from engine.api import CommandResult
from engine.commands.command import Call, Command, Match, Role, lines
from engine.status import PeerStatus
from engine.wire.hexkeys import short_key

SYSTEM: Final = "System Commands"
NO_HOST: Final = CommandResult(ok=False, output=(), error="This is not possible here.")


async def _stats(call: Call) -> CommandResult:
    status = call.engine.status
    stats = call.engine.sidechannel.stats()
    names = stats.get("channels")
    shown = [
        "--- Stats ---",
        f"wallet.address: {status.identity.public_key if status.identity is not None else 'unset'}",
        f"swarm.connections.size: {len(status.peers)}",
        f"sidechannels: {', '.join(map(str, names)) if isinstance(names, list) else ''}",
    ]
    for channel in status.channels:
        dropped = sum(channel.drops.values())
        counts = f"{channel.accepted} received, {channel.sent} sent, {channel.relayed} relayed, {dropped} refused"
        shown.append(f"{channel.name}: {channel.peers} peers, {counts}")
    return lines(*shown)


async def _get_keys(call: Call) -> CommandResult:
    if call.host is None:
        return NO_HOST
    keys = call.host.reveal_keys()
    return lines(f"Address:  {keys.address}", f"Public Key:  {keys.public_key}", f"Secret Key:  {keys.secret_key}")


async def _exit(call: Call) -> CommandResult:
    if call.host is None:
        return NO_HOST
    call.host.request_exit()
    return lines("Exiting...")


async def _print(call: Call) -> CommandResult:
    return lines(call.arguments.get("text", ""))


async def _peers(call: Call) -> CommandResult:
    peers = call.engine.status.peers
    return lines(*_peer_lines(peers)) if peers else lines("No peer is connected.")


def _peer_lines(peers: Sequence[PeerStatus]) -> list[str]:
    shown: list[str] = []
    for peer in peers:
        rtt = f"{peer.rtt_ms:.0f} ms" if peer.rtt_ms is not None else "-"
        channels = ", ".join(peer.channels) or "no channel in common"
        shown.append(f"{short_key(peer.public_key)}  {peer.address}  {rtt}  {channels}")
    return shown


async def _reconnect(call: Call) -> CommandResult:
    await call.engine.network.reconnect()
    return lines("Looking up every channel again.")


STATS: Final = Command(
    name="system.stats",
    slash="/stats",
    title="system: statistics",
    help="Show this peer's key, connections and channels.",
    group=SYSTEM,
    handler=_stats,
    match=Match.EXACT,
)
GET_KEYS: Final = Command(
    name="system.get_keys",
    slash="/get_keys",
    title="system: show secret keys",
    help="Print the keys of this peer. Whoever has the secret key is this peer.",
    group=SYSTEM,
    handler=_get_keys,
    match=Match.EXACT,
    role=Role.OPERATOR,
)
EXIT: Final = Command(
    name="system.exit",
    slash="/exit",
    title="system: exit",
    help="Stop the peer and end the program.",
    group=SYSTEM,
    handler=_exit,
    match=Match.EXACT,
    shorts=("/quit",),
    role=Role.OPERATOR,
)
PRINT: Final = Command(
    name="system.print",
    slash="/print",
    title="system: print",
    help="Print a text.",
    group="Sample Commands",
    handler=_print,
    usage='--text "<text>"',
)
PEERS: Final = Command(
    name="network.peers",
    slash="/peers",
    title="network: peers",
    help="List connected peers.",
    group=SYSTEM,
    handler=_peers,
    match=Match.WORD,
    shorts=("/peers",),
)
RECONNECT: Final = Command(
    name="network.reconnect",
    slash="/reconnect",
    title="network: reconnect",
    help="Forget back-offs and look up every channel again.",
    group=SYSTEM,
    handler=_reconnect,
    match=Match.WORD,
    shorts=("/reconnect",),
)
