"""The identity of a peer on disk: ``keypair.json``.

The file is the same as the reference's, so identities can be shared. It is made silently when it is missing; a file
that exists but does not open is never replaced. All calls take about 0.45 s for the password check: use a thread.

Protocol reference: 12-wallet section 6.
"""

from __future__ import annotations

import logging
import os
from collections.abc import Callable
from pathlib import Path
from typing import Final

from engine.crypto.wallet import Wallet
from engine.errors import StoreError, WalletCorrupt, WalletError
from engine.logs import hide_secret
from engine.store.atomic import make_private_directory, open_to_others, read_limited, write_atomic

_logger = logging.getLogger(__name__)

MAX_FILE_BYTES: Final = 64 * 1024


def load_or_create(path: Path, password: bytes = b"", random_bytes: Callable[[int], bytes] = os.urandom) -> Wallet:
    """The wallet in the file; if there is no file, a new wallet of 24 words, which is saved first.

    Raises:
        WalletLocked: the file needs a password, or another one.
        WalletCorrupt: the file is damaged or of another format.
        StoreUnwritable: there is no file and none can be made.
        StoreError: the file cannot be read.
    """
    wallet = load(path, password)
    if wallet is None:
        wallet = Wallet.generate(random_bytes)
        _hide_secrets(wallet)
        save(path, wallet, password, random_bytes)
        _logger.info("A new identity was made: %s", path)
    return wallet


def load(path: Path, password: bytes = b"") -> Wallet | None:
    """The wallet in the file, None if there is no file. Warns if others may read it.

    Raises:
        WalletLocked: the file needs a password, or another one.
        WalletCorrupt: the file is damaged or of another format.
        StoreError: the file cannot be read.
    """
    data = read_limited(path, MAX_FILE_BYTES)
    if data is None:
        return None
    if not data.strip():
        raise WalletCorrupt(f"{path} is empty.", hint="Restore it from a backup, or delete it for a new identity.")
    for warning in loose_modes(path):
        _logger.warning("%s", warning)
    try:
        wallet = Wallet.from_keyfile(data, password)
    except WalletError as error:
        raise type(error)(f"{path}: {error}", hint=error.hint) from None
    _hide_secrets(wallet)
    return wallet


def save(
    path: Path,
    wallet: Wallet,
    password: bytes = b"",
    random_bytes: Callable[[int], bytes] = os.urandom,
    *,
    overwrite: bool = False,
) -> None:
    """Write the file (mode 0600 in a directory of mode 0700).

    Args:
        overwrite: replace an identity that is already there, for example to change its password.

    Raises:
        StoreError: there is a file already.
        StoreUnwritable: it cannot be written; nothing was changed.
    """
    make_private_directory(path.parent)
    if path.exists() and not overwrite:
        raise StoreError(f"{path} exists already.", hint="Move it away first: it is the only copy of that identity.")
    write_atomic(path, wallet.to_keyfile(password, random_bytes).encode())


def loose_modes(path: Path) -> list[str]:
    """What to tell the owner if other users may read the identity; empty if all is well."""
    warnings = []
    if open_to_others(path):
        warnings.append(f"{path} is open to other users: run chmod 600 on it.")
    if open_to_others(path.parent):
        warnings.append(f"{path.parent} is open to other users: run chmod 700 on it.")
    return warnings


def _hide_secrets(wallet: Wallet) -> None:
    hide_secret(wallet.key_pair.secret_key.hex())
    hide_secret(wallet.key_pair.secret_key[:32].hex())
    if wallet.mnemonic:
        hide_secret(wallet.mnemonic)
