"""What the full-screen app remembers between runs: read markers, drafts, petnames, layout.

One small JSON file, replaced atomically and readable by its owner only. A damaged file is put aside and the app starts
with an empty state; nothing in it is needed to reach the network.
"""

from __future__ import annotations

import contextlib
import json
import os
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

MAX_ENTRIES = 2_000
"""Entries kept in each table; the oldest go first."""
MAX_HISTORY = 200
"""Lines the composer remembers."""
MAX_DRAFT_CHARS = 100_000


@dataclass(slots=True)
class UiState:
    """The state of the app; :class:`StateFile` writes it."""

    read: dict[str, int] = field(default_factory=dict)
    """Channel to the ``seq`` of the last message seen."""
    drafts: dict[str, str] = field(default_factory=dict)
    petnames: dict[str, str] = field(default_factory=dict)
    """Public key hex to the name its owner has on this screen only."""
    muted: list[str] = field(default_factory=list)
    """Channels that never count as unread."""
    history: list[str] = field(default_factory=list)
    """Lines sent before, oldest first."""
    channel: str = ""
    """Channel shown last."""
    pane: str = "channels"
    theme: str = ""
    """Theme chosen in the app; empty = as configured."""
    show_sidebar: bool = True
    show_details: bool = True

    def remember_line(self, line: str) -> None:
        """Add a line to the composer's history."""
        if line and (not self.history or self.history[-1] != line):
            self.history.append(line[:MAX_DRAFT_CHARS])
            del self.history[:-MAX_HISTORY]

    def set_draft(self, channel: str, text: str) -> bool:
        """Keep or forget a draft; True when that changed anything."""
        if not text:
            return self.drafts.pop(channel, None) is not None
        text = text[:MAX_DRAFT_CHARS]
        if self.drafts.get(channel) == text:
            return False
        self.drafts[channel] = text
        return True

    def mark_read(self, channel: str, seq: int) -> bool:
        """Move the read marker forwards; True when it moved."""
        if seq <= self.read.get(channel, 0):
            return False
        self.read[channel] = seq
        return True

    def as_json(self) -> dict[str, Any]:
        """The state as plain values, bounded."""
        return {
            "version": 1,
            "read": _newest(self.read),
            "drafts": _newest(self.drafts),
            "petnames": _newest(self.petnames),
            "muted": self.muted[-MAX_ENTRIES:],
            "history": self.history[-MAX_HISTORY:],
            "channel": self.channel,
            "pane": self.pane,
            "theme": self.theme,
            "show_sidebar": self.show_sidebar,
            "show_details": self.show_details,
        }

    @classmethod
    def from_json(cls, value: Any) -> UiState:
        """The state of plain values; anything of the wrong kind is left out."""
        state = cls()
        if not isinstance(value, dict):
            return state
        state.read = {key: seq for key, seq in _items(value.get("read")) if isinstance(seq, int) and seq >= 0}
        state.drafts = {key: text for key, text in _items(value.get("drafts")) if isinstance(text, str)}
        state.petnames = {key: name for key, name in _items(value.get("petnames")) if isinstance(name, str)}
        state.muted = _texts(value.get("muted"))
        state.history = _texts(value.get("history"))[-MAX_HISTORY:]
        for name in ("channel", "pane", "theme"):
            if isinstance(text := value.get(name), str):
                setattr(state, name, text)
        for name in ("show_sidebar", "show_details"):
            if isinstance(flag := value.get(name), bool):
                setattr(state, name, flag)
        return state


class StateFile:
    """Loads and saves a :class:`UiState`.

    Args:
        path: the file; its directory is made when missing. None keeps the state in memory only.
    """

    def __init__(self, path: Path | None) -> None:
        self.path = path
        self.problem = ""
        """Why the file could not be read or written, in one sentence."""
        self._written = ""

    def load(self) -> UiState:
        """Read the file; a missing one is an empty state, a damaged one is put aside."""
        if self.path is None:
            return UiState()
        try:
            text = self.path.read_text("utf-8")
            state = UiState.from_json(json.loads(text))
        except FileNotFoundError:
            return UiState()
        except (OSError, ValueError) as error:
            self.problem = f"The saved state could not be read ({type(error).__name__}); it starts empty."
            with contextlib.suppress(OSError):
                self.path.replace(self.path.with_suffix(".damaged"))
            return UiState()
        self._written = text
        return state

    def save(self, state: UiState) -> bool:
        """Write the file if the state differs from what it holds; False when that failed."""
        if self.path is None:
            return True
        text = json.dumps(state.as_json(), indent=1)
        if text == self._written:
            return True
        temporary = self.path.with_name(f"{self.path.name}.{os.getpid()}.new")
        try:
            self.path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
            descriptor = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
            with os.fdopen(descriptor, "w", encoding="utf-8") as file:
                file.write(text)
                file.flush()
                os.fsync(file.fileno())
            temporary.replace(self.path)
        except OSError as error:
            self.problem = f"The state could not be saved: {error.strerror or error}."
            with contextlib.suppress(OSError):
                temporary.unlink()
            return False
        self._written = text
        self.problem = ""
        return True


def _newest(table: Mapping[str, Any]) -> dict[str, Any]:
    return dict(list(table.items())[-MAX_ENTRIES:])


def _items(value: Any) -> Iterable[tuple[str, Any]]:
    return value.items() if isinstance(value, dict) else ()


def _texts(value: Any) -> list[str]:
    return [text for text in value if isinstance(text, str)] if isinstance(value, list) else []
