"""Arguments of command lines, cut up exactly as the reference does.

A line is cut into words at white space. ``"..."`` (where ``\\x`` is x), ``'...'`` (literal) and ``\\x`` quote, and
pieces glued together are one word. After the command the words are taken in pairs of name and value, whatever the
value looks like; there is no ``--name=value`` and no flag without a value. A line break after a word ends the parsing
before that word.

Protocol reference: 15-terminal-commands section 2, 06-sidechannel section 10.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Final

from engine.errors import BadRequest, DecodeError
from engine.wire.jsjson import JsonValue, parse
from engine.wire.jstext import WHITE_SPACE, WHITE_SPACE_CLASS, js_trim
from engine.wire.jsvalues import json_from_base64

Arguments = Mapping[str, str | None]
"""Values by name; None where the value is missing."""

_LINE_END: Final = "\n\r\u2028\u2029"
_PLAIN = re.compile(rf"[^{WHITE_SPACE}\"'\\]+")
_DOUBLE = re.compile(r'"((?:\\[^\n\r\u2028\u2029]|[^"\\]|\\(?=[\n\r\u2028\u2029]))*)"')
_SINGLE = re.compile(r"'([^']*)'")
_ESCAPED = re.compile(r"\\([^\n\r\u2028\u2029])")
_SPACE = re.compile(f"{WHITE_SPACE_CLASS}*")
_KEY = re.compile(rf"--key(?:=|{WHITE_SPACE_CLASS}+)(?:\"([^\"]+)\"|'([^']+)'|([^{WHITE_SPACE}]+))")
_LEADING_INTEGER = re.compile(rf"{WHITE_SPACE_CLASS}*([+-]?[0-9]{{1,300}})")


def split_words(line: str) -> list[str]:
    """The words of a line, the command included.

    Raises:
        BadRequest: a quote is not closed.
    """
    return [word for word, _ in _words(line)]


def parse_arguments(line: str) -> dict[str, str | None]:
    """The named values of a command line; a repeated name takes the last value.

    Raises:
        BadRequest: a quote is not closed.
    """
    return pair(split_words(line)[1:])


def pair(words: list[str]) -> dict[str, str | None]:
    """Names and values from words in turn; one leading ``--`` of a name is dropped."""
    values: list[str | None] = [*words, None]
    return {
        str(name).removeprefix("--"): value for name, value in zip(values[: len(words) : 2], values[1::2], strict=False)
    }


def parse_short(line: str, positions: tuple[str, ...], *, rest: bool) -> dict[str, str | None]:
    """Arguments of a short form such as ``/msg lobby hello there --invite x``.

    Args:
        line: what was typed.
        positions: names of the words after the command, up to the first that starts with ``--``.
        rest: the last name takes the rest of the line as it was typed.

    Raises:
        BadRequest: a quote is not closed, or there are too many words.
    """
    arguments: dict[str, str | None] = {}
    end = 0
    for name, (word, end) in zip(("", *positions[: -1 if rest else None]), _words(line, one_line=False), strict=False):
        if word.startswith("--"):
            return arguments | pair([word, *split_words(line[end:])])
        if name:
            arguments[name] = word
    if rest:
        text = js_trim(line[end:])
        return arguments | ({positions[-1]: text} if text else {})
    more = split_words(line[end:])
    if more and not more[0].startswith("--"):
        raise BadRequest(f"Unexpected {more[0]!r}.", hint='Put names with spaces into "quotes".')
    return arguments | pair(more)


def pick(arguments: Arguments, *names: str) -> str | None:
    """The first value that is not empty; of the last name, any value."""
    for name in names[:-1]:
        if arguments.get(name):
            return arguments[name]
    return arguments.get(names[-1])


def leading_integer(text: str) -> int | None:
    """``parseInt(text)``: leading digits are enough; None where there are none."""
    match = _LEADING_INTEGER.match(text)
    return int(match[1]) if match is not None else None


def state_key(line: str) -> str | None:
    """The key of a ``/get`` line, which has rules of its own (protocol reference: 15-terminal-commands section 5)."""
    match = _KEY.search(line)
    return next(group for group in match.groups() if group is not None) if match is not None else None


def signed_argument(text: str) -> JsonValue:
    """An invite or welcome given as JSON text or base64, with or without ``b64:``.

    Raises:
        DecodeError: it is neither.
    """
    text = js_trim(js_trim(text).removeprefix("b64:"))
    if text.startswith("{"):
        try:
            return parse(text)
        except DecodeError:
            pass
    return json_from_base64(text)


def _words(line: str, *, one_line: bool = True) -> Iterator[tuple[str, int]]:
    """Words and where each ends, found one at a time."""
    last_break = max(map(line.rfind, _LINE_END)) if one_line else -1
    position = _skip(line, 0)
    while position < len(line):
        word, end = _word(line, position)
        position = _skip(line, end)
        if last_break >= position:
            return
        if word is None:
            raise BadRequest("A quote is not closed.", hint='Close it, or write \\" for a quote character.')
        yield word, end


def _word(line: str, position: int) -> tuple[str | None, int]:
    """One word and where it ends; None for the word when a quote in it is not closed."""
    pieces: list[str] = []
    closed = True
    while position < len(line) and line[position] not in WHITE_SPACE:
        mark = line[position]
        if mark == '"':
            piece, position = _double_quoted(line, position)
        elif mark == "'":
            match = _SINGLE.match(line, position)
            piece, position = (match[1], match.end()) if match is not None else (None, position + 1)
        elif mark == "\\":
            match = _ESCAPED.match(line, position)
            piece, position = (match[1], match.end()) if match is not None else (mark, position + 1)
        else:
            match = _PLAIN.match(line, position)
            assert match is not None
            piece, position = match[0], match.end()
        closed = closed and piece is not None
        pieces.append(piece or "")
    return ("".join(pieces) if closed else None), position


def _double_quoted(line: str, position: int) -> tuple[str | None, int]:
    match = _DOUBLE.match(line, position)
    if match is not None:
        return _ESCAPED.sub(r"\1", match[1]), match.end()
    last = line.rfind('\\"', position + 1)
    if last < 0:
        return None, position + 1
    # The reference takes the backslash as text and the quote as the end when nothing else closes the quote.
    return _ESCAPED.sub(r"\1", line[position + 1 : last + 1]), last + 2


def _skip(line: str, position: int) -> int:
    match = _SPACE.match(line, position)
    assert match is not None
    return match.end()
