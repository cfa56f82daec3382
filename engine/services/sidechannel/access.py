"""Who is let into which channel: invites accepted so far and welcomes verified so far.

Bounds: only invites of trusted inviters and welcomes of configured owners are remembered, at most
:data:`MAX_INVITEES` keys for a channel and :data:`MAX_CHANNELS` channels.

Time is the wall clock in milliseconds. Protocol reference: 06-sidechannel section 5.3.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from engine.services.sidechannel.invites import InviteCheck, check_invite
from engine.services.sidechannel.names import channel_name
from engine.services.sidechannel.options import ChannelRules
from engine.services.sidechannel.welcomes import VerifiedWelcome, verify_welcome
from engine.wire.jsjson import JsonValue

MAX_INVITEES: Final = 4096
MAX_CHANNELS: Final = 1024


@dataclass(frozen=True, slots=True)
class LocalInvite:
    """An invite for this peer."""

    invite: JsonValue
    expires_ms: float


class Access:
    """Invites and welcomes of all channels.

    Args:
        rules: settings.
        keep_newest: an older welcome never replaces a newer one.
    """

    def __init__(self, rules: ChannelRules, *, keep_newest: bool = True) -> None:
        self.rules = rules
        self._keep_newest = keep_newest
        self._invited: dict[str, dict[str, float]] = {}
        self._local: dict[str, LocalInvite] = {}
        self._welcomes: dict[str, VerifiedWelcome] = {}
        self._ours: set[str] = {channel for channel, owner in rules.owners.items() if owner == rules.self_key}

    # -- invites ------------------------------------------------------------------------------------------------

    def local_invite(self, channel: str, now_ms: float) -> LocalInvite | None:
        """The invite this peer holds for a channel, while it is valid."""
        local = self._local.get(channel)
        if local is not None and local.expires_ms <= now_ms:
            del self._local[channel]
            return None
        return local

    def invited(self, channel: str, key: str, now_ms: float) -> bool:
        """Whether a remembered invite lets the key into the channel."""
        keys = self._invited.get(channel)
        expires_ms = keys.get(key) if keys else None
        if expires_ms is None:
            return False
        if expires_ms > now_ms:
            return True
        assert keys is not None
        del keys[key]
        if not keys:
            del self._invited[channel]
        return False

    def may_join(self, channel: str, now_ms: float) -> bool:
        """Whether this peer may be in the channel."""
        rules = self.rules
        return not rules.invite_required(channel) or rules.is_inviter or self.local_invite(channel, now_ms) is not None

    def authorised(self, channel: str, key: str, now_ms: float) -> bool:
        """Whether a neighbour may read and write in the channel."""
        rules = self.rules
        if not rules.invite_required(channel):
            return True
        return (rules.inviters is not None and key in rules.inviters) or self.invited(channel, key, now_ms)

    def accept_local(self, channel: str, invite: JsonValue, now_ms: float) -> InviteCheck:
        """Check an invite for this peer and remember it if it is valid."""
        check = check_invite(invite, channel, self.rules.self_key, self.rules.inviters, now_ms)
        if check.valid and (channel in self._local or len(self._local) < MAX_CHANNELS):
            self._local[channel] = LocalInvite(invite, check.expires_ms)
        return check

    def admit(self, channel: str, key: str, invite: JsonValue, now_ms: float) -> InviteCheck:
        """Check an invite a neighbour shows and remember it if it is valid."""
        check = check_invite(invite, channel, key, self.rules.inviters, now_ms)
        if check.valid and (channel in self._invited or len(self._invited) < MAX_CHANNELS):
            keys = self._invited.setdefault(channel, {})
            if len(keys) >= MAX_INVITEES and key not in keys:
                del keys[next(iter(keys))]
            keys[key] = check.expires_ms
        return check

    def invitees(self, channel: str) -> dict[str, float]:
        """Remembered invites of other keys and when they end."""
        return dict(self._invited.get(channel, ()))

    # -- welcomes -----------------------------------------------------------------------------------------------

    def accept_welcome(self, channel: str, welcome: JsonValue) -> VerifiedWelcome | None:
        """Verify a welcome and remember it; None if it does not verify."""
        channel = channel_name(channel)
        verified = verify_welcome(welcome, channel, self.rules.owner(channel))
        if verified is None:
            return None
        known = self._welcomes.get(channel)
        if known is None or not self._keep_newest or verified.issued_ms >= known.issued_ms:
            self._welcomes[channel] = verified
        return verified

    def welcome(self, channel: str) -> VerifiedWelcome | None:
        """The verified welcome of a channel."""
        return self._welcomes.get(channel)

    def welcomed(self, channel: str) -> bool:
        """Whether messages of the channel need not wait for a welcome any more; an owner never waits."""
        return channel in self._welcomes or channel in self._ours

    # -- leaving ------------------------------------------------------------------------------------------------

    def forget_invites(self, channel: str) -> None:
        """Forget who was invited, this peer included."""
        self._invited.pop(channel, None)
        self._local.pop(channel, None)

    def forget_welcome(self, channel: str) -> None:
        """Forget the welcome, as the reference does when it leaves a channel."""
        self._welcomes.pop(channel, None)
        self._ours.discard(channel)
