"""``keypair.json`` on disk: made when missing, never replaced, private."""

from __future__ import annotations

import errno
import json
import logging
import os
import stat
from pathlib import Path
from typing import Any

import pytest

from engine.crypto import keyfile
from engine.crypto.hashes import blake2b
from engine.crypto.wallet import Wallet
from engine.errors import StoreError, StoreUnwritable, WalletCorrupt, WalletLocked
from engine.store.keyfile_store import MAX_FILE_BYTES, load, load_or_create, save

VECTORS = Path(__file__).parents[2] / "vectors" / "wallet"
KEYFILES: dict[str, Any] = json.loads((VECTORS / "keypair_files.json").read_text())
LEGACY = next(case for case in KEYFILES["import_cases"] if "legacy" in case["name"])


@pytest.fixture(autouse=True)
def _fast_kdf(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(keyfile, "derive_key", lambda password, salt: blake2b(password, key=salt))


def entropy(size: int) -> bytes:
    return bytes(range(size))


def test_missing_file_is_made_private_and_read_again(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    path = tmp_path / "stores" / "peer" / "db" / "keypair.json"
    made = load_or_create(path, b"", entropy)
    assert made.mnemonic is not None
    assert len(made.mnemonic.split()) == 24
    assert made.derivation_path == "m/918'/0'/0'/0'"
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert stat.S_IMODE(path.parent.stat().st_mode) == 0o700
    assert list(json.loads(path.read_text())) == ["nonce", "salt", "ciphertext"]
    assert load_or_create(path, b"") == made
    assert not [record for record in caplog.records if record.levelno >= logging.WARNING]


def test_new_wallets_differ(tmp_path: Path) -> None:
    assert load_or_create(tmp_path / "a") != load_or_create(tmp_path / "b")


def test_password(tmp_path: Path) -> None:
    path = tmp_path / "keypair.json"
    made = load_or_create(path, b"secret")
    content = path.read_bytes()
    with pytest.raises(WalletLocked, match="needs a password") as caught:
        load_or_create(path)
    assert str(path) in str(caught.value)
    assert "keypair-password-file" in caught.value.hint
    with pytest.raises(WalletLocked, match="does not open with this password"):
        load_or_create(path, b"wrong")
    assert path.read_bytes() == content
    assert load(path, b"secret") == made


@pytest.mark.parametrize(
    ("content", "facts"),
    [
        (LEGACY["text"], "clear-text key pair of an old version"),
        ("", "is empty"),
        (" \n", "is empty"),
        ("hello", "not JSON"),
        ("{}", "no valid nonce"),
    ],
)
def test_damaged_files_are_refused_and_kept(tmp_path: Path, content: str, facts: str) -> None:
    path = tmp_path / "keypair.json"
    path.write_text(content)
    with pytest.raises(WalletCorrupt, match=facts) as caught:
        load_or_create(path)
    assert str(path) in str(caught.value)
    assert path.read_text() == content


def test_huge_file_and_directory_are_refused(tmp_path: Path) -> None:
    path = tmp_path / "keypair.json"
    path.write_bytes(bytes(MAX_FILE_BYTES + 1))
    with pytest.raises(StoreError, match="larger"):
        load_or_create(path)
    with pytest.raises(StoreError, match="cannot be read"):
        load_or_create(tmp_path)


@pytest.mark.parametrize(("number", "facts"), [(errno.ENOSPC, "the disk is full"), (errno.EROFS, "read-only")])
def test_no_identity_without_a_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, number: int, facts: str) -> None:
    def fail(*args: Any) -> int:
        raise OSError(number, os.strerror(number))

    with monkeypatch.context() as patch:
        patch.setattr(os, "fsync", fail)
        with pytest.raises(StoreUnwritable, match=facts):
            load_or_create(tmp_path / "keypair.json")
    assert os.listdir(tmp_path) == []


def test_loose_modes_are_warned_about(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    path = tmp_path / "db" / "keypair.json"
    load_or_create(path)
    path.chmod(0o644)
    path.parent.chmod(0o755)
    load_or_create(path)
    assert [record.getMessage() for record in caplog.records if record.levelno >= logging.WARNING] == [
        f"{path} is open to other users: run chmod 600 on it.",
        f"{path.parent} is open to other users: run chmod 700 on it.",
    ]


def test_identity_is_only_replaced_on_request(tmp_path: Path) -> None:
    path = tmp_path / "keypair.json"
    first, second = Wallet.generate(entropy), Wallet.generate(lambda size: bytes(size))
    save(path, first)
    with pytest.raises(StoreError, match="exists already"):
        save(path, second)
    assert load(path) == first
    save(path, first, b"new password", overwrite=True)
    assert load(path, b"new password") == first
