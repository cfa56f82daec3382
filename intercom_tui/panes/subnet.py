"""Pane 3: subnet administration."""

from __future__ import annotations

from intercom_tui.panes.base import SUBNET
from intercom_tui.panes.planned import PlannedPane


class SubnetPane(PlannedPane):
    """Writers, indexers and settings of a subnet."""

    spec = SUBNET
    HELP = "Subnets are not in this version."
    lead = "A replicated database that several writers share."
    plans = (
        "state: applied and signed length, lag, indexers, writers",
        "add and remove writers and indexers, transfer the admin role, each reviewed first",
        "switches for chat, automatic writers and transactions",
    )
