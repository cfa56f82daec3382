"""Names of channels and what is derived from them.

Protocol reference: 06-sidechannel section 1.
"""

from __future__ import annotations

from typing import Final

from engine.crypto.hashes import sha256
from engine.errors import InvalidChannel
from engine.wire.compact import encode_utf8
from engine.wire.jstext import js_trim

_TOPIC_PREFIX: Final = "sidechannel:"
PROTOCOL_PREFIX: Final = "sidechannel/"
MAX_NAME_CHARS: Final = 1024
"""Longest name this peer uses; the reference has no limit."""


def channel_name(text: str) -> str:
    """The name behind what somebody typed: trimmed as JavaScript trims; empty text is no channel."""
    return js_trim(text)


def required_name(text: str) -> str:
    """As :func:`channel_name`.

    Raises:
        InvalidChannel: there is no name, or a very long one.
    """
    name = channel_name(text)
    if not name:
        raise InvalidChannel("The channel name is empty.")
    if len(name) > MAX_NAME_CHARS:
        raise InvalidChannel(f"The channel name has {len(name):,} characters, and at most {MAX_NAME_CHARS:,} are used.")
    return name


def topic(name: str) -> bytes:
    """The 32-byte swarm topic of a channel."""
    return sha256(encode_utf8(_TOPIC_PREFIX + name))


def protocol_name(name: str) -> str:
    """The Protomux protocol of a channel."""
    return PROTOCOL_PREFIX + name
