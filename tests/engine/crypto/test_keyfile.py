"""``keypair.json`` against files written by the reference.

The password check is slow on purpose, so derived keys are remembered; two tests compare the real thing.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from engine.crypto import keyfile
from engine.crypto.hashes import blake2b
from engine.crypto.keyfile import derive_key, open_keyfile, seal_keyfile
from engine.crypto.secretstream import SECRETBOX_NONCE_BYTES, SECRETBOX_OVERHEAD_BYTES
from engine.errors import WalletCorrupt, WalletError, WalletLocked

VECTORS = Path(__file__).parents[2] / "vectors"
KEYFILES: dict[str, Any] = json.loads((VECTORS / "wallet" / "keypair_files.json").read_text())
FILES: list[dict[str, Any]] = KEYFILES["files"]
KNOWN = {
    (bytes.fromhex(file["password_hex"]), json.loads(file["text"])["salt"]): bytes.fromhex(file["derived_key"])
    for file in FILES
}


@pytest.fixture
def fast_kdf(monkeypatch: pytest.MonkeyPatch) -> None:
    """The reference's derived keys where known, a quick stand-in elsewhere."""
    monkeypatch.setattr(
        keyfile,
        "derive_key",
        lambda password, salt: KNOWN.get((password, salt.hex())) or blake2b(password, key=salt),
    )


def test_parameters_are_those_of_the_reference() -> None:
    kdf = KEYFILES["kdf"]
    assert (kdf["alg"], kdf["opslimit"], kdf["memlimit"]) == ("argon2i13", keyfile._OPERATIONS, keyfile._MEMORY_BYTES)
    assert (kdf["salt_bytes"], kdf["key_bytes"]) == (keyfile.SALT_BYTES, keyfile._KEY_BYTES)
    assert (kdf["nonce_bytes"], kdf["mac_bytes"]) == (SECRETBOX_NONCE_BYTES, SECRETBOX_OVERHEAD_BYTES)


@pytest.mark.parametrize("file", FILES[:2], ids=lambda file: file["file"])
def test_key_derivation_equals_the_reference(file: dict[str, Any]) -> None:
    salt = bytes.fromhex(json.loads(file["text"])["salt"])
    assert derive_key(bytes.fromhex(file["password_hex"]), salt).hex() == file["derived_key"]


@pytest.mark.parametrize("file", FILES, ids=lambda file: file["file"])
@pytest.mark.usefixtures("fast_kdf")
def test_files_of_the_reference_open(file: dict[str, Any]) -> None:
    password = bytes.fromhex(file["password_hex"])
    assert (VECTORS / "wallet" / file["file"]).read_text() == file["text"]
    assert open_keyfile(file["text"], password).decode() == file["plaintext_utf8"]


@pytest.mark.parametrize("file", FILES, ids=lambda file: file["file"])
@pytest.mark.usefixtures("fast_kdf")
def test_sealing_gives_the_reference_s_text(file: dict[str, Any]) -> None:
    outer = json.loads(file["text"])
    entropy = {16: bytes.fromhex(outer["salt"]), 24: bytes.fromhex(outer["nonce"])}
    sealed = seal_keyfile(file["plaintext_utf8"].encode(), bytes.fromhex(file["password_hex"]), entropy.__getitem__)
    assert sealed == file["text"]


SEALED = {"nonce": "00" * 24, "salt": "00" * 16, "ciphertext": "00" * 16}


@pytest.mark.parametrize(
    ("text", "facts"),
    [
        ("hello", "not JSON"),
        ("", "not JSON"),
        ("[" * 10_000, "not JSON"),
        ("[]", "object"),
        ('{"publicKey":"00","secretKey":"00"}', "clear-text key pair of an old version"),
        (json.dumps({**SEALED, "salt": None}), "salt"),
        (json.dumps({**SEALED, "salt": "00" * 15}), "salt"),
        (json.dumps({**SEALED, "nonce": "zz" * 24}), "nonce"),
        (json.dumps({**SEALED, "nonce": 5}), "nonce"),
        (json.dumps({**SEALED, "ciphertext": ""}), "ciphertext"),
        (json.dumps({**SEALED, "ciphertext": "00" * 15}), "too short"),
    ],
)
def test_what_is_no_key_file(text: str, facts: str) -> None:
    with pytest.raises(WalletCorrupt, match=facts):
        open_keyfile(text, b"")


@pytest.mark.usefixtures("fast_kdf")
def test_wrong_password_and_damage_are_locked() -> None:
    text = json.dumps(SEALED)
    with pytest.raises(WalletLocked, match="needs a password"):
        open_keyfile(text, b"")
    with pytest.raises(WalletLocked, match="this password"):
        open_keyfile(text, b"nope")


def test_too_little_memory(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(keyfile, "_MEMORY_BYTES", 2**40)
    with pytest.raises(WalletError, match="256 MiB"):
        derive_key(b"", bytes(16))


@given(st.integers(0, 10_000), st.binary(min_size=1, max_size=3))
@settings(max_examples=200, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_mutated_files_only_raise_wallet_errors(fast_kdf: None, position: int, replacement: bytes) -> None:
    data = FILES[0]["text"].encode()
    position %= len(data)
    try:
        plaintext = open_keyfile(data[:position] + replacement + data[position + len(replacement) :], b"")
    except WalletError:
        return
    assert plaintext.decode() == FILES[0]["plaintext_utf8"]
