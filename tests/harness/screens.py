"""The app on the scripted engine, at a standstill: clock, time zone and terminal are fixed."""

from __future__ import annotations

import os
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

from textual.app import App
from textual.pilot import Pilot

from intercom_tui.app import IntercomApp
from intercom_tui.demo import DemoEngine
from intercom_tui.demo import script as story

NOON_MS = 1_762_949_220_000
"""Wed 12 Nov 2025, 12:07 UTC."""
SIZES = {"120x36": (120, 36), "80x24": (80, 24)}
UPDATE = bool(os.environ.get("UPDATE_GOLDENS"))


class StillClock:
    """Time that stands still until it is moved."""

    def __init__(self) -> None:
        self.now_s = 1000.0
        self.now_ms = NOON_MS

    def monotonic(self) -> float:
        return self.now_s

    def wall_ms(self) -> int:
        return self.now_ms

    def advance(self, seconds: float) -> None:
        self.now_s += seconds
        self.now_ms += int(seconds * 1000)


def demo_engine(*, online: bool = True, empty: bool = False) -> DemoEngine:
    """A scripted engine on a still clock."""
    return DemoEngine(clock=StillClock(), online=online, empty=empty)


def demo_app(
    engine: DemoEngine | None = None, *, channel: str = "builders", names: bool = True, **options: Any
) -> IntercomApp:
    """The app on a scripted engine, with the demo's petnames, showing one channel."""
    engine = engine or demo_engine()
    app = IntercomApp(engine, clock=engine.clock, **options)
    app.state.channel = channel
    if names:
        app.state.petnames.update(story.PETNAMES)
    return app


async def settle(pilot: Pilot[Any]) -> None:
    """Let everything that was started finish drawing."""
    for _ in range(4):
        await pilot.pause()


async def until(pilot: Pilot[Any], condition: Callable[[], object], what: str = "the condition") -> None:
    """Wait until something is true.

    Raises:
        AssertionError: it did not become true in two seconds.
    """
    for _ in range(200):
        if condition():
            await pilot.pause()
            return
        await pilot.pause(0.01)
    raise AssertionError(f"{what} did not come true")


def text_grid(app: App[Any]) -> str:
    """What the screen shows, as text, without trailing blanks."""
    strips = app.screen._compositor.render_strips()
    return "\n".join(strip.text.rstrip() for strip in strips) + "\n"


def compact_svg(svg: str) -> str:
    """A screenshot without what makes it large: clip paths of single rows, long class names, web fonts."""
    svg = re.sub(r'<clipPath id="[^"]*-line-\d+">.*?</clipPath>\s*', "", svg, flags=re.DOTALL)
    svg = re.sub(r' clip-path="url\(#[^"]*-line-\d+\)"', "", svg)
    svg = re.sub(r"@font-face \{.*?\}\s*", "", svg, flags=re.DOTALL)
    svg = re.sub(r"terminal-\d+-", "t-", svg)
    svg = svg.replace(' shape-rendering="crispEdges"', "")
    svg = svg.replace("<style>", "<style>rect { shape-rendering: crispEdges }", 1)
    return re.sub(r"\n\s+", "\n", svg).rstrip() + "\n"


def screenshot(app: App[Any]) -> str:
    """The screen as a compact SVG."""
    return compact_svg(app.export_screenshot())


def check_golden(path: Path, content: str) -> None:
    """Compare with a stored file; ``UPDATE_GOLDENS=1`` writes it.

    Raises:
        AssertionError: the file is missing or differs.
    """
    if UPDATE:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(content, "utf-8")
        return
    assert path.exists(), f"{path.name} is missing: run with UPDATE_GOLDENS=1"
    stored = path.read_text("utf-8")
    assert content == stored, f"{path.name} differs: look, then run with UPDATE_GOLDENS=1"
