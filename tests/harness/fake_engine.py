"""A peer in memory: the whole facade without network, store or cryptography.

Peers of one :class:`FakeNetwork` hear each other at once. Everything is deterministic: keys come from names, ids and
times count up.
"""

from __future__ import annotations

import dataclasses
import hashlib
from collections.abc import Sequence

from engine.api import BridgeAPI, CommandResult, Joined, OpenSent, Sent
from engine.commands.command import CommandHost, KeyText
from engine.commands.registry import execute
from engine.config.sections import ENTRY_CHANNEL, Config
from engine.errors import InvalidChannel, InviteRequired, MessageTooLarge, NetworkError, NotReady, PolicyDenied
from engine.event_bus import EventBus, EventSubscription
from engine.events import ChannelJoined, ChannelLeft, Event, MessageReceived, MessageSent
from engine.messages import ChannelMessage, Trust
from engine.status import BridgeOff, ChannelKind, ChannelStatus, EngineStatus, Identity, P2pOnline, PeerStatus
from engine.wire.jsjson import JsonValue, stringify
from engine.wire.jstext import js_trim

START_MS = 1_700_000_000_000


class FakeNetwork:
    """Peers that hear each other."""

    def __init__(self) -> None:
        self.peers: list[FakeEngine] = []

    def others(self, peer: FakeEngine, channel: str) -> list[FakeEngine]:
        """The other peers with that channel open."""
        return [other for other in self.peers if other is not peer and channel in other.sidechannel.channels]


class FakeSidechannel:
    """Sidechannels of a fake peer."""

    def __init__(self, engine: FakeEngine) -> None:
        self._engine = engine
        self.channels: dict[str, bool] = {ENTRY_CHANNEL: True}
        """Open channels; True = joined."""
        self.ready = True
        self.denied: dict[str, PolicyDenied] = {}
        """What :meth:`join`, :meth:`send` and :meth:`request_open` raise for a channel."""
        self.protected: set[str] = set()
        """Channels that need an invite."""
        self.invited: set[str] = set()
        self.welcomes: dict[str, JsonValue] = {}
        self.opens: list[tuple[str, str | None, JsonValue, JsonValue]] = []
        """Arguments of :meth:`request_open`."""
        self.sent: list[dict[str, JsonValue]] = []
        """Arguments of :meth:`send`."""
        self.stored: list[ChannelMessage] = []

    @property
    def entry_channel(self) -> str:
        """The entry channel."""
        return ENTRY_CHANNEL

    async def join(
        self, channel: str, *, invite: JsonValue = None, welcome: JsonValue = None, flush: bool = True
    ) -> Joined:
        """Join at once."""
        name = self._allowed(channel, invite, welcome)
        already = self.channels.get(name, False)
        self.channels[name] = True
        self._engine.publish(ChannelJoined(name))
        return Joined(name, already)

    async def leave(self, channel: str) -> bool:
        """Leave at once."""
        name = js_trim(channel)
        if name == ENTRY_CHANNEL or self.channels.pop(name, None) is None:
            return False
        self._engine.publish(ChannelLeft(name))
        return True

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
        """Deliver to every other peer with the channel open."""
        name = self._allowed(channel, invite, welcome)
        if len(stringify(message).encode()) + 300 > self._engine.config.sidechannel.max_bytes:
            raise MessageTooLarge
        self.channels.setdefault(name, False)
        self.sent.append(
            {"channel": name, "message": message, "has": has_message, "invite": invite, "welcome": welcome}
        )
        others = self._engine.net.others(self._engine, name)
        own = self._engine.message(name, message, trust=Trust.OWN, label=label, peers=len(others))
        if not has_message or message is None:
            payload: JsonValue = {"type": "sidechannel", "id": own.id, "channel": name, "from": own.sender}
            own = dataclasses.replace(own, message=payload)
        self.stored.append(own)
        self._engine.publish(MessageSent(own))
        for other in others:
            other.hear(own)
        return Sent(name, own.id or "", own.seq, own.ts_ms, len(others), 0)

    async def request_open(
        self, channel: str, *, via: str | None = None, invite: JsonValue = None, welcome: JsonValue = None
    ) -> OpenSent:
        """Remember the request."""
        name = self._allowed(channel, None, None)
        where = self._allowed(via, None, None) if via is not None else ENTRY_CHANNEL
        self.channels.setdefault(where, False)
        self.opens.append((name, via, invite, welcome))
        return OpenSent(name, where, len(self._engine.net.others(self._engine, where)))

    def create_invite(
        self, channel: str, invitee: str, *, ttl_s: int | None = None, welcome: JsonValue = None
    ) -> dict[str, JsonValue]:
        """An invite with a made-up signature."""
        self._must_be_ready()
        now = self._engine.wall_ms()
        ttl = ttl_s if ttl_s is not None else self._engine.config.sidechannel.invite_ttl
        identity = self._engine.identity
        payload: JsonValue = {
            "channel": channel,
            "inviteePubKey": invitee,
            "inviterPubKey": identity.public_key,
            "inviterAddress": identity.address,
            "issuedAt": now,
            "expiresAt": now + ttl * 1000,
            "nonce": "nonce",
            "version": 1,
        }
        invite: dict[str, JsonValue] = {"payload": payload, "sig": "ab" * 64}
        known = welcome if welcome is not None else self.welcomes.get(channel)
        return invite if known is None else {**invite, "welcome": known}

    def create_welcome(self, channel: str, text: str) -> dict[str, JsonValue]:
        """A welcome with a made-up signature; stored."""
        self._must_be_ready()
        payload: JsonValue = {
            "channel": channel,
            "ownerPubKey": self._engine.identity.public_key,
            "text": text,
            "issuedAt": self._engine.wall_ms(),
            "version": 1,
        }
        welcome: dict[str, JsonValue] = {"payload": payload, "sig": "cd" * 64}
        self.welcomes[channel] = welcome
        return welcome

    def accept_invite(self, channel: str, invite: JsonValue, welcome: JsonValue = None) -> bool:
        """Any object is valid."""
        self.invited.add(channel)
        return True

    def accept_welcome(self, channel: str, welcome: JsonValue) -> bool:
        """Any object is valid."""
        self.welcomes[channel] = welcome
        return True

    def stored_welcome(self, channel: str) -> JsonValue:
        """The known welcome."""
        self._must_be_ready()
        return self.welcomes.get(channel)

    def history(self, channel: str, *, before: int | None = None, limit: int = 200) -> Sequence[ChannelMessage]:
        """Messages of one channel."""
        found = [m for m in self.stored if m.channel == channel and (before is None or m.seq < before)]
        return found[-limit:]

    def since(self, seq: int, *, limit: int = 1000) -> Sequence[ChannelMessage]:
        """Messages after a cursor."""
        return [message for message in self.stored if message.seq > seq][:limit]

    async def answer_open_request(self, request_id: int, *, accept: bool) -> bool:
        """There are none."""
        return False

    def join_command(self, channel: str, invitee: str | None = None) -> str:
        """A line to copy."""
        return f"intercom-tui --sidechannels {channel}"

    def stats(self) -> dict[str, JsonValue]:
        """The reference's members and one counter."""
        connections = len(self._engine.net.peers) - 1
        return {
            "channels": list(self.channels) if self.ready else [],
            "connectionCount": connections,
            "sidechannelStarted": self.ready,
            "accepted": len(self.stored),
        }

    def _must_be_ready(self) -> None:
        if not self.ready:
            raise NotReady

    def _allowed(self, channel: str, invite: JsonValue, welcome: JsonValue) -> str:
        self._must_be_ready()
        name = js_trim(channel)
        if not name:
            raise InvalidChannel
        if name in self.denied:
            raise self.denied[name]
        if isinstance(invite, dict) and "payload" in invite:
            self.invited.add(name)
        if isinstance(welcome, dict):
            self.welcomes[name] = welcome
        if name in self.protected and name not in self.invited:
            raise InviteRequired
        return name


class FakeNetworkCalls:
    """The network facade of a fake peer."""

    def __init__(self) -> None:
        self.reconnects = 0

    async def reconnect(self) -> None:
        """Count."""
        self.reconnects += 1


class FakeHost:
    """A process whose end is only noted."""

    def __init__(self) -> None:
        self.exits = 0

    def request_exit(self) -> None:
        """Note it."""
        self.exits += 1

    def reveal_keys(self) -> KeyText:
        """Made-up keys."""
        return KeyText("trac1fake", "aa" * 32, "bb" * 64)


class FakeEngine:
    """A peer in memory.

    Args:
        name: its key is made from it.
        net: who it hears; alone without one.
        config: settings.
    """

    def __init__(self, name: str = "alice", net: FakeNetwork | None = None, config: Config | None = None) -> None:
        self.net = net if net is not None else FakeNetwork()
        self.net.peers.append(self)
        self._config = config if config is not None else Config()
        key = hashlib.sha256(name.encode()).hexdigest()
        self.identity = Identity(key, f"trac1{name}", name)
        self.bus = EventBus()
        self.host: CommandHost = FakeHost()
        self._sidechannel = FakeSidechannel(self)
        self._network = FakeNetworkCalls()
        self._seq = 0
        for channel in self._config.sidechannel.channels:
            self._sidechannel.channels[channel] = True

    @property
    def config(self) -> Config:
        """Settings."""
        return self._config

    @property
    def sidechannel(self) -> FakeSidechannel:
        """Sidechannels."""
        return self._sidechannel

    @property
    def network(self) -> FakeNetworkCalls:
        """The network."""
        return self._network

    @property
    def bridge(self) -> BridgeAPI:
        """There is none."""
        raise NetworkError("SC-Bridge is off.")

    @property
    def status(self) -> EngineStatus:
        """A snapshot."""
        others = [peer for peer in self.net.peers if peer is not self]
        return EngineStatus(
            identity=self.identity if self._sidechannel.ready else None,
            p2p=P2pOnline(1, "127.0.0.1", 49737, firewalled=False, nat="open"),
            bridge=BridgeOff(),
            peers=tuple(self._peer(other) for other in others),
            channels=tuple(self._channel(name) for name in self._sidechannel.channels),
        )

    def events(self, *kinds: type[Event], limit: int = 1000) -> EventSubscription:
        """Subscribe."""
        return self.bus.subscribe(*kinds, limit=limit)

    async def execute(self, line: str, *, admin: bool = True, human: bool = True) -> CommandResult:
        """Run a command line."""
        return await execute(self, line, admin=admin, human=human, host=self.host)

    def info(self) -> dict[str, JsonValue]:
        """Fixed information."""
        return {
            "msbBootstrap": None,
            "msbChannel": None,
            "msbStore": "stores/a-msb",
            "msbDhtBootstrap": None,
            "peerStore": "stores/a",
            "peerDhtBootstrap": ["127.0.0.1:50150"],
            "subnetBootstrap": None,
            "subnetChannel": "trac-peer-subnet",
            "peerPubkey": self.identity.public_key,
            "peerTracAddress": self.identity.address,
            "peerWriterKey": None,
            "sidechannelEntry": ENTRY_CHANNEL,
            "sidechannelExtras": list(self._config.sidechannel.channels),
        }

    def publish(self, event: Event) -> None:
        """Publish an event."""
        self.bus.publish(event)

    def wall_ms(self) -> int:
        """A time that grows with every message."""
        return START_MS + self._seq

    def message(
        self,
        channel: str,
        value: JsonValue,
        *,
        trust: Trust = Trust.VERIFIED,
        label: str | None = None,
        peers: int = 0,
        sender: str | None = None,
        ts_ms: int | None = None,
    ) -> ChannelMessage:
        """A message with the next cursor."""
        self._seq += 1
        key = sender if sender is not None else self.identity.public_key
        now = self.wall_ms()
        return ChannelMessage(
            seq=self._seq,
            channel=channel,
            id=f"{key}:{now}:{self._seq:08d}",
            sender=key,
            origin=key,
            message=value,
            ts_ms=ts_ms if ts_ms is not None else now,
            received_ms=now,
            ttl=3,
            relayed_by=None,
            signature="ee" * 64,
            trust=trust,
            label=label,
            peers=peers,
        )

    def receive(self, channel: str, value: JsonValue) -> ChannelMessage:
        """A message of some peer arrives."""
        return self._deliver(self.message(channel, value, sender="cc" * 32))

    def hear(self, sent: ChannelMessage) -> None:
        """A message of another peer arrives; controls between peers are not delivered."""
        if isinstance(sent.message, dict) and sent.message.get("control") in ("auth", "welcome", "open_channel"):
            return
        own = self.message(sent.channel, sent.message, sender=sent.sender, ts_ms=sent.ts_ms)
        self._deliver(dataclasses.replace(own, id=sent.id))

    def _deliver(self, message: ChannelMessage) -> ChannelMessage:
        self._sidechannel.stored.append(message)
        self.publish(MessageReceived(message))
        return message

    def _peer(self, other: FakeEngine) -> PeerStatus:
        common = tuple(name for name in self._sidechannel.channels if name in other.sidechannel.channels)
        key = other.identity.public_key
        return PeerStatus(key, "127.0.0.1:50000", True, 1.5, 10, 20, START_MS, common)

    def _channel(self, name: str) -> ChannelStatus:
        stored = [message for message in self._sidechannel.stored if message.channel == name]
        own = sum(message.own for message in stored)
        return ChannelStatus(
            name=name,
            kind=ChannelKind.ENTRY if name == ENTRY_CHANNEL else ChannelKind.PUBLIC,
            joined=self._sidechannel.channels[name],
            owner=None,
            welcome_required=False,
            welcomed=True,
            welcome_text=None,
            can_write=True,
            blocked_reason=None,
            peers=len(self.net.others(self, name)),
            pow_bits=0,
            ttl=3,
            accepted=len(stored) - own,
            sent=own,
            relayed=0,
            last_seq=stored[-1].seq if stored else 0,
        )
