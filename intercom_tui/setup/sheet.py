"""Answers to questions: what was typed, what it means, what is wrong with it.

Typed text that is not allowed stays as it was typed beside its error; the value behind it does not change. Answers that
were given on the command line or in the environment are shown and cannot be changed, because they would win over the
configuration file anyway.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from engine.run_script import flag_text
from intercom_tui.setup import rules
from intercom_tui.setup.questions import BY_KEY, Choice, Field, Question


class Sheet:
    """Answers by option key or note.

    Args:
        answers: to start from.
        given: option key to the flag or environment name it was given with.
    """

    def __init__(self, answers: Mapping[str, Any], given: Mapping[str, str]) -> None:
        self.answers: dict[str, Any] = dict(answers)
        self.given: Mapping[str, str] = dict(given)
        self.texts: dict[str, str] = {}
        self.errors: dict[str, str] = {}

    def is_given(self, part: Field) -> str:
        """What decides a field elsewhere, empty when it can be changed here."""
        return next((self.given[key] for key in part.keys if key in self.given), "")

    def given_text(self, part: Field) -> str:
        """The answer of a field that was given elsewhere."""
        if part.choices:
            return self.choice(part).label
        return "***" if BY_KEY[part.key].secret else self.text(part.key)

    def text(self, key: str) -> str:
        """What stands in a field that is typed."""
        return self.texts[key] if key in self.texts else self.flag_value(key)

    def flag_value(self, key: str) -> str:
        """The value of a setting as its flag takes it."""
        value = self.answers[key]
        return flag_text(BY_KEY[key], value) if key in BY_KEY else str(value)

    def selected(self, part: Field) -> int:
        """Index of the choice that is taken."""
        for index, choice in enumerate(part.choices):
            if all(self.answers[key] == value for key, value in choice.values.items()):
                return index
        return 0

    def choice(self, part: Field) -> Choice:
        """The choice that is taken."""
        return part.choices[self.selected(part)]

    def choose(self, part: Field, index: int) -> None:
        """Take a choice."""
        self.answers.update(part.choices[index].values)
        self.forget(*part.keys)

    def enter(self, key: str, text: str) -> str:
        """Type an answer; what is wrong with it, empty when nothing is."""
        self.texts[key] = text
        error = ""
        if key in BY_KEY:
            value, error = rules.parse_answer(BY_KEY[key], text)
            error = error or rules.check_setting(key, value)
            if not error:
                self.answers[key] = value
        else:
            self.answers[key] = text
        self.forget(key)
        if error:
            self.errors[key] = error
        return error

    def forget(self, *keys: str) -> None:
        """Take errors back."""
        for key in keys:
            self.errors.pop(key, None)

    def shown_fields(self, question: Question) -> tuple[Field, ...]:
        """The fields of a question that apply now."""
        if not question.shown(self.answers):
            return ()
        return tuple(part for part in question.fields if part.shown(self.answers))

    def error(self, question: Question) -> str:
        """What is wrong with the answer to a question."""
        return next((self.errors[part.key] for part in self.shown_fields(question) if part.key in self.errors), "")
