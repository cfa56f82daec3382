"""Tokens that open the bridge, and the file they are kept in.

The file is JSON, readable by its owner only::

    {"tokens": [{"label": "agent", "token": "...", "scopes": ["read", "send"]}]}

When neither a token nor the file exists, the file is made with one token for each kind of power. The token given with
``--sc-bridge-token`` counts as one with the scope ``admin``, beside those of the file.

Protocol reference: 07-sc-bridge sections 1 and 3; design reference: ecosystem A2 B2, B4.
"""

from __future__ import annotations

import hmac
import json
import logging
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from hashlib import sha256
from pathlib import Path
from typing import Final

from engine.bridge.scopes import Scope, expand
from engine.errors import BridgeMisconfigured, DecodeError, StoreError
from engine.logs import hide_secret
from engine.store.atomic import open_to_others, read_limited, write_atomic
from engine.wire.jsjson import JsonValue, parse, stringify

_logger = logging.getLogger(__name__)

TOKEN_BYTES: Final = 32
MAX_FILE_BYTES: Final = 1024 * 1024
FLAG_LABEL: Final = "token"
"""Label of the token given with ``--sc-bridge-token``."""
GENERATED: Final = (
    ("reader", (Scope.READ,)),
    ("agent", (Scope.READ, Scope.SEND)),
    ("admin", (Scope.ADMIN,)),
)
"""Label and scopes of the tokens of a new file."""


@dataclass(frozen=True, slots=True)
class Token:
    """One token."""

    label: str
    """Name of the program that uses it."""
    secret: str = field(repr=False)
    scopes: frozenset[Scope]


class TokenSet:
    """All valid tokens.

    Args:
        tokens: at least one, none of them empty.

    Raises:
        BridgeMisconfigured: there is none, or one is empty.
    """

    def __init__(self, tokens: Sequence[Token]) -> None:
        if not tokens or not all(token.secret for token in tokens):
            raise BridgeMisconfigured(hint="Give --sc-bridge-token, or delete the token file to have a new one made.")
        self._tokens = tuple((_digest(token.secret), token) for token in tokens)

    def find(self, secret: JsonValue) -> Token | None:
        """The token with that secret; takes equally long whatever the secret is."""
        digest = _digest(secret if isinstance(secret, str) else "")
        found: Token | None = None
        for known, token in self._tokens:
            if hmac.compare_digest(known, digest):
                found = token
        return found

    def __len__(self) -> int:
        return len(self._tokens)


def load_tokens(flag: str, path: Path, random_bytes: Callable[[int], bytes]) -> TokenSet:
    """The tokens of a bridge.

    Args:
        flag: value of ``--sc-bridge-token``; empty = not given.
        path: token file; made when it is missing and *flag* is empty.
        random_bytes: entropy for new tokens.

    Raises:
        BridgeMisconfigured: the file cannot be read or holds no usable token.
    """
    tokens = [Token(FLAG_LABEL, flag, expand(frozenset({Scope.ADMIN})))] if flag else []
    if path.exists():
        tokens += read_token_file(path)
    elif not flag:
        tokens += create_token_file(path, random_bytes)
    for token in tokens:
        hide_secret(token.secret)
    return TokenSet(tokens)


def create_token_file(path: Path, random_bytes: Callable[[int], bytes]) -> list[Token]:
    """Make a token file with fresh tokens (mode 0600).

    Raises:
        BridgeMisconfigured: it cannot be written.
    """
    tokens = [Token(label, random_bytes(TOKEN_BYTES).hex(), expand(frozenset(scopes))) for label, scopes in GENERATED]
    written = [
        {"label": label, "token": token.secret, "scopes": [scope.value for scope in scopes]}
        for token, (label, scopes) in zip(tokens, GENERATED, strict=True)
    ]
    try:
        write_atomic(path, (json.dumps({"tokens": written}, indent=2) + "\n").encode())
    except StoreError as error:
        raise BridgeMisconfigured(
            f"The token file cannot be made: {error}", hint="Give another --sc-bridge-token-file."
        ) from None
    _logger.info("made bridge tokens in %s", path)
    return tokens


def read_token_file(path: Path) -> list[Token]:
    """The tokens of a file.

    Raises:
        BridgeMisconfigured: it cannot be read or is not a token file.
    """
    try:
        text = read_limited(path, MAX_FILE_BYTES)
    except StoreError as error:
        raise BridgeMisconfigured(
            f"The token file is not usable: {error}", hint="Make it readable, or delete it to have a new one made."
        ) from None
    if open_to_others(path):
        _logger.warning("token file %s can be read by other users; run: chmod 600", path)
    try:
        return _tokens_of(parse(text or b""))
    except DecodeError as error:
        raise BridgeMisconfigured(
            f"The token file {path} is not usable: {error}", hint="Repair it, or delete it to have a new one made."
        ) from None


def _tokens_of(value: JsonValue) -> list[Token]:
    entries = value.get("tokens") if isinstance(value, dict) else None
    if not isinstance(entries, list):
        raise DecodeError('expected {"tokens": [...]}.')
    return [_token_of(entry) for entry in entries]


def _token_of(entry: JsonValue) -> Token:
    if not isinstance(entry, dict):
        raise DecodeError("a token is an object with label, token and scopes.")
    label, secret, scopes = entry.get("label"), entry.get("token"), entry.get("scopes")
    if not isinstance(label, str) or not isinstance(secret, str) or not isinstance(scopes, list):
        raise DecodeError("a token is an object with label, token and scopes.")
    known = {scope.value: scope for scope in Scope}
    unknown = [name for name in scopes if not isinstance(name, str) or name not in known]
    if unknown:
        raise DecodeError(f"scopes are read, send and admin, not {stringify(unknown)}.")
    return Token(label, secret, expand(frozenset(known[str(name)] for name in scopes)))


def _digest(secret: str) -> bytes:
    return sha256(secret.encode("utf-8", "surrogatepass")).digest()
