"""Rows around the messages: the channel's title, the banner, the reason why nothing can be written."""

from __future__ import annotations

from engine.status import ChannelStatus
from intercom_tui.safe import safe_line
from intercom_tui.status_text import channel_facts
from intercom_tui.widgets.bars import Bar
from intercom_tui.widgets.line import Part, parts_width
from intercom_tui.widgets.row_list import Row, RowList


class ChannelTitle(Bar):
    """Kind, name, welcome text and facts of the open channel."""

    channel: ChannelStatus | None = None

    def show(self, channel: ChannelStatus | None) -> None:
        """Show a channel."""
        if channel != self.channel:
            self.channel = channel
            self.refresh()

    def parts(self, width: int) -> tuple[list[Part], list[Part]]:
        """Name left, facts right; facts go first when it is narrow."""
        channel, inks = self.channel, self.inks
        if channel is None:
            return [(" no channel", inks.muted)], []
        left: list[Part] = [
            (f" {self.host.glyphs.kind(channel.kind)} ", inks.primary),
            (safe_line(channel.name, 60), inks.strong),
        ]
        right: list[Part] = []
        facts = list(channel_facts(channel))
        while facts:
            text = "  ".join(facts) + " "
            if parts_width(left) + len(text) + 2 <= width:
                waiting = channel.welcome_required and not channel.welcomed
                right = [(text, inks.warning if waiting else inks.muted)]
                break
            facts.pop()
        if channel.welcome_text:
            left.append((f"   {safe_line(channel.welcome_text, 200)}", inks.muted))
        return left, right


class Banner(Bar):
    """One sentence above the messages; hidden when there is nothing to say."""

    text = ""
    mood = "busy"

    def say(self, text: str, mood: str = "busy") -> None:
        """Show a sentence, or hide the banner with an empty one."""
        changed = (text, mood) != (self.text, self.mood)
        self.text, self.mood = text, mood
        self.display = bool(text)
        if changed:
            self.refresh()

    def parts(self, width: int) -> tuple[list[Part], list[Part]]:
        """The sentence."""
        inks, glyphs = self.inks, self.host.glyphs
        ink = inks.error if self.mood == "bad" else inks.warning
        mark = glyphs.failed if self.mood == "bad" else glyphs.half
        return [(f" {mark} ", ink), (self.text, inks.text)], []


class Blocked(RowList):
    """Stands in the composer's place: why nothing can be written, and the action that helps."""

    HELP = "Enter does what helps."

    def show(self, reason: str, fix: tuple[str, str] | None) -> None:
        """Say why; ``fix`` is (action id, label)."""
        inks, glyphs = self.inks, self.host_glyphs
        words: list[Part] = [(f"{glyphs.failed} ", inks.warning), (safe_line(reason, 200), inks.muted)]
        if fix is None:
            self.set_rows([Row(words)])
        else:
            action, label = fix
            button: list[Part] = [(f"{glyphs.closed} {label} ", inks.primary)]
            self.set_rows([Row(words, button, f"action:{action}")])
