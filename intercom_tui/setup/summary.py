"""The review in words: what was decided, what to take care of, how to start again."""

from __future__ import annotations

import shlex
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from engine.config.sections import ENTRY_CHANNEL, Config
from engine.run_script import start_command
from intercom_tui.setup.model import NewIdentity, SetupModel
from intercom_tui.setup.rules import is_loopback
from intercom_tui.setup.steps import KEPT

USUAL_POW_BITS = 12


@dataclass(frozen=True, slots=True)
class Fact:
    """One line of the summary."""

    name: str
    text: str


def facts(model: SetupModel) -> list[Fact]:
    """What was decided, in plain words."""
    config = model.config
    side, bridge = config.sidechannel, config.bridge
    requests = "you are asked" if not side.auto_join else "joined without asking"
    result = [
        Fact("Identity", identity_text(model, config)),
        Fact("Runs", _MODES[config.subnet.mode]),
        Fact("Network", _network(model, config)),
        Fact("Channels", ", ".join([ENTRY_CHANNEL, *(name for name in side.channels if name != ENTRY_CHANNEL)])),
        Fact("Relay", f"on, up to {_count(side.relay_ttl, 'hop')}" if side.relay else "off"),
        Fact("Requests to open", requests if side.allow_remote_open else "ignored"),
        Fact("Proof of work", f"{side.pow_difficulty} bits" if side.pow else "off"),
        Fact("Welcome", "needed, except in the lobby" if side.welcome_required else "not needed"),
        Fact("Limits", _limits(config)),
        Fact("Largest message", f"{side.max_bytes:,} bytes; a warning above 200,000"),
        Fact("Bridge", _bridge(config) if bridge.enabled else "off"),
    ]
    if config.subnet.mode != "off":
        result.insert(3, Fact("Subnet", _subnet(config)))
    return result


_MODES: Mapping[str, str] = {
    "off": "sidechannels only",
    "contracts": "sidechannels; contracts and chat later",
    "value": "sidechannels; contracts and value transfer later",
}


def _network(model: SetupModel, config: Config) -> str:
    text = "this machine only" if config.network.local else "the internet"
    origin = model.given.get("network.local", "")
    return f"{text} (given with {origin}, not stored)" if origin else text


def identity_text(model: SetupModel, config: Config) -> str:
    """What identity the peer will have."""
    name = config.identity.peer_store_name
    identity: NewIdentity | None = model.identity
    if model.answers[KEPT]:
        return f"the one in store {name}"
    if identity is None:
        return f"new, made at the start, in store {name}; no passphrase"
    origin = {"new": "new", "file": "imported", "words": "from recovery words"}[identity.source]
    key = identity.wallet.public_hex
    parts = [f"{origin}: {key[:4]}..{key[-4:]}, in store {name}"]
    if identity.source == "new":
        parts.append("words checked" if model.words_checked else "words not saved yet")
    parts.append("passphrase" if identity.passphrase else "no passphrase")
    return "; ".join(parts)


def _limits(config: Config) -> str:
    side = config.sidechannel
    rate = f"{side.rate_bytes:,} bytes/s, {side.rate_burst:,} at once" if side.rate_bytes > 0 else "none"
    return f"{rate}; {_count(side.max_strikes, 'strike')} in 5 s block for 30 s" if side.rate_bytes > 0 else rate


def _bridge(config: Config) -> str:
    bridge = config.bridge
    commands = "with commands" if bridge.cli else "no commands"
    return f"{bridge.host}:{bridge.port}, token in bridge-tokens.json, {commands}"


def _subnet(config: Config) -> str:
    subnet = config.subnet
    kind = f"join {subnet.bootstrap[:4]}..{subnet.bootstrap[-4:]}" if subnet.bootstrap else "create"
    extras = [
        f"{name} {'on' if on else 'off'}"
        for name, on in (
            ("chat", subnet.chat),
            ("auto-add writers", subnet.auto_add_writers),
            ("timer", subnet.sample_timer),
        )
    ]
    return ", ".join([f"{kind} {subnet.channel}", *extras])


def _count(number: int, noun: str) -> str:
    return f"{number} {noun}" if number == 1 else f"{number} {noun}s"


def risks(model: SetupModel, found: Sequence[str] = ()) -> list[str]:
    """What a person should know before it is written; ``found`` are problems seen on this machine."""
    config = model.config
    side, bridge = config.sidechannel, config.bridge
    checks = [
        (bridge.enabled, "The bridge is on: a program that can read its token acts as you."),
        (
            bridge.enabled and not is_loopback(bridge.host),
            f"Other machines can reach the bridge on {bridge.host}; it has no encryption of its own.",
        ),
        (bridge.enabled and bridge.cli, "Agents may run commands: they control this peer completely."),
        (bridge.enabled and bridge.cli_dangerous, "Agents may stop this peer and read its secret key."),
        (
            side.auto_join and side.allow_remote_open,
            f"Auto-join is on: others decide which channels you are in, up to {config.sidechannel.auto_join_limit}.",
        ),
        (not side.relay, "You relay nothing: peers that reach others only through you miss messages."),
        (not side.pow, "No proof of work: peers with default settings drop everything you send."),
        (
            side.pow and side.pow_difficulty < USUAL_POW_BITS,
            f"Peers with default settings drop messages of less than {USUAL_POW_BITS} bits of proof of work.",
        ),
        (side.pow and side.pow_difficulty > 20, "Above 20 bits a message takes seconds, each bit more twice as long."),
        (not side.welcome_required, "No welcome is needed: a channel's owner cannot be told from others."),
        (not side.require_signed, "Unsigned messages are taken: anybody can pretend to be anybody."),
        (side.rate_bytes <= 0, "There is no rate limit: one neighbour can fill your line."),
        (
            0 < side.max_bytes < 1_000,
            f"Almost no message fits into {side.max_bytes} bytes.",
        ),
        (side.max_bytes == 0, "The largest message is 0 bytes: nothing can be sent."),
        (
            config.subnet.mode != "off",
            "Contracts are not in this version. What you answered is kept for one that has them.",
        ),
        (
            model.identity is not None and model.identity.source == "new" and not model.words_checked,
            "The recovery words are not saved: without them a lost disk is a lost identity.",
        ),
        (
            bool(model.identity and model.identity.passphrase) and not config.identity.keypair_password_file,
            "The app asks for the passphrase at each start; a peer without a screen needs a password file.",
        ),
    ]
    return [*found, *(text for applies, text in checks if applies)]


def again_command(words: Sequence[str]) -> str:
    """How this peer is started again when the file is there: with the words it was started with now."""
    return shlex.join(["intercom-tui", *words])


def full_command(config: Config, home: str) -> str:
    """One line that starts the same peer without the file and without a screen."""
    return start_command(config, home=home, headless=True)


def preview(model: SetupModel) -> str:
    """The configuration file as it would be written."""
    from engine.config.write import render_config

    return render_config(model.result())
