"""Tokens: proof that a requester can receive at its host.

Theory of operation: a token is a keyed hash of the requester's host, so the issuer stores nothing per host. Two secrets
are valid at any time; new tokens use the newer one. :meth:`TokenIssuer.drain` is called every 750 ms and rotates the
secrets every ten calls, so a token lives 7.5 to 15 seconds. A peer may send any token; only equality with one of the
two expected values counts, compared in constant time.

Protocol reference: 02-hyperdht section 5.
"""

from __future__ import annotations

import hmac
from collections.abc import Callable

from engine.crypto.hashes import blake2b

DRAINS_PER_ROTATION = 10
"""Calls of :meth:`TokenIssuer.drain` between two rotations (7.5 s)."""


class TokenIssuer:
    """Makes and checks tokens.

    Args:
        random_bytes: entropy for the secrets, used once.
    """

    def __init__(self, random_bytes: Callable[[int], bytes]) -> None:
        self._previous = random_bytes(32)
        self._current = random_bytes(32)
        self._drains = 0
        self._issued: dict[str, bytes] = {}

    def token(self, host: str) -> bytes:
        """The token for ``host``, made with the current secret."""
        token = self._issued.get(host)
        if token is None:
            if len(self._issued) >= _CACHED_TOKENS:
                self._issued.clear()
            token = self._issued[host] = blake2b(host.encode(), key=self._current)
        return token

    def valid(self, host: str, token: bytes) -> bool:
        """Whether ``token`` was issued to ``host`` in this or the previous period."""
        if hmac.compare_digest(token, self.token(host)):
            return True
        return hmac.compare_digest(token, blake2b(host.encode(), key=self._previous))

    def drain(self) -> None:
        """One 750 ms step; every tenth rotates the secrets."""
        self._drains += 1
        if self._drains >= DRAINS_PER_ROTATION:
            self._drains = 0
            self._previous, self._current = self._current, blake2b(self._previous)
            self._issued.clear()


_CACHED_TOKENS = 1024
