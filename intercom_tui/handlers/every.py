"""All handlers together; imported after the first frame."""

from __future__ import annotations

from typing import TYPE_CHECKING

from engine.errors import IntercomError
from engine.status import BridgeListening, BridgeOff
from intercom_tui.completion import find_action, is_engine_command, nearest_command
from intercom_tui.handlers import Table
from intercom_tui.handlers.channel import ChannelHandlers
from intercom_tui.handlers.peer import PeerHandlers
from intercom_tui.handlers.view import ViewHandlers
from intercom_tui.safe import safe_line

if TYPE_CHECKING:
    from intercom_tui.app import IntercomApp


class Handlers:
    """What every action does.

    Args:
        app: whom they act for.
    """

    def __init__(self, app: IntercomApp) -> None:
        self._app = app
        self.channel = ChannelHandlers(app)
        self.peer = PeerHandlers(app)
        self.view = ViewHandlers(app)
        self.table: Table = {**self.channel.table(), **self.peer.table(), **self.view.table()}

    def why_not(self, name: str) -> str:
        """Why an action cannot be done now, in one sentence; empty when it can."""
        bridge = self._app.engine.status.bridge
        channel = self._app.main.channels.channel
        match name:
            case "bridge.start" if isinstance(bridge, BridgeListening):
                return "The bridge is listening already."
            case "bridge.stop" if isinstance(bridge, BridgeOff):
                return "The bridge is off."
            case "leave" if channel == self._app.engine.sidechannel.entry_channel:
                return "The lobby cannot be left: the network needs it."
            case "leave" | "invite" | "welcome" | "join-command" | "mute" if (
                self._app.engine.status.channel(channel) is None
            ):
                return "No channel is open."
            case _:
                return "" if name in self.table else f"{name} is not in this version."

    async def run_line(self, line: str) -> None:
        """Run a slash command, of the app or of the engine; its answer stands in the log."""
        pane = self._app.main.channels
        channel = pane.channel
        word, _, argument = line.partition(" ")
        if (action := find_action(word)) is not None:
            await self._app.perform(action.id, argument.strip())
            return
        if not is_engine_command(line):
            near = nearest_command(word)
            hint = f"Did you mean {near}?" if near else "The palette lists all commands."
            pane.say(channel, f"There is no command {safe_line(word, 40)}. {hint}", "error")
            return
        try:
            result = await self._app.engine.execute(line)
        except IntercomError as error:
            pane.say(channel, f"{error} {error.hint}".strip(), "error")
            return
        pane.say(channel, line)
        for output in result.output:
            pane.say(channel, output)
        if result.error:
            pane.say(channel, result.error, "error")
