"""The configuration file as the settings form writes it."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any


class SettingsFile:
    """Writes changed settings into a configuration file and leaves the others as they are. Calls block.

    Args:
        path: the file; it is made when it is missing.
        given: option key to the flag or environment name it was given with at this start.
    """

    def __init__(self, path: Path, given: Mapping[str, str] | None = None) -> None:
        self.path = path
        self.given: Mapping[str, str] = dict(given or {})

    def __call__(self, changes: Mapping[str, Any]) -> Path:
        """Write some settings (option key to value); the file.

        Raises:
            ConfigError: the file that is there is not valid, or a value is not allowed.
            StoreError: it cannot be read or written.
        """
        from engine.config.load import read_file
        from engine.config.write import write_config

        values = read_file(self.path) if self.path.exists() else {}
        write_config(self.path, {**values, **changes})
        return self.path
