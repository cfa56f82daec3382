"""Scripted sidechannels: rooms, stored messages, policies that answer as the real ones."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Sequence
from typing import TYPE_CHECKING

from engine.api import Joined, OpenSent, Sent
from engine.config.sections import ENTRY_CHANNEL
from engine.errors import InvalidChannel, MessageTooLarge, OwnerOnly, WelcomeRequired
from engine.events import (
    ChannelJoined,
    ChannelLeft,
    InviteAccepted,
    MessageDropped,
    MessageReceived,
    MessageSent,
    OpenRequestClosed,
    WelcomeAccepted,
)
from engine.messages import ChannelMessage, Trust
from engine.status import ChannelKind, ChannelStatus
from engine.wire.jsjson import JsonValue
from intercom_tui.demo import script

if TYPE_CHECKING:
    from intercom_tui.demo.engine import DemoEngine

WORK_S = 0.02
"""Pretended proof of work."""
MAX_BYTES = 256_000


class DemoSidechannel:
    """Implements :class:`~engine.api.SidechannelAPI` in memory."""

    def __init__(self, engine: DemoEngine) -> None:
        self._engine = engine
        self._messages: dict[str, list[ChannelMessage]] = {}
        self._seq = 0
        self._rooms: dict[str, script.Room] = {}
        self._accepted: Counter[str] = Counter()
        self._sent: Counter[str] = Counter()
        self._drops: dict[str, Counter[str]] = {}
        self.welcomes: dict[str, JsonValue] = {}
        self.open_asked: list[tuple[str, str]] = []

    @property
    def entry_channel(self) -> str:
        """The entry channel, always joined."""
        return ENTRY_CHANNEL

    # -- what the script and tests do ------------------------------------------------------------------------------

    def add_room(self, room: script.Room) -> None:
        """Be in a channel."""
        self._rooms[room.name] = room
        self._drops.setdefault(room.name, Counter()).update(room.drops or {})

    def deliver(
        self,
        channel: str,
        sender: str,
        value: JsonValue,
        *,
        ts_ms: int | None = None,
        trust: Trust = Trust.VERIFIED,
        relayed_by: str | None = None,
        ttl: float | None = 3,
        label: str | None = None,
        peers: int = 0,
        late: bool = False,
        publish: bool = True,
    ) -> ChannelMessage:
        """Store a message as if it had arrived, and tell subscribers."""
        self._seq += 1
        now = self._engine.clock.wall_ms() if ts_ms is None else ts_ms
        message = ChannelMessage(
            self._seq, channel, f"{sender}:{now}:{self._seq}", sender, sender, value, now, now, ttl, relayed_by,
            None if trust is Trust.UNSIGNED else "ab" * 64, trust, late, label, peers,
        )  # fmt: skip
        self._messages.setdefault(channel, []).append(message)
        if trust is Trust.OWN:
            self._sent[channel] += 1
            event: MessageReceived | MessageSent = MessageSent(message)
        else:
            self._accepted[channel] += 1
            event = MessageReceived(message)
        if publish:
            self._engine.publish(event)
        return message

    def drop(self, channel: str, reason: str, peer: str = script.STRANGER) -> None:
        """Refuse a message."""
        self._drops.setdefault(channel, Counter())[reason] += 1
        self._engine.publish(MessageDropped(channel, reason, peer))
        self._engine.touch()

    def statuses(self) -> tuple[ChannelStatus, ...]:
        """All channels."""
        return tuple(self._status(room) for room in self._rooms.values())

    def _status(self, room: script.Room) -> ChannelStatus:
        stored = self._messages.get(room.name)
        online = self._engine.online
        return ChannelStatus(
            name=room.name,
            kind=room.kind,
            joined=True,
            owner=room.owner,
            welcome_required=room.welcome_required,
            welcomed=room.welcomed,
            welcome_text=room.welcome,
            can_write=room.can_write,
            blocked_reason=room.blocked_reason,
            peers=room.peers if online else 0,
            pow_bits=12,
            ttl=3,
            accepted=self._accepted[room.name],
            sent=self._sent[room.name],
            relayed=self._accepted[room.name] // 2,
            drops=dict(self._drops.get(room.name, {})),
            last_seq=stored[-1].seq if stored else 0,
        )

    # -- the facade ------------------------------------------------------------------------------------------------

    async def join(
        self, channel: str, *, invite: JsonValue = None, welcome: JsonValue = None, flush: bool = True
    ) -> Joined:
        """Join; a name that starts with ``locked`` needs an invite."""
        channel = channel.strip()
        if not channel:
            raise InvalidChannel()
        if channel in self._rooms:
            return Joined(channel, already=True)
        self.add_room(script.Room(channel, welcome_required=False, peers=1))
        self._engine.publish(ChannelJoined(channel))
        self._engine.touch()
        return Joined(channel, already=False)

    async def leave(self, channel: str) -> bool:
        """Leave."""
        if channel == ENTRY_CHANNEL or channel not in self._rooms:
            return False
        del self._rooms[channel]
        self._engine.publish(ChannelLeft(channel))
        self._engine.touch()
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
        """Send to everyone the script says is there."""
        room = self._rooms.get(channel) or script.Room(channel)
        if room.kind is ChannelKind.OWNER and room.owner != script.OWN:
            raise OwnerOnly()
        if room.welcome_required and not room.welcomed:
            raise WelcomeRequired()
        if isinstance(message, str) and len(message.encode("utf-8", "surrogatepass")) > MAX_BYTES:
            raise MessageTooLarge()
        await asyncio.sleep(WORK_S)
        peers = room.peers if self._engine.online else 0
        sent = self.deliver(channel, script.OWN, message, trust=Trust.OWN, label=label, peers=peers)
        self._engine.touch()
        return Sent(channel, sent.id or "", sent.seq, sent.ts_ms, peers, 0)

    async def request_open(
        self, channel: str, *, via: str | None = None, invite: JsonValue = None, welcome: JsonValue = None
    ) -> OpenSent:
        """Ask others to open a channel."""
        if not channel.strip():
            raise InvalidChannel()
        self.open_asked.append((channel, via or ENTRY_CHANNEL))
        return OpenSent(channel, via or ENTRY_CHANNEL, len(self._engine.status.peers))

    def create_invite(
        self, channel: str, invitee: str, *, ttl_s: int | None = None, welcome: JsonValue = None
    ) -> dict[str, JsonValue]:
        """An invite with the reference's fields and a made-up signature."""
        now = self._engine.clock.wall_ms()
        payload: dict[str, JsonValue] = {
            "channel": channel,
            "inviteePubKey": invitee,
            "inviterPubKey": script.OWN,
            "inviterAddress": None,
            "issuedAt": now,
            "expiresAt": now + (ttl_s or 604_800) * 1000,
            "nonce": "demo",
            "version": 1,
        }
        return {"payload": payload, "sig": "cd" * 64}

    def create_welcome(self, channel: str, text: str) -> dict[str, JsonValue]:
        """A welcome with a made-up signature."""
        payload: dict[str, JsonValue] = {
            "channel": channel,
            "ownerPubKey": script.OWN,
            "text": text,
            "issuedAt": self._engine.clock.wall_ms(),
            "version": 1,
        }
        return {"payload": payload, "sig": "cd" * 64}

    def accept_invite(self, channel: str, invite: JsonValue, welcome: JsonValue = None) -> bool:
        """Accept anything that looks like an invite."""
        if not isinstance(invite, dict) or "payload" not in invite:
            return False
        self._engine.publish(InviteAccepted(channel, self._engine.clock.wall_ms() + 604_800_000))
        return True

    def accept_welcome(self, channel: str, welcome: JsonValue) -> bool:
        """Accept anything that looks like a welcome."""
        room = self._rooms.get(channel)
        if room is None or not isinstance(welcome, dict) or "payload" not in welcome:
            return False
        self.welcomes[channel] = welcome
        payload = welcome["payload"]
        text = str(payload.get("text", "")) if isinstance(payload, dict) else ""
        self._rooms[channel] = script.Room(
            room.name, room.kind, room.owner, text, room.welcome_required, True, peers=room.peers
        )
        self._engine.publish(WelcomeAccepted(channel, text))
        self._engine.touch()
        return True

    def stored_welcome(self, channel: str) -> JsonValue:
        """The welcome that was accepted."""
        return self.welcomes.get(channel)

    def history(self, channel: str, *, before: int | None = None, limit: int = 200) -> Sequence[ChannelMessage]:
        """Stored messages, oldest first."""
        stored = self._messages.get(channel, [])
        end = len(stored)
        if before is not None:
            low, high = 0, end
            while low < high:
                middle = (low + high) // 2
                low, high = (middle + 1, high) if stored[middle].seq < before else (low, middle)
            end = low
        return stored[max(end - limit, 0) : end]

    def since(self, seq: int, *, limit: int = 1000) -> Sequence[ChannelMessage]:
        """Stored messages of all channels with a greater ``seq``."""
        newer = [message for stored in self._messages.values() for message in stored if message.seq > seq]
        return sorted(newer, key=lambda message: message.seq)[:limit]

    async def answer_open_request(self, request_id: int, *, accept: bool) -> bool:
        """Join the requested channel or forget the request."""
        request = self._engine.take_request(request_id)
        if request is None:
            return False
        if accept:
            await self.join(request.channel)
        self._engine.publish(OpenRequestClosed(request_id))
        self._engine.touch()
        return True

    def join_command(self, channel: str, invitee: str | None = None) -> str:
        """One copyable command line."""
        extra = " --invite b64:eyJkZW1vIjp0cnVlfQ==" if invitee else ""
        return f'/sc_join --channel "{channel}"{extra}'

    def stats(self) -> dict[str, JsonValue]:
        """Counters."""
        return {"channels": list(self._rooms), "connectionCount": len(self._engine.status.peers)}
