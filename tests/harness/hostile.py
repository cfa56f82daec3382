"""Texts that try to take over a terminal, and what to look for on a screen that was fed with them."""

from __future__ import annotations

import random
import unicodedata
from collections.abc import Iterable

from textual.app import App
from textual.strip import Strip

_ESCAPES = (
    "\x1b[2J",
    "\x1b[H",
    "\x1b]0;owned\x07",
    "\x1b]52;c;ZXZpbA==\x07",
    "\x1b[31;1m",
    "\x1b[?1049l",
    "\x1bc",
    "\x1b]8;;http://evil\x1b\\",
    "\x9b2J",
    "\x9d52;c;ZXZpbA==\x9c",
    "\x90q\x9c",
    "\x1bPtmux;\x1b\x1b]52;c;ZQ==\x07\x1b\\",
    "\x1b[6n",
    "\x1b[>c",
    "\x05",
    "\x0e\x0f",
    "\x00",
    "\x08\x08\x08",
    "\r",
    "\x0b\x0c",
    "\x7f",
    "\x85",
    "\x84",
)
_BIDI = ("\u202e", "\u202d", "\u2066", "\u2067", "\u2068", "\u2069", "\u200e", "\u200f", "\u061c")
_INVISIBLE = ("\u200b", "\u2060", "\ufeff", "\u00ad", "\u034f", "\u180e", "\u3164", "\U000e0041", "\u200d\u200d\u200d")
_MARKUP = (
    "[@click=app.quit]click me[/]",
    "[@click=app.do('quit')]x[/]",
    "[link=file:///etc/passwd]x[/link]",
    "[bold red on white]",
    "[/]",
    "[/bold]",
    "[[",
    "]]",
    "[reverse]",
    "$primary",
    "[@click=screen.dismiss]",
    "\\[",
    "[$accent]",
    "{markup}",
    "[#ff0000]",
)
_WIDE = (
    "\U0001f468\u200d\U0001f469\u200d\U0001f467\u200d\U0001f466",
    "\U0001f1e9\U0001f1ea",
    "\U0001f44d\U0001f3fd",
    "\u2764\ufe0f",
    "\u6f22\u5b57",
    "\ufdfd",
    "\U00012219",
    "\uff21\uff22",
    "e" + "\u0301" * 40,
    "Z\u0351\u036b\u0343\u036a\u0302" * 5,
    "\u0e33\u0e33",
)
_BROKEN = ("\ud800", "\udfff", "\ufffe", "\uffff", "\U0010ffff", "\ue000", "\u0378")
_LONG = ("A" * 5_000, "\n" * 300, "word " * 2_000, "\t" * 200, "x\n" * 500, "https://evil.example/" + "a" * 3_000)
_PLAIN = ("hello", " ", "\u2028", "\u2029", "\r\n", "\n", "ok", "@agent-7 ", "#builders ", "/quit", "//x")

GROUPS = (_ESCAPES, _BIDI, _INVISIBLE, _MARKUP, _WIDE, _BROKEN, _LONG, _PLAIN)

_FORBIDDEN_CATEGORIES = ("Cc", "Cs", "Cn", "Zl", "Zp")
_ALLOWED_FORMATS = "\u200c\u200d"
_ALLOWED_META = frozenset({"offset"})
_SCROLLBAR_ACTIONS = ("scroll_up", "scroll_down", "grab", "release")
"""Actions that Textual's own scrollbars put into their cells."""


def hostile_texts(count: int = 500, seed: int = 14) -> list[str]:
    """Every fragment alone, then random mixtures; the last one has a megabyte in one line."""
    source = random.Random(seed)
    texts = [fragment for group in GROUPS for fragment in group]
    while len(texts) < count - 1:
        parts = [source.choice(source.choice(GROUPS)) for _ in range(source.randint(2, 7))]
        texts.append("".join(parts)[:6_000])
    return [*texts[: count - 1], "\x1b[31m" + "M" * 1_000_000]


def offences(strips: Iterable[Strip]) -> list[str]:
    """What a terminal might obey, or a click might trigger, in drawn rows."""
    found = []
    for y, strip in enumerate(strips):
        for segment in strip:
            bad = [character for character in segment.text if _is_bad(character)]
            if bad:
                found.append(f"row {y}: {bad!r} in {segment.text!r}")
            if segment.control:
                found.append(f"row {y}: control segment")
            meta = segment.style.meta if segment.style is not None else {}
            if not all(name in _ALLOWED_META or value in _SCROLLBAR_ACTIONS for name, value in meta.items()):
                found.append(f"row {y}: meta {meta!r}")
            if segment.style is not None and segment.style.link:
                found.append(f"row {y}: terminal link")
    return found


def _is_bad(character: str) -> bool:
    if character.isascii():
        return not " " <= character <= "~"
    category = unicodedata.category(character)
    return category in _FORBIDDEN_CATEGORIES or (category == "Cf" and character not in _ALLOWED_FORMATS)


def screen_offences(app: App[object]) -> list[str]:
    """Offences in what the whole screen shows now; every row must have the width of the screen."""
    strips = app.screen._compositor.render_strips()
    width = app.size.width
    found = offences(strips)
    found += [f"row {y} has {strip.cell_length} cells" for y, strip in enumerate(strips) if strip.cell_length != width]
    return found
