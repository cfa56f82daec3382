"""The primitives below our protocols against the values their specifications publish."""

from __future__ import annotations

import hashlib

import nacl.bindings as sodium
import pytest
from nacl.exceptions import CryptoError

from engine.crypto.hashes import blake2b
from engine.crypto.noise import hkdf, hmac_blake2b
from engine.crypto.secretstream import secretbox_open, secretbox_seal
from engine.errors import DecodeError


def test_blake2b_of_rfc_7693() -> None:
    """Appendix A; the 64-byte hash is what HMAC-BLAKE2b begins with."""
    expected = (
        "ba80a53f981c4d0d6a2797b69f12f6e94c212f14685ac4b74b12bb6fdbffa2d1"
        "7d87c5392aab792dc252d5de4533cc9518d38aa8dbf1925ab92386edd4009923"
    )
    assert hashlib.blake2b(b"abc").hexdigest() == expected
    inner = hashlib.blake2b(bytes([0x36 ^ 0x6B]) * 128 + b"abc").digest()
    assert hmac_blake2b(b"k" * 128, b"abc") == hashlib.blake2b(bytes([0x5C ^ 0x6B]) * 128 + inner).digest()
    assert blake2b(b"abc").hex() == "bddd813c634239723171ef3fee98579b94964e3bb1cb3e427262c8c068d52319"


def test_key_derivation_is_chained() -> None:
    first, second = hkdf(b"c" * 64, b"material")
    temporary = hmac_blake2b(b"c" * 64, b"material")
    assert first == hmac_blake2b(temporary, b"\x01")
    assert second == hmac_blake2b(temporary, first + b"\x02")


PLAIN = (
    b"Ladies and Gentlemen of the class of '99: If I could offer you only one tip for the future, "
    b"sunscreen would be it."
)
AAD = bytes.fromhex("50515253c0c1c2c3c4c5c6c7")
KEY = bytes(range(0x80, 0xA0))
NONCE = bytes.fromhex("070000004041424344454647")
SEALED = bytes.fromhex(
    "d31a8d34648e60db7b86afbc53ef7ec2a4aded51296e08fea9e2b5a736ee62d6"
    "3dbea45e8ca9671282fafb69da92728b1a71de0a9e060b2905d6a5b67ecd3b36"
    "92ddbd7f2d778b8c9803aee328091b58fab324e4fad675945585808b4831d7bc"
    "3ff4def08e4b7a9de576d26586cec64b6116"
    "1ae10b594f09e26a7e902ecbd0600691"
)


def test_chacha20_poly1305_of_rfc_8439() -> None:
    """Section 2.8.2; the cipher of the Noise handshakes."""
    assert sodium.crypto_aead_chacha20poly1305_ietf_encrypt(PLAIN, AAD, NONCE, KEY) == SEALED
    assert sodium.crypto_aead_chacha20poly1305_ietf_decrypt(SEALED, AAD, NONCE, KEY) == PLAIN


@pytest.mark.parametrize("place", [0, 50, len(SEALED) - 1])
def test_changed_chacha20_poly1305_does_not_open(place: int) -> None:
    changed = SEALED[:place] + bytes([SEALED[place] ^ 1]) + SEALED[place + 1 :]
    with pytest.raises(CryptoError):
        sodium.crypto_aead_chacha20poly1305_ietf_decrypt(changed, AAD, NONCE, KEY)


def test_secretbox_of_nacl() -> None:
    """The secret key box of the NaCl distribution (tests/secretbox.c)."""
    key = bytes.fromhex("1b27556473e985d462cd51197a9a46c76009549eac6474f206c4ee0844f68389")
    nonce = bytes.fromhex("69696ee955b62b73cd62bda875fc73d68219e0036b7a0b37")
    plain = bytes.fromhex(
        "be075fc53c81f2d5cf141316ebeb0c7b5228c52a4c62cbd44b66849b64244ffc"
        "e5ecbaaf33bd751a1ac728d45e6c61296cdc3c01233561f41db66cce314adb31"
        "0e3be8250c46f06dceea3a7fa1348057e2f6556ad6b1318a024a838f21af1fde"
        "048977eb48f59ffd4924ca1c60902e52f0a089bc76897040e082f93776384864"
        "5e0705"
    )
    sealed = secretbox_seal(plain, nonce, key)
    assert sealed.hex().startswith("f3ffc7703f9400e52a7dfb4b3d3305d98e993b9f48681273c29650ba32fc76ce")
    assert secretbox_open(sealed, nonce, key) == plain
    with pytest.raises(DecodeError):
        secretbox_open(sealed[:-1], nonce, key)
