from __future__ import annotations

import json
import socket
import stat
from pathlib import Path

import pytest

from engine.config.load import with_values
from engine.config.sections import Config
from engine.crypto.wallet import Wallet
from engine.errors import BadMnemonic, StoreError, WalletError, WalletLocked
from engine.store.keyfile_store import load, save
from engine.store.lock import StoreLock
from intercom_tui.setup.machine import LocalMachine
from tests.harness.setup_machine import WORDS, counting


@pytest.fixture
def machine(tmp_path: Path) -> LocalMachine:
    return LocalMachine(str(tmp_path))


def keypair(home: Path) -> Path:
    return home / "stores" / "peer" / "db" / "keypair.json"


def with_file(path: Path) -> Config:
    return with_values(Config(), {"identity.keypair_password_file": str(path)})


def test_looking_makes_nothing(machine: LocalMachine, tmp_path: Path) -> None:
    assert not machine.has_identity(Config())
    assert machine.store_problem(Config()) == ""
    assert machine.bridge_problem(with_values(Config(), {"bridge.port": 0})) == ""
    assert list(tmp_path.iterdir()) == []


def test_a_store_in_use_names_its_owner(machine: LocalMachine, tmp_path: Path) -> None:
    with StoreLock(tmp_path / "stores" / "peer" / "intercom.lock"):
        assert "in use by process" in machine.store_problem(Config())
    assert machine.store_problem(Config()) == ""


def test_a_store_that_cannot_be_made(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    assert "is not a directory" in LocalMachine(str(tmp_path / "file")).store_problem(Config())


def test_a_taken_port(machine: LocalMachine) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        config = with_values(Config(), {"bridge.port": taken.getsockname()[1]})
        assert "cannot be opened" in machine.bridge_problem(config)


def test_a_new_identity_is_written_with_its_passphrase_and_the_file_of_it(
    machine: LocalMachine, tmp_path: Path
) -> None:
    identity = machine.new_identity("secret")
    password_file = tmp_path / "pass"
    machine.write(with_file(password_file), identity)
    assert machine.has_identity(Config())
    assert load(keypair(tmp_path), b"secret") == identity.wallet
    assert password_file.read_bytes() == b"secret\n"
    assert stat.S_IMODE(password_file.stat().st_mode) == 0o600
    assert stat.S_IMODE(keypair(tmp_path).stat().st_mode) == 0o600
    with pytest.raises(StoreError, match="exists already"):
        machine.write(Config(), identity)


def test_nothing_is_written_without_an_identity(machine: LocalMachine, tmp_path: Path) -> None:
    machine.write(Config(), None)
    assert list(tmp_path.iterdir()) == []


def test_recovery_words_give_their_identity(machine: LocalMachine) -> None:
    identity = machine.identity_of_words(WORDS.upper(), "x")
    assert (identity.wallet, identity.passphrase) == (Wallet.from_mnemonic(WORDS), b"x")
    with pytest.raises(BadMnemonic, match="Word 2"):
        machine.identity_of_words(WORDS.replace("abandon abandon", "abandon zzz", 1), "")


def test_a_key_file_is_copied_as_it_is(tmp_path: Path) -> None:
    wallet = Wallet.from_mnemonic(WORDS)
    source = tmp_path / "old" / "db" / "keypair.json"
    save(source, wallet, b"secret", counting)
    machine = LocalMachine(str(tmp_path / "home"))
    with pytest.raises(WalletLocked):
        machine.identity_of_file(str(source), "")
    identity = machine.identity_of_file(str(tmp_path / "old"), "secret")
    assert identity.wallet == wallet
    machine.write(Config(), identity)
    copy = keypair(tmp_path / "home")
    assert json.loads(copy.read_text()) == json.loads(source.read_text())
    with pytest.raises(WalletError, match="exists already"):
        machine.write(Config(), identity)


def test_a_key_file_that_is_not_there(machine: LocalMachine, tmp_path: Path) -> None:
    with pytest.raises(StoreError, match="There is no file"):
        machine.identity_of_file(str(tmp_path / "nothing.json"), "")


def test_a_passphrase_file_must_hold_the_passphrase(machine: LocalMachine, tmp_path: Path) -> None:
    path = tmp_path / "pass"
    assert machine.password_file_problem(str(path), "secret") == ""
    path.write_text("secret\n")
    assert machine.password_file_problem(str(path), "secret") == ""
    assert machine.password_file_problem(str(path), "") == ""
    assert "another passphrase" in machine.password_file_problem(str(path), "other")
    path.write_bytes(b"x" * 10_000)
    assert "larger than" in machine.password_file_problem(str(path), "other")
