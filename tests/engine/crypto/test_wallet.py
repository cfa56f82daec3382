"""Wallets against the reference: derivation, addresses, signatures, key files."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from engine.crypto import keyfile
from engine.crypto.hashes import blake2b
from engine.crypto.keyfile import seal_keyfile
from engine.crypto.wallet import Wallet, public_key_of
from engine.errors import BadMnemonic, DecodeError, WalletCorrupt, WalletError, WalletLocked
from engine.wire.hexkeys import parse_hex

VECTORS = Path(__file__).parents[2] / "vectors" / "wallet"
DERIVATION: dict[str, Any] = json.loads((VECTORS / "derivation.json").read_text())
ADDRESSES: dict[str, Any] = json.loads((VECTORS / "address.json").read_text())
SIGN: dict[str, Any] = json.loads((VECTORS / "sign.json").read_text())
KEYFILES: dict[str, Any] = json.loads((VECTORS / "keypair_files.json").read_text())
DERIVED = [(words, key) for words in DERIVATION["derivation"] for key in words["keys"]]
ABOUT = "abandon " * 11 + "about"


@pytest.fixture
def fast_kdf(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(keyfile, "derive_key", lambda password, salt: blake2b(password, key=salt))


@pytest.mark.parametrize(("words", "key"), DERIVED)
def test_derivation(words: dict[str, Any], key: dict[str, str]) -> None:
    wallet = Wallet.from_mnemonic(words["mnemonic"], key["derivation_path"], key["hrp"])
    assert wallet.public_hex == key["public_key"]
    assert wallet.key_pair.secret_key.hex() == key["secret_key"]
    assert wallet.address == key["address"]
    assert wallet.derivation_path == key["stored_path"]
    assert wallet.mnemonic == words["mnemonic"]


@pytest.mark.parametrize("words", DERIVATION["derivation"], ids=lambda words: words["name"])
def test_default_path_is_not_the_legacy_derivation(words: dict[str, Any]) -> None:
    wallet = Wallet.from_mnemonic(words["mnemonic"])
    assert wallet.public_hex == words["default_public_key"]
    assert wallet.derivation_path == words["default_path"] == DERIVATION["default_path"]
    legacy = Wallet.from_secret_key(bytes.fromhex(words["legacy_0_0_43"]["secret_key"]))
    assert legacy.public_hex == words["legacy_0_0_43"]["public_key"] != wallet.public_hex
    assert legacy.mnemonic is None


@pytest.mark.parametrize("case", [case for case in DERIVATION["path_rules"] if case["ok"]])
def test_accepted_paths(case: dict[str, Any]) -> None:
    assert Wallet.from_mnemonic(ABOUT, case["input"]).public_hex == case["public_key"]


@pytest.mark.parametrize("case", ADDRESSES["decode"], ids=lambda case: case["address"][:20] or "empty")
def test_public_key_of_an_address(case: dict[str, Any]) -> None:
    if case["ok"]:
        assert public_key_of(case["address"]).hex() == case["public_key"]
    else:
        with pytest.raises(DecodeError):
            public_key_of(case["address"])


@pytest.mark.parametrize("case", SIGN["sign"], ids=lambda case: case["message_hex"][:20] or "empty")
def test_signatures(case: dict[str, Any]) -> None:
    wallet = Wallet.from_secret_key(bytes.fromhex(SIGN["secret_key"]))
    assert wallet.public_hex == SIGN["public_key"]
    if "message_utf8" in case:
        assert wallet.sign(case["message_utf8"]).hex() == case["signature"]
    data = bytes.fromhex(case["message_hex"])
    signature = wallet.sign(data)
    assert signature.hex() == case["signature"]
    assert Wallet.verify(signature, data, wallet.public_key) == case["verify"]


@pytest.mark.parametrize("case", SIGN["verify_cases"], ids=lambda case: case["note"])
def test_verification(case: dict[str, Any]) -> None:
    signature = parse_hex(case["signature"])
    assert signature is not None
    public_key = bytes.fromhex(case["public_key"] or "")
    assert Wallet.verify(signature, case["message_utf8"], public_key) == case["result"]


@pytest.mark.parametrize("file", KEYFILES["files"], ids=lambda file: file["file"])
def test_files_of_the_reference(file: dict[str, Any], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(keyfile, "derive_key", lambda password, salt: bytes.fromhex(file["derived_key"]))
    wallet = Wallet.from_keyfile(file["text"], bytes.fromhex(file["password_hex"]))
    assert wallet.public_hex == file["public_key"]
    assert wallet.key_pair.secret_key.hex() == file["secret_key"]
    assert wallet.mnemonic == file["mnemonic"]
    assert wallet.derivation_path == file["derivation_path"]
    assert wallet.address == file["address"]


@pytest.mark.parametrize("case", KEYFILES["import_cases"], ids=lambda case: case["name"])
def test_import_rules(case: dict[str, Any]) -> None:
    password = bytes.fromhex(case["password_hex"])
    if "does not belong" in case["name"]:  # the reference does not notice, we refuse
        with pytest.raises(WalletCorrupt, match="belong together"):
            Wallet.from_keyfile(case["text"], password)
    elif case["error"]:
        expected = WalletLocked if "Failed to decrypt" in case["error"] else WalletCorrupt
        with pytest.raises(expected):
            Wallet.from_keyfile(case["text"], password)
    else:
        wallet = Wallet.from_keyfile(case["text"], password)
        assert wallet.public_hex == case["imported_public_key"]
        assert wallet.mnemonic == case["imported_mnemonic"]
        assert wallet.derivation_path == case["imported_path"]


@pytest.mark.parametrize("plaintext", [b"", b"[]", b"{}", b"\xff", b'{"publicKey":1}', b'{"publicKey":"00"}'])
@pytest.mark.usefixtures("fast_kdf")
def test_content_that_is_no_key_pair(plaintext: bytes) -> None:
    with pytest.raises(WalletCorrupt):
        Wallet.from_keyfile(seal_keyfile(plaintext, b"", bytes))


@pytest.mark.parametrize("password", [b"", "pässword".encode()])
@pytest.mark.usefixtures("fast_kdf")
def test_file_round_trip(password: bytes) -> None:
    for wallet in (
        Wallet.generate(lambda size: b"\x05" * size),
        Wallet.from_secret_key(Wallet.generate(bytes).key_pair.secret_key),
    ):
        text = wallet.to_keyfile(password, lambda size: b"\x06" * size)
        assert Wallet.from_keyfile(text, password) == wallet


def test_generated_words_restore_the_wallet() -> None:
    wallet = Wallet.generate(lambda size: bytes(range(size)), words=12)
    assert wallet.mnemonic is not None
    assert Wallet.from_mnemonic(wallet.mnemonic.upper()) == wallet


def test_bad_input() -> None:
    with pytest.raises(BadMnemonic):
        Wallet.from_mnemonic("not words")
    with pytest.raises(WalletError):
        Wallet.from_mnemonic(ABOUT, "m/0")
    with pytest.raises(WalletError):
        Wallet.from_secret_key(bytes(32))
    with pytest.raises(WalletError, match="belong together"):
        Wallet.from_secret_key(bytes(64))


def test_secrets_are_not_shown() -> None:
    text = repr(Wallet.from_mnemonic(ABOUT))
    assert "abandon" not in text
    assert "2374" not in text
    assert "secret" not in text
