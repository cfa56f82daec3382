"""Hash functions.

Protocol reference: 03-secure-stream sections 1.2 and 9.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable


def blake2b(*parts: bytes, key: bytes = b"") -> bytes:
    """BLAKE2b-256 of the concatenated *parts*: 32 bytes. *key* (at most 64 bytes) selects the keyed mode."""
    state = hashlib.blake2b(digest_size=32, key=key)
    for part in parts:
        state.update(part)
    return state.digest()


def sha256(data: bytes) -> bytes:
    """SHA-256: 32 bytes."""
    return hashlib.sha256(data).digest()


def namespace(name: str, ids: Iterable[int]) -> list[bytes]:
    """One 32-byte domain constant per id, derived from *name*.

    Protocol reference: 03-secure-stream section 1.2.
    """
    base = blake2b(name.encode())
    return [blake2b(base, bytes((number,))) for number in ids]
