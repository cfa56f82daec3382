"""A peer that only pretends: the demo, the tour, tests and screenshots use it."""

from intercom_tui.demo.engine import DemoEngine

__all__ = ["DemoEngine"]
