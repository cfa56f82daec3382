"""The first-run wizard and the settings form, by the names the rest of the app uses."""

from __future__ import annotations
