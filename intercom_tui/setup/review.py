"""The last page: what was decided in plain words, the file as it will be, the command to start again."""

from __future__ import annotations

from collections.abc import Sequence

from textual.app import ComposeResult
from textual.containers import Container, VerticalScroll

from intercom_tui.setup.blocks import NONE, TextBlock, wrapped
from intercom_tui.setup.summary import Fact
from intercom_tui.widgets.line import Part

_NAME = 18


class Summary(TextBlock):
    """Facts, risks, commands."""

    def __init__(self, facts: Sequence[Fact], risks: Sequence[str], commands: Sequence[tuple[str, str]]) -> None:
        super().__init__()
        self._facts = facts
        self._commands = commands
        self.risks = risks
        self.problem = ""

    def rows(self, width: int) -> list[Sequence[Part]]:
        """A section each."""
        inks, glyphs = self.inks, self.glyphs
        rows: list[Sequence[Part]] = []
        if self.problem:
            rows += [*wrapped(self.problem, width, inks.error, lead=[(f"{glyphs.failed} ", inks.error)], indent=2), []]
        if self.risks:
            rows += [*self._care(width), []]
        rows.append([("In short", inks.strong + inks.primary)])
        for fact in self._facts:
            lead: list[Part] = [("  ", NONE), (fact.name.ljust(_NAME), inks.muted)]
            rows += wrapped(fact.text, width, inks.text, lead=lead, indent=_NAME + 2)
        if not self.risks:
            rows += [[], *self._care(width)]
        for title, command in self._commands:
            rows += [
                [],
                [(title, inks.strong + inks.primary)],
                *wrapped(command, width, inks.text, indent=2, lead=[("  ", NONE)]),
            ]
        return rows

    def _care(self, width: int) -> list[Sequence[Part]]:
        """The risks: before everything else when there are any."""
        inks = self.inks
        rows: list[Sequence[Part]] = [[("Take care", inks.strong + inks.primary)]]
        for risk in self.risks:
            rows += wrapped(risk, width, inks.text, lead=[("  ", NONE), ("! ", inks.warning)], indent=4)
        if not self.risks:
            rows.append([("  ", NONE), (f"{self.glyphs.signed} ", inks.success), ("nothing unusual", inks.muted)])
        return rows


class Preview(TextBlock):
    """A TOML file."""

    def __init__(self, text: str, path: str) -> None:
        super().__init__()
        self._lines = text.splitlines()
        self._path = path

    def rows(self, width: int) -> list[Sequence[Part]]:
        """The lines; comments are dim."""
        inks = self.inks
        rows: list[Sequence[Part]] = [[("The file", inks.strong + inks.primary)]]
        rows += wrapped(self._path, width, inks.muted)
        rows.append([])
        for text in self._lines:
            ink = inks.muted if text.startswith("#") else inks.strong if text.startswith("[") else inks.text
            rows += wrapped(text, width, ink, indent=2, lead=()) if len(text) > width else [[(text, ink)]]
        return rows


class Review(Container):
    """Summary left, file right; below each other where it is narrow."""

    def __init__(self, summary: Summary, preview: Preview) -> None:
        super().__init__()
        self.summary = summary
        self._preview = preview

    def compose(self) -> ComposeResult:
        """Two columns that scroll."""
        with VerticalScroll(id="summary", can_focus=False):
            yield self.summary
        with VerticalScroll(id="preview", can_focus=False):
            yield self._preview

    def show(self, *, risks: Sequence[str] | None = None, problem: str | None = None) -> None:
        """Show risks, or what went wrong."""
        if risks is not None:
            self.summary.risks = risks
        if problem is not None:
            self.summary.problem = problem
            if problem:
                self.scroll_home(animate=False)
        self.summary.refresh(layout=True)

    def page(self, direction: int) -> None:
        """Scroll by a page, whatever scrolls."""
        for part in (self, *self.query(VerticalScroll)):
            part.scroll_relative(y=direction * max(part.size.height - 2, 1), animate=False)

    def step(self, direction: int) -> None:
        """Scroll by a row."""
        for part in (self, *self.query(VerticalScroll)):
            part.scroll_relative(y=direction, animate=False)
