"""The facade: everything a front end may ask of a peer.

The full-screen app, the bridge and the command line use :class:`EngineAPI` and nothing below it. Calls return typed
results or raise :class:`~engine.errors.IntercomError`.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol

from engine.config.sections import Config
from engine.events import Event
from engine.messages import ChannelMessage
from engine.status import EngineStatus
from engine.wire.jsjson import JsonValue

Invite = Mapping[str, JsonValue]
"""A signed invite object (protocol reference 06-sidechannel section 4.2)."""
Welcome = Mapping[str, JsonValue]
"""A signed welcome object (protocol reference 06-sidechannel section 4.3)."""


@dataclass(frozen=True, slots=True)
class Sent:
    """What became of a message of ours."""

    channel: str
    id: str
    seq: int
    ts_ms: int
    peers: int
    """Neighbours it was written to now."""
    queued: int
    """Neighbours it waits for: their channel is still opening, or they cannot take more bytes right now."""
    warning: str | None = None
    """Why receivers may not take it."""


@dataclass(frozen=True, slots=True)
class Joined:
    """A channel was joined."""

    channel: str
    already: bool


@dataclass(frozen=True, slots=True)
class OpenSent:
    """Others were asked to open a channel."""

    channel: str
    via: str
    peers: int


@dataclass(frozen=True, slots=True)
class CommandResult:
    """What one slash or CLI command did (protocol reference 07-sc-bridge section 7)."""

    ok: bool
    output: tuple[str, ...]
    """Console lines in the reference's wording."""
    error: str | None = None
    result: JsonValue = None
    has_result: bool = False


class Subscription(Protocol):
    """A bounded queue of events; iterate it, then close it."""

    def __aiter__(self) -> AsyncIterator[Event]: ...

    def close(self) -> None:
        """Stop receiving."""


class SidechannelAPI(Protocol):
    """Sidechannels (protocol reference 06-sidechannel)."""

    @property
    def entry_channel(self) -> str:
        """The entry channel, always joined."""

    async def join(
        self, channel: str, *, invite: JsonValue = None, welcome: JsonValue = None, flush: bool = True
    ) -> Joined:
        """Join a channel; an invite or welcome that does not verify is not an error by itself.

        Args:
            channel: name; trimmed as JavaScript trims.
            invite: invite object for this peer.
            welcome: welcome object of the owner.
            flush: wait (at most 10 s) until the network knows.

        Raises:
            InvalidChannel: empty name.
            InviteRequired: the channel is protected and no valid invite is known.
            ChannelLimit: too many channels.
        """

    async def leave(self, channel: str) -> bool:
        """Leave a channel; False for the entry channel and channels this peer is not in."""

    async def send(
        self,
        channel: str,
        message: JsonValue,
        *,
        has_message: bool = True,
        invite: JsonValue = None,
        welcome: JsonValue = None,
        label: str | None = None,
    ) -> Sent:
        """Broadcast a message to every authorised neighbour.

        Args:
            channel: name; it is opened, not joined, when this peer is not in it.
            message: any JSON value.
            has_message: False builds a payload without ``message``.
            invite: accepted for this peer first.
            welcome: accepted first.
            label: bridge client that sends, shown beside the message.

        Raises:
            PolicyDenied: one of its subclasses says which rule.
        """

    async def request_open(
        self, channel: str, *, via: str | None = None, invite: JsonValue = None, welcome: JsonValue = None
    ) -> OpenSent:
        """Ask the peers of ``via`` (default: the entry channel) to join ``channel``.

        Raises:
            PolicyDenied: the request cannot be sent.
        """

    def create_invite(
        self, channel: str, invitee: str, *, ttl_s: int | None = None, welcome: JsonValue = None
    ) -> dict[str, JsonValue]:
        """A signed invite for the peer with that public key; embeds the known welcome."""

    def create_welcome(self, channel: str, text: str) -> dict[str, JsonValue]:
        """A signed welcome; stored when this peer is the configured owner."""

    def accept_invite(self, channel: str, invite: JsonValue, welcome: JsonValue = None) -> bool:
        """Verify and remember an invite for this peer; False when it does not verify."""

    def accept_welcome(self, channel: str, welcome: JsonValue) -> bool:
        """Verify and remember the owner's welcome; False when it does not verify."""

    def stored_welcome(self, channel: str) -> JsonValue:
        """The verified welcome object of a channel, or None."""

    def history(self, channel: str, *, before: int | None = None, limit: int = 200) -> Sequence[ChannelMessage]:
        """Stored messages of a channel, oldest first, with ``seq`` below ``before``."""

    def since(self, seq: int, *, limit: int = 1000) -> Sequence[ChannelMessage]:
        """Stored messages of all channels with a greater ``seq``, oldest first."""

    async def answer_open_request(self, request_id: int, *, accept: bool) -> bool:
        """Join the requested channel or forget the request; False when it is gone."""

    def join_command(self, channel: str, invitee: str | None = None) -> str:
        """One copyable command line that joins the channel (with an invite when ``invitee`` is given)."""

    def stats(self) -> dict[str, JsonValue]:
        """``{channels, connectionCount}`` in the reference's words, plus counters."""


class NetworkAPI(Protocol):
    """The DHT node and the swarm."""

    async def reconnect(self) -> None:
        """Forget back-offs, look up every topic again."""


class BridgeAPI(Protocol):
    """SC-Bridge (protocol reference 07-sc-bridge)."""

    async def start(self) -> None:
        """Listen.

        Raises:
            BridgeMisconfigured: no token.
            BindFailed: the port is taken.
        """

    async def stop(self) -> None:
        """Close all clients and the port."""

    def kick(self, label: str) -> bool:
        """Close one client."""


class EngineAPI(Protocol):
    """One peer."""

    @property
    def config(self) -> Config:
        """What the peer was started with."""

    @property
    def status(self) -> EngineStatus:
        """The newest snapshot."""

    @property
    def sidechannel(self) -> SidechannelAPI:
        """Sidechannels."""

    @property
    def network(self) -> NetworkAPI:
        """The network."""

    @property
    def bridge(self) -> BridgeAPI:
        """The bridge."""

    def events(self, *kinds: type[Event], limit: int = 1000) -> Subscription:
        """Subscribe to events; no kinds = all.

        Above ``limit`` waiting events one :class:`~engine.events.Gap` stands for those left out.
        """

    async def execute(self, line: str, *, admin: bool = True, human: bool = True) -> CommandResult:
        """Run one command line such as ``/sc_join --channel "x"``; unknown commands get a suggestion for a human."""

    def info(self) -> dict[str, JsonValue]:
        """The bridge's ``info`` object (protocol reference 07-sc-bridge section 6)."""
