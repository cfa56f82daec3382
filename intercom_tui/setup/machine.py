"""What the wizard needs to know of this machine, and what it does there. All of it blocks: call it in a thread."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING, Protocol

from engine.config.sections import Config
from engine.errors import IntercomError, StoreError, WalletError
from engine.paths import Paths, resolve_paths
from intercom_tui.setup.model import NewIdentity

if TYPE_CHECKING:
    from engine.crypto.wallet import Wallet

_PASSWORD_BYTES = 4_096


class Machine(Protocol):
    """The machine as the wizard sees it."""

    def has_identity(self, config: Config) -> bool:
        """Whether the store has an identity already; a quick look that may be done anywhere."""

    def store_problem(self, config: Config) -> str:
        """Why the store cannot be used, empty when it can; nothing is made."""

    def bridge_problem(self, config: Config) -> str:
        """Why the bridge cannot listen, empty when it can."""

    def new_identity(self, passphrase: str) -> NewIdentity:
        """Make an identity."""

    def identity_of_words(self, words: str, passphrase: str) -> NewIdentity:
        """The identity of recovery words.

        Raises:
            BadMnemonic: they are not right.
        """

    def identity_of_file(self, path: str, password: str) -> NewIdentity:
        """The identity in a ``keypair.json``, or below a directory that holds one.

        Raises:
            IntercomError: there is none, or it does not open.
        """

    def password_file_problem(self, path: str, passphrase: str) -> str:
        """Why a file cannot be the one with the passphrase, empty when it can."""

    def write(self, config: Config, identity: NewIdentity | None) -> None:
        """Write the identity and the passphrase's file.

        Raises:
            IntercomError: something cannot be written.
        """


class LocalMachine:
    """The real one.

    Args:
        home: directory given with ``--home``; empty = the platform's directories.
    """

    def __init__(self, home: str = "") -> None:
        self._home = home

    def _paths(self, config: Config) -> Paths:
        return resolve_paths(self._home, config)

    def has_identity(self, config: Config) -> bool:
        """Whether the store has an identity already."""
        try:
            return self._paths(config).keypair.is_file()
        except OSError:
            return False

    def store_problem(self, config: Config) -> str:
        """Why the store cannot be used."""
        from engine.store.lock import StoreLock

        paths = self._paths(config)
        try:
            if paths.lock.exists():
                StoreLock(paths.lock).release()
                return ""
            nearest = next(place for place in (paths.store, *paths.store.parents) if place.exists())
        except IntercomError as error:
            return str(error)
        except OSError as error:
            return f"The store {paths.store} cannot be used: {error.strerror}."
        if not nearest.is_dir():
            return f"The store {paths.store} cannot be made: {nearest} is not a directory."
        return "" if os.access(nearest, os.W_OK | os.X_OK) else f"The store cannot be made: {nearest} is not writable."

    def bridge_problem(self, config: Config) -> str:
        """Why the bridge cannot listen."""
        from engine.doctor import Verdict, check_bridge_port

        found = check_bridge_port(config)
        return "" if found.verdict is Verdict.OK else found.text

    def new_identity(self, passphrase: str) -> NewIdentity:
        """Make an identity."""
        from engine.crypto.wallet import Wallet

        return NewIdentity(Wallet.generate(os.urandom), "new", passphrase=passphrase.encode())

    def identity_of_words(self, words: str, passphrase: str) -> NewIdentity:
        """The identity of recovery words."""
        from engine.crypto.wallet import Wallet

        return NewIdentity(Wallet.from_mnemonic(words), "words", passphrase=passphrase.encode())

    def identity_of_file(self, path: str, password: str) -> NewIdentity:
        """The identity in a file."""
        from engine.crypto.wallet import Wallet
        from engine.store.atomic import read_limited
        from engine.store.keyfile_store import MAX_FILE_BYTES

        place = Path(path.strip()).expanduser()
        for candidate in (place / "db" / "keypair.json", place / "keypair.json"):
            if candidate.is_file():
                place = candidate
                break
        data = read_limited(place, MAX_FILE_BYTES)
        if data is None:
            raise StoreError(f"There is no file {place}.")
        wallet: Wallet = Wallet.from_keyfile(data, password.encode())
        return NewIdentity(wallet, "file", file_text=data, passphrase=password.encode())

    def password_file_problem(self, path: str, passphrase: str) -> str:
        """Why a file cannot be the one with the passphrase."""
        from engine.store.atomic import read_limited

        try:
            data = read_limited(Path(path).expanduser(), _PASSWORD_BYTES)
        except StoreError as error:
            return str(error)
        if data is None or not passphrase or data.rstrip(b"\r\n") == passphrase.encode():
            return ""
        return "This file exists and holds another passphrase."

    def write(self, config: Config, identity: NewIdentity | None) -> None:
        """Write the identity and the passphrase's file."""
        if identity is None:
            return
        from engine.store.atomic import make_private_directory, write_atomic
        from engine.store.keyfile_store import save

        path = self._paths(config).keypair
        password_file = config.identity.keypair_password_file
        if identity.file_text is None:
            save(path, identity.wallet, identity.passphrase)
        else:
            if path.exists():
                raise WalletError(f"{path} exists already.", hint="Choose another name of the store.")
            make_private_directory(path.parent)
            write_atomic(path, identity.file_text)
        if password_file and identity.passphrase and not (place := Path(password_file).expanduser()).exists():
            write_atomic(place, identity.passphrase + b"\n")
