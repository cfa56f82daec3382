"""The recorded decisions of the reference: loading, key pairs, and its class options as rules."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from engine.crypto.keys import KeyPair
from engine.services.sidechannel.options import ChannelRules
from engine.wire.jsvalues import key_text

_DIRECTORY = Path(__file__).parent.parent / "vectors" / "sidechannel"


def load(name: str) -> Any:
    """One vector file."""
    return json.loads((_DIRECTORY / f"{name}.json").read_text())


def key_pairs(vectors: Any) -> dict[str, KeyPair]:
    """The key pairs of a file by their label."""
    return {label: KeyPair.from_seed(bytes.fromhex(key["seed"])) for label, key in vectors["keys"].items()}


def rules_from(options: dict[str, Any], self_key: str, channel: str = "") -> ChannelRules:
    """The reference's class options as rules; a default owner becomes the owner of *channel*."""
    owners = dict(options.get("ownerKeys", {}))
    if "defaultOwnerKey" in options:
        owners.setdefault(channel, options["defaultOwnerKey"])
    invites = options.get("inviteRequired", False)
    inviters = frozenset(map(key_text, options.get("inviterKeys", ()))) or (frozenset({self_key}) if invites else None)
    listed = options.get("inviteRequiredChannels")
    prefixes = options.get("inviteRequiredPrefixes")
    pow_channels = options.get("powRequiredChannels")
    return ChannelRules(
        self_key=self_key,
        pow_bits=options.get("powDifficulty", 0) if options.get("powEnabled", False) else 0,
        pow_entry_only=options.get("powRequireEntry", False),
        pow_channels=None if pow_channels is None else frozenset(pow_channels),
        invites=invites,
        invite_channels=None if listed is None else frozenset(listed),
        invite_prefixes=None if prefixes is None else tuple(prefixes),
        inviters=inviters,
        owners={name: key_text(key) for name, key in owners.items()},
        owner_write_only=options.get("ownerWriteOnly", False),
        owner_write_channels=frozenset(options.get("ownerWriteChannels", ())),
        welcome_required_=options.get("welcomeRequired", True),
        allow_remote_open=options.get("allowRemoteOpen", True),
        relay=options.get("relayEnabled", True),
    )
