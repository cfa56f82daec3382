"""Pane 2: contract chat."""

from __future__ import annotations

from intercom_tui.panes.base import CHAT
from intercom_tui.panes.planned import PlannedPane


class ContractChatPane(PlannedPane):
    """Chat that every member of a subnet agrees on."""

    spec = CHAT
    HELP = "Contract chat is not in this version."
    lead = "Chat kept in a subnet's replicated state: signed, ordered, moderated."
    plans = (
        "messages with confirmation marks, replies, pins",
        "names claimed in the contract, always with the short key",
        "moderation: delete, mute, whitelist, each gated by role",
    )
