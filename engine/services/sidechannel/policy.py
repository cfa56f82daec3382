"""The receive decision: what happens with one message from one neighbour.

Theory of operation. A frame first passes :meth:`ReceivePolicy.admit`: a blocked neighbour, or one without bytes left,
is refused before anything is parsed. The parsed payload then passes :meth:`ReceivePolicy.decide`, a table of checks
of which the first that fails names the :class:`~.drops.DropReason`; what passes all of them is delivered, consumed
(``auth``) or taken as a request to open a channel, and possibly relayed. The only state that changes is what the
checks are about: the neighbour's bucket, remembered identifiers, accepted invites and verified welcomes.

Checks of the reference keep their order. :class:`~.options.Hardening` adds ours: bytes are counted before anything is
computed, the signature of every message is verified, the signed channel must be the one it came in on, and an
identifier is remembered only for a message that passed, together with its signature, so that a forged copy cannot
suppress the genuine one.

What a peer may do wrong: anything. Forged proof of work, signatures and invites cost strikes. A relay of the reference
does not verify what it passes on, so a forgery that is marked as relayed costs it tokens instead: an attacker behind an
honest relay must not get the relay blocked.

Protocol reference: 06-sidechannel sections 7, 9 and 11.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Hashable, Mapping
from dataclasses import dataclass, field
from enum import Enum
from typing import Final

from engine.config.sections import ENTRY_CHANNEL
from engine.messages import Trust
from engine.services.sidechannel.access import Access
from engine.services.sidechannel.drops import DropReason
from engine.services.sidechannel.invites import InviteProblem
from engine.services.sidechannel.names import channel_name
from engine.services.sidechannel.options import Hardening
from engine.services.sidechannel.payload import CanonicalFields, canonical_fields, message_signature_valid, pow_valid
from engine.services.sidechannel.ratelimit import PeerLimits
from engine.services.sidechannel.relay import relay_ttl
from engine.services.sidechannel.seen import REFERENCE_CAPACITY, REFERENCE_MAX_AGE_MS, SeenCache
from engine.services.sidechannel.signatures import signature_of
from engine.services.sidechannel.welcomes import VerifiedWelcome
from engine.wire.compact import encode_utf8
from engine.wire.jsjson import JsonValue, stable_stringify, stringify
from engine.wire.jsvalues import (
    NotConvertible,
    first_truthy,
    is_number,
    key_text,
    members,
    text_or,
    truthy,
)

RELAYED_FORGERY_BYTES: Final = 4096
"""Tokens a relayed forgery costs the neighbour that passed it on."""
MAX_FRAME_BYTES: Final = 1_000_000
"""Largest message taken from a neighbour even when its rate is not limited."""
MAX_SEEN_CHANNELS: Final = 256
_DIGEST_BYTES: Final = 16
_SIGNATURE_CHARS: Final = 32


class Verdict(Enum):
    """What to do with a message that was not refused."""

    DROP = "drop"
    CONSUME = "consume"
    """It was for the policy only."""
    DELIVER = "deliver"
    OPEN = "open"
    """A neighbour wants :attr:`Decision.wanted` opened."""
    PASS_ON = "pass on"
    """Nothing here; relay it."""


@dataclass(slots=True)
class Arrival:
    """One message and the circumstances it came in."""

    channel: str
    """Channel of the mux channel, never the payload's claim."""
    peer: str
    """Public key hex of the neighbour."""
    payload: JsonValue
    size: int
    """Bytes of its JSON text."""
    wall_ms: float
    tick_ms: float


@dataclass(slots=True)
class Decision:
    """What to do with an arrival."""

    verdict: Verdict = Verdict.DELIVER
    reason: DropReason | None = None
    trust: Trust = Trust.UNSIGNED
    sender: str | None = None
    """``from`` as it is shown: normalised where it was verified."""
    late: bool = False
    relay_ttl: int | float | None = None
    """``ttl`` of the copy to pass on; None = do not relay."""
    wanted: str = ""
    """Channel of an open request."""
    welcome: VerifiedWelcome | None = None
    """A welcome of this channel that verified with the message."""
    admitted: bool = False
    """The neighbour showed a valid invite with this message."""


@dataclass(slots=True)
class _Case:
    """One arrival on its way through the table."""

    arrival: Arrival
    fields: Mapping[str, JsonValue]
    message: Mapping[str, JsonValue]
    control: JsonValue
    decision: Decision = field(default_factory=Decision)
    canonical_: CanonicalFields | None = None
    seen_keys: tuple[bytes, bytes] = (b"", b"")

    @property
    def canonical(self) -> CanonicalFields:
        """The canonical fields, computed once."""
        if self.canonical_ is None:
            self.canonical_ = canonical_fields(self.arrival.payload)
        return self.canonical_


class ReceivePolicy:
    """The decision table with its state.

    Args:
        access: invites and welcomes; its rules are used.
        limits: buckets of the neighbours.
        hardening: where to be stricter than the reference.
    """

    def __init__(self, access: Access, limits: PeerLimits, hardening: Hardening) -> None:
        self._access = access
        self._rules = access.rules
        self._limits = limits
        self._hard = hardening
        self._seen: dict[str, SeenCache] = {}
        self._checks = self._ordered_checks()

    def admit(self, peer: str, size: int, tick_ms: float) -> DropReason | None:
        """Whether a frame of a neighbour is worth parsing; the reason if not.

        Args:
            peer: public key hex of the neighbour.
            size: bytes of the JSON text.
            tick_ms: milliseconds that never jump.
        """
        limiter = self._limits.of(peer, tick_ms)
        if limiter.blocked(tick_ms):
            return DropReason.BLOCKED
        if self._hard.limit_first:
            if not limiter.check(size, tick_ms):
                return DropReason.RATE_LIMIT
            if size > MAX_FRAME_BYTES:
                return DropReason.TOO_LARGE
        return None

    def remember(self, channel: str, id: str, signature: str, tick_ms: float) -> None:
        """Remember a message of our own, so that it is not taken when it comes back."""
        seen = self._seen_in(channel)
        if self._hard.remember_last:
            for key in _seen_keys(stringify(id), signature):
                seen.add(key, tick_ms)
        else:
            seen.add(id, tick_ms)

    @property
    def remembered(self) -> int:
        """Identifiers remembered now."""
        return sum(map(len, self._seen.values()))

    def decide(self, arrival: Arrival) -> Decision:
        """What to do with an arrival that was admitted."""
        fields = members(arrival.payload)
        message = members(fields.get("message"))
        case = _Case(arrival, fields, message, message.get("control"))
        try:
            reason = self._first_refusal(case)
        except NotConvertible:
            reason = DropReason.INVALID_PAYLOAD
        if reason is not None:
            case.decision.verdict = Verdict.DROP
            case.decision.reason = reason
        return case.decision

    # -- the table ----------------------------------------------------------------------------------------------

    def _ordered_checks(self) -> tuple[Callable[[_Case], DropReason | None], ...]:
        hard = self._hard
        checks = (
            self._check_shape,
            self._check_known if hard.remember_last else None,
            self._check_invite,
            self._check_pow,
            None if hard.limit_first else self._check_rate,
            self._check_signature if hard.verify_signatures else None,
            self._check_owner,
            None if hard.remember_last else self._check_duplicate,
            self._check_welcome,
        )
        return tuple(filter(None, checks))

    def _first_refusal(self, case: _Case) -> DropReason | None:
        for check in self._checks:
            reason = check(case)
            if reason is not None:
                return reason
        if self._hard.remember_last:
            self._remember_case(case)
        return self._conclude(case)

    def _check_shape(self, case: _Case) -> DropReason | None:
        hard, arrival = self._hard, case.arrival
        if hard.bind_channel:
            if not isinstance(arrival.payload, dict):
                return DropReason.INVALID_PAYLOAD
            if case.fields.get("channel") != arrival.channel:
                return DropReason.CHANNEL_MISMATCH
        if hard.max_id_chars is not None:
            id = case.fields.get("id")
            if isinstance(id, (dict, list)):
                return DropReason.INVALID_PAYLOAD
            if isinstance(id, str) and len(id) > hard.max_id_chars:
                return DropReason.ID_TOO_LONG
        return None

    def _check_invite(self, case: _Case) -> DropReason | None:
        channel, peer, now = case.arrival.channel, case.arrival.peer, case.arrival.wall_ms
        if not self._rules.invite_required(channel):
            return None
        if not self._access.may_join(channel, now):
            return DropReason.INVITE
        shown = first_truthy(case.fields.get("invite"), case.message.get("invite"))
        known = self._access.authorised(channel, peer, now)
        if known and case.control != "auth":
            return None
        check = self._access.admit(channel, peer, shown, now)
        if check.valid:
            case.decision.admitted = not known
            return None
        if check.problem is InviteProblem.FORGED:
            self._charge(case)
        return None if known else DropReason.INVITE

    def _check_pow(self, case: _Case) -> DropReason | None:
        difficulty = self._rules.difficulty(case.arrival.channel)
        if not difficulty or (
            truthy(case.fields.get("pow")) and pow_valid(case.arrival.payload, case.canonical, difficulty)
        ):
            return None
        self._charge(case)
        return DropReason.INVALID_POW

    def _check_rate(self, case: _Case) -> DropReason | None:
        arrival = case.arrival
        limiter = self._limits.of(arrival.peer, arrival.tick_ms)
        return None if limiter.check(arrival.size, arrival.tick_ms) else DropReason.RATE_LIMIT

    def _check_signature(self, case: _Case) -> DropReason | None:
        sender = key_text(case.fields.get("from"))
        if signature_of(case.arrival.payload) is None or not sender:
            free = not self._hard.require_signed or case.arrival.channel == ENTRY_CHANNEL
            return None if free or case.control in ("auth", "welcome") else DropReason.UNSIGNED
        if not message_signature_valid(case.arrival.payload, case.canonical, sender):
            self._charge(case)
            return DropReason.INVALID_SIGNATURE
        case.decision.trust = Trust.VERIFIED
        case.decision.sender = sender
        return None

    def _check_owner(self, case: _Case) -> DropReason | None:
        channel = case.arrival.channel
        if not self._rules.owner_only(channel) or case.control in ("auth", "welcome"):
            return None
        owner = self._rules.owner(channel)
        if not owner or key_text(case.fields.get("from")) != owner:
            return DropReason.OWNER_ONLY
        verified = case.decision.trust is Trust.VERIFIED
        if not verified and not message_signature_valid(case.arrival.payload, case.canonical, owner):
            return DropReason.OWNER_ONLY
        return None

    def _check_welcome(self, case: _Case) -> DropReason | None:
        channel, get = case.arrival.channel, case.message.get
        welcome = first_truthy(
            get("welcome"),
            case.fields.get("welcome"),
            members(case.fields.get("invite")).get("welcome"),
            members(get("invite")).get("welcome"),
        )
        if welcome is not None:
            case.decision.welcome = self._access.accept_welcome(channel, welcome)
        if case.control == "welcome" and case.decision.welcome is None:
            return DropReason.MISSING_WELCOME if welcome is None else DropReason.INVALID_WELCOME
        if self._rules.welcome_required(channel) and not self._access.welcomed(channel):
            return DropReason.AWAITING_WELCOME
        return None

    def _conclude(self, case: _Case) -> DropReason | None:
        decision, control = case.decision, case.control
        self._describe(case)
        wanted = case.message.get("channel")
        if control == "open_channel" and self._rules.allow_remote_open and isinstance(wanted, str):
            reason = self._check_open(case, channel_name(wanted))
            if reason is not None:
                return reason
        elif control == "auth" or (control == "welcome" and self._foreign_welcome(case)):
            decision.verdict = Verdict.CONSUME
        if self._rules.relay and control not in ("auth", "welcome"):
            clamp_to = self._rules.relay_ttl if self._hard.clamp_ttl else None
            decision.relay_ttl = relay_ttl(case.fields.get("ttl"), clamp_to)
        return None

    def _check_open(self, case: _Case, wanted: str) -> DropReason | None:
        if not wanted:
            case.decision.verdict = Verdict.PASS_ON
            return None
        invite = case.message.get("invite")
        welcome = first_truthy(case.message.get("welcome"), members(invite).get("welcome"))
        if welcome is not None:
            if self._access.accept_welcome(wanted, welcome) is None:
                return DropReason.OPEN_WELCOME
        elif self._rules.welcome_required(wanted):
            return DropReason.OPEN_MISSING_WELCOME
        if self._rules.invite_required(wanted):
            arrival = case.arrival
            if not self._access.admit(wanted, arrival.peer, invite, arrival.wall_ms).valid:
                return DropReason.OPEN_INVITE
        case.decision.verdict = Verdict.OPEN
        case.decision.wanted = wanted
        return None

    # -- parts of checks ----------------------------------------------------------------------------------------

    def _describe(self, case: _Case) -> None:
        decision, window = case.decision, self._hard.live_window_ms
        if decision.sender is None:
            sender = case.fields.get("from")
            decision.sender = None if sender is None else text_or(sender, "")
        ts = case.fields.get("ts")
        decision.late = window is not None and is_number(ts) and not abs(ts - case.arrival.wall_ms) <= window

    def _foreign_welcome(self, case: _Case) -> bool:
        """A welcome that somebody else than the owner passes on in the owner's channel: taken, but not shown."""
        channel, decision = case.arrival.channel, case.decision
        if not self._hard.verify_signatures or not self._rules.owner_only(channel):
            return False
        return decision.trust is not Trust.VERIFIED or decision.sender != self._rules.owner(channel)

    def _charge(self, case: _Case) -> None:
        if not self._hard.strike_forgeries:
            return
        arrival = case.arrival
        limiter = self._limits.of(arrival.peer, arrival.tick_ms)
        if case.fields.get("relayedBy") == arrival.peer:
            limiter.charge(RELAYED_FORGERY_BYTES)
        else:
            limiter.strike(arrival.tick_ms)

    def _seen_in(self, channel: str) -> SeenCache:
        if not self._hard.remember_last:
            channel = ""
        cache = self._seen.get(channel)
        if cache is None:
            if len(self._seen) >= MAX_SEEN_CHANNELS:
                del self._seen[next(iter(self._seen))]
            cache = SeenCache() if channel else SeenCache(REFERENCE_CAPACITY, REFERENCE_MAX_AGE_MS)
            self._seen[channel] = cache
        return cache

    def _check_duplicate(self, case: _Case) -> DropReason | None:
        """The reference's way: look up and remember at once, in one cache for all channels."""
        key = _reference_key(case)
        if key == "":
            return None
        seen = self._seen_in(case.arrival.channel)
        if key in seen:
            return DropReason.DUPLICATE
        seen.add(key, case.arrival.tick_ms)
        return None

    def _check_known(self, case: _Case) -> DropReason | None:
        """Our way: look up by identifier and signature now, remember at the end."""
        id = case.fields.get("id")
        identity = _fallback_id(case) if id is None or id == "" else stable_stringify(id)
        case.seen_keys = _seen_keys(identity, signature_of(case.arrival.payload) or "")
        return DropReason.DUPLICATE if case.seen_keys[0] in self._seen_in(case.arrival.channel) else None

    def _remember_case(self, case: _Case) -> None:
        seen = self._seen_in(case.arrival.channel)
        for key in case.seen_keys:  # the second one stops a copy whose signature was cut off
            seen.add(key, case.arrival.tick_ms)


def _seen_keys(identity: str, signature: str) -> tuple[bytes, bytes]:
    """What is remembered of a message: its identifier with the beginning of its signature, and its identifier alone."""
    digest = hashlib.blake2b(identity.encode("utf-8", "surrogatepass"), digest_size=_DIGEST_BYTES).digest()
    return digest + encode_utf8(signature[:_SIGNATURE_CHARS].lower()), digest


def _fallback_id(case: _Case) -> str:
    get = case.fields.get
    sender, ts, channel = (text_or(get(name), "") for name in ("from", "ts", "channel"))
    if get("from") is None:
        sender = "unknown"
    if get("ts") is None:
        ts = "0"
    if get("channel") is None:
        channel = case.arrival.channel
    return f"{sender}:{ts}:{channel}"


def _reference_key(case: _Case) -> Hashable:
    id = case.fields.get("id")
    match id:
        case None:
            return _fallback_id(case)
        case bool():
            return ("boolean", id)
        case dict() | list():
            return object()  # compared by identity there
        case _:
            return id
