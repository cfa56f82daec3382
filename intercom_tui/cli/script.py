"""``intercom-tui script``: a run script without placeholders."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import click

from engine.config.sections import Config
from engine.crypto.wallet import Wallet
from engine.errors import InvalidValue
from engine.run_script import Joiner, render_script
from engine.store.atomic import write_atomic
from engine.store.keyfile_store import load_or_create
from engine.wire.hexkeys import parse_key
from intercom_tui.cli.identity import read_password
from intercom_tui.cli.options import Invocation


def write_script(call: Invocation, output: str, invitees: Sequence[str]) -> None:
    """Write the script (mode 0700) or print it.

    Raises:
        InvalidValue: an invitee is not a public key.
        WalletError: the identity cannot be read.
    """
    for invitee in invitees:
        if parse_key(invitee) is None:
            raise InvalidValue(f"--invitee is {invitee!r}, but it must be a public key of 64 hex digits.")
    config = call.loaded.config
    wallet = load_or_create(call.paths.keypair, read_password(call.loaded.config))
    text = render_script(config, home=call.home, joiners=_joiners(config, wallet, invitees))
    if output == "-":
        click.echo(text, nl=False)
    else:
        write_atomic(Path(output), text.encode(), mode=0o700)
        click.echo(output)


def _joiners(config: Config, wallet: Wallet, invitees: Sequence[str]) -> list[Joiner]:
    raise NotImplementedError
