"""Noise handshakes IK and XX over Ed25519, ChaCha20-Poly1305 and BLAKE2b.

Theory of operation. Both sides alternate :meth:`~HandshakeIK.send` and :meth:`~HandshakeIK.recv`, the initiator first,
until the pattern is used up (IK two messages, XX three). Then :attr:`~HandshakeIK.result` holds the transport keys and
the handshake hash. In IK the initiator knows the responder's key beforehand, and the responder learns the initiator's
key from the first message, so it can refuse before it answers.

What a peer may do wrong: send too little, send bytes that do not authenticate, send a public key that is no point of
the main subgroup. Each is :class:`~engine.errors.HandshakeFailed`, and the handshake is then as it was before the
message, so a forged message of a third party does not spoil it. Calls in the wrong order are
:class:`~engine.errors.LocalProtocolError`.

Protocol reference: 03-secure-stream section 3.
"""

from __future__ import annotations

import hashlib
import hmac
from collections.abc import Callable
from copy import copy
from dataclasses import dataclass, field
from typing import ClassVar, Final

import nacl.bindings as sodium
from nacl.exceptions import CryptoError

from engine.crypto.keys import PUBLIC_KEY_BYTES, KeyPair, diffie_hellman
from engine.errors import HandshakeFailed, LocalProtocolError

TAG_BYTES: Final = 16
MAX_CIPHERTEXT_BYTES: Final = 65535
_HASH_BYTES: Final = 64
_KEY_BYTES: Final = 32


@dataclass(frozen=True, slots=True)
class HandshakeResult:
    """What a finished handshake leaves behind."""

    is_initiator: bool
    """True on the dialling side."""

    public_key: bytes
    """Own static public key, 32 bytes."""

    remote_public_key: bytes
    """Proven static public key of the peer, 32 bytes."""

    hash: bytes
    """Handshake hash, 64 bytes, equal on both sides."""

    tx: bytes = field(repr=False)
    """Key for what this side sends, 32 bytes."""

    rx: bytes = field(repr=False)
    """Key for what the peer sends, 32 bytes."""


def _hash(*parts: bytes) -> bytes:
    return hashlib.blake2b(b"".join(parts)).digest()


def hmac_blake2b(key: bytes, message: bytes) -> bytes:
    """RFC 2104 HMAC over BLAKE2b-512 (not its keyed mode): 64 bytes."""
    return hmac.new(key, message, hashlib.blake2b).digest()


def hkdf(chaining_key: bytes, material: bytes) -> tuple[bytes, bytes]:
    """Two 64-byte outputs of the Noise key derivation."""
    temporary = hmac_blake2b(chaining_key, material)
    first = hmac_blake2b(temporary, b"\x01")
    return first, hmac_blake2b(temporary, first + b"\x02")


class _SymmetricState:
    """Handshake hash, chaining key and current cipher key.

    Protocol reference: 03-secure-stream section 3.2.
    """

    __slots__ = ("chaining_key", "hash", "key", "nonce")

    def __init__(self, protocol_name: bytes) -> None:
        self.hash = protocol_name.ljust(_HASH_BYTES, b"\0")  # every name here is shorter than the hash
        self.chaining_key = self.hash
        self.key: bytes | None = None
        self.nonce = 0

    def mix_hash(self, data: bytes) -> None:
        self.hash = _hash(self.hash, data)

    def mix_key(self, secret: bytes) -> None:
        self.chaining_key, key = hkdf(self.chaining_key, secret)
        self.key = key[:_KEY_BYTES]
        self.nonce = 0

    def _next_nonce(self) -> bytes:
        nonce = bytes(4) + self.nonce.to_bytes(8, "little")
        self.nonce += 1
        return nonce

    def encrypt_and_hash(self, plaintext: bytes) -> bytes:
        ciphertext = plaintext
        if self.key is not None:
            ciphertext = sodium.crypto_aead_chacha20poly1305_ietf_encrypt(
                plaintext, self.hash, self._next_nonce(), self.key
            )
        self.mix_hash(ciphertext)
        return ciphertext

    def decrypt_and_hash(self, ciphertext: bytes) -> bytes:
        plaintext = ciphertext
        if self.key is not None:
            if not TAG_BYTES <= len(ciphertext) <= MAX_CIPHERTEXT_BYTES:
                raise HandshakeFailed(f"An encrypted handshake field has {len(ciphertext)} bytes.")
            try:
                plaintext = sodium.crypto_aead_chacha20poly1305_ietf_decrypt(
                    ciphertext, self.hash, self._next_nonce(), self.key
                )
            except CryptoError:
                raise HandshakeFailed("A handshake message does not authenticate.") from None
        self.mix_hash(ciphertext)
        return plaintext

    def split(self) -> tuple[bytes, bytes]:
        first, second = hkdf(self.chaining_key, b"")
        return first[:_KEY_BYTES], second[:_KEY_BYTES]


class _Handshake:
    """The state machine both patterns share."""

    _name: ClassVar[bytes]
    _pattern: ClassVar[tuple[tuple[str, ...], ...]]
    _knows_responder: ClassVar[bool]

    def __init__(
        self,
        initiator: bool,
        static: KeyPair,
        remote_public_key: bytes | None,
        prologue: bytes,
        random_bytes: Callable[[int], bytes],
    ) -> None:
        self.is_initiator = initiator
        self.remote_public_key = remote_public_key
        """Static key of the peer; proven once a message that depends on it was received."""
        self.result: HandshakeResult | None = None
        """Set when the last message was sent or received."""
        self._static = static
        self._random_bytes = random_bytes
        self._ephemeral: KeyPair | None = None
        self._remote_ephemeral: bytes | None = None
        self._index = 0
        self._symmetric = _SymmetricState(self._name)
        self._symmetric.mix_hash(prologue)
        if self._knows_responder:
            responder = remote_public_key if initiator else static.public_key
            if responder is None or len(responder) != PUBLIC_KEY_BYTES:
                raise LocalProtocolError("The initiator must know the responder's public key.")
            self._symmetric.mix_hash(responder)

    @property
    def complete(self) -> bool:
        """True once both sides have the transport keys."""
        return self.result is not None

    def send(self, payload: bytes = b"") -> bytes:
        """The next message, carrying *payload*.

        Raises:
            LocalProtocolError: it is not this side's turn, or the payload is too long.
            HandshakeFailed: the configured remote key is no valid curve point.
        """
        tokens = self._take_turn(sending=True)
        if len(payload) + TAG_BYTES > MAX_CIPHERTEXT_BYTES:
            raise LocalProtocolError(f"A handshake payload of {len(payload)} bytes is too long.")
        message = bytearray()
        for token in tokens:
            if token == "e":
                self._ephemeral = KeyPair.generate(self._random_bytes)
                message += self._ephemeral.public_key
                self._symmetric.mix_hash(self._ephemeral.public_key)
            elif token == "s":
                message += self._symmetric.encrypt_and_hash(self._static.public_key)
            else:
                self._mix_shared_secret(token)
        message += self._symmetric.encrypt_and_hash(payload)
        self._finish_message()
        return bytes(message)

    def recv(self, message: bytes) -> bytes:
        """The payload of the peer's message.

        Raises:
            HandshakeFailed: the message is not authentic; the handshake is as before.
            LocalProtocolError: it is not the peer's turn.
        """
        tokens = self._take_turn(sending=False)
        before = copy(self._symmetric), self._remote_ephemeral, self.remote_public_key
        try:
            payload = self._read(tokens, message)
        except HandshakeFailed:
            self._symmetric, self._remote_ephemeral, self.remote_public_key = before
            raise
        self._finish_message()
        return payload

    def _take_turn(self, *, sending: bool) -> tuple[str, ...]:
        if self.complete:
            raise LocalProtocolError("The handshake is complete.")
        if sending != (self.is_initiator == (self._index % 2 == 0)):
            raise LocalProtocolError("The other side has to send the next handshake message.")
        return self._pattern[self._index]

    def _read(self, tokens: tuple[str, ...], message: bytes) -> bytes:
        pos = 0
        for token in tokens:
            if token in ("e", "s"):
                sealed = token == "s" and self._symmetric.key is not None
                size = PUBLIC_KEY_BYTES + (TAG_BYTES if sealed else 0)
                if len(message) - pos < size:
                    raise HandshakeFailed("A handshake message is too short.")
                part = message[pos : pos + size]
                pos += size
                if token == "e":
                    self._remote_ephemeral = part
                    self._symmetric.mix_hash(part)
                else:
                    self.remote_public_key = self._symmetric.decrypt_and_hash(part)
            else:
                self._mix_shared_secret(token)
        return self._symmetric.decrypt_and_hash(message[pos:])

    def _mix_shared_secret(self, token: str) -> None:
        own, remote = (token[0], token[1]) if self.is_initiator else (token[1], token[0])
        key = self._ephemeral if own == "e" else self._static
        point = self._remote_ephemeral if remote == "e" else self.remote_public_key
        if key is None or point is None:
            raise LocalProtocolError("The handshake pattern uses a key that is not known yet.")
        self._symmetric.mix_key(diffie_hellman(key.secret_key, point))

    def _finish_message(self) -> None:
        self._index += 1
        if self._index < len(self._pattern) or self.remote_public_key is None:
            return
        first, second = self._symmetric.split()
        self.result = HandshakeResult(
            is_initiator=self.is_initiator,
            public_key=self._static.public_key,
            remote_public_key=self.remote_public_key,
            hash=self._symmetric.hash,
            tx=first if self.is_initiator else second,
            rx=second if self.is_initiator else first,
        )
        self._ephemeral = None


class HandshakeIK(_Handshake):
    """Pattern IK, used on the DHT: the initiator knows the responder's static key.

    Args:
        initiator: True on the dialling side.
        static: own key pair.
        remote_public_key: the responder's key (initiator), None (responder).
        prologue: the 32-byte PEER_HANDSHAKE namespace.
        random_bytes: entropy for the ephemeral key.

    Raises:
        LocalProtocolError: an initiator without the responder's key.

    Protocol reference: 03-secure-stream sections 3.2 and 3.3.
    """

    _name = b"Noise_IK_Ed25519_ChaChaPoly_BLAKE2b"
    _pattern = (("e", "es", "s", "ss"), ("e", "ee", "se"))
    _knows_responder = True


class HandshakeXX(_Handshake):
    """Pattern XX, used by a stand-alone secret stream: neither side knows the other's static key.

    Args: as for :class:`HandshakeIK`; ``remote_public_key`` is None and the prologue is empty.

    Protocol reference: 03-secure-stream section 8.
    """

    _name = b"Noise_XX_Ed25519_ChaChaPoly_BLAKE2b"
    _pattern = (("e",), ("e", "ee", "s", "es"), ("s", "se"))
    _knows_responder = False
