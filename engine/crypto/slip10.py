"""SLIP-10 derivation of Ed25519 seeds; every step is hardened.

Protocol reference: 12-wallet section 3.
"""

from __future__ import annotations

import hashlib
import hmac
import re
from collections.abc import Iterable
from typing import Final

from engine.errors import WalletError
from engine.wire.jstext import js_split

DEFAULT_PATH: Final = "m/918'/0'/0'/0'"
_HARDENED: Final = 2**31
_SEGMENT = re.compile(r"([0-9]+)'")


def parse_path(text: str) -> tuple[str, list[int]]:
    """The path without white space, as it is stored, and its indices (below 2^31).

    Raises:
        WalletError: it does not start with ``m/``, or a segment is not a number with an apostrophe.
    """
    path = "".join(js_split(text))
    if not path.startswith("m/"):
        raise WalletError("Derivation path must start with 'm/'")
    indices = []
    for segment in path[2:].split("/"):
        match = _SEGMENT.fullmatch(segment)
        if match is None:
            raise WalletError(f"Invalid segment: '{segment}'. Only hardened segments (e.g. 0') are supported.")
        digits = match[1].lstrip("0")
        if len(digits) > 10 or int(digits or "0") >= _HARDENED:
            raise WalletError("Invalid path: The index must be a non-negative decimal integer less than 2147483648.")
        indices.append(int(digits or "0"))
    return path, indices


def derive(seed: bytes, indices: Iterable[int]) -> bytes:
    """The 32-byte Ed25519 seed below a BIP-39 seed; the indices are given without the hardening bit."""
    node = hmac.digest(b"ed25519 seed", seed, hashlib.sha512)
    for index in indices:
        node = hmac.digest(node[32:], b"\0" + node[:32] + (index + _HARDENED).to_bytes(4, "big"), hashlib.sha512)
    return node[:32]
