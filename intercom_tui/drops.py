"""Why is it quiet? What each reason for refusing a message means, and what helps.

The engine counts every refused message by reason (protocol reference 06-sidechannel section 7). A duplicate is normal:
every message arrives over several neighbours.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from engine.status import ChannelStatus
from intercom_tui.safe import safe_line


@dataclass(frozen=True, slots=True)
class Reason:
    """One reason."""

    label: str
    why: str
    fix: str = ""
    action: str = ""
    """Action that helps: paste-welcome, paste-invite, settings or empty."""
    harmless: bool = False


REASONS: Mapping[str, Reason] = {
    "duplicate": Reason(
        "duplicate",
        "The same message came over more than one neighbour. One copy was shown.",
        harmless=True,
    ),
    "awaiting welcome": Reason(
        "awaiting welcome",
        "Messages are held back until the owner's welcome verifies.",
        "Paste the welcome you were given, or ask the owner for it.",
        "paste-welcome",
    ),
    "invalid welcome": Reason(
        "bad welcome",
        "Somebody sent a welcome that the owner's key did not sign.",
        "Check the owner's key of this channel in the settings.",
        "settings",
    ),
    "missing welcome": Reason("no welcome in it", "A welcome message arrived without a welcome.", harmless=True),
    "invite": Reason(
        "invite needed",
        "The sender, or this peer, has no valid invite for this protected channel.",
        "Paste an invite for this peer, or invite the sender.",
        "paste-invite",
    ),
    "invalid pow": Reason(
        "bad proof of work",
        "Senders did not do the work this peer asks for.",
        "Ask for less work in the settings, or ask them to use the default of 12 bits.",
        "settings",
    ),
    "rate limit": Reason(
        "rate limited",
        "A neighbour sent more than it may. After three strikes it is silent for 30 s.",
        "Raise the limits in the settings if you trust your neighbours.",
        "settings",
    ),
    "blocked": Reason(
        "sender blocked",
        "The neighbour is blocked for 30 s after three strikes.",
        "It ends by itself. Raise the limits in the settings if you trust your neighbours.",
        "settings",
    ),
    "owner-only": Reason(
        "owner only",
        "Only the owner writes here; somebody else tried.",
        harmless=True,
    ),
    "unsigned": Reason(
        "no signature",
        "Messages without a valid signature are dropped outside the lobby.",
        "Set require_signed to false in the settings to see them, marked as unsigned.",
        "settings",
    ),
    "too large": Reason("too large", "A message was larger than this peer accepts.", harmless=True),
}
"""Known reasons. The engine may count others; those are shown by their name."""

_OTHER_NAMES = {
    "pow": "invalid pow",
    "invalid_pow": "invalid pow",
    "rate": "rate limit",
    "rate_limit": "rate limit",
    "rate_limited": "rate limit",
    "rate limited": "rate limit",
    "awaiting_welcome": "awaiting welcome",
    "invalid_welcome": "invalid welcome",
    "missing_welcome": "missing welcome",
    "owner_only": "owner-only",
    "owner only": "owner-only",
    "too_large": "too large",
    "oversize": "too large",
    "bad_signature": "unsigned",
    "bad signature": "unsigned",
    "invite_required": "invite",
}


def reason(code: str) -> Reason:
    """What a reason means; an unknown one keeps its name."""
    known = REASONS.get(_OTHER_NAMES.get(code, code))
    return known or Reason(safe_line(code, 30), "This peer refused these messages.")


def counted(drops: Mapping[str, int]) -> list[tuple[Reason, int]]:
    """Reasons with their counts, the most frequent first; spellings of one reason are added up."""
    totals: dict[str, tuple[Reason, int]] = {}
    for code, count in drops.items():
        found = reason(code)
        totals[found.label] = (found, totals.get(found.label, (found, 0))[1] + count)
    return sorted((entry for entry in totals.values() if entry[1]), key=lambda entry: -entry[1])


def top_problem(channel: ChannelStatus) -> tuple[Reason, int] | None:
    """The most frequent reason that is worth a thought; None when all is well."""
    for found, count in counted(channel.drops):
        if not found.harmless:
            return found, count
    return None
