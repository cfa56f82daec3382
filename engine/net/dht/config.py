"""Configuration and visible state of a DHT node."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from engine.wire.compact import Address

Phase = Literal["binding", "bootstrapping", "online", "offline"]
"""What a node is doing: opening its sockets, asking bootstrap nodes, working, or cut off and retrying."""


@dataclass(frozen=True)
class DhtConfig:
    """How a node takes part in the network.

    Protocol reference: 02-hyperdht section 9.
    """

    bootstrap: tuple[Address | str, ...]
    """Where to join: addresses, ``host:port`` or ``ip@hostname:port``. Empty: the first node of a network."""
    host: str = "0.0.0.0"
    """IPv4 address both sockets bind to."""
    port: int = 49737
    """First port of the server socket; the four ports after it are tried too. 0 means any port."""
    any_port: bool = True
    """Fall back to any free port when none of the configured ones is free."""
    ephemeral: bool | None = None
    """False: persistent as soon as possible. True: never. None: persistent after 20 stable minutes."""
    firewalled: bool | None = None
    """False: known to be reachable. None: assume a firewall until the check passed."""
    quick_firewall: bool = True
    """Try one PING_NAT while bootstrapping and check the firewall at once when it is answered."""
    public_address: Address | None = None
    """Address a bootstrap node is known under; it cannot learn it from others."""
    reply_bytes_per_s: int = 128 * 1024
    """Bytes of replies per second that one source host gets before it proved its address with a token."""
    reply_burst_bytes: int = 1024 * 1024
    """Bytes of replies that one source host may get at once."""


@dataclass(frozen=True)
class NodeState:
    """Snapshot of what a node is doing, for status lines and ``doctor``."""

    phase: Phase
    """Current step."""
    since: float
    """When the step began, in seconds of the event loop's clock."""
    nodes: int
    """Entries in the routing table."""
    answered: int
    """Nodes that answered in the last bootstrap attempt."""
    last_error: str | None
    """Why the last attempt failed; None after a success."""
