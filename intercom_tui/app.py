"""The full-screen app."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import ClassVar

from textual.binding import BindingType
from textual.screen import Screen

from engine.api import EngineAPI
from engine.clock import Clock
from engine.messages import ChannelMessage
from intercom_tui.app_base import AppBase
from intercom_tui.inbox import Inbox
from intercom_tui.keymap import app_bindings, keymap_problems, usable
from intercom_tui.link import EngineLink, EventsHappened, MessagesArrived, StatusUpdated
from intercom_tui.people import People, short_key
from intercom_tui.safe import notice
from intercom_tui.screens.main import MainScreen
from intercom_tui.state import StateFile
from intercom_tui.widgets.bars import TabBar
from intercom_tui.widgets.log_items import clock_text


class IntercomApp(AppBase):
    BINDINGS: ClassVar[list[BindingType]] = list(app_bindings())
    TITLE = "Intercom"

    def __init__(self, engine: EngineAPI, *, state_path: Path | None = None, log_ring=None, keymap: Mapping[str, str] = {}, theme: str = "nightline", clock: Clock | None = None, glyphs="unicode", no_color=None) -> None:
        self.engine = engine
        self.state_file = StateFile(state_path)
        self.state = self.state_file.load()
        self.people = People(self.state.petnames)
        self.inbox = Inbox(self.state, self.people.mentions_me)
        super().__init__(theme=self.state.theme or theme, clock=clock, glyphs=glyphs, no_color=no_color)
        self.set_keymap(usable(keymap))
        self._introduce()

    def _introduce(self):
        identity = self.engine.status.identity
        if identity: self.people.introduce(identity.public_key, identity.store_name)

    def get_default_screen(self) -> Screen[None]:
        return MainScreen()

    @property
    def main(self) -> MainScreen:
        return self.screen_stack[0]

    def on_mount(self):
        link = EngineLink(self.engine, self, self.clock.monotonic)
        self.run_worker(link.read(), exit_on_error=False)
        self.run_worker(link.pump(), exit_on_error=False)
        self.set_interval(1.0, self._tick)

    def _tick(self):
        self.main.status_bar.refresh(); self.main.tabs.refresh()
        self.main.pane.tick()

    def on_messages_arrived(self, event: MessagesArrived):
        self.inbox.add(event.messages)
        for pane in self.main.panes: pane.messages_arrived(event.messages)
        self.counts_changed()

    def on_status_updated(self, event: StatusUpdated):
        self._introduce()
        for pane in self.main.panes: pane.status_changed(event.status)
        self.counts_changed()

    def on_events_happened(self, event: EventsHappened):
        for pane in self.main.panes: pane.events_happened(event.events)

    def counts_changed(self):
        self.main.status_bar.refresh(); self.main.tabs.refresh()

    @property
    def is_looking(self): return True
    @property
    def own_short_key(self): return short_key(self.people.own_key)
    def clock_text(self): return clock_text(self.clock.wall_ms())
    def pane_badge(self, pane):
        return ""
    def action_do(self, name): self.do(name)
    def do(self, name, argument=""): pass
    def run_line(self, line):
        pass
