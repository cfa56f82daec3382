"""The first-run questions before the app starts, and the question for a passphrase."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from engine.config.sections import OPTIONS
from intercom_tui.cli.loop import run_loop
from intercom_tui.cli.options import Invocation
from intercom_tui.setup.model import StartedWith
from intercom_tui.setup.settings_file import SettingsFile


def ask_settings(call: Invocation) -> dict[str, Any] | None:
    """Show the wizard; the settings chosen (by option key), or None when the user quits.

    An identity that was made or imported there is on disk when this returns. When the user asked to save and quit, the
    settings are written too.

    Raises:
        InvalidValue: a value is not allowed.
        StoreUnwritable: the settings cannot be written.
    """
    from intercom_tui.setup.app import SetupApp

    result = run_loop(SetupApp(call.loaded.config, start=started_with(call)).run_async())
    if result is None:
        return None
    values = dict(result.values)
    if result.start:
        return values
    from engine.config.write import write_config

    write_config(call.paths.config_file, values)
    click.echo(f"Written: {call.paths.config_file}")
    return None


def ask_password(path: Path, error: str = "") -> bytes | None:
    """Ask for the passphrase of a key file on the screen; None when the user quits.

    Args:
        path: the key file.
        error: why it is asked (again).
    """
    from intercom_tui.setup.password import PasswordApp

    passphrase: bytes | None = run_loop(PasswordApp(path, error).run_async())
    return passphrase


def started_with(call: Invocation) -> StartedWith:
    """How the program was started, without secrets."""
    words = ["--home", call.home] if call.home else []
    for option in OPTIONS:
        text = call.flags.get(option.key, "")
        if text and not option.secret:
            words += [option.flags[0]] if option.kind == "bool" and text == "true" else [option.flags[0], text]
    given = {key: origin for key, origin in call.loaded.origins.items() if origin != "file"}
    return StartedWith(call.paths.config_file, words, call.home, given)


def settings_file(call: Invocation) -> SettingsFile:
    """What the settings form of the app writes to."""
    return SettingsFile(call.paths.config_file, started_with(call).given)
