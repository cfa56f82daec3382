"""Why messages are refused, counted for each channel.

The reference drops silently unless debugging is on; here every refusal has a name that front ends show.

Protocol reference: 06-sidechannel section 7.
"""

from __future__ import annotations

from enum import StrEnum


class DropReason(StrEnum):
    """Reason of a refusal; the values are the reference's words where it has one."""

    BLOCKED = "blocked"
    """The neighbour is blocked for 30 s after too many strikes."""
    RATE_LIMIT = "rate limit"
    """More bytes than the neighbour may send now."""
    TOO_LARGE = "too large"
    """More bytes than any message may have."""
    INVALID_PAYLOAD = "invalid payload"
    """Not an object, or a field without a usable value."""
    ID_TOO_LONG = "id too long"
    """The identifier would fill our memory."""
    CHANNEL_MISMATCH = "channel mismatch"
    """Made for another channel and replayed into this one."""
    INVITE = "invite"
    """The channel is protected, and the neighbour or this peer has no valid invite."""
    INVALID_POW = "invalid pow"
    """No proof of work of our difficulty."""
    INVALID_SIGNATURE = "invalid signature"
    """``sig`` is not ``from``'s signature over the message."""
    UNSIGNED = "unsigned"
    """There is no signature, and this channel asks for one."""
    OWNER_ONLY = "owner-only"
    """Only the owner may write in this channel."""
    DUPLICATE = "duplicate"
    """Seen before."""
    INVALID_WELCOME = "invalid welcome"
    """A welcome that the configured owner did not sign for this channel."""
    MISSING_WELCOME = "missing welcome"
    """A welcome message without a welcome."""
    AWAITING_WELCOME = "awaiting welcome"
    """The owner's welcome of this channel has not been verified yet."""
    OPEN_WELCOME = "open denied (welcome)"
    """The welcome of an open request does not verify for the wanted channel."""
    OPEN_MISSING_WELCOME = "open denied (missing welcome)"
    """The wanted channel needs a welcome and the request has none."""
    OPEN_INVITE = "open denied (invite)"
    """The wanted channel is protected and the neighbour's invite does not verify."""
