"""Writing the configuration file: regenerated from the schema, with the help texts as comments."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import tomli_w

from engine.config.parse import check
from engine.config.schema import Option
from engine.config.sections import OPTIONS, SECTIONS
from engine.store.atomic import write_atomic


def render_config(values: Mapping[str, Any]) -> str:
    """The TOML text for settings given by option key; the others stand as comments with their defaults.

    Secrets are left out: they live in files of their own.

    Raises:
        InvalidValue: a value is not allowed.
    """
    lines = ["# Intercom TUI. Every setting with its default; lines without # are yours.", ""]
    for section in SECTIONS:
        lines.append(f"[{section}]")
        for option in OPTIONS:
            if option.section == section and not option.secret:
                lines.extend(_render_option(option, values))
        lines.append("")
    return "\n".join(lines)


def write_config(path: Path, values: Mapping[str, Any]) -> None:
    """Write the file (mode 0600, atomic); the previous one is kept as ``.bak``.

    Raises:
        InvalidValue: a value is not allowed.
        StoreUnwritable: the file cannot be written.
    """
    text = render_config(values)
    if path.exists():
        write_atomic(path.with_name(path.name + ".bak"), path.read_bytes())
    write_atomic(path, text.encode())


def _render_option(option: Option, values: Mapping[str, Any]) -> list[str]:
    given = option.key in values
    value = check(option, values[option.key]) if given else option.default
    entry = tomli_w.dumps({option.name: dict(value) if option.kind == "map" else value}).strip()
    if option.kind == "map":
        inner = ", ".join(tomli_w.dumps({key: text}).strip() for key, text in value.items())
        entry = f"{option.name} = {{ {inner} }}" if inner else f"{option.name} = {{}}"
    comment = [f"# {option.help}"] + [f"# {more}" for more in (option.why, option.cost) if more]
    return comment + [line if given else f"# {line}" for line in entry.split("\n")]
