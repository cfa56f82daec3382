"""The rows at the edges: tabs above, status and keys below."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, ClassVar, cast

from rich.style import Style
from textual import events
from textual.binding import Binding, BindingType
from textual.message import Message
from textual.strip import Strip

from intercom_tui.status_text import Segment, plural, status_segments
from intercom_tui.widgets.key_text import key_text
from intercom_tui.widgets.line import Part, cells, line, parts_width
from intercom_tui.widgets.painted import Painted

if TYPE_CHECKING:
    from intercom_tui.app import IntercomApp

_NONE = Style.null()


class Bar(Painted):
    """One row drawn by :meth:`parts`."""

    DEFAULT_CSS = "Bar { height: 1; width: 100%; }"

    @property
    def host(self) -> IntercomApp:
        """The app."""
        return cast("IntercomApp", self.app)

    def parts(self, width: int) -> tuple[list[Part], list[Part]]:
        """Left and right parts for a width."""
        raise NotImplementedError

    def render_line(self, y: int) -> Strip:
        """The row."""
        left, right = self.parts(self.size.width)
        return line(self.size.width, left, right, self.base_style)


class TabBar(Bar, can_focus=True):
    """Panes with their keys, who this peer is, the time."""

    HELP = "Left and right choose a pane. Alt and a digit does the same from everywhere."
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("left", "step(-1)", "Previous pane", show=False, id="tabs.previous"),
        Binding("right", "step(1)", "Next pane", show=False, id="tabs.next"),
        Binding("down,enter", "app.focus_pane", "Into the pane", show=False, id="tabs.enter"),
    ]

    class Picked(Message):
        """A pane was chosen."""

        def __init__(self, pane: str, *, stay: bool = False) -> None:
            super().__init__()
            self.pane = pane
            self.stay = stay
            """True keeps the focus on the tabs."""

    def __init__(self, tabs: Sequence[tuple[str, str, str]], *, id: str | None = None) -> None:
        """Tabs are (pane id, title, short title)."""
        super().__init__(id=id)
        self._tabs = tabs
        self._active = tabs[0][0]
        self._spans: list[tuple[int, int, str]] = []

    def set_active(self, pane: str) -> None:
        """Mark a pane as the one shown."""
        self._active = pane
        self.refresh()

    def action_step(self, step: int) -> None:
        """Choose the neighbour of the current pane."""
        names = [pane for pane, _, _ in self._tabs]
        self.post_message(self.Picked(names[(names.index(self._active) + step) % len(names)], stay=True))

    def parts(self, width: int) -> tuple[list[Part], list[Part]]:
        """Tabs left, identity right."""
        inks, app = self.inks, self.host
        short = width < 100
        left: list[Part] = [(" INTERCOM ", inks.strong), (" " if not short else "", _NONE)]
        self._spans = []
        position = parts_width(left)
        for number, (pane, title, brief) in enumerate(self._tabs, 1):
            active = pane == self._active
            badge = app.pane_badge(pane)
            text = f" {number} {brief if short else title}{' ' + badge if badge else ''} "
            ink = inks.strong if active else inks.muted
            if active:
                ink += inks.tab_focused if self.has_focus else inks.tab
            left.append((text, ink))
            self._spans.append((position, position + cells(text), pane))
            position += cells(text)
        right: list[Part] = []
        if width >= 100:
            right += [(app.people.own_name, inks.text), (f"  {app.own_short_key}  ", inks.muted)]
        right.append((app.clock_text() + " ", inks.muted))
        return left, right

    def on_click(self, event: events.Click) -> None:
        """Choose the tab that was clicked."""
        for start, end, pane in self._spans:
            if start <= event.x < end:
                self.post_message(self.Picked(pane))

    def on_focus(self) -> None:
        """Show the focus."""
        self.refresh()

    def on_blur(self) -> None:
        """Hide the focus."""
        self.refresh()


class StatusBar(Bar):
    """One line that is true: network, bridge, unread."""

    def __init__(self, *, id: str | None = None) -> None:
        super().__init__(id=id)
        self._spans: list[tuple[int, int, str]] = []

    def parts(self, width: int) -> tuple[list[Part], list[Part]]:
        """Segments left, unread right."""
        app, inks = self.host, self.inks
        inbox = app.inbox
        right: list[Part] = []
        if inbox.total:
            right.append((f"{inbox.total:,} unread", inks.text))
        if inbox.mentions:
            right.append((f"  {plural(inbox.mentions, 'mention')}", inks.mention))
        if right:
            right.append((" ", _NONE))
        left: list[Part] = [(" ", _NONE)]
        self._spans = []
        room = width - parts_width(right) - 2
        for number, segment in enumerate(status_segments(app.engine.status, app.clock.monotonic())):
            added = self._segment(segment, number > 0)
            start = parts_width(left)
            if start + parts_width(added) > room and number:
                break
            left += added
            self._spans.append((start, start + parts_width(added), segment.pane))
        return left, right

    def _segment(self, segment: Segment, separated: bool) -> list[Part]:
        inks, glyphs = self.inks, self.host.glyphs
        parts: list[Part] = [(f"  {glyphs.separator}  ", inks.faint)] if separated else []
        mood = {
            "good": (glyphs.dot, inks.success),
            "busy": (glyphs.half, inks.warning),
            "bad": (glyphs.failed, inks.error),
            "quiet": (glyphs.ring, inks.muted),
        }
        mark, ink = mood[segment.mood]
        words = inks.error if segment.mood == "bad" else inks.muted if segment.mood == "quiet" else inks.text
        return [*parts, (f"{mark} ", ink), (segment.text, words)]

    def on_click(self, event: events.Click) -> None:
        """Open the pane of the segment that was clicked."""
        for start, end, pane in self._spans:
            if start <= event.x < end:
                self.post_message(TabBar.Picked(pane))


class KeyBar(Bar):
    """Keys that work here and now."""

    def parts(self, width: int) -> tuple[list[Part], list[Part]]:
        """Keys of the focused widget left, help and commands right; only whole entries are shown."""
        inks = self.inks
        left: list[Part] = []
        right: list[Part] = []
        shown: set[str] = set()
        for key, active in self.screen.active_bindings.items():
            binding = active.binding
            if not binding.show or not active.enabled or (name := binding.id or key) in shown:
                continue
            shown.add(name)
            parts: list[Part] = [(f" {key_text(key)}", inks.key), (f" {binding.description} ", inks.muted)]
            if name in ("help", "palette"):
                right += parts
            else:
                left += parts
        while left and parts_width(left) + parts_width(right) + 1 > width:
            del left[-2:]
        return left, right
