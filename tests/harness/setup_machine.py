"""A machine for the wizard on which nothing is slow, nothing is random and nothing is written."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from engine.config.sections import Config
from engine.crypto.wallet import Wallet
from engine.errors import StoreUnwritable, WalletCorrupt, WalletLocked
from intercom_tui.setup.app import SetupApp
from intercom_tui.setup.model import NewIdentity, SetupModel, StartedWith

WORDS = " ".join(["abandon"] * 23 + ["art"])
GIVEN = {"network.local": "--local", "identity.peer_store_name": "--peer-store-name"}


def counting(size: int) -> bytes:
    """Bytes that are the same every time."""
    return bytes(range(size))


@dataclass
class FakeMachine:
    """Everything works unless it is told otherwise."""

    stores: set[str] = field(default_factory=set)
    """Names of stores with an identity."""
    store_error: str = ""
    bridge_error: str = ""
    write_error: str = ""
    files: Mapping[str, str] = field(default_factory=dict)
    """Key file to its password."""
    password_files: Mapping[str, str] = field(default_factory=dict)
    written: list[tuple[Config, NewIdentity | None]] = field(default_factory=list)

    def has_identity(self, config: Config) -> bool:
        return config.identity.peer_store_name in self.stores

    def store_problem(self, config: Config) -> str:
        return self.store_error

    def bridge_problem(self, config: Config) -> str:
        return self.bridge_error

    def new_identity(self, passphrase: str) -> NewIdentity:
        return NewIdentity(Wallet.from_mnemonic(WORDS), "new", passphrase=passphrase.encode())

    def identity_of_words(self, words: str, passphrase: str) -> NewIdentity:
        return NewIdentity(Wallet.from_mnemonic(words), "words", passphrase=passphrase.encode())

    def identity_of_file(self, path: str, password: str) -> NewIdentity:
        if path not in self.files:
            raise WalletCorrupt(f"There is no file {path}.")
        if password != self.files[path]:
            raise WalletLocked("The wallet file does not open with this password.")
        return NewIdentity(Wallet.from_mnemonic(WORDS), "file", file_text=b"{}", passphrase=password.encode())

    def password_file_problem(self, path: str, passphrase: str) -> str:
        held = self.password_files.get(path, passphrase)
        return "" if held == passphrase else "This file exists and holds another passphrase."

    def write(self, config: Config, identity: NewIdentity | None) -> None:
        if self.write_error:
            raise StoreUnwritable(self.write_error)
        self.written.append((config, identity))


def setup_model(config: Config | None = None, given: Mapping[str, str] | None = None) -> SetupModel:
    """A model whose random names and words are always the same."""
    return SetupModel(config or Config(), given=given, random_bytes=counting)


def setup_app(machine: FakeMachine | None = None, *, config: Config | None = None, given: bool = False) -> SetupApp:
    """The wizard on that machine; ``given`` = as ``make run`` starts it."""
    from engine.config.load import with_values

    if given:
        config = with_values(config or Config(), {"network.local": True, "identity.peer_store_name": "agent-7"})
    words = ("--local", "--peer-store-name", "agent-7") if given else ()
    start = StartedWith(Path("/home/you/.config/intercom-tui/agent-7/config.toml"), words, "", GIVEN if given else {})
    return SetupApp(config or Config(), machine or FakeMachine(), start=start, random_bytes=counting)
