"""Bookkeeping of one multiplexed connection: limits, names, the peer's numbers.

Protocol reference: 04-protomux section 3.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass, field

from engine.proto.mux.channel import Channel

Name = tuple[str, bytes]
"""Protocol and id, an absent id being empty."""

QUEUED_OVERHEAD_BYTES = 512
"""What a queued message counts on top of its length."""


@dataclass(frozen=True, slots=True)
class MuxLimits:
    """Bounds of one connection."""

    channels: int = 4096
    """Highest channel number of the peer, so also how many channels it can have at once."""

    pending_opens: int = 1024
    """Opens of the peer that wait for a pair callback to decide."""

    pause_bytes: int = 32_768
    """Above this many queued bytes the stream should not be read."""

    queued_bytes: int = 1_048_576
    """Queued bytes that end the connection; a peer gets there only by ignoring the pause or with one huge batch."""

    batch_depth: int = 4
    """Batches inside batches."""


@dataclass(slots=True)
class NameState:
    """What happens under one name."""

    names: list[Name]
    """The name and its aliases."""

    opened: int = 0
    """Channels of ours that are open or opening."""

    pairing: int = 0
    """Decisions of pair callbacks that are not final yet."""

    incoming: deque[int] = field(default_factory=deque)
    """Numbers of the peer that wait for us to open."""

    outgoing: deque[int] = field(default_factory=deque)
    """Our numbers that wait for the peer's answer."""

    @property
    def unused(self) -> bool:
        """True if nothing would be lost by forgetting this state."""
        return not (self.opened or self.outgoing or self.incoming or self.pairing)


class NameTable:
    """The states of all names in use."""

    def __init__(self) -> None:
        self._states: dict[Name, NameState] = {}

    def get(self, protocol: str, id: bytes | None) -> NameState | None:
        """The state of a name, if it has one."""
        return self._states.get((protocol, id or b""))

    def ensure(self, protocol: str, id: bytes | None, aliases: Sequence[str] = ()) -> NameState:
        """The state of a name; a new one is found under the aliases, too."""
        state = self._states.get((protocol, id or b""))
        if state is None:
            state = NameState([(name, id or b"") for name in (protocol, *aliases)])
            for each in state.names:
                self._states[each] = state
        return state

    def waiting(self, number: int) -> NameState | None:
        """The state in which our *number* waits for the peer's answer."""
        return next((state for state in self._states.values() if number in state.outgoing), None)

    def collect(self, state: NameState) -> None:
        """Forget *state* if it is unused."""
        if state.unused:
            for name in state.names:
                if self._states.get(name) is state:
                    del self._states[name]

    def __len__(self) -> int:
        return len(self._states)


@dataclass(slots=True)
class RemoteChannel:
    """What a number of the peer stands for: a channel, or an open with the messages queued behind it."""

    handshake: bytes
    """Bytes behind the peer's open, until they were reported."""

    channel: Channel | None = None
    """Ours, once it was matched."""

    queued: list[tuple[int, bytes]] | None = None
    """Messages (type, payload) that arrived before we opened, None once open."""

    @property
    def queued_bytes(self) -> int:
        """What the queued messages count."""
        return sum(len(payload) + QUEUED_OVERHEAD_BYTES for _, payload in self.queued or ())


@dataclass(slots=True)
class Pairing:
    """One call of a pair callback."""

    state: NameState
    holds: int = 0
    """Postponed decisions."""
