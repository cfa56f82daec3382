"""Everything a person can do, once: key, palette entry and slash command come from this table.

An action that cannot be done now stays visible and says why (:meth:`IntercomApp.why_not`).
"""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Action:
    """One thing that can be done.

    ``id`` is its name in ``[keymap]`` and in the app's table of handlers.
    """

    id: str
    title: str
    """``group: verb`` in the palette; empty = not listed there."""
    keys: str = ""
    slash: str = ""
    """Slash form, with its arguments."""
    show: bool = False
    """True when the key bar shows it."""
    short: str = ""
    """Word in the key bar."""

    @property
    def slash_name(self) -> str:
        """The command word of :attr:`slash`."""
        return self.slash.split(" ", 1)[0]


ACTIONS: tuple[Action, ...] = (
    Action("palette", "", "ctrl+p", show=True, short="Commands"),
    Action("goto", "view: go to a channel, peer or pane", "ctrl+g", "/goto", show=True, short="Go to"),
    Action("join", "channel: join", "ctrl+n", "/join <channel>", show=True, short="Join"),
    Action("next-unread", "channel: next unread", "alt+a", "/next", show=True, short="Unread"),
    Action("find", "channel: find", "ctrl+f", "/find <text>", show=True, short="Find"),
    Action("open", "channel: ask others to open one", "", "/open <channel>"),
    Action("leave", "channel: leave", "", "/leave"),
    Action("invite", "channel: invite a peer", "", "/invite <key or name>"),
    Action("welcome", "channel: create a welcome", "", "/welcome <text>"),
    Action("paste-welcome", "channel: paste a welcome", "", "/accept-welcome <welcome>"),
    Action("paste-invite", "channel: paste an invite", "", "/accept-invite <invite>"),
    Action("join-command", "channel: copy join command", "", "/join-command"),
    Action("mark-read", "channel: mark read", "", "/read"),
    Action("mute", "channel: mute or unmute", "", "/mute"),
    Action("channel.prev", "channel: previous", "alt+up"),
    Action("channel.next", "channel: next", "alt+down"),
    Action("petname", "peer: give a name", "", "/name <key> <name>"),
    Action("bridge.start", "bridge: start", "", "/bridge-start"),
    Action("bridge.stop", "bridge: stop", "", "/bridge-stop"),
    Action("reconnect", "network: reconnect", "", "/reconnect"),
    Action("copy-key", "peer: copy my public key", "", "/my-key"),
    Action("pane.1", "view: channels", "alt+1"),
    Action("pane.2", "view: contract chat", "alt+2"),
    Action("pane.3", "view: subnet", "alt+3"),
    Action("pane.4", "view: wallet", "alt+4"),
    Action("pane.5", "view: activity", "alt+5"),
    Action("theme", "view: theme", "", "/theme <name>"),
    Action("sidebar", "view: sidebar", "ctrl+t", "/sidebar"),
    Action("details", "view: details", "alt+d", "/details"),
    Action("bare", "view: bare text", "", "/bare"),
    Action("screenshot", "view: screenshot (SVG)", "", "/screenshot"),
    Action("jump", "view: jump to a part of the screen", "ctrl+o"),
    Action("settings", "app: settings", "", "/settings"),
    Action("help", "app: help", "f1", "/help", show=True, short="Help"),
    Action("quit", "app: quit", "ctrl+q", "/quit"),
    Action("copy", "", "ctrl+c"),
)
"""All actions, in the order of the palette."""

PRIORITY = frozenset({"quit", "palette", "goto", "copy", "help"})
"""Actions whose keys win over the focused widget."""
