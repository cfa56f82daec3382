"""Walks through the wizard with keys and clicks only."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import pytest
from textual.events import Paste
from textual.pilot import Pilot

from intercom_tui.setup.controls import ActionButton, ChoiceControl, TextControl
from intercom_tui.setup.model import SetupResult
from intercom_tui.setup.review import Review
from intercom_tui.setup.screen import SetupScreen
from intercom_tui.setup.steps import SOURCE
from tests.harness.screens import text_grid, until
from tests.harness.setup_machine import WORDS, FakeMachine, setup_app


class Walk:
    """A person at the keyboard."""

    def __init__(self, pilot: Pilot[Any], machine: FakeMachine) -> None:
        self.pilot = pilot
        self.machine = machine

    @property
    def screen(self) -> SetupScreen:
        screen = self.pilot.app.screen
        assert isinstance(screen, SetupScreen)
        return screen

    @property
    def page(self) -> str:
        return self.screen.model.page

    @property
    def text(self) -> str:
        return text_grid(self.pilot.app)

    @property
    def result(self) -> SetupResult | None:
        value = self.pilot.app.return_value
        assert value is None or isinstance(value, SetupResult)
        return value

    async def keys(self, *keys: str) -> None:
        await self.pilot.press(*keys)
        await until(self.pilot, lambda: not self.screen._busy, "the end of the work")

    async def type(self, text: str) -> None:
        """All at once, as a paste: each key takes the pilot 50 ms."""
        field = self.screen.focused
        assert isinstance(field, TextControl)
        field.post_message(Paste(text))
        await self.pilot.pause()
        await self.pilot.pause()

    async def press(self, button: str) -> None:
        self.screen.query_one(f"#{button}", ActionButton).focus()
        await self.pilot.pause()
        await self.keys("enter")

    async def to(self, key: str) -> None:
        """Tab to the field of an answer."""
        for _ in range(20):
            focused = self.screen.focused
            if isinstance(focused, ChoiceControl | TextControl) and key in focused.part.keys:
                return
            await self.keys("tab")
        raise AssertionError(f"{key} cannot be reached with Tab")


@asynccontextmanager
async def walk(
    machine: FakeMachine | None = None, *, given: bool = False, size: tuple[int, int] = (80, 24)
) -> AsyncIterator[Walk]:
    machine = machine or FakeMachine()
    app = setup_app(machine, given=given)
    async with app.run_test(size=size) as pilot:
        walker = Walk(pilot, machine)
        await until(pilot, lambda: app.screen.focused is not None, "the first page")
        yield walker


async def full(walker: Walk, *steps: str) -> None:
    """Go to a step of the full setup."""
    await walker.keys("down", "enter")
    for step in steps:
        await walker.press("next")
        if walker.page == "words":
            await pass_quiz(walker)
        assert walker.page == step


async def pass_quiz(walker: Walk) -> None:
    await walker.press("next")
    for position in walker.screen.model.quiz:
        await walker.type(WORDS.split()[position])
        await walker.keys("enter")
    await walker.keys("enter")


# -- quick -------------------------------------------------------------------------------------------------------


async def test_two_keys_lead_to_the_app() -> None:
    async with walk(given=True) as walker:
        await walker.keys("enter")
        assert walker.page == "review"
        assert walker.machine.written == []
        await walker.pilot.press("enter")
        await until(walker.pilot, lambda: walker.result, "the result")
        result = walker.result
        assert result is not None
        assert result.start
        assert result.values["identity.peer_store_name"] == "agent-7"
        assert [identity for _, identity in walker.machine.written] == [None], "the engine makes the identity"


async def test_quitting_writes_nothing() -> None:
    async with walk() as walker:
        await walker.keys("up", "down", "down", "down")
        await walker.pilot.press("enter")
        assert walker.result is None
        assert walker.machine.written == []


async def test_ctrl_q_quits_from_anywhere() -> None:
    async with walk() as walker:
        await full(walker)
        await walker.pilot.press("ctrl+q")
        assert walker.result is None
        assert walker.machine.written == []


async def test_quick_shows_its_words_on_demand_and_lets_them_be_skipped() -> None:
    async with walk() as walker:
        await walker.keys("enter")
        await walker.press("words")
        assert walker.page == "words"
        assert "24 art" in walker.text
        await walker.press("skip")
        assert walker.page == "review"
        await until(walker.pilot, lambda: "The recovery words are not saved" in shown_risks(walker))
        await walker.press("words")
        await pass_quiz(walker)
        assert walker.page == "review"
        assert shown_risks(walker) == ""
        await walker.pilot.press("enter")
        await until(walker.pilot, lambda: walker.result, "the result")
        ((_, identity),) = walker.machine.written
        assert identity is not None
        assert identity.source == "new"


def shown_risks(walker: Walk) -> str:
    page = walker.screen.page
    return "\n".join(page.summary.risks) if isinstance(page, Review) else ""


async def test_problems_of_the_machine_are_called_out() -> None:
    machine = FakeMachine(store_error="The store peer is in use by process 7.")
    async with walk(machine) as walker:
        await walker.keys("enter")
        await until(walker.pilot, lambda: "in use by process 7" in shown_risks(walker))


async def test_what_cannot_be_written_is_told_and_nothing_is_lost() -> None:
    machine = FakeMachine(write_error="/x cannot be written: the disk is full.")
    async with walk(machine) as walker:
        await walker.keys("enter")
        await walker.keys("enter")
        assert "the disk is full" in walker.text
        assert walker.result is None
        machine.write_error = ""
        await walker.pilot.press("enter")
        await until(walker.pilot, lambda: walker.result, "the result")


# -- full --------------------------------------------------------------------------------------------------------


async def test_enter_alone_walks_through_every_step() -> None:
    async with walk() as walker:
        await walker.keys("down", "enter")
        seen = [walker.page]
        for _ in range(60):
            if walker.page == "quiz":
                for position in walker.screen.model.quiz:
                    await walker.type(WORDS.split()[position])
                    await walker.keys("enter")
            await walker.keys("enter")
            if walker.page != seen[-1]:
                seen.append(walker.page)
            if walker.page == "review":
                break
        assert seen == ["start", "identity", "words", "quiz", "messaging", "limits", "bridge", "review"]


async def test_every_field_is_reached_with_tab_and_with_arrows() -> None:
    async with walk() as walker:
        await full(walker, "identity", "messaging")
        page = walker.screen.page
        fields = list(page.fields)  # type: ignore[attr-defined]
        for key in ("tab", "down"):
            fields[0].focus()
            await walker.pilot.pause()
            reached = []
            for _ in fields:
                reached.append(walker.screen.focused)
                await walker.keys(key)
            assert reached == fields
        assert walker.screen.focused is walker.screen.query_one("#next")
        await walker.keys("up")
        assert walker.screen.focused is fields[-1]


async def test_answers_are_chosen_typed_and_kept() -> None:
    async with walk() as walker:
        await full(walker, "identity", "messaging")
        await walker.keys("down", "ctrl+u", "5", "enter")
        await walker.keys("right")
        assert walker.screen.model.config.sidechannel.relay_ttl == 5
        assert walker.screen.model.config.sidechannel.auto_join
        await walker.keys("escape")
        assert walker.page == "identity"
        await walker.press("next")
        assert walker.page == "messaging", "the words were checked already"
        assert "[5" not in walker.text
        assert walker.screen.model.config.sidechannel.relay_ttl == 5


async def test_a_wrong_answer_holds_the_step_and_takes_the_focus() -> None:
    async with walk() as walker:
        await full(walker, "identity", "messaging")
        await walker.keys("down", "ctrl+u", "9")
        await walker.press("next")
        assert walker.page == "messaging"
        assert "It must be a whole number of 0 to 8." in walker.text
        focused = walker.screen.focused
        assert isinstance(focused, TextControl)
        assert focused.part.key == "sidechannel.relay_ttl"
        await walker.keys("ctrl+u", "8")
        assert "It must be" not in walker.text


async def test_fields_appear_when_they_apply() -> None:
    async with walk() as walker:
        await full(walker, "identity", "messaging", "limits", "bridge")
        assert "0 to 65,535" not in walker.text
        await walker.keys("left")
        assert "0 to 65,535" in walker.text
        assert "Let agents run commands?" in walker.text
        await walker.to("bridge.host")
        await walker.keys("ctrl+u")
        await walker.type("0.0.0.0")
        assert "Let other machines reach it?" in walker.text
        await walker.press("next")
        assert "Other machines could reach this address" in walker.text


async def test_a_taken_port_is_told_at_the_step() -> None:
    machine = FakeMachine(bridge_error="127.0.0.1:49222 cannot be opened: Address already in use.")
    async with walk(machine) as walker:
        await full(walker, "identity", "messaging", "limits", "bridge")
        await walker.keys("left")
        await walker.press("next")
        assert walker.page == "bridge"
        assert "cannot be opened" in walker.text
        machine.bridge_error = ""
        await walker.press("next")
        assert walker.page == "review"


async def test_contracts_add_a_step() -> None:
    async with walk() as walker:
        await walker.keys("down", "enter")
        assert "step 1 of 6" in walker.text
        await walker.keys("down")
        assert "step 1 of 7" in walker.text
        for _ in range(2):
            await walker.press("next")
        await pass_quiz(walker)
        assert walker.page == "subnet"
        assert "subnet-00010203" in walker.text
        assert "not in this version" in walker.text


async def test_defaults_for_the_rest_lead_to_the_review() -> None:
    async with walk() as walker:
        await walker.keys("down", "enter")
        await walker.press("rest")
        assert walker.page == "review"
        await walker.keys("escape")
        assert walker.page == "bridge"


async def test_defaults_for_the_rest_do_not_skip_the_words() -> None:
    async with walk() as walker:
        await full(walker, "identity")
        await walker.press("rest")
        assert walker.page == "words"


async def test_save_shows_the_review_first() -> None:
    async with walk() as walker:
        await full(walker, "identity", "messaging")
        await walker.keys("ctrl+s")
        assert walker.page == "review"
        assert walker.machine.written == []
        await walker.pilot.press("ctrl+s")
        await until(walker.pilot, lambda: walker.result, "the result")
        assert walker.result is not None
        assert not walker.result.start


async def test_save_does_not_skip_the_words_either() -> None:
    async with walk() as walker:
        await full(walker, "identity")
        await walker.press("next")
        await walker.keys("ctrl+s")
        assert walker.page == "words"


async def test_wrong_words_are_not_taken() -> None:
    async with walk() as walker:
        await full(walker, "identity")
        await walker.press("next")
        await walker.press("next")
        await walker.type("zebra")
        await walker.press("next")
        assert walker.page == "quiz"
        assert "Another word stands there" in walker.text
        await walker.keys("escape")
        assert walker.page == "words"
        await walker.keys("escape")
        assert walker.page == "identity"


# -- identity ----------------------------------------------------------------------------------------------------


async def test_a_key_file_is_imported_with_its_password() -> None:
    machine = FakeMachine(files={"k.json": "secret"})
    async with walk(machine) as walker:
        await walker.keys("down", "down", "enter")
        assert walker.page == "identity"
        await walker.to("@file")
        await walker.type("x.json")
        await walker.press("next")
        assert "There is no file x.json." in walker.text
        await walker.keys("ctrl+u")
        await walker.type("k.json")
        await walker.press("next")
        assert "does not open with this password" in walker.text
        await walker.to("@file-password")
        await walker.type("secret")
        assert "secret" not in walker.text
        await walker.press("next")
        assert walker.page == "review"
        await walker.pilot.press("enter")
        await until(walker.pilot, lambda: walker.result, "the result")
        ((_, identity),) = machine.written
        assert identity is not None
        assert (identity.source, identity.passphrase) == ("file", b"secret")


async def test_recovery_words_are_pasted_over_several_lines() -> None:
    async with walk() as walker:
        await walker.keys("down", "down", "enter")
        walker.screen.model.answers[SOURCE] = "words"
        walker.screen.page.sync()  # type: ignore[attr-defined]
        await walker.to("@words")
        await walker.type("abandon")
        await walker.press("next")
        assert "12 or 24 words, not 1" in walker.text
        field = walker.screen.focused
        assert isinstance(field, TextControl)
        await walker.keys("ctrl+u")
        await walker.type(WORDS.replace(" ", "\n") + "\n")
        assert field.value == WORDS
        await walker.press("next")
        assert walker.page == "review"


async def test_a_passphrase_has_to_be_repeated_and_may_have_a_file() -> None:
    machine = FakeMachine(password_files={"/p": "other"})
    async with walk(machine) as walker:
        await full(walker, "identity")
        await walker.to("@passphrase")
        await walker.type("secret")
        await walker.press("next")
        assert "The two passphrases differ." in walker.text
        await walker.type("secret")
        await walker.to("identity.keypair_password_file")
        await walker.type("/p")
        await walker.press("next")
        assert "holds another passphrase" in walker.text
        await walker.keys("ctrl+u")
        await walker.type("/q")
        await walker.press("next")
        assert walker.page == "words"
        identity = walker.screen.model.identity
        assert identity is not None
        assert identity.passphrase == b"secret"
        assert walker.screen.model.result()["identity.keypair_password_file"] == "/q"
        assert "secret" not in repr(walker.screen.model.result())


async def test_a_store_with_an_identity_keeps_it() -> None:
    async with walk(FakeMachine(stores={"peer"})) as walker:
        await full(walker, "identity")
        assert "This store has an identity already" in walker.text
        assert "Which identity?" not in walker.text
        await walker.press("next")
        assert walker.page == "messaging"


async def test_an_identity_is_never_replaced_by_an_import() -> None:
    async with walk(FakeMachine(stores={"peer"}, files={"k.json": ""})) as walker:
        await walker.keys("down", "down", "enter")
        await walker.press("next")
        assert walker.page == "identity"
        assert "Choose another name to import one" in walker.text
        await walker.to("identity.peer_store_name")
        await walker.keys("2")
        assert "Which identity?" in walker.text
        await walker.to("@file")
        await walker.type("k.json")
        await walker.press("next")
        assert walker.page == "review"


async def test_a_store_that_cannot_be_used_holds_the_step() -> None:
    async with walk(FakeMachine(store_error="The store peer is in use by process 7.")) as walker:
        await full(walker, "identity")
        await walker.press("next")
        assert walker.page == "identity"
        assert "in use by process 7" in walker.text


async def test_given_answers_are_shown_and_not_asked() -> None:
    async with walk(given=True) as walker:
        await full(walker)
        assert "This machine only   given: --local" in walker.text
        assert [field.part.key for field in walker.screen.page.fields] == ["subnet.mode"]  # type: ignore[attr-defined]


# -- mouse and size ----------------------------------------------------------------------------------------------


async def test_the_mouse_does_everything() -> None:
    async with walk(size=(120, 36)) as walker:
        await walker.pilot.click("#menu", offset=(4, 1))
        await until(walker.pilot, lambda: walker.page == "start" and not walker.screen._busy)
        choices = walker.screen.query(ChoiceControl)
        await walker.pilot.click(choices[0], offset=(6, 1))
        await walker.pilot.click(choices[1], offset=(16, 0))
        await walker.pilot.pause()
        assert walker.screen.model.config.subnet.mode == "contracts"
        assert walker.screen.model.config.network.local
        await walker.pilot.click("#next")
        await until(walker.pilot, lambda: walker.page == "identity" and not walker.screen._busy)
        await walker.pilot.click("SetupHeader", offset=(4, 1))
        await until(walker.pilot, lambda: walker.page == "start" and not walker.screen._busy)
        await walker.pilot.click("#back")
        await until(walker.pilot, lambda: walker.page == "welcome")


@pytest.mark.parametrize("size", [(80, 24), (60, 16)])
async def test_what_has_the_focus_is_on_the_screen(size: tuple[int, int]) -> None:
    async with walk(size=size) as walker:
        await full(walker, "identity", "messaging")
        for _ in walker.screen.page.fields:  # type: ignore[attr-defined]
            await walker.pilot.pause()
            focused = walker.screen.focused
            assert focused is not None
            assert walker.screen.page.region.contains_region(focused.region)
            await walker.keys("down")


async def test_pages_scroll_without_the_mouse() -> None:
    async with walk() as walker:
        await walker.keys("enter")
        assert "In short" in walker.text
        await walker.keys("pagedown", "pagedown")
        assert "In short" not in walker.text
        await walker.keys("pageup", "pageup")
        await walker.keys("down")
        assert walker.screen.page.scroll_offset.y == 1


async def test_the_command_is_copied() -> None:
    async with walk(given=True) as walker:
        await walker.keys("enter")
        await walker.press("copy")
        assert walker.pilot.app.clipboard == "intercom-tui --local --peer-store-name agent-7"
