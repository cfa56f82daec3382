"""Actions on channels."""

from __future__ import annotations

from typing import TYPE_CHECKING

from intercom_tui.handlers import Table
from intercom_tui.inbox import COUNT_LIMIT
from intercom_tui.pasted import JoinWish, parse_join, parse_key, parse_signed
from intercom_tui.safe import safe_line
from intercom_tui.screens.dialogs import (
    InviteDialog,
    InviteWish,
    JoinDialog,
    OpenDialog,
    OpenWish,
    SignedDialog,
    TextDialog,
    TextResultDialog,
    leave_dialog,
    request_dialog,
    signed_text,
)
from intercom_tui.status_text import plural

if TYPE_CHECKING:
    from intercom_tui.app import IntercomApp


class ChannelHandlers:
    """Join, leave, invite, welcome, mark, mute, step, find."""

    def __init__(self, app: IntercomApp) -> None:
        self._app = app

    def table(self) -> Table:
        """Action id to handler."""
        return {
            "join": self.join,
            "open": self.open,
            "leave": self.leave,
            "invite": self.invite,
            "welcome": self.welcome,
            "paste-welcome": self.paste_welcome,
            "paste-invite": self.paste_invite,
            "join-command": self.join_command,
            "mark-read": self.mark_read,
            "mute": self.mute,
            "next-unread": self.next_unread,
            "channel.prev": self.previous,
            "channel.next": self.next,
            "find": self.find,
        }

    @property
    def _channel(self) -> str:
        return self._app.main.channels.channel

    async def join(self, argument: str) -> None:
        """Join a channel and open it."""
        wish = parse_join(argument) if argument else None
        if wish is None:
            wish = await self._app.push_screen_wait(JoinDialog(argument))
        if wish is not None:
            await self._join(wish)

    async def _join(self, wish: JoinWish) -> None:
        app = self._app
        joined = await app.engine.sidechannel.join(wish.channel, invite=wish.invite, welcome=wish.welcome, flush=False)
        await app.show_pane("channels")
        app.main.channels.open_channel(joined.channel, focus=True)
        if joined.already:
            app.toast(f"You are in {safe_line(joined.channel, 60)} already.")

    async def open(self, argument: str) -> None:
        """Ask others to open a channel."""
        wish = OpenWish(argument, self._app.engine.sidechannel.entry_channel) if argument else None
        if wish is None:
            wish = await self._app.push_screen_wait(OpenDialog(self._app.engine.sidechannel.entry_channel))
        if wish is not None:
            asked = await self._app.engine.sidechannel.request_open(wish.channel, via=wish.via)
            self._app.toast(f"Asked {plural(asked.peers, 'peer')} to open {safe_line(asked.channel, 60)}.")

    async def leave(self, argument: str) -> None:
        """Leave the open channel."""
        channel = argument or self._channel
        if channel == self._app.engine.sidechannel.entry_channel:
            self._app.toast("The lobby cannot be left: the network needs it.", "warning")
        elif await self._app.push_screen_wait(leave_dialog(channel)) == "leave":
            await self._app.engine.sidechannel.leave(channel)

    async def invite(self, argument: str) -> None:
        """Create an invite and offer it for copying."""
        app, channel = self._app, self._channel
        ttl_s = app.engine.config.sidechannel.invite_ttl or 604_800
        key = parse_key(argument) or app.people.find(argument) if argument else None
        wish = InviteWish(key, ttl_s) if key else None
        if wish is None:
            wish = await app.push_screen_wait(InviteDialog(channel, argument, ttl_s))
        if wish is None:
            return
        app.engine.sidechannel.create_invite(channel, wish.key, ttl_s=wish.ttl_s)
        command = app.engine.sidechannel.join_command(channel, wish.key)
        heading = f"Invite to {safe_line(channel, 40)} for {app.people.full_label(wish.key)}"
        await self._offer(heading, command, "the invite", ("Send this line to the peer; only that peer can use it.",))

    async def welcome(self, argument: str) -> None:
        """Create a welcome and offer it for copying."""
        channel = self._channel
        text: str | None = argument or await self._app.push_screen_wait(
            TextDialog(
                f"Welcome to {safe_line(channel, 40)}",
                "Text",
                button="Create",
                words=("Members with welcomes required see nothing until the owner's welcome verifies.",),
            )
        )
        if text:
            welcome = self._app.engine.sidechannel.create_welcome(channel, text)
            words = ("Signed with your key. It counts where members have your key as the channel's owner.",)
            await self._offer(f"Welcome of {safe_line(channel, 40)}", signed_text(welcome), "the welcome", words)

    async def paste_welcome(self, argument: str) -> None:
        """Accept a welcome."""
        channel = self._channel
        signed = parse_signed(argument) if argument else None
        if signed is None:
            signed = await self._app.push_screen_wait(SignedDialog("a welcome", channel, argument))
        if signed is not None:
            accepted = self._app.engine.sidechannel.accept_welcome(channel, signed)
            self._verdict(accepted, "The welcome verified.", "The welcome does not verify for this channel's owner.")

    async def paste_invite(self, argument: str) -> None:
        """Accept an invite."""
        channel = self._channel
        signed = parse_signed(argument) if argument else None
        if signed is None:
            signed = await self._app.push_screen_wait(SignedDialog("an invite", channel, argument))
        if signed is not None:
            accepted = self._app.engine.sidechannel.accept_invite(channel, signed)
            self._verdict(accepted, "The invite verified.", "The invite does not verify for you and this channel.")

    def _verdict(self, good: bool, yes: str, no: str) -> None:
        self._app.toast(yes if good else no, "information" if good else "error")

    async def join_command(self, argument: str) -> None:
        """Copy the line that joins this channel."""
        await self._app.copy_text(self._app.engine.sidechannel.join_command(argument or self._channel), "join command")

    async def _offer(self, heading: str, text: str, what: str, words: tuple[str, ...]) -> None:
        choice = await self._app.push_screen_wait(TextResultDialog(heading, text, words))
        if choice == "copy":
            await self._app.copy_text(text, what)
        elif choice == "save":
            await self._app.save_text(text, what.rsplit(" ", 1)[-1])

    async def mark_read(self, argument: str) -> None:
        """Mark the channel, or with ``all`` every channel, as read."""
        names = self._app.main.channels.names() if argument == "all" else [self._channel]
        for name in names:
            newest = self._app.engine.sidechannel.history(name, limit=1)
            if newest:
                self._app.inbox.mark_read(name, newest[-1].seq)
        self._app.redraw_counts()

    async def mute(self, argument: str) -> None:
        """Stop, or start again, counting the channel as unread."""
        channel = argument or self._channel
        muted = self._app.inbox.toggle_mute(channel)
        if not muted:
            self._app.inbox.recount(channel, self._app.engine.sidechannel.history(channel, limit=COUNT_LIMIT))
        self._app.toast(f"{safe_line(channel, 60)} is {'muted' if muted else 'no longer muted'}.")
        self._app.redraw_counts()

    async def next_unread(self, argument: str) -> None:
        """Go to a mention, then a request, then anything unread."""
        app = self._app
        pane = app.main.channels
        target = app.inbox.next_unread(pane.names(), pane.channel)
        requests = app.engine.status.open_requests
        mentioned = target is not None and app.inbox.unread(target).mentions
        if requests and not mentioned:
            await self.answer_request(requests[0].request_id)
        elif target is None:
            app.toast("Nothing is unread.")
        else:
            await app.show_pane("channels")
            pane.open_channel(target, focus=True)

    async def answer_request(self, request_id: int) -> None:
        """Ask what to do with an open request."""
        app = self._app
        request = next((entry for entry in app.engine.status.open_requests if entry.request_id == request_id), None)
        if request is None:
            app.toast("This request is gone.")
            return
        who = app.people.full_label(request.requester)
        choice = await app.push_screen_wait(request_dialog(request, who, app.clock.wall_ms()))
        if choice in ("join", "forget"):
            await app.engine.sidechannel.answer_open_request(request_id, accept=choice == "join")
        if choice == "join":
            await app.show_pane("channels")
            app.main.channels.open_channel(request.channel, focus=True)

    async def previous(self, argument: str) -> None:
        """Open the channel above."""
        self._app.main.channels.step(-1)

    async def next(self, argument: str) -> None:
        """Open the channel below."""
        self._app.main.channels.step(1)

    async def find(self, argument: str) -> None:
        """Find in the log."""
        await self._app.show_pane("channels")
        self._app.main.channels.find(argument)
