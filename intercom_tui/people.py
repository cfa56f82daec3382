"""Who a public key is on this screen.

Sidechannel messages carry keys, not names. A name here is the user's own petname; the short key stands beside it
wherever there is room, and always when two peers share a name.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping

from intercom_tui.safe import safe_line

NAME_LIMIT = 24
"""Characters of a petname."""


def short_key(key: str) -> str:
    """A public key as people compare it: ``9f3a..c01d``."""
    key = safe_line(key, 80)
    return key if len(key) <= 10 else f"{key[:4]}..{key[-4:]}"


class People:
    """Names of peers.

    Args:
        petnames: public key hex to name; shared with the saved state.
    """

    def __init__(self, petnames: dict[str, str]) -> None:
        self._petnames = petnames
        self.own_key = ""
        self.own_name = ""

    @property
    def any_names(self) -> bool:
        """True when at least one peer has a petname."""
        return bool(self._petnames)

    @property
    def petnames(self) -> Mapping[str, str]:
        """All petnames."""
        return self._petnames

    def introduce(self, own_key: str, own_name: str) -> None:
        """Tell who this peer is."""
        self.own_key, self.own_name = own_key, own_name

    def petname(self, key: str) -> str:
        """The name of a peer, empty when it has none; ``you`` for this peer."""
        if key and key == self.own_key:
            return "you"
        return safe_line(self._petnames.get(key, ""), NAME_LIMIT)

    def label(self, key: str) -> str:
        """One word for a peer: its name, or its short key; both when the name is not unique."""
        name = self.petname(key)
        if not name:
            return short_key(key)
        return f"{name} {short_key(key)}" if self.is_shared(name) else name

    def full_label(self, key: str) -> str:
        """Name and short key."""
        name = self.petname(key)
        return f"{name} {short_key(key)}" if name else short_key(key)

    def is_shared(self, name: str) -> bool:
        """True when more than one peer has this name."""
        return Counter(map(str.casefold, self._petnames.values()))[name.casefold()] > 1

    def rename(self, key: str, name: str) -> None:
        """Give a peer a name; an empty one forgets it."""
        name = safe_line(name.strip(), NAME_LIMIT)
        if name:
            self._petnames[key] = name
        else:
            self._petnames.pop(key, None)

    def find(self, text: str) -> str | None:
        """The key of a peer named, or whose key starts, like ``text``; None when that is not exactly one."""
        text = text.strip().removeprefix("@").casefold()
        found = {key for key, name in self._petnames.items() if name.casefold() == text}
        return found.pop() if len(found) == 1 else None

    def mentions_me(self, text: str) -> bool:
        """True when a message names this peer: ``@`` and its name, or the start of its key."""
        if "@" not in text:
            return False
        lowered = text.casefold()
        for name in self.own_handles():
            start = lowered.find(name)
            while start >= 0:
                end = start + len(name)
                if end == len(lowered) or not (lowered[end].isalnum() or lowered[end] in "-_"):
                    return True
                start = lowered.find(name, end)
        return False

    def own_handles(self) -> tuple[str, ...]:
        """Spellings that name this peer, with the ``@``, in lower case."""
        handles = []
        if self.own_name:
            handles.append(f"@{self.own_name.casefold()}")
        if self.own_key:
            handles += [f"@{self.own_key}", f"@{short_key(self.own_key)}", f"@{self.own_key[:8]}"]
        return tuple(handles)
