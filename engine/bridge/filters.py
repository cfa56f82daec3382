"""Word filters of bridge clients.

A filter is a list of groups separated by ``|``; a group is a list of words separated by ``+``, ``,`` or white space. A
text passes when it holds every word of some group, upper and lower case alike; a filter without words passes
everything. There is no quoting, no negation and no escape.

Protocol reference: 07-sc-bridge section 5.1.
"""

from __future__ import annotations

import re
from typing import Final, TypeAlias

from engine.wire.jstext import WHITE_SPACE_CLASS

Filter: TypeAlias = tuple[tuple[str, ...], ...]
"""Groups of words in lower case; empty = everything passes."""

EVERYTHING: Final[Filter] = ()

_SEPARATORS = re.compile(f"(?:[+,]|{WHITE_SPACE_CLASS})+")


def parse_filter(text: str) -> Filter:
    """The groups of a filter text; empty words and groups vanish."""
    groups = (tuple(word for word in _SEPARATORS.split(group.lower()) if word) for group in text.split("|"))
    return tuple(group for group in groups if group)


def matches(groups: Filter, lowered: str) -> bool:
    """True when a text (in lower case already) passes."""
    return not groups or any(all(word in lowered for word in group) for group in groups)
