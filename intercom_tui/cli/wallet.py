"""``intercom-tui wallet``: the identity of a peer, for its owner's eyes."""

from __future__ import annotations

import sys

import click

from engine.errors import WalletError
from engine.store.keyfile_store import load
from intercom_tui.cli.identity import read_password
from intercom_tui.cli.options import Invocation


def print_identity(call: Invocation, *, words: bool) -> None:
    """Print the public side of the identity, or its recovery words (on a terminal only).

    Raises:
        WalletError: there is no identity, it cannot be read, or it has no words.
    """
    wallet = load(call.paths.keypair, read_password(call.loaded.config))
    if wallet is None:
        raise WalletError(f"There is no identity in {call.paths.keypair} yet.", hint="The first start makes one.")
    if not words:
        click.echo(f"Public key: {wallet.public_hex}")
        click.echo(f"Address:    {wallet.address}")
        click.echo(f"File:       {call.paths.keypair}")
        return
    if not sys.stdout.isatty():
        raise WalletError("The recovery words are shown on a terminal only.", hint="Do not redirect the output.")
    if wallet.mnemonic is None:
        raise WalletError("This identity was made from a key pair; it has no recovery words.")
    click.echo("Whoever knows these words is you. Write them down where nobody else looks:")
    click.echo(wallet.mnemonic)
