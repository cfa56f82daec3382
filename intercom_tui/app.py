"""The full-screen app: it composes screens, people, counts and the engine's facade.

The first frame is drawn before anything is asked of the engine; what the engine is still doing is shown as it says it.
The app talks to the engine only by awaiting calls of :class:`~engine.api.EngineAPI` in workers, and hears from it only
through :class:`~intercom_tui.link.EngineLink`.
"""

from __future__ import annotations

import asyncio
import gc
import logging
from collections.abc import Callable, Coroutine, Mapping, Sequence
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar, Literal, Protocol, cast

from textual import events
from textual.binding import BindingType
from textual.screen import Screen
from textual.widgets import Input, TextArea
from textual.worker import Worker, WorkerState

from engine.api import EngineAPI
from engine.clock import Clock
from engine.config.sections import Config
from engine.errors import IntercomError
from engine.events import Event, Gap, OpenRequested, PlaneFailed
from engine.messages import ChannelMessage
from engine.status import EngineStatus
from intercom_tui import clipboard
from intercom_tui.actions import Action
from intercom_tui.app_base import AppBase
from intercom_tui.completion import engine_commands
from intercom_tui.inbox import COUNT_LIMIT, Inbox
from intercom_tui.keymap import app_bindings, keymap_problems, usable
from intercom_tui.link import EngineLink, EventsHappened, MessagesArrived, StatusUpdated
from intercom_tui.panes.base import Pane
from intercom_tui.people import People, short_key
from intercom_tui.safe import notice, safe_line
from intercom_tui.screens.main import MainScreen
from intercom_tui.screens.too_small import TooSmallScreen, is_too_small
from intercom_tui.state import StateFile
from intercom_tui.widgets.key_text import keys_text
from intercom_tui.widgets.log_items import clock_text

if TYPE_CHECKING:
    from intercom_tui.handlers.every import Handlers

_logger = logging.getLogger(__name__)

SAVE_S = 2.0
"""Time between two saves of the state."""
QUIT_S = 3.0
"""Time in which a second ctrl+c quits."""
TOAST_S = 2.0
"""Time between two notices that nobody asked for."""


class LogRecords(Protocol):
    """Whatever keeps the newest log records."""

    @property
    def records(self) -> Sequence[logging.LogRecord]:
        """Records, oldest first."""


class NoRecords:
    """Keeps nothing."""

    records: Sequence[logging.LogRecord] = ()


WriteSettings = Callable[[Mapping[str, Any]], Path]
"""Writes settings by ``section.name`` and returns the file."""


class IntercomApp(AppBase):
    """The full-screen app.

    Args:
        engine: the peer; it may still be starting.
        state_path: file of read markers, drafts and petnames; None keeps them in memory.
        config: settings the app looks at; the engine's own unless given.
        log_ring: newest log records for the activity pane.
        theme: theme to start with; without it the one chosen in the app last, then the configured one.
        theme_directory: the user's own themes.
        save_directory: where texts and screenshots are saved.
        write_settings: writes the configuration file; without it the settings can only be looked at.
        no_color, clock: see :class:`~intercom_tui.app_base.AppBase`.
        painted: set when the first frame is on the screen.
    """

    TITLE = "Intercom"
    BINDINGS: ClassVar[list[BindingType]] = list(app_bindings())

    def __init__(
        self,
        engine: EngineAPI,
        *,
        state_path: Path | None = None,
        config: Config | None = None,
        log_ring: LogRecords | None = None,
        theme: str = "",
        theme_directory: Path | None = None,
        save_directory: Path | None = None,
        write_settings: WriteSettings | None = None,
        no_color: bool | None = None,
        clock: Clock | None = None,
        painted: asyncio.Event | None = None,
    ) -> None:
        self.engine = engine
        self.painted = painted or asyncio.Event()
        self.config = config or engine.config
        look = self.config.ui
        self.state_file = StateFile(state_path)
        self.state = self.state_file.load()
        self.people = People(self.state.petnames)
        self.inbox = Inbox(self.state, self.people.mentions_me)
        self.log_records: LogRecords = log_ring or NoRecords()
        self.save_directory = save_directory or Path.cwd()
        self.write_settings = write_settings
        super().__init__(
            theme=theme or self.state.theme or look.theme,
            theme_directory=theme_directory,
            glyphs=look.glyphs,
            no_color=no_color,
            clock=clock,
        )
        self.keymap = usable(look.keymap)
        self.set_keymap(self.keymap)
        self._problems = keymap_problems(look.keymap)
        self._focused_terminal = True
        self._quit_asked_s = -QUIT_S
        self._toasted_s = -TOAST_S
        self._listening = False
        self.link: EngineLink | None = None
        self._counts = (0, 0)
        self._introduce(engine.status)

    # -- screens ---------------------------------------------------------------------------------------------------

    def get_default_screen(self) -> Screen[Any]:
        """The main screen."""
        return MainScreen()

    @property
    def main(self) -> MainScreen:
        """The main screen, also below dialogs."""
        return cast("MainScreen", self.screen_stack[0])

    async def show_pane(self, name: str) -> None:
        """Show a pane."""
        self.state.pane = name
        if self.main.active != name:
            await self.main.show_pane(name)

    async def open_settings(self) -> None:
        """Show all settings."""
        from intercom_tui.screens.settings import SettingsScreen

        await self.push_screen_wait(SettingsScreen(self.config, self.write_settings))

    def toggle_column(self, column: Literal["sidebar", "details"]) -> None:
        """Show or hide a column; the choice is remembered."""
        channels = self.main.channels
        widget = channels.sidebar if column == "sidebar" else channels.details
        shown = not widget.display or widget.size.width == 0
        self.main.set_class(shown, f"-{column}-on")
        self.main.set_class(not shown, f"-{column}-off")
        setattr(self.state, f"show_{column}", shown)
        if shown:
            widget.focus()
        elif widget.has_focus:
            self.action_focus_pane()

    def close_overlay(self) -> None:
        """Hide the sidebar where it covers the messages."""
        if self.main.has_class("-narrow") and self.main.has_class("-sidebar-on"):
            self.main.remove_class("-sidebar-on")

    def action_focus_pane(self) -> None:
        """Go from the tabs into the pane."""
        if (target := self.main.pane.first_focus()) is not None:
            target.focus()

    # -- life ------------------------------------------------------------------------------------------------------

    def on_ready(self) -> None:
        self.call_after_refresh(self.painted.set)

    def on_mount(self) -> None:
        """Listen to the engine once the first frame is drawn."""
        self.call_after_refresh(self._begin)

    def _begin(self) -> None:
        if self._listening:
            return
        self._listening = True
        self.link = link = EngineLink(self.engine, self)
        self.run_worker(link.read(), name="events", exit_on_error=False)
        self.run_worker(link.pump(), name="batches", exit_on_error=False)
        self.set_interval(1.0, self._tick)
        self.set_interval(SAVE_S, self.save_state)
        self._recount(self.engine.status)
        self.on_status_updated(StatusUpdated(self.engine.status))
        self.call_later(lambda: self.handlers)
        self.call_later(engine_commands)
        if not self.is_headless:
            # What exists now lives as long as the app; pauses of the collector grow with what it has to visit.
            self.call_later(gc.freeze)
        for problem in (*self._problems, self.theme_problem, self.state_file.problem):
            if problem:
                self.toast(problem, "warning")
        for column in ("sidebar", "details"):
            if not getattr(self.state, f"show_{column}"):
                self.main.add_class(f"-{column}-off")

    def _recount(self, status: EngineStatus) -> None:
        for channel in status.channels:
            if channel.name != self.state.channel:
                self.inbox.recount(channel.name, self.engine.sidechannel.history(channel.name, limit=COUNT_LIMIT))

    def _introduce(self, status: EngineStatus) -> None:
        if status.identity is not None:
            self.people.introduce(status.identity.public_key, safe_line(status.identity.store_name, 30))

    def _tick(self) -> None:
        if not self.main.standing:
            return
        self.main.tabs.refresh()
        self.main.status_bar.refresh()
        self.main.pane.tick()

    def save_state(self) -> None:
        """Write drafts, read markers and layout."""
        if self.main.standing:
            self.main.channels.save_draft()
        if not self.state_file.save(self.state) and self.state_file.problem:
            self.toast(self.state_file.problem, "warning")

    def leave(self) -> None:
        """Save and exit."""
        self.save_state()
        self.exit()

    def on_unmount(self) -> None:
        """Save what was not saved yet."""
        self.state_file.save(self.state)

    def on_worker_state_changed(self, event: Worker.StateChanged) -> None:
        """A worker failed: say it and log it; the app lives."""
        if event.state is WorkerState.ERROR:
            error = event.worker.error
            _logger.error("worker %s failed", event.worker.name, exc_info=error)
            self.toast(
                f"Something went wrong: {error or 'unknown error'}. The log in Activity has the details.", "error"
            )

    def on_resize(self, event: events.Resize) -> None:
        """Cover everything while the terminal is too small."""
        covered = isinstance(self.screen, TooSmallScreen)
        if is_too_small(event.size) and not covered:
            self.push_screen(TooSmallScreen())
        elif not is_too_small(event.size) and covered:
            self.pop_screen()

    def on_text_area_changed(self) -> None:
        """Somebody types."""
        if self.link is not None:
            self.link.typing()

    def on_app_focus(self) -> None:
        """Somebody looks at the terminal again."""
        self._focused_terminal = True
        self._set_terminal_title("Intercom")
        log = self.main.channels.log_view
        if log.following:
            log.action_jump_to_newest() if log.has_focus else log.report_seen()

    def on_app_blur(self) -> None:
        """Nobody looks."""
        self._focused_terminal = False

    @property
    def is_looking(self) -> bool:
        """True while the messages of the open channel can be read by somebody."""
        return self._focused_terminal and self.main.active == "channels" and isinstance(self.screen, MainScreen)

    # -- from the engine -------------------------------------------------------------------------------------------

    def on_messages_arrived(self, event: MessagesArrived) -> None:
        """Count, show, and ring for mentions when nobody looks."""
        if not self.main.standing:
            return
        visible = self.main.channels.visible_channel if self.is_looking else ""
        seen = [message.seq for message in event.messages if message.channel == visible]
        mentioned = self.inbox.add(message for message in event.messages if message.channel != visible)
        if seen:
            self.inbox.mark_read(visible, seen[-1])
        self._each_pane(lambda pane: pane.messages_arrived(event.messages))
        self.counts_changed()
        if mentioned and not self._focused_terminal:
            self._call_attention()

    def on_status_updated(self, event: StatusUpdated) -> None:
        """Show a newer snapshot."""
        if not self.main.standing:
            return
        self._introduce(event.status)
        self._each_pane(lambda pane: pane.status_changed(event.status))
        self.main.status_bar.refresh()
        self.counts_changed()

    def on_events_happened(self, event: EventsHappened) -> None:
        """Show other events; only what needs the user becomes a notice."""
        self._each_pane(lambda pane: pane.events_happened(event.events))
        for happened in event.events:
            self._announce(happened)

    def _announce(self, event: Event) -> None:
        match event:
            case OpenRequested(_, channel, requester, _):
                who = self.people.label(requester)
                self.quiet_toast(f"{who} asks to open {safe_line(channel, 60)}. alt+a answers.")
                if not self._focused_terminal:
                    self._call_attention()
            case PlaneFailed(plane, error, hint):
                self.toast(f"{plane} failed: {error}. {hint}", "error")
            case Gap(count):
                _logger.warning("%d events were left out; everything was read again", count)
            case _:
                return

    def _each_pane(self, call: Callable[[Pane], None]) -> None:
        for pane in self.main.panes:
            pane.guarded(call)

    def _call_attention(self) -> None:
        if self.config.ui.bell:
            self.bell()
        self._set_terminal_title(f"({self.inbox.mentions or '!'}) Intercom")

    def _set_terminal_title(self, title: str) -> None:
        clipboard.write_to_terminal(self, f"\x1b]0;{title}\x07")

    # -- counts and names ------------------------------------------------------------------------------------------

    def counts_changed(self) -> None:
        """Unread counts may have changed: draw them where they are shown."""
        counts = (self.inbox.total, self.inbox.mentions)
        if counts != self._counts:
            self._counts = counts
            self.main.tabs.refresh()
            self.main.status_bar.refresh()

    def redraw_counts(self) -> None:
        """Unread counts changed; the sidebar shows them too."""
        self.main.channels.status_changed(self.engine.status)
        self.counts_changed()

    def names_changed(self) -> None:
        """Petnames changed."""
        for pane in self.main.panes:
            pane.theme_changed()
        self.counts_changed()

    def use_theme(self, name: str) -> None:
        """Switch to a theme and draw everything again."""
        super().use_theme(name)
        if self.is_running and self._listening:
            self.names_changed()

    @property
    def own_short_key(self) -> str:
        """This peer's key, shortened."""
        return short_key(self.people.own_key)

    def clock_text(self) -> str:
        """Local time."""
        return clock_text(self.clock.wall_ms())

    def pane_badge(self, pane: str) -> str:
        """What stands behind a tab's title."""
        return str(self.inbox.total) if pane == "channels" and self.inbox.total and self.main.active != pane else ""

    # -- doing things ----------------------------------------------------------------------------------------------

    @cached_property
    def handlers(self) -> Handlers:
        """What actions do; imported when first needed, after the first frame."""
        from intercom_tui.handlers.every import Handlers

        return Handlers(self)

    def action_do(self, name: str) -> None:
        """Do an action by its id."""
        self.do(name)

    def do(self, name: str, argument: str = "") -> None:
        """Start an action; a reason against it is shown instead."""
        if name == "copy":
            self._copy_or_quit()
        elif not isinstance(self.screen, TooSmallScreen):
            self._start(self.perform(name, argument), name)

    async def perform(self, name: str, argument: str) -> None:
        """Do an action; errors of the engine become notices."""
        if reason := self.why_not(name):
            self.toast(reason, "warning")
            return
        try:
            await self.handlers.table[name](argument)
        except IntercomError as error:
            self.toast(f"{error} {error.hint}".strip(), "error")
        except OSError as error:
            self.toast(str(error), "error")

    def keys_of(self, action: Action) -> str:
        """Keys of an action, as shown."""
        return keys_text(self.keymap.get(action.id, action.keys))

    def why_not(self, name: str) -> str:
        """Why an action cannot be done now, in one sentence; empty when it can."""
        return self.handlers.why_not(name)

    def _start(self, work: Coroutine[Any, Any, None], name: str) -> None:
        self.run_worker(work, name=name, group="actions", exit_on_error=False)

    def ask_request(self, request_id: int) -> None:
        """Ask what to do with an open request."""
        self._start(self.handlers.channel.answer_request(request_id), "request")

    def ask_paste(self, text: str) -> None:
        """Ask what to do with a paste of several lines."""
        self._start(self.handlers.view.paste(text), "paste")

    def message_asked(self, what: str, message: ChannelMessage | None, detail: str) -> None:
        """Do something with a message of the log."""
        self._start(self.handlers.view.message(what, message, detail), what)

    def run_line(self, line: str) -> None:
        """Run a slash command: one of the app, or one of the engine."""
        self._start(self.handlers.run_line(line), "command")

    # -- copying, notices ------------------------------------------------------------------------------------------

    async def copy_text(self, text: str, what: str) -> None:
        """Copy, and say how it went."""
        copied = await clipboard.copy(self, text)
        self.toast(copied.words(what), "information" if copied.ok else "warning")

    async def save_text(self, text: str, stem: str) -> None:
        """Save to a file, and say where."""
        path = clipboard.save(text, self.save_directory, stem)
        self.toast(f"Saved {path}")

    def toast(self, text: str, severity: Literal["information", "warning", "error"] = "information") -> None:
        """Show a notice about something the user did or must know."""
        notice(self, text, severity=severity)

    def quiet_toast(self, text: str) -> None:
        """Show a notice that nobody asked for; at most one every two seconds."""
        now = self.clock.monotonic()
        if now - self._toasted_s >= TOAST_S:
            self._toasted_s = now
            self.toast(text)

    def open_url(self, url: str, *, new_tab: bool = True) -> None:
        """Open an address in the browser; only web addresses."""
        if url.startswith(("https://", "http://")):
            import webbrowser

            webbrowser.open(url, new=2 if new_tab else 0)

    def _copy_or_quit(self) -> None:
        """Copy what is selected; with nothing selected a second press quits."""
        focused = self.focused
        text = focused.selected_text if isinstance(focused, (TextArea, Input)) else ""
        text = text or self.screen.get_selected_text() or ""
        if text:
            self._start(self.copy_text(text, "selection"), "copy")
            return
        now = self.clock.monotonic()
        if now - self._quit_asked_s < QUIT_S:
            self.leave()
        else:
            self._quit_asked_s = now
            self.toast("Press ctrl+c again to quit.")
