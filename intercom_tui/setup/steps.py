"""The seven steps of the wizard and what they ask."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Final

from engine.config.sections import OPTIONS
from intercom_tui.setup.questions import (
    BY_KEY,
    Answers,
    Choice,
    Field,
    Question,
    always,
    number,
    shown_value,
    text,
    yes_no,
)
from intercom_tui.setup.rules import is_loopback

STEPS: Final = ("start", "identity", "subnet", "messaging", "limits", "bridge", "review")
"""Steps of the full wizard, in order."""

SOURCE, FILE, FILE_PASSWORD, WORDS = "@source", "@file", "@file-password", "@words"
PASSPHRASE, REPEAT, JOIN, KEPT = "@passphrase", "@repeat", "@join", "@kept"

NOTES: Mapping[str, object] = {
    SOURCE: "new", FILE: "", FILE_PASSWORD: "", WORDS: "", PASSPHRASE: "", REPEAT: "", JOIN: False, KEPT: False,
}  # fmt: skip
"""Answers that are not settings, with their defaults. ``@kept``: the store has an identity already."""

DECISIONS: Final = tuple(
    option.key for option in OPTIONS if option.step and option.section in ("subnet", "sidechannel", "bridge", "msb")
)
"""Settings that are always written, also with their default: what was decided must not change with a new version."""


def _contracts(answers: Answers) -> bool:
    return bool(answers["subnet.mode"] != "off")


def _value(answers: Answers) -> bool:
    return bool(answers["subnet.mode"] == "value")


def _bridge(answers: Answers) -> bool:
    return bool(answers["bridge.enabled"])


def _open_bridge(answers: Answers) -> bool:
    return _bridge(answers) and not is_loopback(answers["bridge.host"])


def _from(source: str) -> Callable[[Answers], bool]:
    return lambda answers: not answers[KEPT] and answers[SOURCE] == source


def _why(key: str) -> str:
    return BY_KEY[key].why


def _cost(key: str) -> str:
    return BY_KEY[key].cost


def _default(*keys: str) -> str:
    return ", ".join(shown_value(BY_KEY[key], BY_KEY[key].default) for key in keys)


def _switch(id: str, title: str, key: str, shown: Callable[[Answers], bool] = always) -> Question:
    return Question(id, title, (yes_no(key),), _why(key), _cost(key), _default(key), shown)


_START = (
    Question(
        "mode",
        "What should this peer run?",
        (
            Field(
                "subnet.mode",
                "list",
                choices=(
                    Choice("Sidechannels only", {"subnet.mode": "off"}, "messages between people and agents"),
                    Choice("Contracts and chat", {"subnet.mode": "contracts"}, "and state that a group keeps together"),
                    Choice(
                        "Contracts and value transfer", {"subnet.mode": "value"}, "and transactions, which cost TNK"
                    ),
                ),
            ),
        ),
        _why("subnet.mode"),
        _cost("subnet.mode"),
        "sidechannels only",
    ),
    Question(
        "network",
        "Which network?",
        (
            Field(
                "network.local",
                "choice",
                choices=(
                    Choice("Internet", {"network.local": False}),
                    Choice("This machine only", {"network.local": True}),
                ),
            ),
        ),
        "This machine only = everything can be tried without the internet.",
        "Peers on other machines cannot find a peer that stays on this machine.",
        "internet",
    ),
)

_PASSWORD_FILE = text("identity.keypair_password_file", placeholder="empty = you are asked")

_IDENTITY = (
    Question(
        "store",
        "Name of this peer's store",
        (text("identity.peer_store_name"),),
        "One store = one identity. Two peers on one machine need two names.",
        "",
        _default("identity.peer_store_name"),
    ),
    Question(
        "kept",
        "This store has an identity already",
        (),
        "It is kept. For another identity choose another name of the store.",
        shown=lambda answers: bool(answers[KEPT]),
    ),
    Question(
        "source",
        "Which identity?",
        (
            Field(
                SOURCE,
                "list",
                choices=(
                    Choice("New", {SOURCE: "new"}, "24 recovery words are shown once"),
                    Choice("Import keypair.json", {SOURCE: "file"}, "of this program or of the reference"),
                    Choice("Recovery words", {SOURCE: "words"}, "12 or 24 of them"),
                ),
            ),
        ),
        "The identity is a key pair: others know you by its public key.",
        "Two peers with the same identity at the same time disturb each other.",
        "new",
        shown=lambda answers: not answers[KEPT],
    ),
    Question(
        "file",
        "File to import",
        (
            text(FILE, placeholder="~/stores/peer/db/keypair.json"),
            Field(FILE_PASSWORD, "secret", "its password", placeholder="empty if it has none"),
        ),
        "It is copied as it is; the copy keeps its password.",
        shown=_from("file"),
    ),
    Question(
        "words",
        "Recovery words",
        (text(WORDS, placeholder="12 or 24 words, separated by blanks"),),
        "The same words give the same identity here and in the reference.",
        "Whoever sees them can be you for ever.",
        shown=_from("words"),
    ),
    Question(
        "passphrase",
        "Passphrase for the key file",
        (
            Field(PASSPHRASE, "secret", placeholder="empty = none"),
            Field(REPEAT, "secret", "once more", shown=lambda answers: bool(answers[PASSPHRASE])),
        ),
        "Who copies keypair.json cannot use it without the passphrase.",
        "You are asked for it at each start. It cannot be recovered, the words can replace it.",
        "none",
        shown=lambda answers: not answers[KEPT] and answers[SOURCE] != "file",
    ),
    Question(
        "password-file",
        "File with the passphrase",
        (_PASSWORD_FILE,),
        _why("identity.keypair_password_file") + " It is made when it is missing.",
        _cost("identity.keypair_password_file"),
        "none",
        shown=lambda answers: bool(answers[PASSPHRASE] or answers[FILE_PASSWORD] or answers[KEPT]),
    ),
)

_SUBNET = (
    Question(
        "subnet",
        "Create a subnet or join one?",
        (
            Field(JOIN, "choice", choices=(Choice("Create", {JOIN: False}), Choice("Join", {JOIN: True}))),
            text("subnet.channel", label="its channel"),
            text(
                "subnet.bootstrap", label="its bootstrap key", placeholder="64 hex digits",
                shown=lambda answers: bool(answers[JOIN]),
            ),
        ),
        "Peers of one subnet share its channel; a random name keeps strangers out of yours.",
        "Subnets are not in this version: the answers are kept for one that has them.",
        "create, random channel",
    ),
    _switch("chat", "Contract chat?", "subnet.chat"),
    _switch("writers", "Add writers automatically?", "subnet.auto_add_writers"),
    _switch("timer", "Sample timer?", "subnet.sample_timer"),
)  # fmt: skip

_ASK: Mapping[str, bool] = {"sidechannel.allow_remote_open": True, "sidechannel.auto_join": False}
_AUTO: Mapping[str, bool] = {"sidechannel.allow_remote_open": True, "sidechannel.auto_join": True}
_NEVER: Mapping[str, bool] = {"sidechannel.allow_remote_open": False, "sidechannel.auto_join": False}

_MESSAGING = (
    Question(
        "relay",
        "Relay messages for other peers?",
        (
            yes_no("sidechannel.relay"),
            number(
                "sidechannel.relay_ttl", label="hops (TTL)", shown=lambda answers: bool(answers["sidechannel.relay"])
            ),
        ),
        _why("sidechannel.relay"),
        _cost("sidechannel.relay"),
        _default("sidechannel.relay", "sidechannel.relay_ttl"),
    ),
    Question(
        "requests",
        "Let others ask me to open channels?",
        (
            Field(
                "sidechannel.allow_remote_open",
                "choice",
                choices=(Choice("Ask me", _ASK), Choice("Auto-join", _AUTO), Choice("Never", _NEVER)),
            ),
        ),
        _why("sidechannel.allow_remote_open"),
        "Auto-join: your neighbours decide which channels you are in.",
        "ask me",
    ),
    Question(
        "pow",
        "Ask for proof of work?",
        (
            yes_no("sidechannel.pow"),
            number(
                "sidechannel.pow_difficulty", label="difficulty", shown=lambda answers: bool(answers["sidechannel.pow"])
            ),
        ),
        _why("sidechannel.pow"),
        _cost("sidechannel.pow_difficulty"),
        _default("sidechannel.pow", "sidechannel.pow_difficulty"),
    ),
    _switch("welcome", "Hold messages until a welcome?", "sidechannel.welcome_required"),
    Question(
        "channels",
        "Channels to join at start",
        (text("sidechannel.channels", placeholder="names, separated by commas"),),
        _why("sidechannel.channels"),
        "",
        "only 0000intercom",
    ),
)

_LIMITS = (
    Question(
        "rate",
        "How much may a neighbour send?",
        (number("sidechannel.rate_bytes"), number("sidechannel.rate_burst", label="at once")),
        _why("sidechannel.rate_bytes"),
        _cost("sidechannel.rate_bytes"),
        _default("sidechannel.rate_bytes", "sidechannel.rate_burst"),
    ),
    Question(
        "strikes",
        "Strikes until it is blocked",
        (number("sidechannel.max_strikes"),),
        _why("sidechannel.max_strikes"),
        _cost("sidechannel.max_strikes"),
        "3 in 5 s block for 30 s",
    ),
    Question(
        "size",
        "Largest message I send",
        (number("sidechannel.max_bytes"),),
        _why("sidechannel.max_bytes"),
        _cost("sidechannel.max_bytes"),
        _default("sidechannel.max_bytes"),
    ),
)

_BRIDGE = (
    Question(
        "bridge",
        "Bridge for local agents?",
        (
            yes_no("bridge.enabled"),
            text("bridge.host", label="address", shown=_bridge),
            number("bridge.port", label="port", shown=_bridge),
        ),
        _why("bridge.enabled"),
        _cost("bridge.enabled"),
        _default("bridge.enabled", "bridge.host", "bridge.port"),
    ),
    _switch("unsafe", "Let other machines reach it?", "bridge.unsafe_bind", shown=_open_bridge),
    _switch("mirroring", "Let agents run commands?", "bridge.cli", shown=_bridge),
    Question(
        "value",
        "Store of the settlement node",
        (text("msb.store_name", placeholder="empty = peer's name and -msb"),),
        _why("msb.store_name"),
        _cost("msb.store_name") + " Value transfer is not in this version: the answer is kept.",
        "the peer's name and -msb",
        shown=_value,
    ),
)

QUESTIONS: Mapping[str, tuple[Question, ...]] = {
    "start": _START,
    "identity": _IDENTITY,
    "subnet": _SUBNET,
    "messaging": _MESSAGING,
    "limits": _LIMITS,
    "bridge": _BRIDGE,
}
"""Questions of each step."""

TITLES: Mapping[str, str] = {
    "start": "Start", "identity": "Identity", "words": "Recovery words", "quiz": "Recovery words", "subnet": "Subnet",
    "messaging": "Messaging", "limits": "Limits", "bridge": "Bridge", "review": "Review",
}  # fmt: skip
"""Name of each page."""


def applies(step: str, answers: Answers) -> bool:
    """Whether a step has anything to ask."""
    return step != "subnet" or _contracts(answers)
