"""Panes of planes that this version does not have: they say so, and what they will be."""

from __future__ import annotations

from collections.abc import Sequence
from typing import ClassVar

from textual.app import ComposeResult
from textual.getters import query_one

from intercom_tui.panes.base import Pane
from intercom_tui.widgets.line import Part
from intercom_tui.widgets.row_list import Row, RowList


class PlannedPane(Pane):
    """Says what will be here and what can be done instead (``action:<id>``)."""

    lead: ClassVar[str] = ""
    plans: ClassVar[Sequence[str]] = ()
    instead: ClassVar[Sequence[tuple[str, str]]] = (("pane.1", "Go to Channels"),)

    rows = query_one(".planned-rows", RowList)

    def compose(self) -> ComposeResult:
        """One list of words and actions."""
        yield RowList(classes="planned-rows")

    def on_mount(self) -> None:
        """Fill it."""
        self.theme_changed()

    def theme_changed(self) -> None:
        """Draw again."""
        inks, glyphs = self.host.inks, self.host.glyphs
        title: list[Part] = [(self.spec.title, inks.strong), ("   not in this version", inks.warning)]
        rows = [Row(), Row(title), Row(), Row([(self.lead, inks.text)]), Row()]
        rows += [Row([(f"{glyphs.ring} ", inks.faint), (plan, inks.muted)]) for plan in self.plans]
        rows.append(Row())
        rows += [
            Row([(f"{glyphs.closed} ", inks.primary), (label, inks.text)], key=f"action:{name}")
            for name, label in self.instead
        ]
        self.rows.set_rows(rows)

    def on_row_list_chosen(self, event: RowList.Chosen) -> None:
        """Do what was chosen."""
        event.stop()
        self.host.do(event.key.removeprefix("action:"))
