"""Selecting in a message log: offsets are offsets into messages, never into the rows they were broken into."""

from __future__ import annotations

from collections.abc import Sequence

from textual.selection import Selection

from intercom_tui.people import People
from intercom_tui.safe import safe_text
from intercom_tui.widgets.log_items import Item, Kind, message_text
from intercom_tui.widgets.text_wrap import Row


def word_at(text: str, offset: int) -> Row | None:
    """Offsets of the word at an offset; None between words."""
    if not 0 <= offset < len(text) or text[offset].isspace():
        return None
    start = end = offset
    while start > 0 and not text[start - 1].isspace():
        start -= 1
    while end < len(text) and not text[end].isspace():
        end += 1
    return start, end


def selected_text(items: Sequence[Item], origin: int, selection: Selection, people: People) -> str:
    """Selected text: of one message its characters, of several one line each with time and author."""
    picked: list[tuple[Item, str]] = []
    for index, item in enumerate(items):
        span = selection.get_span(origin + index)
        if span is None or item.kind in (Kind.DAY, Kind.NEW):
            continue
        start, end = max(span[0], 0), len(item.text) if span[1] < 0 else span[1]
        if text := item.text[start:end]:
            picked.append((item, text))
    if len(picked) == 1:
        return picked[0][1]
    return "\n".join(
        f"{item.time} {people.label(item.message.sender or '')}: {text}" if item.message else text
        for item, text in picked
    )


def plain_text(items: Sequence[Item], people: People, limit: int = 500) -> str:
    """The newest entries as unwrapped text, one line each."""
    lines = []
    for item in items[-limit:]:
        if item.message is not None:
            who = people.full_label(item.message.sender or "")
            lines.append(f"{item.time} {who}  {safe_text(message_text(item.message))}")
        elif item.choosable:
            lines.append(f"{item.time} - {item.text}")
    return "\n".join(lines)
