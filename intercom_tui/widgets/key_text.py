"""Keys as people read them."""

from __future__ import annotations

_NAMES = {
    "escape": "Esc",
    "enter": "Enter",
    "space": "Space",
    "tab": "Tab",
    "up": "↑",
    "down": "↓",
    "left": "←",
    "right": "→",
    "pageup": "PgUp",
    "pagedown": "PgDn",
    "home": "Home",
    "end": "End",
    "slash": "/",
    "question_mark": "?",
    "left_square_bracket": "[",
    "right_square_bracket": "]",
    "full_stop": ".",
    "comma": ",",
}


def key_text(key: str) -> str:
    """A key name as shown: ``ctrl+p`` is ``^p``, ``alt+a`` stays, ``question_mark`` is ``?``."""
    *modifiers, name = key.split("+")
    shown = _NAMES.get(name, name.upper() if len(name) > 1 and name[0] == "f" and name[1:].isdigit() else name)
    for modifier in reversed(modifiers):
        shown = f"^{shown}" if modifier == "ctrl" else f"{modifier}+{shown}"
    return shown


def keys_text(keys: str) -> str:
    """Several keys, separated by commas, as shown."""
    return " ".join(key_text(key) for key in keys.split(",") if key)
