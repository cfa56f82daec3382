"""Pane 1: channels, messages, composer, details."""

from __future__ import annotations

from collections.abc import Sequence
from typing import ClassVar

from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Vertical
from textual.getters import query_one
from textual.widget import Widget

from engine.errors import IntercomError
from engine.events import ChannelJoined, ChannelLeft, Event, Gap, InviteAccepted, WelcomeAccepted
from engine.messages import ChannelMessage
from engine.status import ChannelKind, ChannelStatus, EngineStatus, P2pOffline, P2pOnline
from intercom_tui.completion import complete
from intercom_tui.drops import NO_OWNER, REASONS
from intercom_tui.inbox import COUNT_LIMIT
from intercom_tui.panes.base import CHANNELS, Pane
from intercom_tui.panes.outbox import Outbox
from intercom_tui.safe import content, safe_line, safe_text
from intercom_tui.status_text import current_step, step_text
from intercom_tui.widgets.channel_list import ChannelList
from intercom_tui.widgets.completions import CompletionList
from intercom_tui.widgets.composer import Composer
from intercom_tui.widgets.conversation_bars import Banner, Blocked, ChannelTitle
from intercom_tui.widgets.details import ChannelDetails
from intercom_tui.widgets.empty_state import EmptyState, empty_text
from intercom_tui.widgets.find_bar import FindBar
from intercom_tui.widgets.line_input import LineInput
from intercom_tui.widgets.log_items import Item, clock_text
from intercom_tui.widgets.message_log import MessageLog
from intercom_tui.widgets.row_list import RowList


class ChannelsPane(Pane):
    """Channels, messages, composer, details."""

    spec = CHANNELS

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("left_square_bracket", "app.do('channel.prev')", "Previous", show=False, id="channels.prev"),
        Binding("right_square_bracket", "app.do('channel.next')", "Next", show=False, id="channels.next"),
        Binding("a", "app.do('next-unread')", "Unread", show=False, id="channels.unread"),
        Binding("slash", "app.do('find')", "Find", show=False, id="channels.find"),
    ]

    sidebar = query_one("#sidebar", ChannelList)
    title = query_one("#title", ChannelTitle)
    banner = query_one("#banner", Banner)
    log_view = query_one("#log", MessageLog)
    find_bar = query_one("#find-bar", FindBar)
    empty = query_one("#empty", EmptyState)
    completions = query_one("#completions", CompletionList)
    composer = query_one("#composer", Composer)
    blocked = query_one("#blocked", Blocked)
    details = query_one("#details", ChannelDetails)

    def __init__(self, *, id: str | None = None) -> None:
        super().__init__(id=id)
        self.channel = ""
        self._outbox = Outbox()

    def compose(self) -> ComposeResult:
        """Three columns."""
        yield ChannelList(id="sidebar")
        with Vertical(id="conversation"):
            yield ChannelTitle(id="title")
            yield Banner(id="banner")
            yield MessageLog(self._load, id="log")
            yield FindBar(placeholder="Find in this channel", id="find-bar")
            yield EmptyState(id="empty")
            yield CompletionList(id="completions")
            yield Composer(id="composer")
            yield Blocked(id="blocked")
        yield ChannelDetails(id="details")

    def on_mount(self) -> None:
        """Open the channel shown last."""
        self.composer.recall = lambda: self.host.state.history
        self.status_changed(self.host.engine.status)
        names = [channel.name for channel in self.host.engine.status.channels]
        wanted = self.host.state.channel
        self.open_channel(wanted if wanted in names else self.host.engine.sidechannel.entry_channel)

    def first_focus(self) -> Widget | None:
        """The composer, or what stands in its place."""
        return self.composer if self.composer.display else self.log_view if self.log_view.display else self.blocked

    # -- channels --------------------------------------------------------------------------------------------------

    @property
    def channel_status(self) -> ChannelStatus | None:
        """The open channel's status."""
        return self.host.engine.status.channel(self.channel)

    @property
    def visible_channel(self) -> str:
        """The open channel while its newest message is on the screen."""
        return self.channel if self.log_view.following and self.log_view.display else ""

    def open_channel(self, name: str, *, focus: bool = False) -> None:
        """Show a channel."""
        if self.channel:
            self.save_draft()
        self.channel = name
        state = self.host.state
        state.channel = name
        status = self.channel_status
        ttl = status.ttl if status else 3
        self.log_view.show(name, self.host.inbox.marker(name), self._outbox.extra(name), ttl)
        self.composer.set_text(state.drafts.get(name, ""))
        self._offer("")
        self.composer.placeholder = content(f"Message {safe_line(name, 40)}")
        self.status_changed(self.host.engine.status)
        self.sidebar.show_current(name)
        if focus and (target := self.first_focus()) is not None:
            target.focus()

    def save_draft(self) -> None:
        """Keep what stands in the composer."""
        self.host.state.set_draft(self.channel, self.composer.text)

    def names(self) -> list[str]:
        """Names of all channels, in list order."""
        return [channel.name for channel in self.host.engine.status.channels]

    def step(self, step: int) -> None:
        """Open the neighbour of the current channel."""
        names = self.names()
        if names:
            index = names.index(self.channel) if self.channel in names else 0
            self.open_channel(names[(index + step) % len(names)])

    def _load(self, channel: str, before: int | None, limit: int) -> Sequence[ChannelMessage]:
        return self.host.engine.sidechannel.history(channel, before=before, limit=limit)

    # -- what the app tells ----------------------------------------------------------------------------------------

    def status_changed(self, status: EngineStatus) -> None:
        """Show a newer snapshot."""
        self.sidebar.refresh_rows(status, self.channel)
        channel = status.channel(self.channel)
        self.title.show(channel)
        self.details.show(channel)
        self._show_banner(channel, status)
        self._show_composer(channel)
        self._show_empty(status)

    def messages_arrived(self, messages: Sequence[ChannelMessage]) -> None:
        """Append what belongs to the open channel; count the rest."""
        mine = [message for message in messages if message.channel == self.channel]
        for message in mine:
            if message.own:
                self._outbox.stored(self.channel, message.id or "")
        if mine:
            self.log_view.append(mine)
            self._show_empty(self.host.engine.status)
        if len(mine) != len(messages):
            self.sidebar.refresh_rows(self.host.engine.status, self.channel)

    def events_happened(self, events: Sequence[Event]) -> None:
        """Joins, welcomes and gaps become local lines."""
        for event in events:
            match event:
                case ChannelJoined(channel):
                    self.say(channel, f"joined {safe_line(channel, 60)}")
                case ChannelLeft(channel) if channel == self.channel:
                    self.open_channel(self.host.engine.sidechannel.entry_channel)
                case WelcomeAccepted(channel, text):
                    self.say(channel, f"welcome verified: {safe_text(text, limit=400)}", "success")
                case InviteAccepted(channel, _):
                    self.say(channel, "an invite for you verified", "success")
                case Gap():
                    self.reload()
                case _:
                    continue

    def reload(self) -> None:
        """Read everything again: events were missed."""
        for name in self.names():
            self.host.inbox.recount(name, self._load(name, None, COUNT_LIMIT))
        self.open_channel(self.channel)

    def theme_changed(self) -> None:
        """Draw again."""
        self.log_view.restyle()
        self.status_changed(self.host.engine.status)

    def tick(self) -> None:
        """Counting texts move on."""
        status = self.host.engine.status
        self._show_banner(status.channel(self.channel), status)
        if self.empty.display:
            self._show_empty(status)

    # -- parts of the middle column --------------------------------------------------------------------------------

    def _show_banner(self, channel: ChannelStatus | None, status: EngineStatus) -> None:
        now = self.host.clock.monotonic()
        step = current_step(status)
        match status.p2p:
            case P2pOffline(reason, retry_in_s):
                retry = f", next try in {retry_in_s:.0f} s" if retry_in_s is not None else ""
                self.banner.say(f"Offline: {safe_line(reason, 80)}{retry}. Messages are not delivered.", "bad")
            case _ if step is not None and self.log_view.display:
                self.banner.say(step_text(step, now), "bad" if step.state.value == "failed" else "busy")
            case P2pOnline() if (
                self.log_view.display and channel is not None and channel.welcome_required and not channel.welcomed
            ):
                awaited = REASONS["awaiting welcome"] if channel.owner else NO_OWNER
                self.banner.say(awaited.why)
            case _:
                self.banner.say("")

    def _show_composer(self, channel: ChannelStatus | None) -> None:
        reason = self._why_blocked(channel)
        had_focus = self.composer.has_focus or self.blocked.has_focus
        self.composer.display = not reason
        self.blocked.display = bool(reason)
        if reason:
            self.blocked.show(reason, self._fix(channel))
        if had_focus:
            (self.blocked if reason else self.composer).focus()

    def _why_blocked(self, channel: ChannelStatus | None) -> str:
        if channel is None:
            return "You are not in this channel."
        if channel.can_write:
            return ""
        return channel.blocked_reason or "You cannot write here."

    def _fix(self, channel: ChannelStatus | None) -> tuple[str, str] | None:
        if channel is None:
            return ("join", "Join")
        if channel.welcome_required and not channel.welcomed and channel.owner:
            return ("paste-welcome", "Paste welcome")
        if channel.kind is ChannelKind.INVITE:
            return ("paste-invite", "Paste invite")
        return None

    def _show_empty(self, status: EngineStatus) -> None:
        empty = not self.log_view.items
        self.log_view.display = not empty
        self.empty.display = empty
        if empty:
            text = empty_text(status.channel(self.channel), status)
            self.empty.show(text, status, self.host.clock.monotonic())

    # -- local lines and sending -----------------------------------------------------------------------------------

    def say(self, channel: str, text: str, style: str = "") -> None:
        """Add a local line to a channel's log."""
        newest = self._load(channel, None, 1)
        now = clock_text(self.host.clock.wall_ms())
        item = self._outbox.add_line(channel, newest[-1].seq if newest else 0, text, now, style)
        if channel == self.channel:
            self.log_view.add_local(item)
            self._show_empty(self.host.engine.status)

    def send(self, text: str) -> None:
        """Send a message to the open channel."""
        self.run_worker(self._send(self.channel, text), name="send", group="send", exit_on_error=False)

    async def _send(self, channel: str, text: str) -> None:
        item = self._outbox.add_sending(channel, text, clock_text(self.host.clock.wall_ms()))
        if channel == self.channel:
            self.log_view.action_jump_to_newest()
            self.log_view.add_local(item)
            self._show_empty(self.host.engine.status)
        try:
            sent = await self.host.engine.sidechannel.send(channel, text)
        except IntercomError as error:
            self._drop_sending(channel, item)
            self.say(channel, f"not sent: {error} {error.hint}".strip(), "error")
            if channel == self.channel and not self.composer.text:
                self.composer.set_text(text)
            return
        except BaseException:
            self._drop_sending(channel, item)
            raise
        if sent.queued:
            self.log_view.window.note_queued(sent.id, sent.queued)
        self._outbox.sent(item, sent.id)
        if self.log_view.window.newest_seq >= sent.seq:
            self._drop_sending(channel, item)

    def _drop_sending(self, channel: str, item: Item) -> None:
        self._outbox.forget(channel, item)
        if channel == self.channel:
            self.log_view.discard(item)

    # -- finding ---------------------------------------------------------------------------------------------------

    def find(self, text: str) -> None:
        """Find a text, or ask for one."""
        if text:
            self._find(text)
        else:
            self.find_bar.display = True
            self.find_bar.focus()

    def on_input_submitted(self, event: LineInput.Submitted) -> None:
        """Look for what was typed."""
        event.stop()
        self._find(event.value)

    def _find(self, text: str) -> None:
        self.find_bar.display = False
        self.log_view.focus()
        if text and not self.log_view.find(text):
            self.host.toast(f"{safe_line(text, 40)} was not found.")

    def start_line(self, text: str) -> None:
        """Begin a command in the composer."""
        if self.composer.display:
            self.composer.set_text(text)
            self.composer.focus()

    # -- messages of the widgets -----------------------------------------------------------------------------------

    def on_composer_sent(self, event: Composer.Sent) -> None:
        """A line was finished: a command, or a message."""
        text = event.text
        self.host.state.set_draft(self.channel, "")
        self.host.state.remember_line(text)
        if text.startswith("//"):
            self.send(text[1:])
        elif text.startswith("/"):
            self.host.run_line(text)
        else:
            self.send(text)

    def on_composer_left(self) -> None:
        """Go to the messages."""
        (self.log_view if self.log_view.display else self.empty).focus()

    def on_composer_long_paste(self, event: Composer.LongPaste) -> None:
        """Ask before several lines go in."""
        self.host.ask_paste(event.text)

    def on_composer_completion_asked(self, event: Composer.CompletionAsked) -> None:
        """Open, move in, or close the completion list."""
        if event.step == -2:
            self._offer("")
        elif event.step == 0:
            self._offer(event.text)
        elif event.step == 2:
            if (chosen := self.completions.chosen()) is not None:
                self.composer.replace_before_cursor(chosen.replaces, chosen.text)
                if not chosen.text.endswith(" "):
                    self._offer("")
        else:
            self.completions.action_cursor(event.step)

    def _offer(self, before: str) -> None:
        entries = complete(before, self.host.engine.status, self.host.people) if before else []
        self.completions.offer(entries)
        self.composer.completing = bool(entries)

    def on_message_log_seen(self, event: MessageLog.Seen) -> None:
        """The newest message is visible: it is read, if somebody is looking."""
        if self.host.is_looking and self.host.inbox.mark_read(event.channel, event.seq):
            self.sidebar.refresh_rows(self.host.engine.status, self.channel)
            self.host.counts_changed()

    def on_message_log_asked(self, event: MessageLog.Asked) -> None:
        """Something is wanted with a message."""
        if event.what == "write":
            if (target := self.first_focus()) is not None:
                target.focus()
        elif event.what == "reply" and event.message is not None:
            self._reply(event.message)
        elif event.what == "resend" and event.message is not None and isinstance(event.message.message, str):
            self.send(event.message.message)
        else:
            self.host.message_asked(event.what, event.message, event.detail)

    def _reply(self, message: ChannelMessage) -> None:
        handle = self.host.people.petname(message.sender or "") or (message.sender or "")[:8]
        if self.composer.display:
            self.composer.focus()
            if handle and handle != "you":
                self.composer.insert_text(f"@{handle} ")

    def on_row_list_chosen(self, event: RowList.Chosen) -> None:
        """A row of the sidebar, the details or an empty place was chosen."""
        event.stop()
        kind, _, value = event.key.partition(":")
        match kind:
            case "channel":
                self.host.close_overlay()
                self.open_channel(value, focus=True)
            case "request":
                self.host.ask_request(int(value))
            case "peer":
                self.host.do("petname", value)
            case "more":
                self.host.do("pane.5")
            case "action" if value == "focus-in":
                if (target := self.first_focus()) is not None:
                    target.focus()
            case "action":
                self.host.do(value)
