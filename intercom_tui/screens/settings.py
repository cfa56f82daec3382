"""The settings form, by the name the rest of the app uses."""

from __future__ import annotations

from intercom_tui.setup.settings import SettingsScreen

__all__ = ["SettingsScreen"]
