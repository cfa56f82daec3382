"""What stands where messages will be: what is happening, and what to do next."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, cast

from engine.status import ChannelKind, ChannelStatus, EngineStatus, P2pOnline, StepState
from intercom_tui.drops import NO_OWNER
from intercom_tui.safe import safe_line, safe_text
from intercom_tui.status_text import plural, step_text
from intercom_tui.widgets.row_list import Row, RowList
from intercom_tui.widgets.text_wrap import wrap_rows

if TYPE_CHECKING:
    from intercom_tui.app import IntercomApp


@dataclass(frozen=True, slots=True)
class EmptyText:
    """Words for an empty place, and the actions that help: (action id, label)."""

    title: str
    words: Sequence[str]
    actions: Sequence[tuple[str, str]] = ()


def empty_text(channel: ChannelStatus | None, status: EngineStatus) -> EmptyText:
    """What to say where a channel has no messages."""
    if channel is None:
        return EmptyText(
            "No channel is open",
            ("Join one by name, or paste an invite or a join command.",),
            (("join", "Join a channel"),),
        )
    if channel.welcome_required and not channel.welcomed and channel.owner is None:
        return EmptyText(
            "No welcome can come", (NO_OWNER.why, NO_OWNER.fix), (("settings", "Open settings"), ("leave", "Leave"))
        )
    if channel.welcome_required and not channel.welcomed:
        return EmptyText(
            "Awaiting the owner's welcome",
            ("Messages are held back until the owner's welcome verifies.",),
            (("paste-welcome", "Paste the welcome"), ("join-command", "Copy join command")),
        )
    if channel.kind is ChannelKind.ENTRY:
        return EmptyText(
            "You are in the open lobby",
            (
                "Everybody starts here, and rooms are announced here. Nothing was said yet.",
                _who_is_here(channel, status),
            ),
            (("focus-in", "Say hello"), ("join", "Join a channel"), ("open", "Ask others to open one")),
        )
    policy = {
        ChannelKind.INVITE: "Only invited peers read and write here.",
        ChannelKind.OWNER: "Only the owner writes here.",
    }.get(channel.kind, "Everyone who joins reads and writes here.")
    return EmptyText(
        f"Nothing was said in {safe_line(channel.name, 60)} yet",
        (policy, _who_is_here(channel, status)),
        (("focus-in", "Say hello"), ("join-command", "Copy join command"), ("invite", "Invite a peer")),
    )


def _who_is_here(channel: ChannelStatus, status: EngineStatus) -> str:
    if not isinstance(status.p2p, P2pOnline):
        return "The network is still starting."
    if not channel.peers:
        return "Nobody else has it open right now."
    return f"{plural(channel.peers, 'peer')} can read you."


class EmptyState(RowList):
    """Rows are words and ``action:<id>``."""

    HELP = "Arrows choose, Enter does it."

    def show(self, text: EmptyText, status: EngineStatus, now_s: float) -> None:
        """Show words, actions, and the start-up steps while there are unfinished ones."""
        inks, glyphs = self.inks, cast("IntercomApp", self.app).glyphs
        rows = [Row(), Row([(text.title, inks.strong)])]
        width = max(min(self.size.width - 4, 64), 10)
        for words in text.words:
            clean = safe_text(words, limit=600)
            rows += [Row([(clean[start:end], inks.muted)]) for start, end in wrap_rows(clean, width)]
        if any(step.state is not StepState.DONE for step in status.startup):
            rows.append(Row())
            styles = {
                StepState.WAITING: (inks.faint, inks.muted),
                StepState.RUNNING: (inks.warning, inks.text),
                StepState.DONE: (inks.success, inks.muted),
                StepState.FAILED: (inks.error, inks.error),
            }
            for step in status.startup:
                mark, words_ink = styles[step.state]
                rows.append(Row([(f"{glyphs.step(step.state)} ", mark), (step_text(step, now_s), words_ink)]))
        rows.append(Row())
        rows += [
            Row([(f"{glyphs.closed} ", inks.primary), (label, inks.text)], key=f"action:{name}")
            for name, label in text.actions
        ]
        self.set_rows(rows)
