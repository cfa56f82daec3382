"""The wizard on a screen: pages, what leaving one checks, what writing does."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any, ClassVar, Final

from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Container, Horizontal
from textual.getters import query_one
from textual.message import Message
from textual.screen import Screen
from textual.widget import Widget

from engine.errors import IntercomError, WalletLocked
from intercom_tui.safe import notice
from intercom_tui.setup import summary
from intercom_tui.setup.bars import SetupHeader
from intercom_tui.setup.controls import ActionButton, FieldLeft
from intercom_tui.setup.machine import Machine
from intercom_tui.setup.model import FULL, IMPORT, PASSWORD_FILE, QUICK, SetupModel, SetupResult, StartedWith
from intercom_tui.setup.pages import Form, Quiz, Welcome, WordsPage
from intercom_tui.setup.review import Preview, Review, Summary
from intercom_tui.setup.steps import FILE, FILE_PASSWORD, KEPT, SOURCE, WORDS
from intercom_tui.widgets.row_list import RowList

STORE: Final = "identity.peer_store_name"

Buttons = Sequence[tuple[str, str]]
"""Id and label; an empty id is the space between left and right, the last one is the main one."""

_BACK: Final = ("back", "Back")
_SPACE: Final = ("", "")


class SetupScreen(Screen[None]):
    """Asks for the settings; says :class:`Done` at the end.

    Args:
        model: answers.
        machine: this machine.
        start: how the program was started.
    """

    CSS_PATH = "setup.tcss"
    HELP = "Tab and the arrows move, left and right choose, Enter goes on, Esc goes back, ctrl+s saves and quits."

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("escape", "back", "Back", id="setup.back"),
        Binding("ctrl+s", "save", "Save and quit", id="setup.save"),
        Binding("up", "up", "Up", show=False, id="setup.up"),
        Binding("down", "down", "Down", show=False, id="setup.down"),
        Binding("pageup", "page(-1)", "Page up", show=False, id="setup.page-up"),
        Binding("pagedown", "page(1)", "Page down", show=False, id="setup.page-down"),
    ]

    header = query_one(SetupHeader)
    page_box = query_one("#page", Container)
    actions = query_one("#actions", Horizontal)

    class Done(Message):
        """The wizard ended; the result is None when nothing was written."""

        def __init__(self, result: SetupResult | None) -> None:
            super().__init__()
            self.result = result

    def __init__(self, model: SetupModel, machine: Machine, start: StartedWith) -> None:
        super().__init__()
        self.model = model
        self._machine = machine
        self._start = start
        self._busy = False
        self._look_for_identity()

    def compose(self) -> ComposeResult:
        """Bars and the first page."""
        yield SetupHeader(self.model)
        with Container(id="page"):
            yield self._make_page()
        yield Horizontal(id="actions")

    def on_mount(self) -> None:
        """Show the first page."""
        self._page_shown()

    # -- pages ----------------------------------------------------------------------------------------------------

    def _make_page(self) -> Widget:
        model = self.model
        match model.page:
            case "welcome":
                return Welcome(self._start.words)
            case "words" if model.identity is not None:
                wallet = model.identity.wallet
                return WordsPage((wallet.mnemonic or "").split(), wallet.public_hex, wallet.address)
            case "quiz":
                return Quiz(model)
            case "review":
                return self._make_review()
            case _:
                return Form(model, model.questions(model.page))

    def _make_review(self) -> Review:
        model, start = self.model, self._start
        commands = (
            ("Start again with", summary.again_command(start.words)),
            ("Start without this file and without a screen", summary.full_command(model.config, start.home)),
        )
        told = Summary(summary.facts(model), summary.risks(model), commands)
        return Review(told, Preview(summary.preview(model), str(start.config_file)))

    def _buttons(self) -> Buttons:
        model = self.model
        skip: Buttons = [("skip", "Skip, I will save them later")] if model.route == QUICK else []
        match model.page:
            case "welcome":
                return ()
            case "words":
                return [_BACK, _SPACE, *skip, ("next", "I wrote them down")]
            case "quiz":
                return [_BACK, _SPACE, *skip, ("next", "Check")]
            case "review":
                words = model.route == QUICK and not model.answers[KEPT] and not model.words_checked
                show: Buttons = [("words", "Recovery words")] if words else []
                return [_BACK, *show, _SPACE, ("copy", "Copy command"), ("write", "Write and start")]
            case _:
                rest: Buttons = [("rest", "Use defaults for the rest")] if model.route == FULL else []
                last = model.pages()[-2] == model.page
                return [_BACK, _SPACE, *rest, ("next", "Review" if last else "Next")]

    async def _show(self, page: str) -> None:
        self.model.page = page
        self._look_for_identity()
        with self.app.batch_update():
            await self.page_box.remove_children()
            await self.page_box.mount(self._make_page())
            await self.actions.remove_children()
            await self.actions.mount_all(
                [
                    ActionButton(label, id=name, main=name in ("next", "write")) if name else Container(id="spacer")
                    for name, label in self._buttons()
                ]
            )
        self._page_shown()

    def _page_shown(self) -> None:
        bare = self.model.page == "welcome"
        self.header.display = self.actions.display = not bare
        self.header.refresh()
        page = self.page
        if isinstance(page, Form) and page.fields:
            page.fields[0].focus()
        elif isinstance(page, Welcome):
            page.query_one(RowList).focus()
        elif self.actions.children:
            self.actions.query(ActionButton).last().focus()
        if isinstance(page, Review):
            self.run_worker(self._look_around(page), group="look", exclusive=True)

    @property
    def page(self) -> Widget:
        """The page that is shown."""
        return self.page_box.children[0]

    def _look_for_identity(self) -> None:
        self.model.answers[KEPT] = self._machine.has_identity(self.model.config)

    # -- moving ---------------------------------------------------------------------------------------------------

    def _run(self, work: Any, busy: str) -> None:
        """Do something that waits; one thing at a time."""
        self.run_worker(self._guarded(work, busy), exclusive=False)

    async def _guarded(self, work: Any, busy: str) -> None:
        if self._busy:
            work.close()
            return
        self._busy = True
        self.header.say(busy)
        try:
            await work
        finally:
            self._busy = False
            self.header.say("")

    async def _go(self, page: str) -> None:
        """Show a page, or the one that must come before it."""
        pages = self.model.pages()
        due = next((name for name in ("words", "quiz") if name in pages), None)
        if page == "review" and due is not None:
            notice(self.app, "First the recovery words, so that they are not lost.")
            page = due
        await self._show(page)

    def action_back(self) -> None:
        """To the page before; answers stay."""
        if self.model.page != "welcome":
            self._run(self._go(self.model.neighbour(-1)), "")

    def action_save(self) -> None:
        """To the review; there: write and quit."""
        if self.model.page == "welcome":
            return
        if self.model.page == "review":
            self._run(self._write(start=False), "writing")
        else:
            self._run(self._save(), "checking")

    async def _save(self) -> None:
        if await self._leave():
            await self._go("review")
            if self.model.page == "review":
                notice(self.app, "This is what will be written. Press ctrl+s again to write it and quit.")

    async def _next(self) -> None:
        page = self.model.page
        if await self._leave():
            following = self.model.neighbour(1) if self.model.page in self.model.pages() else self._after(page)
            await self._show(following)

    def _after(self, page: str) -> str:
        """What follows a page that is not due any more."""
        steps = self.model.steps()
        return (
            "review"
            if self.model.route == QUICK or page not in ("words", "quiz")
            else steps[steps.index("identity") + 1]
        )

    async def _rest(self) -> None:
        page = self.model.page
        if await self._leave():
            self.model.use_defaults(page)
            self._look_for_identity()
            await self._go("review")

    # -- checks ---------------------------------------------------------------------------------------------------

    async def _leave(self) -> bool:
        """Check the page that is shown; on an error go to its field."""
        model, page = self.model, self.page
        wrong = ""
        if isinstance(page, Quiz):
            wrong = page.check()
        elif isinstance(page, Form):
            wrong = model.check(model.page)
            if not wrong:
                await self._look_at_machine()
                wrong = model.check(model.page, again=False)
            page.sync()
        if wrong and isinstance(page, Form):
            field = page.field(wrong)
            if field is not None:
                field.focus()
        return not wrong

    async def _look_at_machine(self) -> None:
        """Errors that only this machine knows."""
        model = self.model
        if model.page == "identity":
            await self._prepare_identity()
        elif model.page == "bridge" and model.answers["bridge.enabled"]:
            problem = await asyncio.to_thread(self._machine.bridge_problem, model.config)
            if problem:
                model.errors["bridge.port"] = problem

    async def _prepare_identity(self) -> None:
        model, machine = self.model, self._machine
        self._look_for_identity()
        problem = await asyncio.to_thread(machine.store_problem, model.config)
        if model.answers[KEPT]:
            model.take_identity(None)
            if model.route == IMPORT:
                problem = "This store has an identity already. Choose another name to import one."
        if problem:
            model.errors[STORE] = problem
            return
        if path := model.config.identity.keypair_password_file:
            problem = await asyncio.to_thread(machine.password_file_problem, path, model.passphrase)
            if problem:
                model.errors[PASSWORD_FILE] = problem
                return
        if not model.answers[KEPT]:
            await self._make_identity()

    async def _make_identity(self) -> None:
        model, machine = self.model, self._machine
        answers, passphrase = model.answers, model.passphrase
        source = answers[SOURCE]
        make: dict[str, tuple[Callable[..., Any], Sequence[str], str]] = {
            "new": (machine.new_identity, (passphrase,), SOURCE),
            "words": (machine.identity_of_words, (answers[WORDS], passphrase), WORDS),
            "file": (machine.identity_of_file, (answers[FILE], answers[FILE_PASSWORD]), FILE),
        }
        if source == "new" and model.identity is not None and model.identity.source == "new":
            model.take_identity(replace(model.identity, passphrase=passphrase.encode()))
            return
        work, arguments, key = make[source]
        try:
            model.take_identity(await asyncio.to_thread(work, *arguments))
        except WalletLocked as error:
            model.errors[FILE_PASSWORD] = str(error)
        except IntercomError as error:
            model.errors[key] = " ".join(part for part in (str(error), error.hint) if part)

    async def _look_around(self, page: Review) -> None:
        """Problems of this machine belong to the risks."""
        model, machine = self.model, self._machine
        config = model.config
        found = [await asyncio.to_thread(machine.store_problem, config)]
        if config.bridge.enabled:
            found.append(await asyncio.to_thread(machine.bridge_problem, config))
        page.show(risks=summary.risks(model, [text for text in found if text]))

    # -- the end --------------------------------------------------------------------------------------------------

    async def _write(self, *, start: bool) -> None:
        page = self.page
        if not isinstance(page, Review):
            return
        model = self.model
        try:
            await asyncio.to_thread(self._machine.write, model.config, model.identity)
        except IntercomError as error:
            page.show(problem=" ".join(part for part in (str(error), error.hint) if part))
            return
        self.post_message(self.Done(SetupResult(model.result(), start)))

    async def _show_words(self) -> None:
        """Make the identity of the quick route now, so that its words can be seen."""
        if self.model.identity is None:
            self.model.take_identity(await asyncio.to_thread(self._machine.new_identity, ""))
        self.model.words_settled = False
        await self._show("words")

    def _skip(self) -> None:
        self.model.words_settled = True
        self._run(self._show("review"), "")

    # -- events ---------------------------------------------------------------------------------------------------

    def on_row_list_chosen(self, event: RowList.Chosen) -> None:
        """A way to begin was chosen."""
        event.stop()
        if event.key == "quit":
            self.post_message(self.Done(None))
        else:
            self.model.take_route(event.key)
            self._run(self._show(self.model.page), "")

    def on_action_button_pressed(self, event: ActionButton.Pressed) -> None:
        """A button was pressed."""
        event.stop()
        match event.button.id:
            case "back":
                self.action_back()
            case "next":
                self._run(self._next(), "checking")
            case "rest":
                self._run(self._rest(), "checking")
            case "skip":
                self._skip()
            case "words":
                self._run(self._show_words(), "making an identity")
            case "copy":
                command = summary.again_command(self._start.words)
                self.app.copy_to_clipboard(command)
                notice(self.app, f"Copied through the terminal: {command}")
            case _:
                self._run(self._write(start=True), "writing")

    def on_form_answered(self) -> None:
        """Other steps may apply now, or another store be meant."""
        kept = self.model.answers[KEPT]
        self._look_for_identity()
        if kept != self.model.answers[KEPT] and isinstance(page := self.page, Form):
            page.sync()
        self.header.refresh()

    def on_setup_header_picked(self, event: SetupHeader.Picked) -> None:
        """A step that was done was clicked."""
        self._run(self._go(event.step), "")

    def on_field_left(self, event: FieldLeft) -> None:
        """A field was left with Enter or an arrow."""
        event.stop()
        self._move(event.step)

    def _move(self, step: int) -> None:
        page = self.page
        fields: list[Widget] = list(page.fields) if isinstance(page, Form) else []
        if self.focused in fields:
            index = fields.index(self.focused) + step
            if index >= len(fields):
                self.actions.query(ActionButton).last().focus()
            elif index >= 0:
                fields[index].focus()
        elif fields and step < 0:
            fields[-1].focus()
        elif isinstance(page, Review):
            page.step(step)

    def action_up(self) -> None:
        """To the field above; on the review, scroll."""
        self._move(-1)

    def action_down(self) -> None:
        """To the field below; on the review, scroll."""
        self._move(1)

    def action_page(self, direction: int) -> None:
        """Scroll the page."""
        page = self.page
        if isinstance(page, Form | WordsPage | Review):
            page.page(direction)
