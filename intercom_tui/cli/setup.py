"""The first-run questions before the app starts."""

from __future__ import annotations

from typing import Any

from intercom_tui.cli.options import Invocation


def ask_settings(call: Invocation) -> dict[str, Any] | None:
    """Show the wizard; the settings chosen (by option key), or None when the user quits."""
    raise NotImplementedError
