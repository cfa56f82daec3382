"""What a user or an agent sees of one sidechannel message."""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum

from engine.wire.jsjson import JsonValue


class Trust(Enum):
    """What the signature of a message proves."""

    VERIFIED = "verified"
    """``sig`` verifies with ``from`` for the channel the message arrived on."""
    UNSIGNED = "unsigned"
    """There is no signature; ``from`` is only a claim."""
    OWN = "own"
    """Sent by this peer."""


@dataclass(frozen=True, slots=True)
class ChannelMessage:
    """One delivered message, own or received."""

    seq: int
    """Cursor: grows with every stored message of this peer, across restarts."""
    channel: str
    """Channel it arrived on."""
    id: str | None
    """Identifier given by the sender, as text."""
    sender: str | None
    """``from``: public key hex as claimed; see :attr:`trust`."""
    origin: str | None
    """First sender, kept by relays."""
    message: JsonValue
    """The application's value; the whole payload where it has none."""
    ts_ms: int
    """Sender's clock, milliseconds since the epoch (our clock where the payload has none)."""
    received_ms: int
    """Our clock at arrival, milliseconds since the epoch."""
    ttl: float | None
    """Hops left."""
    relayed_by: str | None
    """Public key hex of the last relay; None when it came straight from the sender."""
    signature: str | None
    """``sig`` as received."""
    trust: Trust
    """What the signature proves."""
    late: bool = False
    """True when the sender's clock differs from ours by more than the live window."""
    label: str | None = None
    """For own messages: the bridge client that sent it; None for the person at the screen."""
    peers: int = 0
    """For own messages: neighbours it was written to."""

    @property
    def own(self) -> bool:
        """True for messages of this peer."""
        return self.trust is Trust.OWN
