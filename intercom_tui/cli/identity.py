"""Reading the identity while everything else is still being imported.

The password check of keypair.json takes about half a second by design and runs outside the interpreter's lock, so it is
begun first.
"""

from __future__ import annotations

import threading
from collections.abc import Callable
from pathlib import Path

from engine.config.sections import Config
from engine.crypto.wallet import Wallet
from engine.errors import ConfigError
from engine.paths import Paths
from engine.store.keyfile_store import load, load_or_create


def begin_loading(paths: Paths, password: bytes) -> Callable[[], Wallet]:
    """Start reading keypair.json in a thread.

    Returns:
        A function that waits for the wallet and makes a new one when there was no file; it raises what
        :func:`engine.store.keyfile_store.load_or_create` raises.
    """
    wallets: list[Wallet | None] = []
    failures: list[Exception] = []

    def read() -> None:
        try:
            wallets.append(load(paths.keypair, password))
        except Exception as error:
            failures.append(error)

    thread = threading.Thread(target=read, name="identity", daemon=True)
    thread.start()

    def finish() -> Wallet:
        thread.join()
        if failures:
            raise failures[0]
        return wallets[0] or load_or_create(paths.keypair, password)

    return finish


def read_password(config: Config) -> bytes:
    """The password of keypair.json from the file the settings name; empty when there is none.

    Raises:
        ConfigError: the file cannot be read.
    """
    name = config.identity.keypair_password_file
    if not name:
        return b""
    try:
        return Path(name).expanduser().read_bytes().rstrip(b"\r\n")
    except OSError as error:
        raise ConfigError(
            f"The password file {name} cannot be read: {error.strerror}.",
            hint="Correct --keypair-password-file, or leave it out for an identity without a password.",
        ) from error
