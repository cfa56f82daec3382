"""Help: what the focused part does, and every key."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, ClassVar, cast

from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Vertical
from textual.getters import query_one
from textual.screen import ModalScreen

from intercom_tui.actions import ACTIONS
from intercom_tui.widgets.key_text import keys_text
from intercom_tui.widgets.row_list import Row, RowList
from intercom_tui.widgets.text import PlainText

if TYPE_CHECKING:
    from intercom_tui.app import IntercomApp

GLYPH_WORDS = (
    ("signed", "the signature verifies with the sender's key"),
    ("unsigned", "no signature: the sender is only a claim"),
    ("relayed", "came over other peers; the number counts them"),
    ("sending", "being sent"),
    ("failed", "reached nobody"),
    ("lobby", "the open lobby"),
    ("public", "open channel"),
    ("invite", "only for invited peers"),
    ("owner", "only the owner writes"),
)


class HelpScreen(ModalScreen[None]):
    """Keys of the focused part first, then of the whole app.

    Args:
        about: what the focused part does.
        local: its keys: (keys, description).
        keymap: the user's keys by action id.
    """

    BINDINGS: ClassVar[list[BindingType]] = [Binding("escape,q,f1", "dismiss_help", "Back", id="dialog.cancel")]
    rows = query_one("#help-rows", RowList)

    def __init__(self, about: str, local: Sequence[tuple[str, str]], keymap: dict[str, str]) -> None:
        super().__init__()
        self._about = about
        self._local = local
        self._keymap = keymap

    def compose(self) -> ComposeResult:
        """Words and rows."""
        with Vertical(id="box", classes="wide"):
            yield PlainText("Help", classes="dialog-title")
            yield PlainText(self._about, classes="dialog-words")
            yield RowList(id="help-rows", indent=0)

    def on_mount(self) -> None:
        """Fill the rows."""
        inks = cast("IntercomApp", self.app).inks
        glyphs = cast("IntercomApp", self.app).glyphs
        rows: list[Row] = []
        if self._local:
            rows.append(Row([("HERE", inks.muted)]))
            rows += [self._row(keys_text(keys), words) for keys, words in self._local]
            rows.append(Row())
        rows.append(Row([("EVERYWHERE", inks.muted)]))
        for action in ACTIONS:
            keys = self._keymap.get(action.id, action.keys)
            if keys:
                rows.append(self._row(keys_text(keys), action.title or action.short or action.id))
        rows += [Row(), Row([("COMMANDS", inks.muted)])]
        rows += [self._row(action.slash, action.title, 34) for action in ACTIONS if action.slash]
        rows += [Row(), Row([("SYMBOLS", inks.muted)])]
        rows += [self._row(getattr(glyphs, name), words) for name, words in GLYPH_WORDS]
        self.rows.set_rows(rows)
        self.rows.focus()

    def _row(self, keys: str, words: str, width: int = 20) -> Row:
        inks = cast("IntercomApp", self.app).inks
        return Row([(f"{keys:<{width}} ", inks.key), (words, inks.text)])

    def action_dismiss_help(self) -> None:
        """Close."""
        self.dismiss(None)


def local_keys(screen_bindings: Sequence[Binding], keymap: dict[str, str]) -> list[tuple[str, str]]:
    """Keys and descriptions of a widget's own bindings."""
    found: dict[str, list[str]] = {}
    for binding in screen_bindings:
        if binding.description and not binding.system:
            found.setdefault(binding.description, [])
            key = keymap.get(binding.id or "", binding.key)
            if key not in found[binding.description]:
                found[binding.description].append(key)
    return [(",".join(keys), words) for words, keys in found.items()]
