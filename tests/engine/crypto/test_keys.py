"""Key pairs, signatures and Diffie-Hellman against the reference."""

from __future__ import annotations

import importlib
import json
from pathlib import Path
from typing import Any

import nacl.bindings as sodium
import pytest

from engine.crypto import keys
from engine.crypto.keys import KeyPair, diffie_hellman, verify
from engine.errors import HandshakeFailed, LocalProtocolError

VECTORS = Path(__file__).parents[2] / "vectors"
NOISE: dict[str, Any] = json.loads((VECTORS / "noise" / "noise.json").read_text())
DHT_IK: dict[str, Any] = json.loads((VECTORS / "dht" / "noise-ik.json").read_text())


@pytest.mark.parametrize("case", NOISE["keyPairsFromSeed"])
def test_key_pair_from_seed(case: dict[str, str]) -> None:
    pair = KeyPair.from_seed(bytes.fromhex(case["seed"]))
    assert pair.public_key.hex() == case["publicKey"]
    assert pair.secret_key.hex() == case["secretKey"]


@pytest.mark.parametrize("case", NOISE["dh"])
def test_diffie_hellman(case: dict[str, str]) -> None:
    pair = KeyPair.from_seed(bytes.fromhex(case["secretSeed"]))
    assert diffie_hellman(pair.secret_key, bytes.fromhex(case["publicKey"])).hex() == case["dh"]


@pytest.mark.parametrize("case", DHT_IK["dh_examples"])
def test_diffie_hellman_of_the_dht_trace(case: dict[str, str]) -> None:
    pair = KeyPair.from_seed(bytes.fromhex(case["scalar_seed"]))
    assert diffie_hellman(pair.secret_key, bytes.fromhex(case["public_key"])).hex() == case["out"]


@pytest.mark.parametrize("case", NOISE["dhRefused"])
def test_bad_points_are_refused(case: dict[str, Any]) -> None:
    pair = KeyPair.from_seed(b"\x01" * 32)
    assert case["refused"]
    with pytest.raises(HandshakeFailed):
        diffie_hellman(pair.secret_key, bytes.fromhex(case["publicKey"]))


def test_point_of_another_length_is_refused() -> None:
    with pytest.raises(HandshakeFailed):
        diffie_hellman(bytes(64), bytes(31))


def test_sign_and_verify() -> None:
    pair = KeyPair.generate(lambda size: b"\x07" * size)
    signature = pair.sign(b"message")
    assert verify(signature, b"message", pair.public_key)
    assert not verify(signature, b"massage", pair.public_key)
    assert not verify(signature[:-1], b"message", pair.public_key)
    assert not verify(signature, b"message", pair.public_key[:-1])
    assert verify(pair.sign(b""), b"", pair.public_key)


def test_seed_of_another_length_is_a_local_error() -> None:
    with pytest.raises(LocalProtocolError):
        KeyPair.from_seed(bytes(31))


def test_minimal_libsodium_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sodium, "has_crypto_scalarmult_ed25519", False)
    with pytest.raises(ImportError, match="official wheel"):
        importlib.reload(keys)


# RFC 8032 section 7.1, tests 1 to 3: seed, public key, message, signature.
RFC_8032 = [
    (
        "9d61b19deffd5a60ba844af492ec2cc44449c5697b326919703bac031cae7f60",
        "d75a980182b10ab7d54bfed3c964073a0ee172f3daa62325af021a68f707511a",
        "",
        "e5564300c360ac729086e2cc806e828a84877f1eb8e5d974d873e06522490155"
        "5fb8821590a33bacc61e39701cf9b46bd25bf5f0595bbe24655141438e7a100b",
    ),
    (
        "4ccd089b28ff96da9db6c346ec114e0f5b8a319f35aba624da8cf6ed4fb8a6fb",
        "3d4017c3e843895a92b70aa74d1b7ebc9c982ccf2ec4968cc0cd55f12af4660c",
        "72",
        "92a009a9f0d4cab8720e820b5f642540a2b27b5416503f8fb3762223ebdb69da"
        "085ac1e43e15996e458f3613d0f11d8c387b2eaeb4302aeeb00d291612bb0c00",
    ),
    (
        "c5aa8df43f9f837bedb7442f31dcb7b166d38535076f094b85ce3a2e0b4458f7",
        "fc51cd8e6218a1a38da47ed00230f0580816ed13ba3303ac5deb911548908025",
        "af82",
        "6291d657deec24024827e69c3abe01a30ce548a284743a445e3680d7db5ac3ac"
        "18ff9b538d16f290ae67f760984dc6594a7c15e9716ed28dc027beceea1ec40a",
    ),
]


@pytest.mark.parametrize(("seed", "public_key", "message", "signature"), RFC_8032)
def test_rfc_8032(seed: str, public_key: str, message: str, signature: str) -> None:
    pair = KeyPair.from_seed(bytes.fromhex(seed))
    assert pair.public_key.hex() == public_key
    assert pair.sign(bytes.fromhex(message)).hex() == signature
    assert verify(bytes.fromhex(signature), bytes.fromhex(message), pair.public_key)
