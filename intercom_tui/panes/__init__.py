"""The main views, in the order of their tabs."""

from __future__ import annotations

from intercom_tui.panes.base import ACTIVITY, CHANNELS, CHAT, SUBNET, WALLET, Pane, PaneSpec

PANES: tuple[PaneSpec, ...] = (CHANNELS, CHAT, SUBNET, WALLET, ACTIVITY)
"""All panes; :func:`make_pane` builds one when it is first shown."""


def make_pane(name: str) -> Pane:
    """Build a pane by its id; its module is imported only now, which keeps the start short."""
    match name:
        case "channels":
            from intercom_tui.panes.channels import ChannelsPane

            return ChannelsPane(id="pane-channels")
        case "chat":
            from intercom_tui.panes.contract_chat import ContractChatPane

            return ContractChatPane(id="pane-chat")
        case "subnet":
            from intercom_tui.panes.subnet import SubnetPane

            return SubnetPane(id="pane-subnet")
        case "wallet":
            from intercom_tui.panes.wallet import WalletPane

            return WalletPane(id="pane-wallet")
        case _:
            from intercom_tui.panes.activity import ActivityPane

            return ActivityPane(id="pane-activity")
