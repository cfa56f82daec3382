"""What people paste to join: names, join commands, invites and welcomes as JSON or base64."""

from __future__ import annotations

import base64
import binascii
import json
import re
import shlex
from dataclasses import dataclass
from typing import Any

MAX_CHARS = 200_000
"""Longer pastes are not looked at."""
_KEY = re.compile(r"[0-9a-fA-F]{64}")


@dataclass(frozen=True, slots=True)
class JoinWish:
    """What a paste asks for."""

    channel: str
    invite: dict[str, Any] | None = None
    welcome: dict[str, Any] | None = None


def parse_signed(text: str) -> dict[str, Any] | None:
    """An invite or welcome given as JSON, ``b64:`` or base64; None when it is none."""
    text = text.strip()
    if not text or len(text) > MAX_CHARS:
        return None
    if text.startswith("{"):
        return _object(text)
    packed = text.removeprefix("b64:").replace("-", "+").replace("_", "/")
    try:
        raw = base64.b64decode(packed + "=" * (-len(packed) % 4), validate=True)
    except (binascii.Error, ValueError):
        return None
    return _object(raw.decode("utf-8", "replace"))


def parse_join(text: str) -> JoinWish | None:
    """A channel name, a join command, or an invite that names its channel; None when it is nothing of these."""
    text = text.strip()
    if not text or len(text) > MAX_CHARS:
        return None
    if text.startswith("/sc_join"):
        return _join_command(text)
    signed = parse_signed(text) if len(text) > 40 else None
    if signed is not None:
        channel = _channel_of(signed)
        if not channel:
            return None
        is_invite = "inviteePubKey" in (signed.get("payload") or signed)
        return JoinWish(channel, signed, None) if is_invite else JoinWish(channel, None, signed)
    if "\n" in text:
        return None
    return JoinWish(text.removeprefix("#").strip() or text)


def parse_key(text: str) -> str | None:
    """A public key of 64 hex digits, in lower case."""
    text = text.strip()
    return text.lower() if _KEY.fullmatch(text) else None


def _join_command(text: str) -> JoinWish | None:
    try:
        words = shlex.split(text.split("\n", 1)[0])
    except ValueError:
        return None
    values = {word.removeprefix("--"): value for word, value in zip(words[1::2], words[2::2], strict=False)}
    channel = values.get("channel") or values.get("ch") or values.get("name")
    if not channel:
        return None
    invite = values.get("invite") or values.get("invite_b64")
    welcome = values.get("welcome") or values.get("welcome_b64")
    return JoinWish(channel, parse_signed(invite) if invite else None, parse_signed(welcome) if welcome else None)


def _channel_of(signed: dict[str, Any]) -> str:
    payload = signed.get("payload")
    channel = (payload if isinstance(payload, dict) else signed).get("channel")
    return channel if isinstance(channel, str) else ""


def _object(text: str) -> dict[str, Any] | None:
    try:
        value = json.loads(text)
    except (ValueError, RecursionError):
        return None
    return value if isinstance(value, dict) else None
