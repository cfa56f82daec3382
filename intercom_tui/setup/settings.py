"""All settings, by section."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from textual.screen import Screen

from engine.config.sections import Config


class SettingsScreen(Screen[None]):
    """All settings, by section."""

    def __init__(self, config: Config, write: Callable[[Mapping[str, Any]], Path] | None = None) -> None:
        super().__init__()
        self._config = config
        self._write = write
