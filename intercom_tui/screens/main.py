"""The main screen: tabs, the panes, status and keys."""

from __future__ import annotations

from typing import ClassVar

from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.getters import query_one
from textual.screen import Screen

from intercom_tui.panes import PANES, make_pane
from intercom_tui.panes.base import Pane
from intercom_tui.panes.channels import ChannelsPane
from intercom_tui.widgets.bars import KeyBar, StatusBar, TabBar


class MainScreen(Screen[None]):
    """Shows one pane at a time; others are built when they are first shown."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("question_mark", "app.do('help')", "Help", show=False, id="help.short"),
        *(
            Binding(str(number), f"app.do('pane.{number}')", spec.title, show=False, id=f"pane.{number}.short")
            for number, spec in enumerate(PANES, 1)
        ),
    ]

    tabs = query_one("#tabs", TabBar)
    status_bar = query_one("#status", StatusBar)
    keys = query_one("#keys", KeyBar)

    def __init__(self) -> None:
        super().__init__()
        self.active = PANES[0].id

    def compose(self) -> ComposeResult:
        """Only the first pane is built at once."""
        yield TabBar([(spec.id, spec.title, spec.brief) for spec in PANES], id="tabs")
        yield make_pane(PANES[0].id)
        yield StatusBar(id="status")
        yield KeyBar(id="keys")

    def on_mount(self) -> None:
        """Keep the key bar true."""
        self.bindings_updated_signal.subscribe(self, lambda _: self.keys.refresh())
        if (target := self.pane.first_focus()) is not None:
            self.set_focus(target)

    @property
    def standing(self) -> bool:
        """False before the widgets are there and while they are taken down: timers and messages may still come."""
        return all(self.query(part) for part in ("#tabs", "#pane-channels", "#status"))

    @property
    def pane(self) -> Pane:
        """The pane that is shown."""
        return self.query_one(f"#pane-{self.active}", Pane)

    @property
    def channels(self) -> ChannelsPane:
        """The first pane."""
        return self.query_one("#pane-channels", ChannelsPane)

    @property
    def panes(self) -> list[Pane]:
        """Panes that were built."""
        return list(self.query(Pane))

    async def on_tab_bar_picked(self, event: TabBar.Picked) -> None:
        """A tab or a status segment was chosen."""
        await self.show_pane(event.pane, focus=not event.stay)

    async def show_pane(self, name: str, *, focus: bool = True) -> None:
        """Show a pane, and build it when it is new."""
        if not self.query(f"#pane-{name}"):
            await self.mount(make_pane(name), before=self.status_bar)
        self.active = name
        for pane in self.panes:
            pane.display = pane.id == f"pane-{name}"
        self.tabs.set_active(name)
        if focus and (target := self.pane.first_focus()) is not None:
            target.focus()
