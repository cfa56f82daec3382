"""The pages of the wizard between the bars."""

from __future__ import annotations

from collections.abc import Sequence

from textual.app import ComposeResult
from textual.containers import Vertical, VerticalScroll
from textual.message import Message
from textual.widget import Widget

from intercom_tui.safe import safe_line
from intercom_tui.setup.blocks import NONE, TextBlock, wrapped
from intercom_tui.setup.controls import ChoiceControl, GivenControl, TextControl
from intercom_tui.setup.model import SetupModel
from intercom_tui.setup.question_view import WIDE_COLUMN, QuestionView
from intercom_tui.setup.questions import Field, Question
from intercom_tui.setup.sheet import Sheet
from intercom_tui.widgets.line import Part, cells
from intercom_tui.widgets.row_list import Row, RowList

MENU = (
    ("quick", "Quick start", "good defaults, two screens"),
    ("full", "Full setup", "seven steps, every decision explained"),
    ("import", "Import keypair", "keypair.json or recovery words"),
    ("quit", "Quit", "nothing is written"),
)


class Form(VerticalScroll, can_focus=False):
    """Questions below each other, kept true to their answers."""

    class Answered(Message):
        """An answer changed."""

    def __init__(self, sheet: Sheet, questions: Sequence[Question], *, column: int = WIDE_COLUMN) -> None:
        super().__init__()
        self.sheet = sheet
        self.views = [QuestionView(question, sheet, column=column) for question in questions]

    def compose(self) -> ComposeResult:
        """All questions; those that do not apply are hidden."""
        yield from self.views

    def on_mount(self) -> None:
        """Hide what does not apply."""
        self.sync()

    def sync(self) -> None:
        """Show what the answers are now."""
        for view in self.views:
            view.sync()

    def on_choice_control_chosen(self, event: ChoiceControl.Chosen) -> None:
        """An answer changed."""
        self.sheet.choose(event.part, event.index)
        self.sync()
        self.post_message(self.Answered())

    def on_input_changed(self, event: TextControl.Changed) -> None:
        """An answer was typed."""
        if isinstance(event.input, TextControl) and event.value != self.sheet.text(event.input.part.key):
            self.sheet.enter(event.input.part.key, event.value)
            self.sync()
            self.post_message(self.Answered())

    @property
    def fields(self) -> list[ChoiceControl | TextControl]:
        """The controls that can be reached now, in order."""
        return [
            control
            for view in self.views
            if view.display
            for control in view.controls
            if control.display and not isinstance(control, GivenControl)
        ]

    def field(self, key: str) -> Widget | None:
        """The control of an answer."""
        return next((control for control in self.fields if key in control.part.keys), None)

    def page(self, direction: int) -> None:
        """Scroll by a page."""
        self.scroll_relative(y=direction * max(self.size.height - 2, 1), animate=False)


class Welcome(Vertical):
    """What this is, and the ways to begin."""

    def __init__(self, given: Sequence[str]) -> None:
        super().__init__()
        self._given = given

    def compose(self) -> ComposeResult:
        """A block in the middle."""
        with Vertical(id="welcome"):
            yield Greeting()
            yield Menu(id="menu")
            yield GivenWords(self._given)


class Greeting(TextBlock):
    """Name and purpose."""

    def rows(self, width: int) -> list[Sequence[Part]]:
        """The title and a sentence."""
        inks = self.inks
        return [
            [("INTERCOM", inks.strong + inks.primary)],
            *wrapped("Encrypted peer-to-peer channels for people and agents.", width, inks.text),
            [],
            *wrapped("This peer has no settings yet. How do you want to begin?", width, inks.muted),
            [],
        ]


class Menu(RowList):
    """The ways to begin."""

    HELP = "Arrows choose, Enter begins."

    def on_mount(self) -> None:
        """Fill it."""
        width = max(cells(title) for _, title, _ in MENU) + 3
        self.set_rows(
            [
                Row([(title.ljust(width), self.inks.strong), (detail, self.inks.muted)], key=name)
                for name, title, detail in MENU
            ],
            cursor=MENU[0][0],
        )
        self.styles.height = len(MENU)


class GivenWords(TextBlock):
    """What was given on the command line, and a promise."""

    def __init__(self, words: Sequence[str]) -> None:
        super().__init__()
        self._words = safe_line(" ".join(words), 400)

    def rows(self, width: int) -> list[Sequence[Part]]:
        """Below the menu."""
        inks = self.inks
        rows: list[Sequence[Part]] = [[]]
        if self._words:
            rows += wrapped(self._words, width, inks.text, lead=[("Given    ", inks.muted)], indent=9)
            rows.append([])
        rows += wrapped("Nothing is written before the review.", width, inks.muted)
        keys: list[Part] = []
        for key, word in (("↑↓", "choose"), ("Enter", "begin"), ("^q", "quit")):
            keys += [(key, inks.key), (f" {word}   ", inks.muted)]
        return [*rows, keys]


class WordsPage(VerticalScroll, can_focus=False):
    """The recovery words, once."""

    def __init__(self, words: Sequence[str], key: str, address: str) -> None:
        super().__init__()
        self._block = WordsBlock(words, key, address)

    def compose(self) -> ComposeResult:
        """One block."""
        yield self._block

    def page(self, direction: int) -> None:
        """Scroll by a page."""
        self.scroll_relative(y=direction * max(self.size.height - 2, 1), animate=False)


class WordsBlock(TextBlock):
    """Words in a grid, with what to do with them."""

    def __init__(self, words: Sequence[str], key: str, address: str) -> None:
        super().__init__()
        self._words = words
        self._identity = (key, address)

    def rows(self, width: int) -> list[Sequence[Part]]:
        """Four columns where they fit, else three or two."""
        inks = self.inks
        text = (
            "Write these words on paper, in this order. They are shown only now. Whoever has them is you, and they are "
            "the only way back when this disk is lost."
        )
        rows: list[Sequence[Part]] = [*wrapped(text, min(width, 90), inks.text), []]
        columns = next((number for number in (4, 3) if width >= 17 * number + 2), 2)
        height = -(-len(self._words) // columns)
        for row in range(height):
            parts: list[Part] = [("  ", NONE)]
            for position in range(row, len(self._words), height):
                parts += [(f"{position + 1:2} ", inks.muted), (self._words[position].ljust(14), inks.strong)]
            rows.append(parts)
        key, address = self._identity
        return [
            *rows,
            [],
            *wrapped(key, width, inks.muted, lead=[("Public key  ", inks.muted)], indent=12),
            *wrapped(address, width, inks.muted, lead=[("Address     ", inks.muted)], indent=12),
        ]


class Quiz(Form):
    """Some of the words, asked back."""

    def __init__(self, model: SetupModel) -> None:
        self._model = model
        keys = {f"@word{position}": position for position in model.quiz}
        questions = [
            Question(key, f"Word {position + 1}", (Field(key, "text", placeholder="as you wrote it down"),))
            for key, position in keys.items()
        ]
        if questions:
            last = questions[-1]
            why = "So that the words on your paper are the right ones."
            questions[-1] = Question(last.id, last.title, last.fields, why)
        self._positions = keys
        super().__init__(Sheet(dict.fromkeys(keys, ""), {}), questions, column=24)

    def check(self) -> str:
        """Compare; the key of the first wrong word, empty when all are right."""
        wrong = self._model.check_words({self._positions[key]: self.sheet.text(key) for key in self._positions})
        self.sheet.errors = {key: wrong[position] for key, position in self._positions.items() if position in wrong}
        self.sync()
        return next(iter(self.sheet.errors), "")
