"""Configuration: one schema behind flags, environment, file, wizard and docs."""

from engine.config.schema import Option
from engine.config.sections import ENTRY_CHANNEL, OPTIONS, Config

__all__ = ["ENTRY_CHANNEL", "OPTIONS", "Config", "Option"]
