"""What single settings accept beyond their kind.

Each rule takes a value of the right kind and returns it, normalised, or raises ``ValueError`` with the rest of the
sentence "... is ..., but".
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from engine.config.sections import MSB_BOOTSTRAP
from engine.errors import DecodeError
from engine.wire.hexkeys import parse_key
from engine.wire.hostport import parse_node

_PATH_CHARACTERS = frozenset('/\\\0:*?"<>|')


def _store_name(name: str) -> str:
    if not name.strip() or name.strip(".") == "" or _PATH_CHARACTERS & set(name):
        raise ValueError("it must be a plain name, without slashes")
    return name


def _optional_store_name(name: str) -> str:
    return _store_name(name) if name else name


def _nodes(entries: tuple[str, ...]) -> tuple[str, ...]:
    for entry in entries:
        try:
            parse_node(entry)
        except DecodeError as error:
            raise ValueError(str(error)) from error
    return entries


def _key(what: str, text: str) -> str:
    key = parse_key(text.strip())
    if key is None:
        raise ValueError(f"{what} must be a public key of 64 hex digits")
    return key.hex()


def _keys(keys: tuple[str, ...]) -> tuple[str, ...]:
    return tuple(_key(f"{key!r}", key) for key in keys)


def _owners(owners: Mapping[str, str]) -> dict[str, str]:
    return {channel: _key(f"the owner of {channel}", key) for channel, key in owners.items()}


def _subnet_bootstrap(text: str) -> str:
    if not text:
        return text
    key = parse_key(text.strip())
    if key is None:
        raise ValueError("Invalid --subnet-bootstrap. Provide 32-byte hex (64 chars).")
    if key.hex() == MSB_BOOTSTRAP:
        raise ValueError("Subnet bootstrap cannot equal MSB bootstrap.")
    return key.hex()


RULES: Mapping[str, Callable[[Any], Any]] = {
    "identity.peer_store_name": _store_name,
    "msb.store_name": _optional_store_name,
    "network.dht_bootstrap": _nodes,
    "msb.dht_bootstrap": _nodes,
    "sidechannel.inviter_keys": _keys,
    "sidechannel.owner": _owners,
    "subnet.bootstrap": _subnet_bootstrap,
}
"""Option key to rule."""

VERBATIM = frozenset({"subnet.bootstrap"})
"""Settings whose error is a sentence of the reference (protocol reference 15-terminal-commands section 7)."""
