"""The right column: about the channel, why it is quiet, what can be done."""

from __future__ import annotations

from typing import TYPE_CHECKING, cast

from engine.status import ChannelKind, ChannelStatus
from intercom_tui.drops import counted, top_problem
from intercom_tui.safe import safe_line, safe_text
from intercom_tui.status_text import plural
from intercom_tui.widgets.line import Part
from intercom_tui.widgets.row_list import Row, RowList
from intercom_tui.widgets.text_wrap import wrap_rows

if TYPE_CHECKING:
    from intercom_tui.app import IntercomApp

ACTIONS = (
    ("join-command", "Copy join command"),
    ("invite", "Invite a peer"),
    ("welcome", "Create welcome"),
    ("mute", "Mute"),
    ("leave", "Leave channel"),
)


class ChannelDetails(RowList):
    """Facts of one channel, then its actions as rows that can be chosen (``action:<name>``)."""

    HELP = "Arrows choose an action, Enter does it."

    def __init__(self, *, id: str | None = None) -> None:
        super().__init__(id=id)
        self._channel: ChannelStatus | None = None

    @property
    def host(self) -> IntercomApp:
        """The app."""
        return cast("IntercomApp", self.app)

    def show(self, channel: ChannelStatus | None) -> None:
        """Show a channel."""
        self._channel = channel
        self.set_rows(self._make(channel) if channel else [])

    def on_resize(self) -> None:
        """Wrap again."""
        super().on_resize()
        self.show(self._channel)

    def _make(self, channel: ChannelStatus) -> list[Row]:
        rows = self._about(channel)
        rows += self._quiet(channel)
        rows += [Row(), Row([("ACTIONS", self.inks.muted)])]
        for name, label in ACTIONS:
            if name == "leave" and channel.kind is ChannelKind.ENTRY:
                continue
            if name == "mute" and self.host.inbox.is_muted(channel.name):
                label = "Unmute"
            rows.append(self._action(name, label))
        return rows

    def _action(self, name: str, label: str) -> Row:
        return Row([(f"{self.host.glyphs.closed} ", self.inks.primary), (label, self.inks.text)], key=f"action:{name}")

    def _about(self, channel: ChannelStatus) -> list[Row]:
        inks, people = self.inks, self.host.people
        rows = [Row([("ABOUT ", inks.muted), (safe_line(channel.name, 60), inks.strong)])]
        if channel.welcome_text:
            rows += [Row([(text, inks.text)]) for text in self._wrapped(channel.welcome_text, 6)]
            rows.append(Row())
        if channel.owner:
            rows.append(self._fact("owner", people.full_label(channel.owner)))
        kinds = {
            ChannelKind.ENTRY: ("everyone", "the open lobby"),
            ChannelKind.PUBLIC: ("everyone", "not required"),
            ChannelKind.INVITE: ("invited peers", "required"),
            ChannelKind.OWNER: ("the owner only", "not required"),
        }
        write, invite = kinds[channel.kind]
        welcome = "verified" if channel.welcomed else "awaited"
        rows.append(self._fact("welcome", welcome if channel.welcome_required else "not required"))
        rows.append(self._fact("write", write))
        rows.append(self._fact("invite", invite))
        work = f"{channel.pow_bits} bits" if channel.pow_bits else "none"
        rows.append(self._fact("work", f"{work}, ttl {channel.ttl}"))
        rows.append(self._fact("peers", plural(channel.peers, "peer")))
        rows.append(self._fact("sent", f"{channel.sent:,}, relayed {channel.relayed:,}"))
        return rows

    def _fact(self, name: str, value: str) -> Row:
        return Row([(f"{name:<9}", self.inks.muted), (value, self.inks.text)])

    def _quiet(self, channel: ChannelStatus) -> list[Row]:
        inks = self.inks
        rows = [Row(), Row([("WHY IS IT QUIET?", inks.muted)])]
        rows.append(self._count("accepted", channel.accepted, True))
        for reason, count in counted(channel.drops)[:8]:
            rows.append(self._count(reason.label, count, reason.harmless))
        problem = top_problem(channel)
        if problem is None:
            words = "Nothing is held back." if channel.peers else "Nobody else has this channel open."
            return [*rows, *(Row([(text, inks.muted)]) for text in self._wrapped(words, 3))]
        reason, _ = problem
        rows.append(Row())
        rows += [Row([(text, inks.text)]) for text in self._wrapped(reason.why, 4)]
        rows += [Row([(text, inks.muted)]) for text in self._wrapped(reason.fix, 4)]
        fixes = {"paste-welcome": "Paste welcome", "paste-invite": "Paste invite", "settings": "Open settings"}
        if reason.action in fixes:
            rows.append(self._action(reason.action, fixes[reason.action]))
        return rows

    def _count(self, label: str, count: int, harmless: bool) -> Row:
        ink = self.inks.muted if harmless else self.inks.warning
        number: Part = (f"{count:,}", self.inks.text if count else self.inks.muted)
        return Row([(label, ink)], [number])

    def _wrapped(self, text: str, rows: int) -> list[str]:
        if not text:
            return []
        width = max(self.size.width - 3, 8)
        text = safe_text(text, limit=600)
        found = wrap_rows(text, width, rows + 1)
        lines = [text[start:end] for start, end in found[:rows]]
        if len(found) > rows:
            lines[-1] = lines[-1][: width - 1] + self.host.glyphs.ellipsis
        return lines
