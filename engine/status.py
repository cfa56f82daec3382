"""One frozen snapshot of everything a front end may show. It holds no secrets, ever."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import Enum
from types import MappingProxyType

_NOTHING: Mapping[str, int] = MappingProxyType({})


class ChannelKind(Enum):
    """Who may read and write in a channel."""

    ENTRY = "entry"
    PUBLIC = "public"
    INVITE = "invite"
    OWNER = "owner"


class StepState(Enum):
    """State of one start-up step."""

    WAITING = "waiting"
    RUNNING = "running"
    DONE = "done"
    FAILED = "failed"


@dataclass(frozen=True, slots=True)
class StartupStep:
    """One thing that happens at start, with its deadline and retries made visible."""

    name: str
    state: StepState
    since_s: float
    """Monotonic time of the last change, seconds."""
    attempt: int = 1
    detail: str = ""
    """What it waits for or why it failed."""


@dataclass(frozen=True, slots=True)
class Identity:
    """Who this peer is."""

    public_key: str
    address: str
    store_name: str


@dataclass(frozen=True, slots=True)
class P2pOffline:
    """The network is not running, or no DHT node answers."""

    reason: str
    retry_in_s: float | None = None


@dataclass(frozen=True, slots=True)
class P2pBootstrapping:
    """The DHT is being joined."""

    since_s: float
    nodes: int


@dataclass(frozen=True, slots=True)
class P2pOnline:
    """DHT nodes answer."""

    nodes: int
    host: str | None
    """Our public address as other nodes see it."""
    port: int
    firewalled: bool
    nat: str
    """open, consistent, random or unknown."""


P2pStatus = P2pOffline | P2pBootstrapping | P2pOnline


@dataclass(frozen=True, slots=True)
class BridgeOff:
    """The bridge is not enabled."""


@dataclass(frozen=True, slots=True)
class BridgeListening:
    """Agents can connect."""

    host: str
    port: int
    clients: tuple[BridgeClient, ...] = ()


@dataclass(frozen=True, slots=True)
class BridgeFailed:
    """The bridge could not start."""

    reason: str
    hint: str


@dataclass(frozen=True, slots=True)
class BridgeClient:
    """One agent on the bridge."""

    label: str
    since_ms: int
    authenticated: bool
    scopes: tuple[str, ...]
    subscriptions: tuple[str, ...]
    last_request: str
    queued: int


BridgeStatus = BridgeOff | BridgeListening | BridgeFailed


@dataclass(frozen=True, slots=True)
class PeerStatus:
    """One connected peer."""

    public_key: str
    address: str
    initiator: bool
    """True when this peer dialled."""
    rtt_ms: float | None
    bytes_in: int
    bytes_out: int
    connected_ms: int
    channels: tuple[str, ...]
    """Sidechannels open on both ends."""
    strikes: int = 0
    blocked_until_ms: int | None = None


@dataclass(frozen=True, slots=True)
class ChannelStatus:
    """One channel this peer is in."""

    name: str
    kind: ChannelKind
    joined: bool
    """False: only used by ``send``; its topic is not joined."""
    owner: str | None
    welcome_required: bool
    welcomed: bool
    welcome_text: str | None
    can_write: bool
    blocked_reason: str | None
    """Why this peer cannot write, in one sentence."""
    peers: int
    """Neighbours that have the channel open and may read it."""
    pow_bits: int
    """Proof of work this peer asks of others; 0 = none."""
    ttl: int
    accepted: int
    sent: int
    relayed: int
    drops: Mapping[str, int] = field(default_factory=lambda: _NOTHING)
    """Refused messages by reason."""
    last_seq: int = 0


@dataclass(frozen=True, slots=True)
class OpenRequest:
    """A neighbour's wish that this peer opens a channel."""

    request_id: int
    channel: str
    requester: str
    via: str
    received_ms: int


@dataclass(frozen=True, slots=True)
class EngineStatus:
    """Everything a front end may show, at one instant."""

    identity: Identity | None
    p2p: P2pStatus
    bridge: BridgeStatus
    startup: tuple[StartupStep, ...] = ()
    peers: tuple[PeerStatus, ...] = ()
    channels: tuple[ChannelStatus, ...] = ()
    open_requests: tuple[OpenRequest, ...] = ()
    drops: Mapping[str, int] = field(default_factory=lambda: _NOTHING)
    """Refused network input outside channels, by layer and reason (``dht.bad_token``)."""

    def channel(self, name: str) -> ChannelStatus | None:
        """The channel of that name, if this peer is in it."""
        return next((channel for channel in self.channels if channel.name == name), None)
