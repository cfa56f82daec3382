"""Pane 5: peers, bridge clients, log."""

from __future__ import annotations

import logging
from typing import ClassVar

from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.getters import query_one
from textual.widget import Widget

from engine.status import BridgeClient, BridgeFailed, BridgeListening, EngineStatus, P2pOnline, PeerStatus
from intercom_tui.panes.base import ACTIVITY, Pane
from intercom_tui.safe import safe_line
from intercom_tui.status_text import bytes_text, current_step, duration_text, network_segment, plural, step_text
from intercom_tui.widgets.line import Part, pad
from intercom_tui.widgets.log_items import clock_text
from intercom_tui.widgets.row_list import Row, RowList

LEVELS = ((logging.INFO, "info"), (logging.WARNING, "warning"), (logging.DEBUG, "debug"))
WIDE = 110
"""Columns from which addresses are shown."""
LOG_ROWS = 500
"""Records shown."""


class PeerTable(RowList):
    """Connected peers; rows are their keys."""

    HELP = "Connected peers. Enter gives one a name."


class BridgeTable(RowList):
    """Agents on the bridge; rows are ``start`` or ``kick:<label>``."""

    HELP = "Agents on the bridge. Enter cuts one off, or starts the bridge."


class LogTable(RowList):
    """Newest log records."""

    HELP = "The newest log records. l changes the least serious level shown, / finds, End follows."
    BINDINGS: ClassVar[list[BindingType]] = [Binding("l", "level", "Level", id="log.level")]

    def action_level(self) -> None:
        """Show the next level."""
        pane = self.parent
        if isinstance(pane, ActivityPane):
            pane.next_level()


class ActivityPane(Pane):
    """What the peer is doing."""

    spec = ACTIVITY

    peer_table = query_one("#peer-table", PeerTable)
    bridge_table = query_one("#bridge-table", BridgeTable)
    log_table = query_one("#log-table", LogTable)

    def __init__(self, *, id: str | None = None) -> None:
        super().__init__(id=id)
        self._level = 0
        self._shown: object = self

    def compose(self) -> ComposeResult:
        """Three stacked sections."""
        yield PeerTable(id="peer-table")
        yield BridgeTable(id="bridge-table")
        yield LogTable(id="log-table")

    def on_mount(self) -> None:
        """Fill all sections."""
        self.theme_changed()

    def on_resize(self) -> None:
        """Fit the columns."""
        self.status_changed(self.host.engine.status)

    def first_focus(self) -> Widget | None:
        """The peers."""
        return self.peer_table

    def theme_changed(self) -> None:
        """Draw again."""
        self._shown = self
        self.status_changed(self.host.engine.status)
        self.tick()

    def status_changed(self, status: EngineStatus) -> None:
        """Show peers and agents."""
        if not self.display:
            return
        self.peer_table.set_rows(self._peer_rows(status))
        self.bridge_table.set_rows(self._bridge_rows(status))
        self.bridge_table.styles.height = min(len(self.bridge_table.rows), 8)

    def tick(self) -> None:
        """Show new log records, and ages."""
        self.status_changed(self.host.engine.status)
        records = self.host.log_records.records
        newest = records[-1] if records else None
        if newest is not self._shown:
            follow = self.log_table.scroll_y >= self.log_table.max_scroll_y - 1
            self._shown = newest
            self.log_table.set_rows(self._log_rows())
            if follow:
                self.log_table.scroll_end(animate=False)

    def next_level(self) -> None:
        """Show the next level of records."""
        self._level = (self._level + 1) % len(LEVELS)
        self._shown = self
        self.tick()

    def on_row_list_chosen(self, event: RowList.Chosen) -> None:
        """A peer gets a name, an agent is cut off, the bridge starts."""
        event.stop()
        if event.rows is self.peer_table:
            self.host.do("petname", event.key)
        elif event.key == "start":
            self.host.do("bridge.start")
        elif event.key.startswith("kick:"):
            label = event.key.removeprefix("kick:")
            gone = self.host.engine.bridge.kick(label)
            self.host.toast(
                f"{safe_line(label, 40)} was cut off." if gone else f"{safe_line(label, 40)} is gone already."
            )

    # -- rows ------------------------------------------------------------------------------------------------------

    def _heading(self, title: str, fact: str) -> Row:
        inks = self.host.inks
        return Row([(title, inks.muted), (f"   {fact}", inks.text)])

    @property
    def _is_wide(self) -> bool:
        return self.size.width >= WIDE

    def _peer_rows(self, status: EngineStatus) -> list[Row]:
        inks = self.host.inks
        now_s = self.host.clock.monotonic()
        fact = network_segment(status, now_s).text
        if isinstance(status.p2p, P2pOnline):
            nat = "reachable" if not status.p2p.firewalled else f"behind a NAT ({safe_line(status.p2p.nat, 20)})"
            fact = f"{plural(len(status.peers), 'peer')}, {plural(status.p2p.nodes, 'DHT node')}, {nat}"
        rows = [self._heading("PEERS", fact)]
        step = current_step(status)
        if step is not None:
            rows.append(Row([(f"{self.host.glyphs.step(step.state)} {step_text(step, now_s)}", inks.warning)]))
        heads = f"{'peer':<22} {'rtt':>8} {'in':>8} {'out':>8} {'for':>8}  {'channels':<22}"
        if self._is_wide:
            heads += f" {'address':<22} way"
        rows.append(Row([(heads, inks.faint)]))
        rows += [self._peer(peer) for peer in status.peers]
        if not status.peers:
            rows.append(Row([("Nobody is connected yet.", inks.muted)]))
        if status.drops:
            drops = ", ".join(f"{safe_line(code, 40)} {count:,}" for code, count in list(status.drops.items())[:6])
            rows.append(Row([(f"refused outside channels: {drops}", inks.muted)]))
        return rows

    def _peer(self, peer: PeerStatus) -> Row:
        app, inks = self.host, self.host.inks
        now = app.clock.wall_ms()
        rtt = f"{peer.rtt_ms:.0f} ms" if peer.rtt_ms is not None else "-"
        blocked = peer.blocked_until_ms is not None and peer.blocked_until_ms > now
        open_channels = f"{len(peer.channels)}"
        state: Part = (pad(open_channels, 23), inks.text)
        if blocked:
            silence = ((peer.blocked_until_ms or now) - now) / 1000
            state = (pad(f"{open_channels}, quiet for {silence:.0f} s", 23), inks.warning)
        elif peer.strikes:
            state = (pad(f"{open_channels}, {plural(peer.strikes, 'strike')}", 23), inks.warning)
        where: list[Part] = [
            (pad(safe_line(peer.address, 40), 23), inks.muted),
            ("out" if peer.initiator else "in", inks.muted),
        ]
        return Row(
            [
                (pad(app.people.full_label(peer.public_key), 22), inks.name(peer.public_key)),
                (f" {rtt:>8} ", inks.text),
                (f"{bytes_text(peer.bytes_in):>8} {bytes_text(peer.bytes_out):>8} ", inks.muted),
                (f"{duration_text((now - peer.connected_ms) / 1000):>8}  ", inks.muted),
                state,
                *(where if self._is_wide else ()),
            ],
            key=peer.public_key,
        )

    def _bridge_rows(self, status: EngineStatus) -> list[Row]:
        inks, glyphs = self.host.inks, self.host.glyphs
        start = Row([(f"{glyphs.closed} ", inks.primary), ("Start the bridge", inks.text)], key="start")
        match status.bridge:
            case BridgeListening(host, port, clients):
                rows = [
                    self._heading(
                        "BRIDGE", f"listens on {safe_line(host, 60)}:{port}, {plural(len(clients), 'client')}"
                    )
                ]
                return rows + [self._client(client) for client in clients]
            case BridgeFailed(reason, hint):
                words = f"{safe_line(reason, 120)} {safe_line(hint, 120)}"
                return [self._heading("BRIDGE", "failed"), Row([(words, inks.error)]), start]
            case _:
                return [self._heading("BRIDGE", "off: no agent can drive this peer"), start]

    def _client(self, client: BridgeClient) -> Row:
        inks = self.host.inks
        since = duration_text((self.host.clock.wall_ms() - client.since_ms) / 1000)
        watching = ", ".join(safe_line(name, 30) for name in client.subscriptions) or "all channels"
        scopes = " ".join(safe_line(scope, 20) for scope in client.scopes)
        state: Part = (pad(scopes, 18), inks.text) if client.authenticated else (pad("not signed in", 18), inks.warning)
        queued: list[Part] = [(f"  {client.queued} waiting", inks.warning)] if client.queued else []
        return Row(
            [
                (pad(safe_line(client.label, 40), 23), inks.strong),
                state,
                (pad(f"{since}, last {safe_line(client.last_request, 20)}", 28), inks.muted),
                (watching, inks.muted),
                *queued,
            ],
            [("Enter cuts off", inks.faint)],
            key=f"kick:{client.label}",
        )

    def _log_rows(self) -> list[Row]:
        level, name = LEVELS[self._level]
        records = [record for record in tuple(self.host.log_records.records) if record.levelno >= level]
        rows = [self._heading("LOG", f"{name} and above")]
        rows += [self._log_row(number, record) for number, record in enumerate(records[-LOG_ROWS:])]
        if not records:
            rows.append(Row([("Nothing was logged.", self.host.inks.muted)]))
        return rows

    def _log_row(self, number: int, record: logging.LogRecord) -> Row:
        inks = self.host.inks
        level = record.levelno
        ink = inks.error if level >= logging.ERROR else inks.warning if level >= logging.WARNING else inks.text
        where = safe_line(record.name, 60).removeprefix("engine.")
        return Row(
            [
                (f"{clock_text(int(record.created * 1000))} ", inks.muted),
                (pad(where, 18), inks.muted),
                (f" {safe_line(_record_text(record), 500)}", ink),
            ],
            key=f"log:{number}",
        )


def _record_text(record: logging.LogRecord) -> str:
    try:
        text = record.getMessage()
    except (TypeError, ValueError):
        text = str(record.msg)
    if record.exc_info and record.exc_info[1] is not None:
        text += f": {type(record.exc_info[1]).__name__}: {record.exc_info[1]}"
    return text
