"""``intercom-tui config``: the settings, their origins and their documentation."""

from __future__ import annotations

import json
from typing import Any

import click

from engine.config.load import values_of
from engine.config.sections import OPTIONS
from engine.run_script import flag_text
from intercom_tui.cli.options import Invocation


def print_settings(call: Invocation, *, origin: bool, as_json: bool = False) -> None:
    """One line per setting, or one JSON object of them."""
    values = values_of(call.loaded.config)
    if as_json:
        hidden = {option.key for option in OPTIONS if option.secret}
        rows = {key: "***" if key in hidden and value else value for key, value in values.items()}
        shown = {key: {"value": row, "origin": call.loaded.origin(key)} if origin else row for key, row in rows.items()}
        click.echo(json.dumps(shown))
        return
    for option in OPTIONS:
        value = "***" if option.secret and values[option.key] else flag_text(option, values[option.key])
        source = f"  ({call.loaded.origin(option.key)})" if origin else ""
        click.echo(f"{option.key} = {value}{source}")


def explicit_values(call: Invocation) -> dict[str, Any]:
    """The settings that do not come from defaults; secrets left out."""
    values = values_of(call.loaded.config)
    secret = {option.key for option in OPTIONS if option.secret}
    return {key: values[key] for key in call.loaded.origins if key not in secret}


def settings_table() -> str:
    """All settings as a Markdown table."""
    lines = ["| setting | flag | environment | default | meaning |", "|---|---|---|---|---|"]
    for option in OPTIONS:
        flags = " ".join(f"`{flag}`" for flag in option.flags)
        env = " ".join(f"`{name}`" for name in option.env)
        default = "" if option.default in ("", (), {}) else f"`{flag_text(option, option.default)}`"
        lines.append(f"| `{option.key}` | {flags} | {env} | {default} | {option.help} |")
    return "\n".join(lines)
