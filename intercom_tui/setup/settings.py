"""The settings form: the wizard's questions for every setting, by section, in any order."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any, ClassVar, Final

from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Container, Horizontal
from textual.getters import query_one
from textual.screen import Screen
from textual.strip import Strip

from engine.config.load import values_of
from engine.config.sections import OPTIONS, SECTIONS, Config
from engine.errors import IntercomError
from intercom_tui.safe import notice, safe_line
from intercom_tui.setup import rules
from intercom_tui.setup.blocks import Drawn
from intercom_tui.setup.controls import ActionButton, FieldLeft
from intercom_tui.setup.pages import Form
from intercom_tui.setup.questions import BY_KEY, setting_question
from intercom_tui.setup.settings_file import SettingsFile
from intercom_tui.setup.sheet import Sheet
from intercom_tui.theme import ThemeError
from intercom_tui.widgets.line import Part, line
from intercom_tui.widgets.row_list import Row, RowList

AT_ONCE: Final = frozenset({"ui.theme"})
"""Settings that work without a restart."""
_COLUMN = 24


class SettingsSheet(Sheet):
    """Every setting that may be shown, and what was changed.

    Args:
        config: what they are now.
        given: option key to the flag or environment name it was given with.
    """

    def __init__(self, config: Config, given: Mapping[str, str]) -> None:
        self._before = {key: value for key, value in values_of(config).items() if not BY_KEY[key].secret}
        super().__init__(self._before, given)

    def changes(self) -> dict[str, Any]:
        """What is not as it was."""
        return {key: value for key, value in self.answers.items() if value != self._before[key]}

    def changed_in(self, section: str) -> int:
        """Number of changes in a section."""
        return sum(1 for key in self.changes() if key.startswith(section + "."))

    def check(self) -> str:
        """The key of the first setting that is wrong, empty when all can be written."""
        host, allowed = self.answers["bridge.host"], self.answers["bridge.unsafe_bind"]
        exposed = rules.exposed_host(host, allowed=allowed) if self.answers["bridge.enabled"] else ""
        if exposed and "bridge.host" not in self.errors:
            self.errors["bridge.host"] = exposed
        return next((option.key for option in OPTIONS if option.key in self.errors), "")


def restart_keys(changes: Mapping[str, Any]) -> list[str]:
    """The changes that work only after a restart."""
    return [key for key in changes if key not in AT_ONCE]


class SettingsHeader(Drawn):
    """Where one is, what was changed, a rule."""

    DEFAULT_CSS = "SettingsHeader { height: 3; width: 100%; }"

    def __init__(self, sheet: SettingsSheet, note: str) -> None:
        super().__init__()
        self._sheet = sheet
        self.section = next(iter(SECTIONS))
        self.note = note

    def show(self, *, section: str = "", note: str = "") -> None:
        """Show a section, or say something."""
        self.section = section or self.section
        self.note = note or self.note
        self.refresh()

    def render_line(self, y: int) -> Strip:
        """One of the rows."""
        inks, width = self.inks, self.size.width
        if y == 0:
            keys: list[Part] = [("Esc", inks.key), (" Back   ", inks.muted), ("^s", inks.key), (" Save ", inks.muted)]
            left: list[Part] = [(" SETTINGS   ", inks.strong), (self.section, inks.strong + inks.primary)]
            return line(width, left, keys, self.rich_style)
        if y == 1:
            count = len(self._sheet.changes())
            changed: list[Part] = [(f"{count} changed ", inks.accent)] if count else []
            return line(width, [(f" {self.note}", inks.muted)], changed, self.rich_style)
        return line(width, [(self.glyphs.rule * width, inks.faint)], (), self.rich_style)


class SettingsScreen(Screen[None]):
    """All settings; what is saved goes through ``write``.

    Args:
        config: what they are now.
        write: writes changed settings (option key to value) and returns the file; None = they can only be looked at.
        given: option key to the flag or environment name it was given with; a :class:`SettingsFile` knows it too.
    """

    CSS_PATH = "setup.tcss"
    HELP = "Choose a section, Enter goes into it, Esc goes back to the sections. ctrl+s saves."

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("escape", "back", "Back", id="settings.back"),
        Binding("ctrl+s", "save", "Save", id="settings.save"),
        Binding("up", "move(-1)", "Up", show=False, id="settings.up"),
        Binding("down", "move(1)", "Down", show=False, id="settings.down"),
        Binding("pageup", "page(-1)", "Page up", show=False, id="settings.page-up"),
        Binding("pagedown", "page(1)", "Page down", show=False, id="settings.page-down"),
    ]

    header = query_one(SettingsHeader)
    sections = query_one("#sections", RowList)
    body = query_one("#settings-form", Container)

    def __init__(
        self,
        config: Config,
        write: Callable[[Mapping[str, Any]], Path] | None = None,
        *,
        given: Mapping[str, str] | None = None,
    ) -> None:
        super().__init__()
        known = write.given if isinstance(write, SettingsFile) else {}
        self._write = write
        self.sheet = SettingsSheet(config, given if given is not None else known)
        self._asked_to_discard = False

    def compose(self) -> ComposeResult:
        """Sections left, the form right."""
        note = "Changes are written when you save." if self._write else "These settings can only be looked at here."
        yield SettingsHeader(self.sheet, note)
        with Horizontal(id="settings-body"):
            yield RowList(id="sections")
            with Container(id="settings-form"):
                yield self._form(next(iter(SECTIONS)))
        with Horizontal(id="actions"):
            yield ActionButton("Back", id="back")
            yield Container(id="spacer")
            yield ActionButton("Save", id="save", main=True)

    def on_mount(self) -> None:
        """Begin with the sections."""
        self._list_sections()
        self.sections.focus()

    def _form(self, section: str) -> Form:
        options = (option for option in OPTIONS if option.section == section and not option.secret)
        return Form(self.sheet, [setting_question(option.key) for option in options], column=_COLUMN)

    def _rows(self) -> Iterator[Row]:
        inks = self.sections.inks
        for section in SECTIONS:
            count = self.sheet.changed_in(section)
            now = section == self.header.section
            right: list[Part] = [(f"{count} ", inks.accent)] if count else []
            yield Row([(section, inks.strong if now else inks.text)], right, key=section, marked=now)

    def _list_sections(self) -> None:
        self.sections.set_rows(list(self._rows()))
        self.header.refresh()

    @property
    def form(self) -> Form:
        """The form that is shown."""
        return self.body.query_one(Form)

    async def show_section(self, section: str, key: str = "") -> None:
        """Show the settings of a section; with a key go to that setting."""
        self.header.show(section=section)
        self._list_sections()
        with self.app.batch_update():
            await self.body.remove_children()
            await self.body.mount(self._form(section))
        if key and (field := self.form.field(key)) is not None:
            field.focus()

    # -- events ---------------------------------------------------------------------------------------------------

    def on_row_list_highlighted(self, event: RowList.Highlighted) -> None:
        """The cursor went to a section."""
        if event.key != self.header.section:
            self.run_worker(self.show_section(event.key), exclusive=True, group="section")

    def on_row_list_chosen(self, event: RowList.Chosen) -> None:
        """Into the form."""
        if self.form.fields:
            self.form.fields[0].focus()

    def on_form_answered(self) -> None:
        """Count the changes."""
        self._list_sections()

    def on_field_left(self, event: FieldLeft) -> None:
        """A field was left with Enter or an arrow."""
        event.stop()
        self.action_move(event.step)

    def on_action_button_pressed(self, event: ActionButton.Pressed) -> None:
        """A button was pressed."""
        if event.button.id == "save":
            self.action_save()
        else:
            self._leave()

    def action_move(self, step: int) -> None:
        """To another field; from the ends to the sections and the buttons."""
        fields = list(self.form.fields)
        index = next((place for place, field in enumerate(fields) if field is self.focused), None)
        if index is None:
            target = fields[-1] if fields and step < 0 else None
        elif index + step >= len(fields):
            target = None
            self.query_one("#save").focus()
        else:
            target = fields[index + step] if index + step >= 0 else None
        if target is not None:
            target.focus()

    def action_page(self, direction: int) -> None:
        """Scroll the form."""
        self.form.page(direction)

    def action_back(self) -> None:
        """From the form to the sections; from there out."""
        if self.focused is not self.sections:
            self.sections.focus()
        else:
            self._leave()

    def _leave(self) -> None:
        changes = self.sheet.changes()
        if changes and not self._asked_to_discard:
            self._asked_to_discard = True
            self.header.show(note="Not saved yet: ^s saves, Esc again discards the changes.")
            return
        self.dismiss(None)

    def action_save(self) -> None:
        """Write the changes."""
        self.run_worker(self._save(), exclusive=True, group="save")

    async def _save(self) -> None:
        if self._write is None:
            self.header.show(note="These settings can only be looked at here.")
            return
        if wrong := self.sheet.check():
            await self.show_section(wrong.partition(".")[0], wrong)
            self.header.show(note="Nothing was written: something is not right yet.")
            return
        changes = self.sheet.changes()
        if not changes:
            self.dismiss(None)
            return
        try:
            path = await asyncio.to_thread(self._write, changes)
        except IntercomError as error:
            self.header.show(note=safe_line(f"Nothing was written: {error}"))
            return
        self._apply(changes)
        notice(self.app, f"{saved_words(changes)} The file is {path}.", title="Settings saved", timeout=8)
        self.dismiss(None)

    def _apply(self, changes: Mapping[str, Any]) -> None:
        if theme := changes.get("ui.theme"):
            try:
                self.header.host.use_theme(theme)
            except ThemeError as error:
                notice(self.app, str(error), severity="warning")


def saved_words(changes: Mapping[str, Any]) -> str:
    """Which changes need a restart, in one sentence."""
    waiting = restart_keys(changes)
    if not waiting:
        return "It works already."
    named = ", ".join(waiting[:4]) + (f" and {len(waiting) - 4} more" if len(waiting) > 4 else "")
    return f"After a restart: {named}."
