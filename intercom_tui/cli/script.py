"""``intercom-tui script``: a run script without placeholders."""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path

import click

from engine.clock import SystemClock
from engine.config.sections import ENTRY_CHANNEL, Config
from engine.crypto.wallet import Wallet
from engine.errors import InvalidValue
from engine.run_script import Joiner, joiner_command, render_script
from engine.services.sidechannel.attachments import encode_attachment, parse_attachment
from engine.services.sidechannel.invites import create_invite
from engine.services.sidechannel.options import ChannelRules, rules_of
from engine.services.sidechannel.payload import random_text
from engine.services.sidechannel.welcomes import create_welcome
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
    rules = rules_of(config.sidechannel, wallet.public_hex)
    names = dict.fromkeys((ENTRY_CHANNEL, *config.sidechannel.channels, *config.sidechannel.owner))
    return [joiner for channel in names for joiner in _channel_joiners(config, rules, wallet, channel, tuple(invitees))]


def _channel_joiners(
    config: Config, rules: ChannelRules, wallet: Wallet, channel: str, invitees: tuple[str, ...]
) -> list[Joiner]:
    now_ms = SystemClock().wall_ms()
    owner = rules.owner(channel)
    welcome = parse_attachment(config.sidechannel.welcome.get(channel, ""))
    if welcome is None and rules.owned(channel):
        welcome = create_welcome(wallet.key_pair, channel, f"Welcome to {channel}.", now_ms)
    welcome_b64 = encode_attachment(welcome) if welcome is not None else None
    if not rules.invite_required(channel):
        note = "anybody who knows the name may."
        return [Joiner(channel, joiner_command(config, channel, owner=owner, welcome_b64=welcome_b64), note)]
    joiners = []
    for invitee in invitees:
        invite = create_invite(
            wallet.key_pair,
            channel,
            invitee.lower(),
            address=wallet.address,
            nonce=random_text(os.urandom),
            issued_ms=now_ms,
            ttl_s=config.sidechannel.invite_ttl,
            welcome=welcome,
        )
        command = joiner_command(
            config,
            channel,
            owner=owner,
            welcome_b64=welcome_b64,
            invite_b64=encode_attachment(invite),
            inviter=wallet.public_hex,
        )
        joiners.append(Joiner(channel, command, f"only {invitee.lower()} may, with this invite."))
    return joiners
