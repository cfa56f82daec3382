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
    "invalid signature": Reason(
        "bad signature",
        "The signature does not belong to the sender: somebody changed the message or lied about who wrote it.",
        harmless=True,
    ),
    "channel mismatch": Reason(
        "from another channel", "A message made for another channel was sent into this one.", harmless=True
    ),
    "invalid payload": Reason("not a message", "Something arrived that is no sidechannel message.", harmless=True),
    "id too long": Reason("id too long", "A message had an identifier of absurd length.", harmless=True),
    "open denied (welcome)": Reason(
        "open: bad welcome", "Somebody asked to open a channel with a welcome that does not verify.", harmless=True
    ),
    "open denied (missing welcome)": Reason(
        "open: no welcome",
        "Somebody asked to open a channel that needs a welcome, and sent none.",
        harmless=True,
    ),
    "open denied (invite)": Reason(
        "open: bad invite", "Somebody asked to open a protected channel without a valid invite.", harmless=True
    ),
    "too large": Reason("too large", "A message was larger than this peer accepts.", harmless=True),
}
"""Known reasons. The engine may count others; those are shown by their name."""

NO_OWNER = Reason(
    "awaiting welcome",
    "No owner is set for this channel, so no welcome can ever verify.",
    "Set its owner, or do not ask for welcomes, in the settings.",
    "settings",
)
"""Stands for ``awaiting welcome`` where no welcome can come."""


def reason(code: str) -> Reason:
    """What a reason means; an unknown one keeps its name."""
    return REASONS.get(code) or Reason(safe_line(code, 30), "This peer refused these messages.")


def counted(drops: Mapping[str, int]) -> list[tuple[Reason, int]]:
    """Reasons with their counts, the most frequent first."""
    found = [(reason(code), count) for code, count in drops.items() if count]
    return sorted(found, key=lambda entry: -entry[1])


def top_problem(channel: ChannelStatus) -> tuple[Reason, int] | None:
    """The most frequent reason that is worth a thought; None when all is well."""
    for found, count in counted(channel.drops):
        if found is REASONS["awaiting welcome"] and channel.owner is None:
            return NO_OWNER, count
        if not found.harmless:
            return found, count
    return None
