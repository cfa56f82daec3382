"""The wizard without a screen: answers, pages, checks, result.

Theory of operation. A person takes one of three *routes*. ``quick`` asks nothing: welcome, review. ``import`` asks for
the identity only. ``full`` goes through the steps; the subnet step is left out while contracts are. A new identity that
was made here adds two pages after it, its recovery words and a check of two of them, until the check is passed
(or, on the quick route, skipped).

Answers are kept whatever page is shown. The quick route has answers of its own, so it means the defaults even after
the full one was tried. Nothing leaves the model before :meth:`SetupModel.result`.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from engine.config.load import values_of, with_values
from engine.config.sections import Config
from intercom_tui.setup import rules
from intercom_tui.setup.questions import BY_KEY, Field, Question
from intercom_tui.setup.sheet import Sheet
from intercom_tui.setup.steps import (
    DECISIONS,
    FILE,
    FILE_PASSWORD,
    JOIN,
    KEPT,
    NOTES,
    PASSPHRASE,
    QUESTIONS,
    REPEAT,
    SOURCE,
    STEPS,
    WORDS,
    applies,
)

if TYPE_CHECKING:
    from engine.crypto.wallet import Wallet

QUICK, FULL, IMPORT = "quick", "full", "import"
"""Routes."""

PASSWORD_FILE: Final = "identity.keypair_password_file"
KEPT_KEYS: Final = frozenset({*DECISIONS, "identity.peer_store_name"})
"""Settings that are written whatever their value is and wherever it comes from."""
QUIZ_WORDS: Final = 2
"""Recovery words that are asked back."""


@dataclass(frozen=True, slots=True)
class NewIdentity:
    """An identity that was made or brought here; it is written at the end."""

    wallet: Wallet
    source: str
    """``new``, ``file`` or ``words``."""
    file_text: bytes | None = field(default=None, repr=False)
    """The imported file, written as it is; None = the wallet is sealed with the passphrase."""
    passphrase: bytes = field(default=b"", repr=False)


@dataclass(frozen=True, slots=True)
class SetupResult:
    """What was decided."""

    values: Mapping[str, Any]
    """Option key to value: every decision, and whatever else is not a default."""
    start: bool
    """False = the person wants to quit after it is written."""


@dataclass(frozen=True, slots=True)
class StartedWith:
    """How the program was started, for the commands that start it again."""

    config_file: Path = Path("config.toml")
    """Where the settings will be written."""
    words: Sequence[str] = ()
    """Arguments, without secrets."""
    home: str = ""
    """Directory given with ``--home``."""
    given: Mapping[str, str] = field(default_factory=dict)
    """Option key to the flag or environment name it was given with."""


class SetupModel(Sheet):
    """Answers and where the person is.

    Args:
        defaults: the settings to start from.
        given: option key to the flag or environment name it was given with.
        random_bytes: entropy for the subnet's name and for the choice of words to ask back.
    """

    def __init__(
        self, defaults: Config, *, given: Mapping[str, str] | None = None, random_bytes: Callable[[int], bytes]
    ) -> None:
        self._defaults = values_of(defaults)
        self._random_bytes = random_bytes
        super().__init__(self._fresh_answers(), given or {})
        self._full_answers = self.answers
        self.route = QUICK
        self.page = "welcome"
        self.identity: NewIdentity | None = None
        self.words_settled = False
        """The recovery words were checked or knowingly skipped."""
        self.words_checked = False
        self.quiz: tuple[int, ...] = ()
        """Positions (from 0) of the words that are asked back."""

    def _fresh_answers(self) -> dict[str, Any]:
        return {**self._defaults, **NOTES, JOIN: bool(self._defaults["subnet.bootstrap"])}

    def take_route(self, route: str) -> None:
        """Begin a route, or begin it again."""
        self._full_answers[KEPT] = self.answers[KEPT]
        if route == QUICK:
            self.answers = self._fresh_answers()
            self.answers[KEPT] = self._full_answers[KEPT]
            if not self.words_checked:
                self.take_identity(None)
        else:
            self.answers = self._full_answers
        if route == IMPORT and self.answers[SOURCE] == "new":
            self.answers[SOURCE] = "file"
        self.route = route
        self.page = self.pages()[1]

    # -- answers --------------------------------------------------------------------------------------------------

    def questions(self, step: str) -> tuple[Question, ...]:
        """The questions of a page."""
        return QUESTIONS.get(step, ())

    def choose(self, part: Field, index: int) -> None:
        """Take a choice; a subnet gets a name when there is to be one."""
        super().choose(part, index)
        if part.key == "subnet.mode" and self.answers["subnet.mode"] != "off":
            self._name_subnet()

    def _name_subnet(self) -> None:
        key = "subnet.channel"
        if key not in self.given and self.answers[key] == BY_KEY[key].default:
            self.answers[key] = "subnet-" + self._random_bytes(4).hex()

    def use_defaults(self, step: str) -> None:
        """Answer the steps after this one with their defaults."""
        for later in STEPS[STEPS.index(step) + 1 :]:
            if later == "identity" and self.identity is not None:
                continue
            for question in self.questions(later):
                for part in question.fields:
                    for key in part.keys:
                        self._reset(key)

    def _reset(self, key: str) -> None:
        if key not in self.given and key != KEPT:
            self.answers[key] = self._defaults[key] if key in self._defaults else NOTES[key]
            if key == JOIN:
                self.answers[key] = bool(self._defaults["subnet.bootstrap"])
            if key == "subnet.channel" and self.answers["subnet.mode"] != "off":
                self._name_subnet()
        self.texts.pop(key, None)
        self.errors.pop(key, None)

    # -- checks ---------------------------------------------------------------------------------------------------

    def check(self, step: str, *, again: bool = True) -> str:
        """Check a page as a whole; the key of the first field that is wrong, empty when the page is right.

        Args:
            step: the page.
            again: forget what this machine said when the page was checked before, and look at answers that depend on
                each other.
        """
        if again:
            self._retype(step)
            self.errors.update({key: error for key, error in self._together(step).items() if error})
        for question in self.questions(step):
            for part in self.shown_fields(question):
                if self.errors.get(part.key):
                    return part.key
        return ""

    def _retype(self, step: str) -> None:
        """Errors that were found outside the typed text may be gone."""
        for question in self.questions(step):
            for part in question.fields:
                self.forget(part.key)
                if part.key in self.texts:
                    self.enter(part.key, self.texts[part.key])

    def _together(self, step: str) -> dict[str, str]:
        """Errors of answers that depend on each other; empty texts clear nothing."""
        answers = self.answers
        match step:
            case "identity":
                source = answers[SOURCE]
                return {
                    FILE: "" if source != "file" or answers[FILE].strip() else "Which file?",
                    WORDS: "" if source != "words" or answers[WORDS].strip() else "Which words?",
                    REPEAT: rules.repeated(answers[PASSPHRASE], answers[REPEAT]) if answers[PASSPHRASE] else "",
                }
            case "subnet" if answers[JOIN] and "subnet.bootstrap" not in self.errors:
                return {"subnet.bootstrap": rules.bootstrap(answers["subnet.bootstrap"])}
            case "bridge" if answers["bridge.enabled"] and "bridge.host" not in self.errors:
                allowed = answers["bridge.unsafe_bind"]
                return {"bridge.host": rules.exposed_host(answers["bridge.host"], allowed=allowed)}
            case _:
                return {}

    # -- pages ----------------------------------------------------------------------------------------------------

    def pages(self) -> list[str]:
        """The pages of the route, in order."""
        words = ["words", "quiz"] if self._words_are_due() else []
        match self.route:
            case "quick":
                return ["welcome", *words, "review"]
            case "import":
                return ["welcome", "identity", "review"]
            case _:
                steps = [step for step in STEPS if applies(step, self.answers)]
                after = steps.index("identity") + 1
                return ["welcome", *steps[:after], *words, *steps[after:]]

    def _words_are_due(self) -> bool:
        return self.identity is not None and self.identity.source == "new" and not self.words_settled

    def steps(self) -> list[str]:
        """The steps of the route, for the row at the top."""
        return [page for page in self.pages() if page in STEPS]

    def step(self) -> str:
        """The step the current page belongs to."""
        if self.page in ("words", "quiz"):
            return "identity" if self.route == FULL else "review"
        return self.page

    def neighbour(self, direction: int) -> str:
        """The next or previous page; the current one at the ends."""
        pages = self.pages()
        if self.page not in pages:
            return pages[0]
        return pages[min(max(pages.index(self.page) + direction, 0), len(pages) - 1)]

    # -- identity -------------------------------------------------------------------------------------------------

    def take_identity(self, identity: NewIdentity | None) -> None:
        """Remember what the identity will be; other recovery words must be checked again."""
        same = identity is not None and self.identity is not None and identity.wallet == self.identity.wallet
        self.identity = identity
        if not same:
            self.words_settled = self.words_checked = False
            self.quiz = (
                pick(QUIZ_WORDS, len((identity.wallet.mnemonic or "").split()), self._random_bytes)
                if (identity is not None)
                else ()
            )

    def check_words(self, typed: Mapping[int, str]) -> dict[int, str]:
        """Compare recovery words, by position, with what was typed; what is wrong, by position."""
        words = self.identity.wallet.mnemonic.split() if self.identity and self.identity.wallet.mnemonic else []
        wrong = {
            position: "Another word stands there. Go back to look again."
            for position in self.quiz
            if typed.get(position, "").strip().lower() != words[position]
        }
        if not wrong:
            self.words_settled = self.words_checked = True
        return wrong

    # -- result ---------------------------------------------------------------------------------------------------

    @property
    def config(self) -> Config:
        """The configuration the answers amount to."""
        settings = {key: value for key, value in self.answers.items() if key in BY_KEY}
        if not self.answers[JOIN] and "subnet.bootstrap" not in self.given:
            settings["subnet.bootstrap"] = ""
        if not (self.passphrase or self.answers[KEPT]) and PASSWORD_FILE not in self.given:
            settings[PASSWORD_FILE] = ""
        return with_values(Config(), settings)

    @property
    def passphrase(self) -> str:
        """The passphrase the key file will have, as far as it was typed here."""
        key = FILE_PASSWORD if self.answers[SOURCE] == "file" else PASSPHRASE
        return str(self.answers[key])

    def result(self) -> dict[str, Any]:
        """What is stored: every decision, the other settings that a step asks for, and what is not a default.

        What was only given for this start (flags, environment) is not stored, except for the decisions.
        """
        values = values_of(self.config)
        return {
            key: value
            for key, value in values.items()
            if not BY_KEY[key].secret
            and (key in KEPT_KEYS or (key not in self.given and (BY_KEY[key].step or value != BY_KEY[key].default)))
        }


def pick(count: int, among: int, random_bytes: Callable[[int], bytes]) -> tuple[int, ...]:
    """Different random positions below ``among``, in order."""
    left = list(range(among))
    chosen = [left.pop(int.from_bytes(random_bytes(4), "big") % len(left)) for _ in range(min(count, among))]
    return tuple(sorted(chosen))
