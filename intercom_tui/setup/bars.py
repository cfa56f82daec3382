"""The rows above the questions: where one is, and what the steps are."""

from __future__ import annotations

from textual import events
from textual.message import Message
from textual.strip import Strip

from intercom_tui.setup.blocks import NONE, Drawn
from intercom_tui.setup.model import QUICK, SetupModel
from intercom_tui.setup.steps import TITLES
from intercom_tui.widgets.line import Part, cells, line


class SetupHeader(Drawn):
    """Three rows: place and keys, steps, a rule."""

    DEFAULT_CSS = "SetupHeader { height: 3; width: 100%; }"

    class Picked(Message):
        """A step that was done was clicked."""

        def __init__(self, step: str) -> None:
            super().__init__()
            self.step = step

    def __init__(self, model: SetupModel) -> None:
        super().__init__()
        self._model = model
        self._spans: list[tuple[int, int, str]] = []
        self.busy = ""
        """What is being done, shown instead of the keys."""

    def say(self, busy: str) -> None:
        """Show what is being done; empty = nothing."""
        self.busy = busy
        self.refresh()

    def render_line(self, y: int) -> Strip:
        """One of the rows."""
        width, inks = self.size.width, self.inks
        if y == 0:
            return line(width, self._place(), self._keys(), self.rich_style)
        if y == 1 and self._model.route == QUICK:
            text = " The defaults. Everything can be changed later in the settings."
            return line(width, [(text, inks.muted)], (), self.rich_style)
        if y == 1:
            return line(width, self._steps(), (), self.rich_style)
        return line(width, [(self.glyphs.rule * width, inks.faint)], (), self.rich_style)

    def _place(self) -> list[Part]:
        model, inks = self._model, self.inks
        steps = model.steps()
        parts: list[Part] = [(" SETUP   ", inks.strong)]
        if model.route != QUICK and model.step() in steps:
            parts.append((f"step {steps.index(model.step()) + 1} of {len(steps)}   ", inks.muted))
        parts.append((TITLES.get(model.page, ""), inks.strong + inks.primary))
        return parts

    def _keys(self) -> list[Part]:
        inks = self.inks
        if self.busy:
            return [(f"{self.glyphs.half} ", inks.warning), (f"{self.busy} ", inks.text)]
        return [("Esc", inks.key), (" Back   ", inks.muted), ("^s", inks.key), (" Save and quit ", inks.muted)]

    def _steps(self) -> list[Part]:
        model, inks = self._model, self.inks
        steps, now = model.steps(), model.step()
        self._spans = []
        parts: list[Part] = [(" ", NONE)]
        place = steps.index(now) if now in steps else 0
        position = 1
        for index, step in enumerate(steps):
            if index == place:
                mark, ink, mark_ink = self.glyphs.closed, inks.strong, inks.accent
            elif index < place:
                mark, ink, mark_ink = self.glyphs.signed, inks.text, inks.success
            else:
                mark, ink, mark_ink = " ", inks.muted, inks.muted
            text = TITLES[step]
            self._spans.append((position, position + 2 + cells(text), step if index < place else ""))
            parts += [(f"{mark} ", mark_ink), (text, ink), ("  ", NONE)]
            position += 4 + cells(text)
        return parts

    def on_click(self, event: events.Click) -> None:
        """Go back to a step that was done."""
        if event.y == 1 and self._model.route != QUICK:
            for start, end, step in self._spans:
                if start <= event.x < end and step:
                    self.post_message(self.Picked(step))
