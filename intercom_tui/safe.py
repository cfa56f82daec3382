"""The only door for text that comes from a peer, a file or an agent.

A terminal obeys what it is sent. A message with an escape code can move the cursor, change the title or write the
clipboard; one with bidirectional controls can show other words than it holds; one with console markup can become a
link. So nothing remote reaches a widget before it passes here:

* C0, DEL and C1 controls become visible symbols (an eight-bit control is shown as the escape sequence it stands for);
* bidirectional controls, invisible and tag characters and interlinear marks are removed; one joiner stays between two
  letters of a joining script, because Persian and Indic words need it;
* emoji modifiers and presentation selectors are removed and flags become letters: terminals disagree on their width,
  and a row that is wider than the screen expects moves everything after it;
* at most :data:`MAX_MARKS` combining marks stay on one character;
* lone surrogates, which cannot be encoded for the terminal, become U+FFFD;
* lines and characters are bounded where the caller says so.

The result is a plain ``str`` for widgets that draw text cell by cell, or a :class:`~textual.content.Content` made
without looking for markup.
"""

from __future__ import annotations

import re
import unicodedata
from typing import TYPE_CHECKING, Literal

if TYPE_CHECKING:
    from textual.app import App
    from textual.content import Content

MAX_MARKS = 3
"""Combining marks kept on one character."""

_REPLACEMENT = "\N{REPLACEMENT CHARACTER}"
_ZWNJ, _ZWJ = "\u200c", "\u200d"

_BREAKS = re.compile("\r\n|[\r\n\u2028\u2029]")
_SUSPECT = re.compile(
    "[\u0300-\u036f\u0483-\u0489\u0591-\u08ff\u0900-\u109f\u115f\u1160\u135d-\u135f\u1712-\u1734\u17b4-\u17d3\u180b-\u180f"
    "\u18a9\u1920-\u193b\u1a17-\u1a7f\u1ab0-\u1aff\u1b00-\u1bff\u1c24-\u1c37\u1cd0-\u1cff\u1dc0-\u1dff\u20d0-\u20ff\u2cef-\u2cf1"
    "\u2d7f\u2de0-\u2dff\u302a-\u302f\u3099\u309a\u3164\ua66f-\ua69f\ua6f0\ua6f1\ua802-\uabff\ufb1e\ufe00-\ufe0f\ufe20-\ufe2f"
    "\uffa0\U00010000-\U0010ffff]"
)
"""Printable characters that need a look: marks, fillers, everything beyond the basic plane."""

_JOINING_SCRIPTS = re.compile("[\u0600-\u08ff\u0900-\u0dff\u0f00-\u109f\u1780-\u17ff\u1800-\u18af\ua840-\ua87f]")
_INVISIBLE = frozenset("\xad\u034f\u115f\u1160\u17b4\u17b5\u3164\uffa0")
_MODIFIERS = range(0x1F3FB, 0x1F400)
_FLAGS = range(0x1F1E6, 0x1F200)
_SELECTORS = (range(0xFE00, 0xFE10), range(0xE0000, 0xE1000), range(0x180B, 0x1810))


def safe_line(text: str, limit: int = 200) -> str:
    """Text for one row: line breaks become a visible symbol; an ellipsis stands for what is over ``limit``."""
    return safe_text(_bounded(text, limit), breaks="symbol")


def safe_text(text: str, *, limit: int = 0, breaks: Literal["keep", "symbol"] = "keep") -> str:
    r"""Text that can do nothing but be read.

    Args:
        text: anything.
        limit: characters kept at most, 0 = all; an ellipsis stands for the rest.
        breaks: ``keep`` turns every kind of line break into ``\n``, ``symbol`` into a visible one.
    """
    if limit:
        text = _bounded(text, limit)
    if text.isascii() and text.isprintable():
        return text
    text = _BREAKS.sub("\n" if breaks == "keep" else "\u23ce", text)
    if _SUSPECT.search(text) is None and all(line.isprintable() for line in text.split("\n")):
        return text
    return _clean(text)


def content(text: str, style: str = "", *, limit: int = 0) -> Content:
    """Text for a Textual widget; square brackets in it are only square brackets."""
    from textual.content import Content

    return Content.styled(safe_text(text, limit=limit), style)


def notice(
    app: App[object],
    text: str,
    *,
    title: str = "",
    severity: Literal["information", "warning", "error"] = "information",
    timeout: float = 4.0,
) -> None:
    """Show a toast; the only place that calls ``App.notify``."""
    app.notify(safe_text(text, limit=400), title=safe_line(title, 60), severity=severity, timeout=timeout, markup=False)


def _bounded(text: str, limit: int) -> str:
    return text if len(text) <= limit else text[: max(limit - 1, 0)] + "\u2026"


def _clean(text: str) -> str:
    out: list[str] = []
    marks = 0
    for index, character in enumerate(text):
        code = ord(character)
        if 0x20 <= code < 0x7F or code == 0x0A:
            out.append(character)
            marks = 0
            continue
        if unicodedata.category(character) in ("Mn", "Me", "Mc"):
            marks += 1
            if marks > MAX_MARKS or any(code in selector for selector in _SELECTORS) or character in _INVISIBLE:
                continue
            if not out or out[-1] == "\n":
                out.append("\u25cc")
            out.append(character)
            continue
        shown = _shown(text, index, character, code)
        if shown:
            out.append(shown)
            marks = 0
    return "".join(out)


def _shown(text: str, index: int, character: str, code: int) -> str:
    """What stands for one character that is neither ASCII text nor a mark; empty = nothing."""
    if code == 0x09:
        return "    "
    if code < 0x20:
        return chr(0x2400 + code)
    if code == 0x7F:
        return "\u2421"
    if code < 0xA0:
        return "\u241b" + chr(code - 0x40)
    if character in (_ZWJ, _ZWNJ):
        return character if _joins(text, index) else ""
    if code in _MODIFIERS or character in _INVISIBLE or any(code in selector for selector in _SELECTORS):
        return ""
    if code in _FLAGS:
        return chr(ord("A") + code - _FLAGS.start)
    match unicodedata.category(character):
        case "Cs" | "Cn":
            return _REPLACEMENT
        case "Cf":
            return ""
        case "Zs":
            return " "
        case _:
            return character


def _joins(text: str, index: int) -> bool:
    around = text[index - 1 : index] + text[index + 1 : index + 2]
    return len(around) == 2 and all(_JOINING_SCRIPTS.match(character) for character in around)
