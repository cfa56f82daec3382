"""Proof of work: find a number that gives the SHA-256 of a text leading zero bits.

The text is constant apart from the decimal nonce in its middle, so the hash state before the nonce is computed once
and copied for every try. Nonces are tried in order, 100 at a time: their last two digits and the text behind them come
from a table, which leaves one copy, one update and one comparison per try.

Protocol reference: 06-sidechannel section 3.
"""

from __future__ import annotations

import hashlib
from typing import Final

DIGEST_BITS: Final = 256
_BLOCK: Final = 100
_MAX_NONCE: Final = 2**53


def leading_zero_bits(digest: bytes) -> int:
    """Number of zero bits before the first one bit of a digest."""
    return len(digest) * 8 - int.from_bytes(digest, "big").bit_length()


def mine(prefix: bytes, suffix: bytes, difficulty: int, *, start: int = 0, limit: int | None = None) -> int | None:
    """The first nonce from *start* on for which SHA-256(prefix, nonce, suffix) has *difficulty* leading zero bits.

    Args:
        prefix: text before the nonce; hashed once a call.
        suffix: text behind the nonce.
        difficulty: bits, 0 to 256.
        start: first nonce to try.
        limit: number of nonces to try; None for all of them. Call again with ``start + limit`` to go on.

    Returns:
        The nonce, or None if none of the *limit* nonces fits.
    """
    if difficulty <= 0:
        return start
    bound = (1 << max(DIGEST_BITS - difficulty, 0)).to_bytes(32, "big")
    base = hashlib.sha256(prefix)
    nonce = start
    end = _MAX_NONCE if limit is None else start + limit
    while nonce < min(end, _BLOCK):
        attempt = base.copy()
        attempt.update(b"%d%b" % (nonce, suffix))
        if attempt.digest() < bound:
            return nonce
        nonce += 1
    tails = [b"%02d%b" % (low, suffix) for low in range(_BLOCK)]
    while nonce < end:
        high, low = divmod(nonce, _BLOCK)
        state = base.copy()
        state.update(b"%d" % high)
        copy = state.copy
        block = tails[low : low + end - nonce]
        for tail in block:
            attempt = copy()
            attempt.update(tail)
            if attempt.digest() < bound:
                return nonce + block.index(tail)
        nonce += len(block)
    return None
