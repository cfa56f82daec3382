"""What a person operates: choices, lines to type in, buttons."""

from __future__ import annotations

from typing import ClassVar

from textual import events
from textual.binding import Binding, BindingType
from textual.geometry import Size
from textual.message import Message
from textual.strip import Strip
from textual.widgets import Input

from intercom_tui.safe import safe_line
from intercom_tui.setup.blocks import NONE, Drawn
from intercom_tui.setup.questions import Field
from intercom_tui.widgets.line import Part, cells, line

MAX_TYPED = 4_000
NUMBER_WIDTH = 12
GAP = 3


class FieldLeft(Message):
    """A field was left: 1 = go on, -1 = go back."""

    def __init__(self, step: int) -> None:
        super().__init__()
        self.step = step


class ChoiceControl(Drawn, can_focus=True):
    """Choices of which one is taken: beside each other, or below each other with a sentence each."""

    HELP = "Left and right (up and down in a list) choose. Enter goes on."

    DEFAULT_CSS = """
    ChoiceControl { height: 1; width: 1fr; }
    ChoiceControl.-list { height: auto; }
    """

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("left,h", "step(-1)", "Choose", show=False, id="choice.previous"),
        Binding("right,l,space", "step(1)", "Choose", show=False, id="choice.next"),
        Binding("up,k", "line(-1)", "Up", show=False, id="choice.up"),
        Binding("down,j", "line(1)", "Down", show=False, id="choice.down"),
        Binding("enter", "leave", "Next", show=False, id="choice.on"),
    ]

    class Chosen(Message):
        """Another choice was taken."""

        def __init__(self, part: Field, index: int) -> None:
            super().__init__()
            self.part = part
            self.index = index

    def __init__(self, part: Field, selected: int) -> None:
        super().__init__(classes="-list" if part.kind == "list" else "")
        self.part = part
        self.selected = selected

    @property
    def is_list(self) -> bool:
        """True when the choices are below each other."""
        return self.part.kind == "list"

    def get_content_height(self, container: Size, viewport: Size, width: int) -> int:
        """A row for each choice of a list."""
        return len(self.part.choices) if self.is_list else 1

    def get_content_width(self, container: Size, viewport: Size) -> int:
        """All choices beside each other."""
        return sum(cells(self._text(index)) + GAP for index in range(len(self.part.choices)))

    def render_line(self, y: int) -> Strip:
        """One row."""
        if self.is_list:
            left = self._choice(y)
            choice = self.part.choices[y]
            column = max(cells(other.label) for other in self.part.choices) + 7
            left += [(" " * (column - cells(self._text(y))), NONE), (choice.detail, self.inks.muted)]
        else:
            left = []
            for index in range(len(self.part.choices)):
                left += [*([(" " * GAP, NONE)] if index else []), *self._choice(index)]
        return line(self.size.width, left, (), self.rich_style)

    def _text(self, index: int) -> str:
        mark = self.glyphs.dot if index == self.selected else " "
        return f"({mark}) {self.part.choices[index].label}"

    def _choice(self, index: int) -> list[Part]:
        if index != self.selected:
            return [(self._text(index), self.inks.muted)]
        ink = self.inks.strong + self.inks.tab_focused if self.has_focus else self.inks.strong + self.inks.primary
        return [(self._text(index), ink)]

    def take(self, index: int) -> None:
        """Take a choice."""
        if index != self.selected:
            self.selected = index
            self.refresh()
            self.post_message(self.Chosen(self.part, index))

    def action_step(self, step: int) -> None:
        """Take the neighbour."""
        self.take((self.selected + step) % len(self.part.choices))

    def action_line(self, step: int) -> None:
        """Take the neighbour in a list; at its ends, and beside each other, go to another field."""
        index = self.selected + step
        if self.is_list and 0 <= index < len(self.part.choices):
            self.take(index)
        else:
            self.post_message(FieldLeft(step))

    def action_leave(self) -> None:
        """Go on."""
        self.post_message(FieldLeft(1))

    def on_click(self, event: events.Click) -> None:
        """Take the choice that was clicked."""
        if self.is_list:
            if event.y < len(self.part.choices):
                self.take(event.y)
            return
        position = 0
        for index in range(len(self.part.choices)):
            end = position + cells(self._text(index))
            if position <= event.x < end:
                self.take(index)
            position = end + GAP

    def on_focus(self) -> None:
        """Show the focus."""
        self.refresh()

    def on_blur(self) -> None:
        """Hide the focus."""
        self.refresh()


class TextControl(Input):
    """A line to type in."""

    HELP = "Type, then Enter or Tab goes on."

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("up", "leave(-1)", "Up", show=False, id="typed.up"),
        Binding("down", "leave(1)", "Down", show=False, id="typed.down"),
    ]

    def __init__(self, part: Field, value: str) -> None:
        super().__init__(
            safe_line(value, MAX_TYPED),
            part.placeholder,
            password=part.kind == "secret",
            compact=True,
            select_on_focus=False,
            max_length=MAX_TYPED,
            classes="-number" if part.kind == "number" else "",
        )
        self.part = part
        self.cursor_blink = False

    def show(self, text: str) -> None:
        """Show another text without telling anybody."""
        clean = safe_line(text, MAX_TYPED)
        if clean != self.value:
            with self.prevent(Input.Changed):
                self.value = clean

    def action_leave(self, step: int) -> None:
        """Go to another field."""
        self.post_message(FieldLeft(step))

    async def action_submit(self) -> None:
        """Go on."""
        self.post_message(FieldLeft(1))

    def on_paste(self, event: events.Paste) -> None:
        """Insert what was pasted; lines of words become words of one line."""
        event.prevent_default().stop()
        self.insert_text_at_cursor(safe_line(" ".join(event.text.split("\n")).strip("\r\n\t "), MAX_TYPED))


class GivenControl(Drawn):
    """An answer that was given on the command line or in the environment: shown, not asked."""

    DEFAULT_CSS = "GivenControl { height: 1; width: 1fr; }"

    def __init__(self, part: Field, value: str, origin: str) -> None:
        super().__init__()
        self.part = part
        self._value = safe_line(value, 200)
        self._origin = safe_line(origin, 60)

    def render_line(self, y: int) -> Strip:
        """The value and where it comes from."""
        inks = self.inks
        parts = [(f"{self._value or 'empty'}", inks.strong), (f"   given: {self._origin}", inks.muted)]
        return line(self.size.width, parts, (), self.rich_style)


class ActionButton(Drawn, can_focus=True):
    """A button of one row."""

    HELP = "Enter presses it, left and right go to its neighbours."

    DEFAULT_CSS = "ActionButton { height: 1; width: auto; }"

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("enter,space", "press", "Press", show=False, id="button.press"),
        Binding("left", "app.focus_previous", "Previous", show=False, id="button.previous"),
        Binding("right", "app.focus_next", "Next", show=False, id="button.next"),
    ]

    class Pressed(Message):
        """It was pressed."""

        def __init__(self, button: ActionButton) -> None:
            super().__init__()
            self.button = button

        @property
        def control(self) -> ActionButton:
            """The button."""
            return self.button

    def __init__(self, label: str, *, id: str, main: bool = False) -> None:
        super().__init__(id=id)
        self.label = label
        self.main = main

    def get_content_width(self, container: Size, viewport: Size) -> int:
        """The label in its brackets."""
        return cells(self.label) + 4

    def render_line(self, y: int) -> Strip:
        """The label in brackets."""
        inks = self.inks
        if self.has_focus:
            ink = inks.strong + inks.tab_focused
            return line(self.size.width, [(f"[ {self.label} ]", ink)], (), self.rich_style)
        ink = inks.strong + inks.primary if self.main else inks.text
        edge = inks.muted
        return line(self.size.width, [("[ ", edge), (self.label, ink), (" ]", edge)], (), self.rich_style)

    def action_press(self) -> None:
        """Press it."""
        if not self.disabled:
            self.post_message(self.Pressed(self))

    def on_click(self) -> None:
        """Press it."""
        self.action_press()

    def on_focus(self) -> None:
        """Show the focus."""
        self.refresh()

    def on_blur(self) -> None:
        """Hide the focus."""
        self.refresh()
