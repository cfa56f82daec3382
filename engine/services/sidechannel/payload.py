"""Messages on the wire: their canonical forms, proof of work, signature, and how our own are built.

Theory of operation. Proof of work and signature cover the same six fields in canonical form, each as JSON text of its
own; so the fields are written once (:class:`CanonicalFields`) and both texts are put together from them. Keys sort as
channel, from, id, [kind,] message, [nonce,] origin, ts: everything before the nonce is constant, which makes the
search cheap. A message of our own is serialised while it is built; proof of work and signature are appended to the
text.

A peer may send any JSON value; missing fields count as null.

Protocol reference: 06-sidechannel sections 1.3, 3 and 4.1.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from hashlib import sha256
from typing import Final

from engine.crypto.keys import KeyPair
from engine.crypto.pow import leading_zero_bits
from engine.services.sidechannel.signatures import signature_of, signature_valid
from engine.wire.compact import encode_utf8
from engine.wire.jsjson import JsonValue, stable_stringify, stringify
from engine.wire.jsvalues import NotConvertible, is_number, key_text, members

_NULL: Final = "null"
_ALPHABET: Final = "0123456789abcdefghijklmnopqrstuvwxyz"
_RANDOM_CHARS: Final = 8
POW_AND_SIGNATURE_BYTES: Final = 180
"""Bytes that proof of work and signature add to a message."""
_OPEN_CHANNEL: Final = "open_channel"


@dataclass(frozen=True, slots=True)
class CanonicalFields:
    """Canonical JSON text of the fields that are hashed and signed."""

    channel: str
    sender: str
    id: str
    message: str
    origin: str
    ts: str

    def pow_parts(self) -> tuple[bytes, bytes]:
        """The text that is hashed, before and behind the nonce."""
        head = f'{{"channel":{self.channel},"from":{self.sender},"id":{self.id},"message":{self.message},"nonce":'
        return encode_utf8(head), encode_utf8(f',"origin":{self.origin},"ts":{self.ts}}}')

    def signed_text(self, sender: str, origin: str) -> bytes:
        """The text that is signed, with the normalised keys (canonical JSON texts) of sender and origin."""
        return encode_utf8(
            f'{{"channel":{self.channel},"from":{sender},"id":{self.id},"kind":"sidechannel_message_v1",'
            f'"message":{self.message},"origin":{origin},"ts":{self.ts}}}'
        )


def canonical_fields(payload: JsonValue) -> CanonicalFields:
    """The canonical fields of a received payload."""
    get = members(payload).get
    sender = stable_stringify(get("from"))
    origin = get("origin")
    return CanonicalFields(
        channel=stable_stringify(get("channel")),
        sender=sender,
        id=stable_stringify(get("id")),
        message=stable_stringify(get("message")),
        origin=sender if origin == get("from") and isinstance(origin, str) else stable_stringify(origin),
        ts=stable_stringify(get("ts")),
    )


def as_meant(payload: JsonValue, fields: CanonicalFields) -> Iterator[CanonicalFields]:
    """The canonical fields, and for an open request also those its sender may have hashed and signed.

    The reference hashes and signs its open requests with ``invite`` and ``welcome`` as null where it then does not send
    them at all.
    """
    yield fields
    message = members(members(payload).get("message"))
    if message.get("control") != _OPEN_CHANNEL:
        return
    missing = [name for name in ("invite", "welcome") if name not in message]
    for names in (missing, missing[:1], missing[1:]) if len(missing) == 2 else (missing,):
        if names:
            yield replace(fields, message=stable_stringify({**message, **dict.fromkeys(names)}))


def pow_valid(payload: JsonValue, fields: CanonicalFields, difficulty: int) -> bool:
    """Whether the payload carries proof of work of at least *difficulty* bits."""
    nonce = members(members(payload).get("pow")).get("nonce")
    if not is_number(nonce):
        return False
    digits = stable_stringify(nonce).encode()
    for meant in as_meant(payload, fields):
        head, tail = meant.pow_parts()
        if leading_zero_bits(sha256(head + digits + tail).digest()) >= difficulty:
            return True
    return False


def message_signature_valid(payload: JsonValue, fields: CanonicalFields, key: str) -> bool:
    """Whether the payload is signed by *key* (hex, normalised here)."""
    signature = signature_of(payload)
    if signature is None:
        return False
    get = members(payload).get
    try:
        sender, origin = key_text(get("from")), key_text(get("origin"))
        key = key_text(key)
    except NotConvertible:
        return False
    sender_text = stable_stringify(sender) if sender else _NULL
    origin_text = stable_stringify(origin) if origin else _NULL
    return any(
        signature_valid(signature, meant.signed_text(sender_text, origin_text), key)
        for meant in as_meant(payload, fields)
    )


def random_text(random_bytes: Callable[[int], bytes]) -> str:
    """Eight characters [0-9a-z]."""
    return "".join(_ALPHABET[byte % 36] for byte in random_bytes(_RANDOM_CHARS))


@dataclass(frozen=True, slots=True)
class Signed:
    """A message of our own, ready to go."""

    raw: bytes
    """The JSON text in UTF-8."""
    signature: str


class Draft:
    """A message of our own before proof of work and signature.

    Args:
        key_pair: of this peer.
        channel: name.
        message: the application's value.
        has_message: False leaves the field out.
        invite: invite shown with this message.
        id: identifier.
        ts_ms: now, milliseconds since the epoch.
        ttl: hops.
    """

    __slots__ = ("_fields", "_head", "_key_pair", "id", "ts_ms")

    def __init__(
        self,
        key_pair: KeyPair,
        channel: str,
        message: JsonValue,
        *,
        has_message: bool,
        invite: JsonValue,
        id: str,
        ts_ms: int,
        ttl: int,
    ) -> None:
        self.id = id
        self.ts_ms = ts_ms
        self._key_pair = key_pair
        canonical = stable_stringify(message) if has_message else _NULL
        same = not isinstance(message, (dict, list))
        text = canonical if same else stringify(message)
        key = f'"{key_pair.public_key.hex()}"'
        channel_text, id_text = stringify(channel), f'"{id}"'
        self._fields = CanonicalFields(channel_text, key, id_text, canonical, key, str(ts_ms))
        self._head = (
            f'{{"type":"sidechannel","id":{id_text},"channel":{channel_text},"from":{key},"origin":{key}'
            + (f',"message":{text}' if has_message else "")
            + f',"ts":{ts_ms},"ttl":{ttl}'
            + (f',"invite":{stringify(invite)}' if invite is not None else "")
        )

    @property
    def size(self) -> int:
        """Bytes without proof of work and signature."""
        return len(encode_utf8(self._head))

    def pow_parts(self) -> tuple[bytes, bytes]:
        """The text to search a nonce for, before and behind the nonce."""
        return self._fields.pow_parts()

    def sign(self, nonce: int | None, difficulty: int) -> Signed:
        """The finished message.

        Args:
            nonce: proof of work, None for a message without.
            difficulty: bits of it.
        """
        key = self._fields.sender
        signature = self._key_pair.sign(self._fields.signed_text(key, key)).hex()
        proof = f',"pow":{{"nonce":{nonce},"difficulty":{difficulty}}}' if nonce is not None else ""
        return Signed(encode_utf8(f'{self._head}{proof},"sig":"{signature}"}}'), signature)
