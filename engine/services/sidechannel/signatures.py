"""Detached signatures as they are written in JSON: hex text over the canonical form of an object.

Protocol reference: 06-sidechannel section 4.
"""

from __future__ import annotations

from engine.crypto.keys import verify
from engine.wire.hexkeys import parse_key, parse_signature
from engine.wire.jsjson import JsonValue
from engine.wire.jsvalues import members, truthy


def signature_of(value: JsonValue) -> str | None:
    """The signature text of a signed object: ``sig``, or ``signature`` where that is missing or empty."""
    fields = members(value)
    signature = fields.get("sig")
    if not truthy(signature):
        signature = fields.get("signature")
    return signature if isinstance(signature, str) and signature else None


def signature_valid(signature: str, text: bytes, key: str) -> bool:
    """Whether *signature* (hex, either case) is the signature of *key* (hex) over *text*."""
    signature_bytes = parse_signature(signature)
    key_bytes = parse_key(key)
    return signature_bytes is not None and key_bytes is not None and verify(signature_bytes, text, key_bytes)
