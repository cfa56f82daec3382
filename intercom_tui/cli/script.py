"""``intercom-tui script``: a run script without placeholders."""

from __future__ import annotations

import os
import shlex
from collections.abc import Mapping, Sequence
from pathlib import Path

import click

from engine.clock import SystemClock
from engine.config.load import with_values
from engine.config.sections import ENTRY_CHANNEL, Config
from engine.crypto.wallet import Wallet
from engine.errors import InvalidValue
from engine.run_script import Joiner, carried_by_flags, joiner_command, render_script
from engine.services.sidechannel.attachments import encode_attachment, load_attachment
from engine.services.sidechannel.invites import create_invite
from engine.services.sidechannel.options import ChannelRules, rules_of
from engine.services.sidechannel.payload import random_text
from engine.services.sidechannel.welcomes import create_welcome
from engine.store.atomic import write_atomic
from engine.store.keyfile_store import load_or_create
from engine.wire.hexkeys import parse_key
from engine.wire.jsjson import JsonValue
from intercom_tui.cli.identity import read_password
from intercom_tui.cli.options import Invocation


def write_script(call: Invocation, output: str, invitees: Sequence[str]) -> None:
    """Write the script (mode 0700) or print it.

    Raises:
        InvalidValue: an invitee is not a public key.
        DecodeError: a configured welcome cannot be read.
        WalletError: the identity cannot be read.
    """
    for invitee in invitees:
        if parse_key(invitee) is None:
            raise InvalidValue(
                f"--invitee is {invitee!r}, but it must be a public key of 64 hex digits.",
                hint="The guest sees it with: intercom-tui wallet show",
            )
    config = call.loaded.config
    wallet = load_or_create(call.paths.keypair, read_password(config))
    welcomes = _welcomes(config, wallet)
    joiners = _joiners(config, wallet, welcomes, invitees)
    shown = {channel: f"b64:{encode_attachment(welcome)}" for channel, welcome in welcomes.items()}
    own = with_values(config, {"sidechannel.welcome": {**config.sidechannel.welcome, **shown}})
    text = render_script(own, home=call.home, joiners=joiners)
    if output == "-":
        click.echo(text, nl=False)
    else:
        write_atomic(Path(output), text.encode(), mode=0o700)
        click.echo(output)


def _welcomes(config: Config, wallet: Wallet) -> dict[str, JsonValue]:
    """The welcome of each channel that has one; those of own channels are made when they are missing."""
    welcomes: dict[str, JsonValue] = {}
    for channel in _channels(config):
        configured = config.sidechannel.welcome.get(channel, "")
        if configured:
            welcomes[channel] = load_attachment(configured)
        elif rules_of(config.sidechannel, wallet.public_hex).owned(channel) and carried_by_flags(channel):
            text = f"Welcome to {channel}."
            welcomes[channel] = create_welcome(wallet.key_pair, channel, text, SystemClock().wall_ms())
    return welcomes


def _channels(config: Config) -> list[str]:
    return list(dict.fromkeys((ENTRY_CHANNEL, *config.sidechannel.channels, *config.sidechannel.owner)))


def _joiners(
    config: Config, wallet: Wallet, welcomes: Mapping[str, JsonValue], invitees: Sequence[str]
) -> list[Joiner]:
    rules = rules_of(config.sidechannel, wallet.public_hex)
    joiners: list[Joiner] = []
    for channel in _channels(config):
        if not carried_by_flags(channel):
            joiners.append(Joiner(channel, "", 'its name has characters that flags cannot carry; use /sc_join "...".'))
        elif rules.invite_required(channel):
            joiners += _invited(config, rules, wallet, channel, welcomes.get(channel), invitees)
        else:
            command = joiner_command(
                config, channel, owner=rules.owner(channel), welcome_b64=_base64(welcomes.get(channel))
            )
            joiners.append(Joiner(channel, command, "anybody who knows the name may." + _silence(rules, channel)))
    return joiners


def _invited(
    config: Config,
    rules: ChannelRules,
    wallet: Wallet,
    channel: str,
    welcome: JsonValue,
    invitees: Sequence[str],
) -> list[Joiner]:
    if not invitees:
        return [Joiner(channel, "", "invite each member by key: intercom-tui script --invitee with the key.")]
    joiners = []
    for invitee in map(str.lower, invitees):
        invite = create_invite(
            wallet.key_pair,
            channel,
            invitee,
            address=wallet.address,
            nonce=random_text(os.urandom),
            issued_ms=SystemClock().wall_ms(),
            ttl_s=config.sidechannel.invite_ttl,
            welcome=welcome,
        )
        command = joiner_command(
            config,
            channel,
            owner=rules.owner(channel),
            welcome_b64=_base64(welcome),
            invite_b64=_base64(invite),
            inviter=wallet.public_hex,
        )
        note = f"only {invitee} may, with this invite." + _silence(rules, channel)
        joiners.append(Joiner(channel, command, note))
    return joiners


def _silence(rules: ChannelRules, channel: str) -> str:
    """A warning for a channel whose messages nobody will see."""
    if not rules.welcome_required(channel) or rules.owner(channel):
        return ""
    owner = shlex.quote(f"{channel}:{rules.self_key}")
    return (
        f" Its messages stay hidden, because it has no owner: add --sidechannel-owner {owner} or"
        " --sidechannel-welcome-required 0 to this command and write the script again."
    )


def _base64(value: JsonValue) -> str | None:
    return encode_attachment(value) if value is not None else None
