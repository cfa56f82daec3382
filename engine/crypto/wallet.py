"""The identity of a peer: an Ed25519 key pair, its address and the words it came from.

A wallet comes from recovery words (derived along the address prefix and a path), from a bare secret key, or from the
text of ``keypair.json``. Nothing here touches files; see :mod:`engine.store.keyfile_store`.

Protocol reference: 12-wallet.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Final

from engine.crypto import mnemonic as words_of
from engine.crypto.keyfile import open_keyfile, seal_keyfile
from engine.crypto.keys import PUBLIC_KEY_BYTES, SECRET_KEY_BYTES, SEED_BYTES, KeyPair, verify
from engine.crypto.slip10 import DEFAULT_PATH, derive, parse_path
from engine.errors import BadMnemonic, DecodeError, WalletCorrupt, WalletError
from engine.wire import bech32m, jsjson
from engine.wire.compact import encode_utf8
from engine.wire.hexkeys import parse_hex
from engine.wire.jstext import js_trim

MAINNET_HRP: Final = "trac"
_STORED_PATH = re.compile(r"m(?:/[0-9]+'?)+")


@dataclass(frozen=True, slots=True)
class Wallet:
    """A key pair with its origin. Secrets are never part of its representation."""

    key_pair: KeyPair
    """Static key of the swarm and signer of everything this peer signs."""

    mnemonic: str | None = field(default=None, repr=False)
    """Normalised recovery words, None if the wallet came from a bare key."""

    derivation_path: str | None = None
    """Path behind the steps of the prefix, None if the wallet came from a bare key."""

    hrp: str = MAINNET_HRP
    """Human-readable part of the address."""

    @classmethod
    def generate(
        cls,
        random_bytes: Callable[[int], bytes],
        words: int = 24,
        path: str = DEFAULT_PATH,
        hrp: str = MAINNET_HRP,
    ) -> Wallet:
        """A wallet of new random words.

        Raises:
            BadMnemonic: *words* is neither 12 nor 24.
            WalletError: the path is not usable.
        """
        return cls.from_mnemonic(words_of.generate(random_bytes, words), path, hrp)

    @classmethod
    def from_mnemonic(cls, text: str, path: str = DEFAULT_PATH, hrp: str = MAINNET_HRP) -> Wallet:
        """The wallet of recovery words.

        Raises:
            BadMnemonic: the words are not valid.
            WalletError: the path is not usable.

        Protocol reference: 12-wallet section 3.
        """
        mnemonic = words_of.normalise(text)
        stored_path, indices = parse_path(path)
        seed = derive(words_of.seed(mnemonic), [*hrp.encode(), *indices])
        return cls(KeyPair.from_seed(seed), mnemonic, stored_path, hrp)

    @classmethod
    def from_secret_key(cls, secret_key: bytes, hrp: str = MAINNET_HRP) -> Wallet:
        """The wallet of a bare 64-byte secret key.

        Raises:
            WalletError: another length, or the public half does not belong to the seed.
        """
        if len(secret_key) != SECRET_KEY_BYTES:
            raise WalletError(f"A secret key has 64 bytes, not {len(secret_key)}.")
        key_pair = KeyPair.from_seed(secret_key[:SEED_BYTES])
        if key_pair.secret_key != secret_key:
            raise WalletError("The two halves of the secret key do not belong together.")
        return cls(key_pair, hrp=hrp)

    @classmethod
    def from_keyfile(cls, text: str | bytes, password: bytes = b"", hrp: str = MAINNET_HRP) -> Wallet:
        """The wallet in the text of ``keypair.json``. Slow: about 0.45 s.

        Keys are taken as stored, never derived again. Words that are not valid are dropped. Unlike the reference, a
        public key that does not belong to the secret key is refused.

        Raises:
            WalletLocked: the password is wrong or missing.
            WalletCorrupt: the file is not such a file or holds no key pair.

        Protocol reference: 12-wallet section 6.
        """
        try:
            members = jsjson.parse(open_keyfile(text, password))
        except DecodeError:
            members = None
        if not isinstance(members, dict):
            raise WalletCorrupt("The wallet file opens, but its content is not a JSON object.")
        public_key = _key_member(members.get("publicKey"), PUBLIC_KEY_BYTES, "public")
        secret_key = _key_member(members.get("secretKey"), SECRET_KEY_BYTES, "secret")
        key_pair = KeyPair.from_seed(secret_key[:SEED_BYTES])
        if key_pair != KeyPair(public_key, secret_key):
            raise WalletCorrupt("The keys in the wallet file do not belong together.")
        return cls(key_pair, _stored_words(members.get("mnemonic")), _stored_path(members.get("derivationPath")), hrp)

    def to_keyfile(self, password: bytes, random_bytes: Callable[[int], bytes]) -> str:
        """The text of ``keypair.json`` for this wallet. Slow: about 0.45 s.

        Raises:
            WalletError: there is not enough memory.
        """
        members = {
            "publicKey": self.public_hex,
            "secretKey": self.key_pair.secret_key.hex(),
            "mnemonic": self.mnemonic,
            "derivationPath": self.derivation_path,
        }
        return seal_keyfile(json.dumps(members, indent=2).encode(), password, random_bytes)

    @property
    def public_key(self) -> bytes:
        """32 bytes."""
        return self.key_pair.public_key

    @property
    def public_hex(self) -> str:
        """Public key as lower-case hex: the identity other peers see."""
        return self.key_pair.public_key.hex()

    @property
    def address(self) -> str:
        """Public key as an address, ``trac1...``."""
        return bech32m.encode(self.hrp, self.key_pair.public_key)

    def sign(self, message: bytes | str) -> bytes:
        """Signature (64 bytes) over bytes, or over text as UTF-8."""
        return self.key_pair.sign(message if isinstance(message, bytes) else encode_utf8(message))

    @staticmethod
    def verify(signature: bytes, message: bytes | str, public_key: bytes) -> bool:
        """Whether a signature is valid; one over an empty message never is, as in the reference.

        Protocol reference: 12-wallet section 5.
        """
        data = message if isinstance(message, bytes) else encode_utf8(message)
        return bool(data) and verify(signature, data, public_key)


def public_key_of(address: str) -> bytes:
    """The 32-byte public key in an address of any prefix.

    Raises:
        DecodeError: not an address, or another length.

    Protocol reference: 12-wallet section 4.
    """
    _, payload = bech32m.decode(address)
    if len(payload) != PUBLIC_KEY_BYTES:
        raise DecodeError(f"An address holds 32 bytes, not {len(payload)}.")
    return payload


def _key_member(value: object, size: int, kind: str) -> bytes:
    key = parse_hex(value, size) if isinstance(value, str) else None
    if key is None:
        raise WalletCorrupt(f"Invalid {kind} key format. The wallet file must hold hex text of {size} bytes.")
    return key


def _stored_words(value: object) -> str | None:
    try:
        return words_of.normalise(value) if isinstance(value, str) else None
    except BadMnemonic:
        return None


def _stored_path(value: object) -> str | None:
    text = js_trim(value) if isinstance(value, str) else ""
    return text if _STORED_PATH.fullmatch(text) else None
