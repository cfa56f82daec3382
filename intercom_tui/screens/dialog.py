"""The frame of every dialog: title, words, fields, buttons."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar, TypeVar, cast

from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Horizontal, Vertical
from textual.screen import ModalScreen
from textual.widget import Widget
from textual.widgets import Button

from intercom_tui.safe import content
from intercom_tui.widgets.line_input import LineInput
from intercom_tui.widgets.text import PlainText

if TYPE_CHECKING:
    from intercom_tui.app import IntercomApp

Result = TypeVar("Result")


@dataclass(frozen=True, slots=True)
class Field:
    """One line to fill in."""

    id: str
    label: str
    value: str = ""
    placeholder: str = ""
    password: bool = False


@dataclass(frozen=True, slots=True)
class Choice:
    """One button."""

    id: str
    label: str
    main: bool = False
    """The one that Enter in a field presses."""
    risky: bool = False


class Dialog(ModalScreen[Result | None]):
    """Asks something; Esc takes it back with the result None.

    Subclasses set :attr:`heading` and implement :meth:`words`, :meth:`fields`, :meth:`choices` and :meth:`chosen`.
    """

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("escape", "cancel", "Back", id="dialog.cancel"),
        Binding("left", "app.focus_previous", "Previous", show=False),
        Binding("right", "app.focus_next", "Next", show=False),
    ]
    heading: str = ""
    roomy: bool = False
    """True for more width."""

    @property
    def host(self) -> IntercomApp:
        """The app."""
        return cast("IntercomApp", self.app)

    def words(self) -> Sequence[str]:
        """Paragraphs below the title."""
        return ()

    def fields(self) -> Sequence[Field]:
        """Lines to fill in."""
        return ()

    def choices(self) -> Sequence[Choice]:
        """Buttons; Cancel is added by itself."""
        return ()

    def chosen(self, choice: str) -> None:
        """A button was pressed."""
        raise NotImplementedError

    def extra(self) -> Iterable[Widget]:
        """Widgets between the fields and the buttons."""
        return ()

    def compose(self) -> ComposeResult:
        """The frame."""
        with Vertical(id="box", classes="roomy" if self.roomy else ""):
            yield PlainText(self.heading, classes="dialog-title")
            for text in self.words():
                yield PlainText(text, classes="dialog-words")
            for field in self.fields():
                yield PlainText(field.label, classes="dialog-label")
                yield LineInput(field.value, placeholder=field.placeholder, password=field.password, id=field.id)
            yield from self.extra()
            yield PlainText("", id="problem", classes="dialog-problem")
            with Horizontal(classes="dialog-buttons"):
                for choice in self.choices():
                    yield Button(
                        content(choice.label),
                        id=f"choose-{choice.id}",
                        compact=True,
                        classes="risky" if choice.risky else "main" if choice.main else "",
                    )
                yield Button(content(self.cancel_label()), id="cancel", compact=True)

    def cancel_label(self) -> str:
        """Word on the last button."""
        return "Cancel"

    def on_mount(self) -> None:
        """There is no problem yet."""
        self.query_one("#problem").display = False

    def value(self, field: str) -> str:
        """What stands in a field."""
        return self.query_one(f"#{field}", LineInput).value.strip()

    def complain(self, text: str) -> None:
        """Say what is wrong; the dialog stays open."""
        problem = self.query_one("#problem", PlainText)
        problem.display = bool(text)
        problem.set_text(text)

    def on_input_submitted(self, event: LineInput.Submitted) -> None:
        """Enter goes to the next field, and on the last one presses the main button."""
        event.stop()
        inputs = list(self.query(LineInput))
        index = next(number for number, field in enumerate(inputs) if field is event.input)
        if index + 1 < len(inputs):
            inputs[index + 1].focus()
            return
        main = next((choice for choice in self.choices() if choice.main), None)
        if main is not None:
            self.chosen(main.id)

    def on_button_pressed(self, event: Button.Pressed) -> None:
        """A button was pressed."""
        event.stop()
        name = event.button.id or ""
        if name == "cancel":
            self.action_cancel()
        else:
            self.chosen(name.removeprefix("choose-"))

    def action_cancel(self) -> None:
        """Close without a result."""
        self.dismiss(None)
