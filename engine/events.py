"""Facts the engine publishes, in the past tense.

Each is one frozen dataclass. Front ends subscribe by class (``engine.events(MessageReceived, ...)``); every subscriber
has its own bounded queue, so a slow one cannot slow the network: when it falls behind, it gets one :class:`Gap`.
"""

from __future__ import annotations

from dataclasses import dataclass

from engine.messages import ChannelMessage
from engine.status import EngineStatus


@dataclass(frozen=True, slots=True)
class Event:
    """Base of all events."""


@dataclass(frozen=True, slots=True)
class StatusChanged(Event):
    """The status snapshot is a new one; only the newest is kept for a slow subscriber."""

    status: EngineStatus


@dataclass(frozen=True, slots=True)
class MessageReceived(Event):
    """A peer's message was delivered."""

    message: ChannelMessage


@dataclass(frozen=True, slots=True)
class MessageSent(Event):
    """A message of this peer went out (to ``message.peers`` neighbours)."""

    message: ChannelMessage


@dataclass(frozen=True, slots=True)
class ChannelJoined(Event):
    """This peer joined a channel."""

    channel: str


@dataclass(frozen=True, slots=True)
class ChannelLeft(Event):
    """This peer left a channel."""

    channel: str


@dataclass(frozen=True, slots=True)
class OpenRequested(Event):
    """A neighbour asks this peer to open a channel; nothing happens until the user agrees."""

    request_id: int
    channel: str
    requester: str
    """Public key hex of the sender as claimed in the request."""
    via: str
    """Channel the request came in on."""


@dataclass(frozen=True, slots=True)
class OpenRequestClosed(Event):
    """An open request was answered, expired or replaced."""

    request_id: int


@dataclass(frozen=True, slots=True)
class WelcomeAccepted(Event):
    """The owner's welcome of a channel verified."""

    channel: str
    text: str


@dataclass(frozen=True, slots=True)
class InviteAccepted(Event):
    """An invite for this peer verified."""

    channel: str
    expires_ms: int


@dataclass(frozen=True, slots=True)
class MessageDropped(Event):
    """A message was refused; counted by reason in the channel's status."""

    channel: str
    reason: str
    peer: str
    """Public key hex of the neighbour that delivered it."""


@dataclass(frozen=True, slots=True)
class PeerConnected(Event):
    """A connection to a peer opened."""

    public_key: str


@dataclass(frozen=True, slots=True)
class PeerDisconnected(Event):
    """The connection to a peer closed."""

    public_key: str
    reason: str


@dataclass(frozen=True, slots=True)
class PlaneFailed(Event):
    """A part of the engine (p2p, bridge) failed; the others run on."""

    plane: str
    error: str
    hint: str


@dataclass(frozen=True, slots=True)
class Gap(Event):
    """The subscriber was too slow: this many events were left out."""

    count: int
