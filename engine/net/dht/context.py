"""What all connection attempts and servers of one node share."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass

from engine.net.dht.local_addresses import LocalAddresses
from engine.net.dht.node import DhtNode
from engine.net.dht.punch_sockets import PunchSockets
from engine.net.tasks import TaskScope
from engine.proto.dht.holepunch import RandomPunchBudget


@dataclass(frozen=True, slots=True)
class ConnectOptions:
    """Which routes the dials and servers of a node use."""

    local_connection: bool = True
    """Offer and try interface addresses in the local network."""
    fast_open: bool = True
    """Open a mapping to the server before it agreed to punch."""
    holepunch: bool = True
    """Offer holepunching as a server."""


@dataclass(frozen=True, slots=True)
class PeerContext:
    """The shared parts."""

    node: DhtNode
    """Sends requests and owns the streams."""
    sockets: PunchSockets
    """Extra sockets."""
    local_addresses: LocalAddresses
    """Interface addresses that work."""
    budget: RandomPunchBudget
    """Limits random punching schedules."""
    scope: TaskScope
    """Owner of all tasks."""
    options: ConnectOptions
    """Which routes to use."""
    random_bytes: Callable[[int], bytes]
    """Entropy."""
    counts: Counter[str]
    """Connections by route, punching attempts by method."""
