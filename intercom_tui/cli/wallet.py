"""``intercom-tui wallet``: the identity of a peer, for its owner's eyes."""

from __future__ import annotations

import json
import sys

import click

from engine.crypto.wallet import Wallet
from engine.errors import WalletError
from engine.store.keyfile_store import load
from intercom_tui.cli.identity import read_password
from intercom_tui.cli.options import Invocation


def print_identity(call: Invocation, *, as_json: bool) -> None:
    """Print the public side of the identity.

    Raises:
        WalletError: there is no identity, or it cannot be read.
    """
    wallet = _wallet(call)
    if as_json:
        shown = {"publicKey": wallet.public_hex, "address": wallet.address, "file": str(call.paths.keypair)}
        click.echo(json.dumps(shown))
        return
    click.echo(f"Public key: {wallet.public_hex}")
    click.echo(f"Address:    {wallet.address}")
    click.echo(f"File:       {call.paths.keypair}")


def print_words(call: Invocation) -> None:
    """Print the recovery words, on a terminal only.

    Raises:
        WalletError: there is no identity, it cannot be read, or it has no words.
    """
    wallet = _wallet(call)
    if not sys.stdout.isatty():
        raise WalletError("The recovery words are shown on a terminal only.", hint="Do not redirect the output.")
    if wallet.mnemonic is None:
        raise WalletError(
            "This identity was made from a key pair; it has no recovery words.",
            hint=f"Keep a copy of {call.paths.keypair} instead.",
        )
    click.echo("Whoever knows these words is you. Write them down where nobody else looks:")
    click.echo(wallet.mnemonic)


def _wallet(call: Invocation) -> Wallet:
    wallet = load(call.paths.keypair, read_password(call.loaded.config))
    if wallet is None:
        raise WalletError(f"There is no identity in {call.paths.keypair} yet.", hint="The first start makes one.")
    return wallet
