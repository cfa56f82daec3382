"""The sidebar: channels, open requests, peers."""

from __future__ import annotations

from typing import TYPE_CHECKING, cast

from rich.style import Style

from engine.status import ChannelStatus, EngineStatus, OpenRequest, PeerStatus
from intercom_tui.safe import safe_line
from intercom_tui.widgets.line import Part
from intercom_tui.widgets.row_list import Row, RowList

if TYPE_CHECKING:
    from intercom_tui.app import IntercomApp

PEERS_SHOWN = 8
"""Peers listed before ``+n more``, which opens the activity pane."""


class ChannelList(RowList):
    """Rows are ``channel:<name>``, ``request:<id>``, ``peer:<key>`` and ``more``."""

    HELP = (
        "Enter opens a channel or answers a request, a goes to the next unread one, [ and ] step through channels, "
        "l leaves, m mutes."
    )

    @property
    def host(self) -> IntercomApp:
        """The app."""
        return cast("IntercomApp", self.app)

    def refresh_rows(self, status: EngineStatus, current: str) -> None:
        """Show a snapshot.

        Args:
            status: what to show.
            current: channel that is open.
        """
        inks = self.host.inks
        rows = [Row([("CHANNELS", inks.muted)])]
        rows += [self._channel(channel, channel.name == current) for channel in status.channels]
        if status.open_requests:
            rows += [Row(), Row([("REQUESTS", inks.accent)], [(str(len(status.open_requests)), inks.accent)])]
            rows += [self._request(request) for request in status.open_requests]
        rows += [Row(), Row([("PEERS", inks.muted)], [(str(len(status.peers)), inks.muted)])]
        rows += [self._peer(peer) for peer in status.peers[:PEERS_SHOWN]]
        if len(status.peers) > PEERS_SHOWN:
            rows.append(Row([(f"+{len(status.peers) - PEERS_SHOWN} more", inks.muted)], key="more"))
        if not status.peers:
            rows.append(Row([("nobody yet", inks.muted)]))
        self.set_rows(rows)

    def show_current(self, channel: str) -> None:
        """Put the cursor on the open channel."""
        self.move_to(f"channel:{channel}")

    def _channel(self, channel: ChannelStatus, current: bool) -> Row:
        app, inks = self.host, self.host.inks
        unread = app.inbox.unread(channel.name)
        muted = app.inbox.is_muted(channel.name)
        waiting = channel.welcome_required and not channel.welcomed
        name_ink = inks.muted if muted else inks.strong if unread.count or current else inks.text
        if not channel.joined:
            name_ink = inks.muted
        right: list[Part] = []
        if unread.mentions:
            right.append((f"@{unread.mentions} ", inks.mention))
        if unread.count:
            right.append((unread.text, inks.accent))
        elif waiting:
            right.append((app.glyphs.half, inks.warning))
        elif muted:
            right.append(("muted", inks.faint))
        name = safe_line(channel.name, 60)
        return Row(
            [(app.glyphs.kind(channel.kind), inks.primary if current else inks.muted), (f" {name}", name_ink)],
            right,
            key=f"channel:{channel.name}",
            marked=current,
        )

    def _request(self, request: OpenRequest) -> Row:
        inks = self.host.inks
        who = self.host.people.label(request.requester)
        name = safe_line(request.channel, 40)
        return Row(
            [("? ", inks.accent), (name, inks.strong), (f"  {who}", inks.muted)], key=f"request:{request.request_id}"
        )

    def _peer(self, peer: PeerStatus) -> Row:
        app, inks = self.host, self.host.inks
        ink = inks.name(peer.public_key)
        now = app.clock.wall_ms()
        if peer.blocked_until_ms is not None and peer.blocked_until_ms > now:
            right: Part = (f"quiet {(peer.blocked_until_ms - now) / 1000:.0f} s", inks.warning)
        elif peer.rtt_ms is None:
            right = ("", Style.null())
        else:
            gap = " " if self.size.width > 20 else ""
            right = (f"{peer.rtt_ms:.0f}{gap}ms", inks.muted)
        return Row([(app.people.label(peer.public_key), ink)], [right], key=f"peer:{peer.public_key}")
