"""What a pane is."""

from __future__ import annotations

import logging
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar, Self, cast

from textual.containers import Container
from textual.widget import Widget

from engine.events import Event
from engine.messages import ChannelMessage
from engine.status import EngineStatus

if TYPE_CHECKING:
    from intercom_tui.app import IntercomApp

_logger = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class PaneSpec:
    """Name and title of a pane."""

    id: str
    title: str
    brief: str
    """Title where there is little room."""


CHANNELS = PaneSpec("channels", "Channels", "Chan")
CHAT = PaneSpec("chat", "Contract", "Contract")
SUBNET = PaneSpec("subnet", "Subnet", "Subnet")
WALLET = PaneSpec("wallet", "Wallet", "Wallet")
ACTIVITY = PaneSpec("activity", "Activity", "Activity")


class Pane(Container):
    """One of the main views. The app calls its ``on_*`` methods; it calls the app's actions."""

    spec: ClassVar[PaneSpec]

    @property
    def host(self) -> IntercomApp:
        """The app."""
        return cast("IntercomApp", self.app)

    def guarded(self, call: Callable[[Self], None]) -> None:
        """Call something of this pane; an error is logged and shown, and the app lives."""
        if not self.is_mounted:
            return
        try:
            call(self)
        except Exception as error:
            _logger.exception("pane %s failed", self.spec.id)
            self.host.quiet_toast(f"{self.spec.title}: {type(error).__name__}. The log in Activity has the details.")

    def first_focus(self) -> Widget | None:
        """Widget that gets the focus when the pane is shown."""
        return next((widget for widget in self.query("*") if widget.focusable), None)

    def status_changed(self, status: EngineStatus) -> None:
        """There is a newer snapshot."""

    def messages_arrived(self, messages: Sequence[ChannelMessage]) -> None:
        """Messages were received or sent."""

    def events_happened(self, events: Sequence[Event]) -> None:
        """Other events, in order."""

    def theme_changed(self) -> None:
        """Colours or names changed."""

    def tick(self) -> None:
        """A second passed; called only for the pane that is shown."""
