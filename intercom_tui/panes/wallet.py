"""Pane 4: wallet."""

from __future__ import annotations

from intercom_tui.panes.base import WALLET
from intercom_tui.panes.planned import PlannedPane


class WalletPane(PlannedPane):
    """The address of this peer, and value transfer later."""

    spec = WALLET
    HELP = "Value transfer is not in this version. Your key pair signs sidechannel messages already."
    lead = "Value on the settlement network. Your key already signs what you say in channels."
    plans = (
        "balance, fee, address as text and QR",
        "simulate for free, review, then sign and broadcast",
        "transactions with their state; nothing is ever resent silently",
    )
    instead = (("copy-key", "Copy my public key"), ("pane.1", "Go to Channels"))
