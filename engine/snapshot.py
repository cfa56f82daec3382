"""Building the status snapshot from the parts of a running engine."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

from engine.clock import Clock
from engine.net.connection import PeerConnection
from engine.net.dht.config import NodeState
from engine.net.dht.node import DhtNode
from engine.status import P2pBootstrapping, P2pOffline, P2pOnline, P2pStatus, PeerStatus

if TYPE_CHECKING:
    from engine.services.sidechannel.service import SidechannelService


def p2p_status(node: DhtNode | None, failure: str) -> P2pStatus:
    """What the network is doing.

    Args:
        node: the DHT node, None before it exists.
        failure: why there is none, if it failed.
    """
    if node is None:
        return P2pOffline(failure or "starting")
    state: NodeState = node.state
    if state.phase == "online":
        return P2pOnline(len(node.table), node.host, node.port, node.firewalled, _nat(node))
    if state.phase == "offline":
        return P2pOffline(state.last_error or "no DHT node answers")
    return P2pBootstrapping(state.since, state.nodes)


def _nat(node: DhtNode) -> str:
    if not node.firewalled:
        return "open"
    if node.host is None:
        return "unknown"
    return "consistent" if node.port else "random"


def peer_status(connection: PeerConnection, service: SidechannelService | None, clock: Clock) -> PeerStatus:
    """One connected peer as a front end shows it."""
    key = connection.remote_public_key
    strikes, blocked_until_ms = service.peer_limits(key) if service is not None else (0, None)
    address = connection.remote_address
    age_ms = int((clock.monotonic() - connection.opened_at) * 1000)
    return PeerStatus(
        public_key=key.hex(),
        address=f"{address[0]}:{address[1]}" if address is not None else "",
        initiator=connection.is_initiator,
        rtt_ms=None if connection.rtt_s is None else connection.rtt_s * 1000,
        bytes_in=connection.bytes_in,
        bytes_out=connection.bytes_out,
        connected_ms=clock.wall_ms() - age_ms,
        channels=service.peer_channels(key) if service is not None else (),
        strikes=strikes,
        blocked_until_ms=blocked_until_ms,
    )


def layered_drops(layers: Mapping[str, Mapping[str, int]]) -> dict[str, int]:
    """``{"dht": {"bad_token": 2}}`` as ``{"dht.bad_token": 2}``."""
    return {f"{layer}.{reason}": count for layer, drops in layers.items() for reason, count in drops.items()}
