"""Symbols, in Unicode and in ASCII.

Meaning is a glyph and a word first; colour only repeats it.
"""

from __future__ import annotations

from dataclasses import dataclass

from engine.status import ChannelKind, StepState


@dataclass(frozen=True, slots=True)
class Glyphs:
    """One set of symbols."""

    signed: str = "✓"
    unsigned: str = "?"
    relayed: str = "»"
    sending: str = "…"
    failed: str = "✗"
    sent: str = "→"
    down: str = "↓"
    dot: str = "●"
    ring: str = "○"
    half: str = "◐"
    bar: str = "▌"
    rule: str = "─"
    separator: str = "·"
    ellipsis: str = "…"
    open: str = "▾"
    closed: str = "▸"
    on: str = "●"
    lobby: str = "~"
    public: str = "#"
    invite: str = "!"
    owner: str = "="

    def kind(self, kind: ChannelKind) -> str:
        """Symbol of a kind of channel."""
        return {
            ChannelKind.ENTRY: self.lobby,
            ChannelKind.PUBLIC: self.public,
            ChannelKind.INVITE: self.invite,
            ChannelKind.OWNER: self.owner,
        }[kind]

    def step(self, state: StepState) -> str:
        """Symbol of the state of a start-up step."""
        return {
            StepState.WAITING: self.ring,
            StepState.RUNNING: self.half,
            StepState.DONE: self.signed,
            StepState.FAILED: self.failed,
        }[state]


UNICODE = Glyphs()
ASCII = Glyphs(
    signed="v",
    relayed=">",
    sending=".",
    failed="x",
    sent=">",
    down="v",
    dot="*",
    ring="o",
    half="+",
    bar="|",
    rule="-",
    separator="|",
    ellipsis="~",
    open="-",
    closed="+",
    on="*",
)


def glyph_set(name: str) -> Glyphs:
    """The set of that name (``unicode`` or ``ascii``)."""
    return ASCII if name == "ascii" else UNICODE
