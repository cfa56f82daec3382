"""Where messages are written: drafts, history, completion, pastes."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, ClassVar, cast

from textual import events
from textual.binding import Binding, BindingType
from textual.message import Message
from textual.widgets import TextArea

from intercom_tui.safe import safe_text

if TYPE_CHECKING:
    from intercom_tui.app import IntercomApp

MAX_ROWS = 6
"""Rows it grows to."""
PASTE_LINES = 4
"""Lines from which a paste is asked about first."""
MAX_CHARS = 1_000_000


class Composer(TextArea):
    """A text area that sends on Enter."""

    HELP = (
        "Enter sends, ctrl+j makes a new line, / starts a command, // a literal slash, Tab completes, "
        "up and down at the edges go through what was sent, Esc goes to the messages."
    )

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("enter", "send", "Send", id="composer.send"),
        Binding("ctrl+j,alt+enter", "newline", "New line", show=False, id="composer.newline"),
        Binding("tab", "complete", "Complete", show=False, id="composer.complete"),
        Binding("escape", "leave", "Messages", id="focus-out"),
    ]

    class Sent(Message):
        """A line was finished."""

        def __init__(self, text: str) -> None:
            super().__init__()
            self.text = text

    class Left(Message):
        """The user wants to go back to the messages."""

    class LongPaste(Message):
        """A paste of several lines waits for a decision."""

        def __init__(self, text: str) -> None:
            super().__init__()
            self.text = text

    class CompletionAsked(Message):
        """The text to be completed changed, or a step through the completions is wanted.

        ``step``: 0 = the text changed, 1 or -1 = next or previous entry, 2 = take the chosen one, -2 = put it away.
        """

        def __init__(self, text: str, step: int) -> None:
            super().__init__()
            self.text = text
            self.step = step

    def __init__(self, *, id: str | None = None) -> None:
        super().__init__(id=id, compact=True, soft_wrap=True, show_line_numbers=False, tab_behavior="focus")
        self.cursor_blink = False
        self.highlight_cursor_line = False
        self.completing = False
        """True while the completion list is open."""
        self.recall: Callable[[], Sequence[str]] = list
        self._recalled: int | None = None
        self._unsent = ""

    # -- text ------------------------------------------------------------------------------------------------------

    def set_text(self, text: str) -> None:
        """Replace the text; the cursor goes to its end."""
        self.load_text(safe_text(text, limit=MAX_CHARS))
        self.move_cursor(self.document.end)
        self._recalled = None

    def insert_text(self, text: str) -> None:
        """Insert at the cursor."""
        self.insert(safe_text(text, limit=MAX_CHARS))

    def before_cursor(self) -> str:
        """Text of the cursor's line up to the cursor."""
        row, column = self.cursor_location
        return self.document.get_line(row)[:column]

    def replace_before_cursor(self, count: int, text: str) -> None:
        """Put text in place of the last ``count`` characters before the cursor."""
        row, column = self.cursor_location
        self.replace(text, (row, max(column - count, 0)), (row, column))

    # -- keys ------------------------------------------------------------------------------------------------------

    def action_send(self) -> None:
        """Finish the line, or take the chosen completion."""
        if self.completing:
            self.post_message(self.CompletionAsked(self.before_cursor(), 2))
            return
        text = self.text
        if text.strip():
            self.set_text("")
            self.post_message(self.Sent(text))

    def action_newline(self) -> None:
        """Start a new line."""
        self.insert("\n")

    def action_complete(self) -> None:
        """Complete, or go on to the next widget when there is nothing to complete."""
        before = self.before_cursor()
        word = before.rsplit(" ", 1)[-1]
        if self.completing:
            self.post_message(self.CompletionAsked(before, 2))
        elif before.startswith("/") or word.startswith(("@", "#")):
            self.post_message(self.CompletionAsked(before, 0))
        else:
            self.screen.focus_next()

    def action_leave(self) -> None:
        """Put the completions away, or go to the messages. The draft stays."""
        if self.completing:
            self.post_message(self.CompletionAsked("", -2))
        else:
            self.post_message(self.Left())

    def on_key(self, event: events.Key) -> None:
        """The composer's own keys, then up and down at the edges: completions, history.

        Its keys are handled here and not as bindings, which run outside the widget's queue: pasted or fast text would
        be sent without its last characters.
        """
        if (call := self._own_keys().get(event.key)) is not None:
            event.prevent_default().stop()
            call()
            return
        if event.key not in ("up", "down"):
            return
        step = -1 if event.key == "up" else 1
        if self.completing:
            event.prevent_default().stop()
            self.post_message(self.CompletionAsked(self.before_cursor(), step))
            return
        row, _ = self.cursor_location
        at_edge = row == 0 if step < 0 else row == self.document.line_count - 1
        if at_edge and self._recall(step):
            event.prevent_default().stop()

    def _own_keys(self) -> dict[str, Callable[[], None]]:
        """Keys of this widget with the user's keymap applied."""
        calls = {
            "composer.send": self.action_send,
            "composer.newline": self.action_newline,
            "composer.complete": self.action_complete,
            "focus-out": self.action_leave,
        }
        keymap = cast("IntercomApp", self.app).keymap
        found: dict[str, Callable[[], None]] = {}
        for binding in self.BINDINGS:
            if isinstance(binding, Binding) and binding.id in calls:
                for key in keymap.get(binding.id, binding.key).split(","):
                    found[key] = calls[binding.id]
        return found

    def _recall(self, step: int) -> bool:
        lines = self.recall()
        if not lines:
            return False
        if self._recalled is None:
            if step > 0:
                return False
            self._unsent = self.text
            index = len(lines) - 1
        else:
            index = self._recalled + step
        if index < 0:
            return True
        text = self._unsent if index >= len(lines) else lines[index]
        self.set_text(text)
        self._recalled = None if index >= len(lines) else index
        return True

    async def on_paste(self, event: events.Paste) -> None:
        """Ask before several lines go in; control characters never do."""
        event.prevent_default().stop()
        text = safe_text(event.text, limit=MAX_CHARS)
        if text.rstrip("\n").count("\n") + 1 >= PASTE_LINES:
            self.post_message(self.LongPaste(text))
        else:
            self.insert_text(text)

    def on_text_area_changed(self) -> None:
        """Offer completions while a command or a name is typed."""
        before = self.before_cursor()
        word = before.rsplit(" ", 1)[-1]
        command = before.startswith("/") and not before.startswith("//") and self.document.line_count == 1
        if command or (len(word) > 1 and word[0] in "@#"):
            self.post_message(self.CompletionAsked(before, 0))
        elif self.completing:
            self.post_message(self.CompletionAsked("", -2))
