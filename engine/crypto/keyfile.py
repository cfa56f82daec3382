"""``keypair.json``: a key pair sealed with a password.

The file is one JSON object with the hex texts ``nonce``, ``salt`` and ``ciphertext``. The key comes from Argon2i over
the password, where an empty password is allowed and usual; sealing and opening therefore take about 0.45 s and 256 MiB
and belong into a thread. What is sealed is JSON too, see :mod:`engine.crypto.wallet`.

Protocol reference: 12-wallet section 6.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Final

import nacl.exceptions
import nacl.pwhash.argon2i as argon2i

from engine.crypto.secretstream import (
    SECRETBOX_NONCE_BYTES,
    SECRETBOX_OVERHEAD_BYTES,
    secretbox_open,
    secretbox_seal,
)
from engine.errors import DecodeError, WalletCorrupt, WalletError, WalletLocked
from engine.wire import jsjson
from engine.wire.hexkeys import parse_hex

SALT_BYTES: Final = 16
_KEY_BYTES: Final = 32
_OPERATIONS: Final = 3
_MEMORY_BYTES: Final = 256 * 1024 * 1024


def derive_key(password: bytes, salt: bytes) -> bytes:
    """The 32-byte file key of a password; slow on purpose.

    Raises:
        WalletError: there is not enough memory.
    """
    try:
        key: bytes = argon2i.kdf(_KEY_BYTES, password, salt, opslimit=_OPERATIONS, memlimit=_MEMORY_BYTES)
    except nacl.exceptions.RuntimeError:
        raise WalletError(
            "The password of the wallet cannot be checked: 256 MiB of memory are needed.",
            hint="Free some memory and start again.",
        ) from None
    return key


def seal_keyfile(plaintext: bytes, password: bytes, random_bytes: Callable[[int], bytes]) -> str:
    """The text of a file that holds *plaintext*.

    Raises:
        WalletError: there is not enough memory.
    """
    salt, nonce = random_bytes(SALT_BYTES), random_bytes(SECRETBOX_NONCE_BYTES)
    ciphertext = secretbox_seal(plaintext, nonce, derive_key(password, salt))
    members = {"nonce": nonce.hex(), "salt": salt.hex(), "ciphertext": ciphertext.hex()}
    return json.dumps(members, separators=(",", ":"))


def open_keyfile(text: str | bytes, password: bytes) -> bytes:
    """What is sealed in a file.

    Raises:
        WalletLocked: the password is wrong or missing, or the file was changed (the two cannot be told apart).
        WalletCorrupt: this is not such a file; the text says why, also for the older clear-text format.
        WalletError: there is not enough memory.
    """
    nonce, salt, ciphertext = _parse(text)
    try:
        return secretbox_open(ciphertext, nonce, derive_key(password, salt))
    except DecodeError:
        problem = "needs a password" if not password else "does not open with this password"
        raise WalletLocked(f"The wallet file {problem}, or it is damaged.") from None


def _parse(text: str | bytes) -> tuple[bytes, bytes, bytes]:
    try:
        members = jsjson.parse(text)
    except DecodeError:
        raise WalletCorrupt("The wallet file is not JSON.") from None
    if not isinstance(members, dict):
        raise WalletCorrupt("The wallet file is not a JSON object.")
    if "secretKey" in members and "ciphertext" not in members:
        raise WalletCorrupt(
            "The wallet file is a clear-text key pair of an old version, which is not read.",
            hint="Move it away and restore the identity from its secret key.",
        )
    parts = []
    for name, size in (("nonce", SECRETBOX_NONCE_BYTES), ("salt", SALT_BYTES), ("ciphertext", None)):
        value = members.get(name)
        part = parse_hex(value, size) if isinstance(value, str) else None
        if not part:
            length = f" of {size} bytes" if size else ""
            raise WalletCorrupt(f"The wallet file has no valid {name}: hex text{length} is expected.")
        parts.append(part)
    nonce, salt, ciphertext = parts
    if len(ciphertext) < SECRETBOX_OVERHEAD_BYTES:
        raise WalletCorrupt("The ciphertext of the wallet file is too short.")
    return nonce, salt, ciphertext
