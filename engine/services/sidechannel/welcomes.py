"""Welcomes: a text the owner of a channel signed for it.

A channel that requires a welcome holds all messages back until one verifies. It proves only that the configured owner
once signed this text for this name; it never expires.

Protocol reference: 06-sidechannel section 4.3.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

from engine.crypto.keys import KeyPair
from engine.services.sidechannel.invites import number_of, signed_fields, version_of
from engine.services.sidechannel.signatures import signature_of, signature_valid
from engine.wire.compact import encode_utf8
from engine.wire.jsjson import JsonValue, stable_stringify
from engine.wire.jstext import js_trim
from engine.wire.jsvalues import NotConvertible, key_text, text_or


@dataclass(frozen=True, slots=True)
class VerifiedWelcome:
    """A welcome whose signature checks."""

    welcome: JsonValue
    """The object as received."""
    text: str
    issued_ms: float


def _signed_text(channel: str, owner: str, text: str, issued_at: float, version: float) -> bytes:
    return encode_utf8(
        stable_stringify(
            {"channel": channel, "ownerPubKey": owner, "text": text, "issuedAt": issued_at, "version": version}
        )
    )


def verify_welcome(welcome: JsonValue, channel: str, owner: str | None) -> VerifiedWelcome | None:
    """The welcome if its owner signed it for this channel, else None.

    Args:
        welcome: the object as received.
        channel: name; trimmed before it is compared.
        owner: configured owner key of the channel, lower-case hex; without one nothing verifies.
    """
    fields = signed_fields(welcome)
    signature = signature_of(welcome)
    if fields is None or signature is None or not owner:
        return None
    try:
        name = js_trim(text_or(fields.get("channel"), ""))
        key = key_text(fields.get("ownerPubKey"))
        text = text_or(fields.get("text"), "")
        issued_at = number_of(fields, "issuedAt")
    except NotConvertible:
        return None
    if name != js_trim(channel) or key != owner or not math.isfinite(issued_at):
        return None
    signed = _signed_text(name, key, text, issued_at, version_of(fields.get("version")))
    return VerifiedWelcome(welcome, text, issued_at) if signature_valid(signature, signed, owner) else None


def create_welcome(key_pair: KeyPair, channel: str, text: str, issued_ms: int) -> dict[str, JsonValue]:
    """A welcome signed by this peer; receivers accept it if they know this peer as the owner.

    Args:
        key_pair: of the owner.
        channel: name, trimmed.
        text: shown to newcomers.
        issued_ms: now, milliseconds since the epoch.
    """
    owner = key_pair.public_key.hex()
    signed = _signed_text(channel, owner, text, issued_ms, 1)
    payload: JsonValue = {
        "channel": channel,
        "ownerPubKey": owner,
        "text": text,
        "issuedAt": issued_ms,
        "version": 1,
    }
    return {"payload": payload, "sig": key_pair.sign(signed).hex()}
