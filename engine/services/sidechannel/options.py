"""What a peer asks of channels, and the predicates that follow from it.

:class:`ChannelRules` holds the settings of the reference, :class:`Hardening` where this peer is stricter than it. The
reference's own behaviour is :data:`REFERENCE`; the recorded decisions of the reference run against it.

Protocol reference: 06-sidechannel section 5.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Final

from engine.config.sections import ENTRY_CHANNEL, SidechannelConfig
from engine.wire.jsvalues import key_text

RECEIVER_BURST_BYTES: Final = 256_000
"""A receiver with default limits can never accept a larger message."""
SAFE_MESSAGE_BYTES: Final = 200_000
"""Largest message this peer sends unless ``max_bytes`` was changed."""
DEFAULT_MAX_BYTES: Final = 1_000_000
"""The reference's default of ``max_bytes``; it promises more than receivers take."""


@dataclass(frozen=True, slots=True)
class Hardening:
    """Where this peer does better than the reference; the defaults are what it runs with."""

    limit_first: bool = True
    """Count a frame's bytes before anything is computed from it."""
    strike_forgeries: bool = True
    """Bad proof of work, signatures and invites cost strikes or tokens."""
    verify_signatures: bool = True
    """Check ``sig`` on every message and drop what is forged."""
    require_signed: bool = True
    """Drop unsigned messages outside the entry channel."""
    bind_channel: bool = True
    """Drop messages made for another channel."""
    remember_last: bool = True
    """Remember an identifier only when its message passed every check."""
    clamp_ttl: bool = True
    """Relay no further than we relay our own messages."""
    keep_welcomes: bool = True
    """Leaving a channel does not forget its verified welcome; an older welcome never replaces a newer one."""
    welcome_admitted: bool = True
    """The owner sends its welcome to a neighbour that has just shown a valid invite."""
    max_id_chars: int | None = 256
    """Longest identifier."""
    live_window_ms: int | None = 600_000
    """A sender's clock that differs by more marks the message as late."""


REFERENCE: Final = Hardening(
    limit_first=False,
    strike_forgeries=False,
    verify_signatures=False,
    require_signed=False,
    bind_channel=False,
    remember_last=False,
    clamp_ttl=False,
    keep_welcomes=False,
    welcome_admitted=False,
    max_id_chars=None,
    live_window_ms=None,
)
"""Exactly the reference's decisions."""


@dataclass(frozen=True, slots=True)
class ChannelRules:
    """The settings that decide who may do what, normalised."""

    self_key: str
    """Own public key, lower-case hex."""
    pow_bits: int = 0
    """Difficulty; 0 = no proof of work."""
    pow_entry_only: bool = False
    pow_channels: frozenset[str] | None = None
    invites: bool = False
    """Whether channels are protected at all."""
    invite_channels: frozenset[str] | None = None
    invite_prefixes: tuple[str, ...] | None = None
    inviters: frozenset[str] | None = None
    """Keys whose invites count; None = anybody's."""
    owners: Mapping[str, str] = field(default_factory=dict)
    owner_write_only: bool = False
    owner_write_channels: frozenset[str] = frozenset()
    welcome_required_: bool = True
    allow_remote_open: bool = True
    relay: bool = True
    relay_ttl: int = 3

    @property
    def is_inviter(self) -> bool:
        """True if this peer's own invites count for itself."""
        return self.inviters is not None and self.self_key in self.inviters

    def invite_required(self, channel: str) -> bool:
        """Whether the channel is protected by invites."""
        if channel == ENTRY_CHANNEL or not self.invites:
            return False
        if self.invite_channels is not None and channel in self.invite_channels:
            return True
        if any(prefix and channel.startswith(prefix) for prefix in self.invite_prefixes or ()):
            return True
        return self.invite_channels is None and self.invite_prefixes is None

    def owner_only(self, channel: str) -> bool:
        """Whether only the owner may write."""
        return channel != ENTRY_CHANNEL and (self.owner_write_only or channel in self.owner_write_channels)

    def welcome_required(self, channel: str) -> bool:
        """Whether messages wait for the owner's welcome."""
        return channel != ENTRY_CHANNEL and self.welcome_required_

    def difficulty(self, channel: str) -> int:
        """Bits of proof of work this peer asks of others and adds itself; 0 = none."""
        if self.pow_channels is not None:
            required = channel in self.pow_channels
        else:
            required = channel == ENTRY_CHANNEL or not self.pow_entry_only
        return max(self.pow_bits, 0) if required else 0

    def owner(self, channel: str) -> str | None:
        """Public key of the configured owner."""
        return self.owners.get(channel)

    def owned(self, channel: str) -> bool:
        """Whether this peer is the configured owner."""
        return self.owners.get(channel) == self.self_key


def rules_of(config: SidechannelConfig, self_key: str) -> ChannelRules:
    """The rules of a configuration.

    Args:
        config: settings; an empty list counts as not given.
        self_key: own public key, lower-case hex.
    """
    inviters = frozenset(filter(None, map(key_text, config.inviter_keys)))
    if config.invite_required and not inviters:
        inviters = frozenset({self_key})
    return ChannelRules(
        self_key=self_key,
        pow_bits=config.pow_difficulty if config.pow else 0,
        pow_entry_only=config.pow_entry,
        pow_channels=frozenset(config.pow_channels) or None,
        invites=config.invite_required,
        invite_channels=frozenset(config.invite_channels) or None,
        invite_prefixes=config.invite_prefixes or None,
        inviters=inviters or None,
        owners={channel: key_text(key) for channel, key in config.owner.items()},
        owner_write_only=config.owner_write_only,
        owner_write_channels=frozenset(config.owner_write_channels),
        welcome_required_=config.welcome_required,
        allow_remote_open=config.allow_remote_open,
        relay=config.relay,
        relay_ttl=config.relay_ttl,
    )


def send_limit_bytes(max_bytes: int) -> int:
    """Bytes above which this peer refuses to send; the default of ``max_bytes`` is not taken at its word."""
    return SAFE_MESSAGE_BYTES if max_bytes == DEFAULT_MAX_BYTES else max_bytes
