"""Detached signatures as they are written in JSON: hex text over the canonical form of an object.

Protocol reference: 06-sidechannel section 4.
"""

from __future__ import annotations

from typing import Final

from engine.crypto.keys import verify
from engine.wire.jsjson import JsonValue
from engine.wire.jsvalues import members, truthy

_SIGNATURE_HEX: Final = 128
_KEY_HEX: Final = 64


def signature_of(value: JsonValue) -> str | None:
    """The signature text of a signed object: ``sig``, or ``signature`` where that is missing or empty."""
    fields = members(value)
    signature = fields.get("sig")
    if not truthy(signature):
        signature = fields.get("signature")
    return signature if isinstance(signature, str) and signature else None


def _bytes_of(text: str, digits: int) -> bytes | None:
    if len(text) != digits:
        return None
    try:
        data = bytes.fromhex(text)
    except ValueError:
        return None
    return data if len(data) * 2 == digits else None  # fromhex skips blanks


def signature_valid(signature: str, text: bytes, key: str) -> bool:
    """Whether *signature* (hex, either case) is the signature of *key* (hex) over *text*."""
    signature_bytes = _bytes_of(signature, _SIGNATURE_HEX)
    key_bytes = _bytes_of(key, _KEY_HEX)
    return signature_bytes is not None and key_bytes is not None and verify(signature_bytes, text, key_bytes)
