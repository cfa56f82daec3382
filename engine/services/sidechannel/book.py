"""The channels this peer is in, with their counters, and how they are shown.

Protocol reference: 06-sidechannel sections 1 and 5.3.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Final

from engine.config.sections import ENTRY_CHANNEL
from engine.errors import ChannelLimit
from engine.services.sidechannel.access import Access
from engine.status import ChannelKind, ChannelStatus

MAX_CHANNELS: Final = 256
"""Channels a peer can be in; each is opened on every connection."""


@dataclass(slots=True, eq=False)
class ChannelEntry:
    """One channel."""

    name: str
    joined: bool = False
    """False: only used by ``send``; its topic is not joined."""
    announced: bool = False
    """Whether the swarm knows the topic."""
    accepted: int = 0
    sent: int = 0
    relayed: int = 0
    drops: Counter[str] = field(default_factory=Counter)


class ChannelBook:
    """All channels of this peer, in the order they were entered.

    Args:
        access: rules, invites and welcomes.
    """

    def __init__(self, access: Access) -> None:
        self._access = access
        self._entries: dict[str, ChannelEntry] = {}

    def __iter__(self) -> Iterator[ChannelEntry]:
        return iter(tuple(self._entries.values()))

    def __contains__(self, name: str) -> bool:
        return name in self._entries

    @property
    def names(self) -> list[str]:
        """Names of all channels."""
        return list(self._entries)

    def get(self, name: str) -> ChannelEntry | None:
        """The entry of a channel, if this peer is in it."""
        return self._entries.get(name)

    def enter(self, name: str) -> ChannelEntry:
        """The entry of a channel, made if there is none.

        Raises:
            ChannelLimit: there are too many.
        """
        entry = self._entries.get(name)
        if entry is None:
            if len(self._entries) >= MAX_CHANNELS:
                raise ChannelLimit(
                    f"This peer is in {MAX_CHANNELS} channels already.", hint="Leave a channel you do not need."
                )
            entry = self._entries[name] = ChannelEntry(name)
        return entry

    def remove(self, name: str) -> ChannelEntry | None:
        """Take a channel out."""
        return self._entries.pop(name, None)

    def status(self, entry: ChannelEntry, peers: int, last_seq: int, now_ms: float) -> ChannelStatus:
        """How a channel is shown.

        Args:
            entry: the channel.
            peers: neighbours that have it open and may read it.
            last_seq: newest stored message.
            now_ms: wall clock.
        """
        access, rules, name = self._access, self._access.rules, entry.name
        welcome = access.welcome(name)
        blocked = self._blocked_reason(name, now_ms)
        return ChannelStatus(
            name=name,
            kind=self._kind(name),
            joined=entry.joined,
            owner=rules.owner(name),
            welcome_required=rules.welcome_required(name),
            welcomed=access.welcomed(name),
            welcome_text=welcome.text if welcome is not None else None,
            can_write=blocked is None,
            blocked_reason=blocked,
            peers=peers,
            pow_bits=rules.difficulty(name),
            ttl=rules.relay_ttl,
            accepted=entry.accepted,
            sent=entry.sent,
            relayed=entry.relayed,
            drops=MappingProxyType(dict(entry.drops)),
            last_seq=last_seq,
        )

    def _kind(self, name: str) -> ChannelKind:
        if name == ENTRY_CHANNEL:
            return ChannelKind.ENTRY
        if self._access.rules.invite_required(name):
            return ChannelKind.INVITE
        return ChannelKind.OWNER if self._access.rules.owner_only(name) else ChannelKind.PUBLIC

    def _blocked_reason(self, name: str, now_ms: float) -> str | None:
        rules = self._access.rules
        if rules.owner_only(name) and not rules.owned(name):
            owner = rules.owner(name)
            return "Only the owner writes here." if owner else "Only the owner writes here, and no owner is configured."
        if not self._access.may_join(name, now_ms):
            return "Your invite has expired; ask a member for a new one."
        return None
