"""The first-run wizard, by the names the rest of the app uses."""

from __future__ import annotations

from intercom_tui.setup.app import SetupApp
from intercom_tui.setup.model import SetupResult
from intercom_tui.setup.screen import SetupScreen

__all__ = ["SetupApp", "SetupResult", "SetupScreen"]
