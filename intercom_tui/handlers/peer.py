"""Actions on peers, the bridge and the network."""

from __future__ import annotations

from typing import TYPE_CHECKING

from engine.status import BridgeListening
from intercom_tui.handlers import Table
from intercom_tui.pasted import parse_key
from intercom_tui.people import short_key
from intercom_tui.screens.dialogs import TextDialog, petname_dialog

if TYPE_CHECKING:
    from intercom_tui.app import IntercomApp


class PeerHandlers:
    """Names, keys, bridge, reconnect."""

    def __init__(self, app: IntercomApp) -> None:
        self._app = app

    def table(self) -> Table:
        """Action id to handler."""
        return {
            "petname": self.petname,
            "copy-key": self.copy_key,
            "bridge.start": self.bridge_start,
            "bridge.stop": self.bridge_stop,
            "reconnect": self.reconnect,
        }

    async def petname(self, argument: str) -> None:
        """Give a peer a name that only this screen shows."""
        app = self._app
        first, _, name = argument.partition(" ")
        key = parse_key(first) or self._by_start(first)
        if key is None:
            text = await app.push_screen_wait(
                TextDialog("Name a peer", "Public key of the peer", argument, placeholder="64 hex digits")
            )
            key = parse_key(text) or self._by_start(text) if text else None
            if key is None:
                if text:
                    app.toast("This is not a peer's key: 64 hex digits, or how a connected peer's begins.", "error")
                return
        if not name:
            known = app.people.petnames.get(key, "")
            answer = await app.push_screen_wait(petname_dialog(key, known))
            if answer is None:
                return
            name = answer
        app.people.rename(key, name)
        app.save_state()
        app.names_changed()
        app.toast(f"{short_key(key)} is now {app.people.label(key)}.")

    def _by_start(self, text: str) -> str | None:
        start = text.strip().lower()
        if not start:
            return None
        found = {peer.public_key for peer in self._app.engine.status.peers if peer.public_key.startswith(start)}
        return found.pop() if len(found) == 1 else self._app.people.find(start)

    async def copy_key(self, argument: str) -> None:
        """Copy this peer's public key."""
        await self._app.copy_text(self._app.people.own_key, "public key")

    async def bridge_start(self, argument: str) -> None:
        """Let local agents in."""
        await self._app.engine.bridge.start()
        bridge = self._app.engine.status.bridge
        if isinstance(bridge, BridgeListening):
            self._app.toast(f"The bridge listens on {bridge.host}:{bridge.port}.")

    async def bridge_stop(self, argument: str) -> None:
        """Close the bridge."""
        await self._app.engine.bridge.stop()
        self._app.toast("The bridge is closed.")

    async def reconnect(self, argument: str) -> None:
        """Look for peers again, at once."""
        self._app.toast("Looking for peers again.")
        await self._app.engine.network.reconnect()
