"""Identities move between this program and the reference in both directions."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from engine.crypto.wallet import Wallet
from engine.store.keyfile_store import load, save

pytestmark = pytest.mark.interop

ABOUT = "abandon " * 11 + "about"
PASSWORDS = [b"", "correct horse é".encode()]


async def run_wallet(stack: Any, *args: str | Path) -> dict[str, Any]:
    """What ``wallet.js`` answers."""
    peer = await stack.spawn("wallet.js", *map(str, args))
    answer: dict[str, Any] = await peer.read_until("wallet")
    return answer


def described(wallet: Wallet) -> dict[str, Any]:
    return {
        "event": "wallet",
        "publicKey": wallet.public_hex,
        "secretKey": wallet.key_pair.secret_key.hex(),
        "mnemonic": wallet.mnemonic,
        "derivationPath": wallet.derivation_path,
        "address": wallet.address,
    }


@pytest.mark.parametrize("password", PASSWORDS, ids=["empty", "text"])
async def test_reference_opens_our_file(pinned_stack: Any, tmp_path: Path, password: bytes) -> None:
    path = tmp_path / "keypair.json"
    wallet = Wallet.from_mnemonic(ABOUT)
    save(path, wallet, password)
    assert await run_wallet(pinned_stack, "import", path, password.hex()) == described(wallet)


@pytest.mark.parametrize("password", PASSWORDS, ids=["empty", "text"])
async def test_we_open_the_file_of_the_reference(pinned_stack: Any, tmp_path: Path, password: bytes) -> None:
    path = tmp_path / "keypair.json"
    answer = await run_wallet(pinned_stack, "export", path, password.hex(), ABOUT)
    wallet = load(path, password)
    assert wallet is not None
    assert described(wallet) == answer
    assert wallet == Wallet.from_mnemonic(ABOUT)


async def test_bare_key_survives_the_reference(pinned_stack: Any, tmp_path: Path) -> None:
    path = tmp_path / "keypair.json"
    wallet = Wallet.from_secret_key(Wallet.from_mnemonic(ABOUT).key_pair.secret_key)
    save(path, wallet)
    answer = await run_wallet(pinned_stack, "import", path, "")
    assert answer == described(wallet)
    assert answer["mnemonic"] is None


async def test_reference_refuses_a_wrong_password(pinned_stack: Any, tmp_path: Path) -> None:
    path = tmp_path / "keypair.json"
    save(path, Wallet.from_mnemonic(ABOUT), b"right")
    answer = await run_wallet(pinned_stack, "import", path, b"wrong".hex())
    assert answer["error"] == "Failed to decrypt data. Invalid key or corrupted data."


async def test_signatures_are_equal(pinned_stack: Any) -> None:
    wallet = Wallet.from_mnemonic(ABOUT)
    answer = await run_wallet(pinned_stack, "sign", wallet.key_pair.secret_key.hex(), "héllo".encode().hex())
    assert answer["signature"] == wallet.sign("héllo").hex()
