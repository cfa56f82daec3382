"""All handlers together; imported after the first frame."""

from __future__ import annotations

from typing import TYPE_CHECKING

from intercom_tui.handlers import Table
from intercom_tui.handlers.channel import ChannelHandlers
from intercom_tui.handlers.peer import PeerHandlers
from intercom_tui.handlers.view import ViewHandlers

if TYPE_CHECKING:
    from intercom_tui.app import IntercomApp


class Handlers:
    """What every action does.

    Args:
        app: whom they act for.
    """

    def __init__(self, app: IntercomApp) -> None:
        self.channel = ChannelHandlers(app)
        self.peer = PeerHandlers(app)
        self.view = ViewHandlers(app)
        self.table: Table = {**self.channel.table(), **self.peer.table(), **self.view.table()}
