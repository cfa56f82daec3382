"""What sessions ask of the peer without waiting."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

from engine.api import EngineAPI
from engine.clock import Clock
from engine.errors import NotReady
from engine.messages import ChannelMessage
from engine.wire.jsjson import JsonValue


class PeerView(Protocol):
    """The peer as a session sees it."""

    @property
    def ready(self) -> bool:
        """True once sidechannels exist."""

    @property
    def entry_channel(self) -> str | None:
        """The entry channel, None before sidechannels exist."""

    def identity(self) -> tuple[str | None, str | None]:
        """Public key hex and address; None before they are known."""

    def wall_ms(self) -> int:
        """Milliseconds since the Unix epoch."""

    def stats(self) -> dict[str, JsonValue]:
        """``{channels, connectionCount, sidechannelStarted}`` and counters."""

    def info(self) -> dict[str, JsonValue]:
        """Protocol reference: 07-sc-bridge section 6."""

    def since(self, seq: int, limit: int) -> Sequence[ChannelMessage]:
        """Stored messages with a greater ``seq``, oldest first."""


class EngineView:
    """The view of an engine."""

    def __init__(self, engine: EngineAPI, clock: Clock) -> None:
        self._engine = engine
        self._clock = clock
        self._ready = False

    @property
    def ready(self) -> bool:
        """True once sidechannels exist."""
        if not self._ready:
            try:
                self._engine.sidechannel.stored_welcome("")
            except NotReady:
                return False
            self._ready = True
        return True

    @property
    def entry_channel(self) -> str | None:
        """The entry channel, None before sidechannels exist."""
        return self._engine.sidechannel.entry_channel if self.ready else None

    def identity(self) -> tuple[str | None, str | None]:
        """Public key hex and address; None before they are known."""
        identity = self._engine.status.identity
        return (identity.public_key, identity.address) if identity is not None else (None, None)

    def wall_ms(self) -> int:
        """Milliseconds since the Unix epoch."""
        return self._clock.wall_ms()

    def stats(self) -> dict[str, JsonValue]:
        """``{channels, connectionCount, sidechannelStarted}`` and counters."""
        return self._engine.sidechannel.stats()

    def info(self) -> dict[str, JsonValue]:
        """Protocol reference: 07-sc-bridge section 6."""
        return self._engine.info()

    def since(self, seq: int, limit: int) -> Sequence[ChannelMessage]:
        """Stored messages with a greater ``seq``, oldest first."""
        return self._engine.sidechannel.since(seq, limit=limit)
