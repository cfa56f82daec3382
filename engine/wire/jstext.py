"""White space as JavaScript sees it.

Python's ``str.strip`` and ``\\s`` know other characters: they include U+001C-001F and U+0085 and leave out U+FEFF. Two
peers that disagree compute different topics from the same channel name.

Protocol reference: 06-sidechannel section 1.2.
"""

from __future__ import annotations

import re
from typing import Final

WHITE_SPACE: Final = (
    "\t\n\v\f\r \u00a0\u1680" + "".join(map(chr, range(0x2000, 0x200B))) + "\u2028\u2029\u202f\u205f\u3000\ufeff"
)
"""The code points that ``trim`` strips and that the regular expression ``\\s`` matches."""

WHITE_SPACE_CLASS: Final = f"[{WHITE_SPACE}]"
"""The same set as a character class for :mod:`re`."""

_RUN = re.compile(f"{WHITE_SPACE_CLASS}+")


def js_trim(text: str) -> str:
    """``text.trim()``."""
    return text.strip(WHITE_SPACE)


def js_split(text: str) -> list[str]:
    """``text.split(/\\s+/)``: leading or trailing white space gives an empty first or last item."""
    return _RUN.split(text)
