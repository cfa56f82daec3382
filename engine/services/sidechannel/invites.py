"""Invites: a signed permission for one key to be in one protected channel until a date.

Theory of operation. An invite names channel, invitee and inviter and is signed by the inviter. It is checked for a
channel and a key: the key of the connection it came over, or our own when it is meant for us. There is no revocation,
only expiry. A peer may show invites of others, expired ones or forgeries; each is merely no permission. Only the last
kind costs us a signature check, which is why :class:`InviteCheck` tells it apart.

Protocol reference: 06-sidechannel section 4.2.
"""

from __future__ import annotations

import math
from collections.abc import Collection
from dataclasses import dataclass
from enum import Enum

from engine.crypto.keys import KeyPair
from engine.services.sidechannel.signatures import signature_of, signature_valid
from engine.wire.compact import encode_utf8
from engine.wire.jsjson import JsonValue, stable_stringify
from engine.wire.jsvalues import NotConvertible, is_number, js_number, key_text, members, text_or


class InviteProblem(Enum):
    """Why an invite is no permission; the value completes the sentence "the invite ..."."""

    MALFORMED = "is not an invite"
    OTHER_CHANNEL = "is for another channel"
    OTHER_INVITEE = "is for another key"
    UNTRUSTED = "is signed by a key whose invites do not count"
    EXPIRED = "has expired"
    FORGED = "has a wrong signature"


@dataclass(frozen=True, slots=True)
class InviteCheck:
    """Result of a check."""

    expires_ms: float = 0.0
    """End of the permission, milliseconds since the epoch."""
    problem: InviteProblem | None = None
    """Why there is none; None for a valid invite."""

    @property
    def valid(self) -> bool:
        """Whether the invite is a permission now."""
        return self.problem is None


@dataclass(frozen=True, slots=True)
class _Fields:
    """The signed fields, normalised."""

    channel: str
    invitee: str
    inviter: str
    inviter_address: JsonValue
    issued_at: float
    expires_at: float
    nonce: str
    version: int | float

    def signed_text(self) -> bytes:
        """What the inviter signs."""
        return encode_utf8(
            stable_stringify(
                {
                    "channel": self.channel,
                    "inviteePubKey": self.invitee,
                    "inviterPubKey": self.inviter,
                    "inviterAddress": self.inviter_address,
                    "issuedAt": self.issued_at,
                    "expiresAt": self.expires_at,
                    "nonce": self.nonce,
                    "version": self.version,
                }
            )
        )


def version_of(value: JsonValue) -> int | float:
    """The version of an invite or welcome: 1 unless it is a finite number."""
    return value if is_number(value) and math.isfinite(value) else 1


def signed_fields(value: JsonValue) -> dict[str, JsonValue] | None:
    """The object that holds the signed fields: ``payload``, or the object itself in the flat form; None if neither."""
    if not isinstance(value, dict):
        return None
    payload = value.get("payload")
    if isinstance(payload, list):
        return {}
    return payload if isinstance(payload, dict) else value


def number_of(value: dict[str, JsonValue], name: str) -> float:
    """A field converted to a number: null is 0, a missing one NaN.

    Raises:
        NotConvertible: the field has no text form.
    """
    return js_number(value[name]) if name in value else math.nan


def _read(invite: JsonValue) -> _Fields | None:
    fields = signed_fields(invite)
    if fields is None:
        return None
    try:
        return _Fields(
            channel=text_or(fields.get("channel"), ""),
            invitee=key_text(fields.get("inviteePubKey")),
            inviter=key_text(fields.get("inviterPubKey")),
            inviter_address=fields.get("inviterAddress"),
            issued_at=number_of(fields, "issuedAt"),
            expires_at=number_of(fields, "expiresAt"),
            nonce=text_or(fields.get("nonce"), ""),
            version=version_of(fields.get("version")),
        )
    except NotConvertible:
        return None


def check_invite(
    invite: JsonValue, channel: str, key: str, inviters: Collection[str] | None, now_ms: float
) -> InviteCheck:
    """Whether an invite lets a key into a channel.

    Args:
        invite: the object as received.
        channel: compared exactly.
        key: public key of the invitee, lower-case hex.
        inviters: keys whose invites count; None = anybody's.
        now_ms: wall clock, milliseconds since the epoch.
    """
    fields = _read(invite)
    signature = signature_of(invite)
    problem: InviteProblem | None = None
    if fields is None or signature is None or not fields.inviter:
        return InviteCheck(problem=InviteProblem.MALFORMED)
    if fields.channel != channel:
        problem = InviteProblem.OTHER_CHANNEL
    elif fields.invitee != key:
        problem = InviteProblem.OTHER_INVITEE
    elif inviters is not None and fields.inviter not in inviters:
        problem = InviteProblem.UNTRUSTED
    elif not (math.isfinite(fields.issued_at) and math.isfinite(fields.expires_at)):
        problem = InviteProblem.MALFORMED
    elif fields.expires_at <= now_ms:
        problem = InviteProblem.EXPIRED
    elif not signature_valid(signature, fields.signed_text(), fields.inviter):
        problem = InviteProblem.FORGED
    return InviteCheck(0.0 if problem else fields.expires_at, problem)


def create_invite(
    key_pair: KeyPair,
    channel: str,
    invitee: str,
    *,
    address: str | None,
    nonce: str,
    issued_ms: int,
    ttl_s: int,
    welcome: JsonValue = None,
) -> dict[str, JsonValue]:
    """A signed invite.

    Args:
        key_pair: of the inviter.
        channel: name.
        invitee: public key of the invited peer, lower-case hex; not validated, as in the reference.
        address: address of the inviter, shown to the invitee.
        nonce: makes two invites differ.
        issued_ms: now, milliseconds since the epoch.
        ttl_s: life time, seconds.
        welcome: the owner's welcome, embedded unsigned so that the newcomer has it.
    """
    expires_ms = issued_ms + ttl_s * 1000
    fields = _Fields(channel, invitee, key_pair.public_key.hex(), address, issued_ms, expires_ms, nonce, 1)
    invite: dict[str, JsonValue] = {
        "payload": {
            "channel": channel,
            "inviteePubKey": invitee,
            "inviterPubKey": fields.inviter,
            "inviterAddress": address,
            "issuedAt": issued_ms,
            "expiresAt": expires_ms,
            "nonce": nonce,
            "version": 1,
        },
        "sig": key_pair.sign(fields.signed_text()).hex(),
    }
    if welcome is not None:
        invite["welcome"] = welcome
    return invite


def embedded_welcome(invite: JsonValue) -> JsonValue:
    """The welcome an invite carries."""
    return members(invite).get("welcome")
