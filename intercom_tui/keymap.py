"""Keys: defaults, the user's own, conflicts."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping

from textual.binding import Binding
from textual.keys import _character_to_key

from intercom_tui.actions import ACTIONS, PRIORITY

FORBIDDEN = frozenset(
    {"ctrl+a", "ctrl+b", "ctrl+i", "ctrl+m", "ctrl+h", "ctrl+[", "ctrl+d", "ctrl+e", "ctrl+k", "ctrl+u", "ctrl+w"}
    | {"ctrl+x", "ctrl+v", "ctrl+z", "ctrl+y"}
)
"""Keys that are never bound for the whole app: multiplexer prefixes, aliases of Tab, Enter and Escape, text editing."""

LOCAL_IDS = (
    "list.up", "list.down", "list.first", "list.last", "list.page-up", "list.page-down", "list.choose",
    "tabs.previous", "tabs.next", "tabs.enter",
    "message.copy", "message.copy-json", "message.details", "message.open-link", "message.reply", "message.resend",
    "message.first-unread", "message.bare", "message.find-next", "message.find-previous", "message.clear",
    "focus-in", "focus-out",
    "composer.send", "composer.newline", "composer.complete",
    "channels.prev", "channels.next", "channels.unread", "channels.find", "find.close", "dialog.cancel", "log.level",
    "help.short", "pane.1.short", "pane.2.short", "pane.3.short", "pane.4.short", "pane.5.short",
)  # fmt: skip
"""Ids of bindings that belong to one widget."""


def app_bindings() -> list[Binding]:
    """Bindings of the whole app, from the table of actions."""
    return [
        Binding(
            action.keys,
            f"do('{action.id}')",
            action.short or action.title,
            show=action.show,
            id=action.id,
            priority=action.id in PRIORITY,
        )
        for action in ACTIONS
        if action.keys
    ]


def known_ids() -> frozenset[str]:
    """Names that ``[keymap]`` may use."""
    return frozenset(action.id for action in ACTIONS) | frozenset(LOCAL_IDS)


def normalise(keys: str) -> str:
    """Keys as Textual spells them: ``?`` is ``question_mark``."""
    return ",".join(
        _character_to_key(key.strip())
        if len(key.strip()) == 1
        else key.strip().lower()
        if "+" not in key
        else key.strip()
        for key in keys.split(",")
        if key.strip()
    )


def keymap_problems(keymap: Mapping[str, str]) -> list[str]:
    """What is wrong with a user's keymap, one sentence each; empty when it can be used as it is."""
    problems = []
    names = known_ids()
    users: dict[str, list[str]] = defaultdict(list)
    for action in ACTIONS:
        for key in normalise(keymap.get(action.id, action.keys)).split(","):
            if key:
                users[key].append(action.id)
    for name in keymap:
        if name not in names:
            problems.append(f"keymap: there is no action {name!r}.")
    for key, ids in users.items():
        if len(ids) > 1:
            problems.append(f"keymap: {key} is used by {' and '.join(ids)}.")
        if key in FORBIDDEN and any(name in keymap for name in ids):
            problems.append(f"keymap: {key} is needed for typing or by terminal multiplexers; {ids[0]} may not get it.")
    return problems


def usable(keymap: Mapping[str, str]) -> dict[str, str]:
    """The part of a keymap that can be applied."""
    names = known_ids()
    return {name: normalise(keys) for name, keys in keymap.items() if name in names and normalise(keys)}
