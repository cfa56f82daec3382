"""Ed25519 key pairs: identity, signatures and Diffie-Hellman.

A peer key pair is a plain Ed25519 signing key in libsodium's layout: the secret key is the 32-byte seed followed by the
public key. Diffie-Hellman happens on the Edwards curve itself, never converted to X25519. Verification follows
libsodium's acceptance rules, which other peers share.

Protocol reference: 03-secure-stream section 2, 12-wallet section 5.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Final

import nacl.bindings as sodium
from nacl.exceptions import CryptoError

from engine.errors import HandshakeFailed, LocalProtocolError

if not sodium.has_crypto_scalarmult_ed25519:
    raise ImportError(
        "PyNaCl was built with a minimal libsodium that lacks Ed25519 arithmetic: install its official wheel."
    )

PUBLIC_KEY_BYTES: Final = 32
SECRET_KEY_BYTES: Final = 64
SEED_BYTES: Final = 32
SIGNATURE_BYTES: Final = 64


@dataclass(frozen=True, slots=True)
class KeyPair:
    """An Ed25519 key pair."""

    public_key: bytes
    """32 bytes."""

    secret_key: bytes = field(repr=False)
    """64 bytes: seed, then public key. Never shown."""

    @classmethod
    def from_seed(cls, seed: bytes) -> KeyPair:
        """The key pair of a 32-byte seed.

        Raises:
            LocalProtocolError: the seed has another length.
        """
        if len(seed) != SEED_BYTES:
            raise LocalProtocolError(f"A seed has 32 bytes, not {len(seed)}.")
        public_key, secret_key = sodium.crypto_sign_seed_keypair(seed)
        return cls(public_key, secret_key)

    @classmethod
    def generate(cls, random_bytes: Callable[[int], bytes]) -> KeyPair:
        """A new random key pair."""
        return cls.from_seed(random_bytes(SEED_BYTES))

    def sign(self, message: bytes) -> bytes:
        """Detached signature (64 bytes) over *message*."""
        signed: bytes = sodium.crypto_sign(message, self.secret_key)
        return signed[:SIGNATURE_BYTES]


def verify(signature: bytes, message: bytes, public_key: bytes) -> bool:
    """Whether *signature* is *public_key*'s signature over *message*. Wrong lengths are simply not valid."""
    if len(signature) != SIGNATURE_BYTES or len(public_key) != PUBLIC_KEY_BYTES:
        return False
    try:
        sodium.crypto_sign_open(signature + message, public_key)
    except CryptoError:
        return False
    return True


def diffie_hellman(secret_key: bytes, public_key: bytes) -> bytes:
    """Shared secret (32 bytes, a compressed Edwards point) of an own secret key and a remote public key.

    Raises:
        HandshakeFailed: the remote key is not canonical, of small order or not on the main subgroup.

    Protocol reference: 03-secure-stream section 2.
    """
    if len(public_key) != PUBLIC_KEY_BYTES:
        raise HandshakeFailed(f"A public key has 32 bytes, not {len(public_key)}.")
    scalar = bytearray(hashlib.sha512(secret_key[:SEED_BYTES]).digest()[:32])
    scalar[0] &= 248
    scalar[31] = (scalar[31] & 127) | 64
    try:
        shared: bytes = sodium.crypto_scalarmult_ed25519_noclamp(bytes(scalar), public_key)
    except CryptoError:
        raise HandshakeFailed("The remote public key is not a valid curve point.") from None
    return shared
