"""Where this peer is stricter than the reference: forgeries, replays, floods, memory."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from engine.config.sections import ENTRY_CHANNEL
from engine.crypto.keys import KeyPair
from engine.crypto.pow import mine
from engine.messages import Trust
from engine.services.sidechannel.access import Access
from engine.services.sidechannel.drops import DropReason
from engine.services.sidechannel.invites import create_invite
from engine.services.sidechannel.options import REFERENCE, ChannelRules, Hardening
from engine.services.sidechannel.payload import Draft
from engine.services.sidechannel.policy import MAX_FRAME_BYTES, Arrival, Decision, ReceivePolicy, Verdict
from engine.services.sidechannel.ratelimit import PeerLimits, RateLimits
from engine.services.sidechannel.welcomes import create_welcome
from engine.wire.jsjson import parse

ME, ALICE, BOB, OWNER = (KeyPair.from_seed(bytes([number]) * 32) for number in range(1, 5))
ME_KEY, ALICE_KEY, BOB_KEY, OWNER_KEY = (pair.public_key.hex() for pair in (ME, ALICE, BOB, OWNER))
NOW = 1_700_000_000_000
ROOM = "room"


def build(
    author: KeyPair,
    message: Any = "hi",
    *,
    channel: str = ENTRY_CHANNEL,
    id: str = "id1",
    ts: int = NOW,
    bits: int = 0,
    invite: Any = None,
    **changes: Any,
) -> dict[str, Any]:
    """A payload as its author sends it; *changes* are made after signing, ``...`` takes a field out."""
    draft = Draft(author, channel, message, has_message=True, invite=invite, id=id, ts_ms=ts, ttl=3)
    nonce = mine(*draft.pow_parts(), bits) if bits else None
    payload: dict[str, Any] = json.loads(draft.sign(nonce, bits).raw)
    payload.update(changes)
    return {name: value for name, value in payload.items() if value is not ...}


def without(payload: dict[str, Any], name: str) -> dict[str, Any]:
    """The payload without a field."""
    return {key: value for key, value in payload.items() if key != name}


class Receiver:
    """A policy with its clock and its neighbours."""

    def __init__(self, hardening: Hardening | None = None, limits: RateLimits | None = None, **rules: Any) -> None:
        self.access = Access(ChannelRules(ME_KEY, **({"welcome_required_": False} | rules)))
        self.limits = PeerLimits(limits or RateLimits())
        self.policy = ReceivePolicy(self.access, self.limits, hardening or Hardening())
        self.now = NOW

    def take(self, payload: Any, *, peer: str = ALICE_KEY, channel: str = ENTRY_CHANNEL) -> Decision:
        """Decide about a payload that arrived."""
        size = len(json.dumps(payload))
        refused = self.policy.admit(peer, size, self.now)
        if refused is not None:
            return Decision(Verdict.DROP, refused)
        return self.policy.decide(Arrival(channel, peer, payload, size, self.now, self.now))

    def refuses(self, payload: Any, reason: DropReason, **where: Any) -> None:
        """Check that a payload is refused for this reason."""
        decision = self.take(payload, **where)
        assert (decision.verdict, decision.reason) == (Verdict.DROP, reason)

    def strikes(self, peer: str = ALICE_KEY) -> int:
        """Strikes of a neighbour."""
        limiter = self.limits.peek(peer)
        return limiter.strikes if limiter is not None else 0


def test_a_signed_message_is_verified() -> None:
    decision = Receiver().take(build(ALICE))
    assert (decision.verdict, decision.trust, decision.sender) == (Verdict.DELIVER, Trust.VERIFIED, ALICE_KEY)
    assert decision.relay_ttl == 2


@pytest.mark.parametrize("change", ["message", "ts", "id", "from", "origin"])
def test_a_changed_message_is_dropped(change: str) -> None:
    receiver = Receiver()
    payload = build(ALICE)
    payload[change] = {"message": "other", "ts": 1, "id": "x", "from": BOB_KEY, "origin": BOB_KEY}[change]
    receiver.refuses(payload, DropReason.INVALID_SIGNATURE)
    assert receiver.strikes() == 1


def test_unsigned_messages_are_shown_as_such_in_the_entry_channel_only() -> None:
    receiver = Receiver()
    assert receiver.take(build(ALICE, sig=...)).trust is Trust.UNSIGNED
    receiver.refuses(build(ALICE, channel=ROOM, sig=...), DropReason.UNSIGNED, channel=ROOM)
    receiver.refuses(build(ALICE, channel=ROOM, id="2", **{"from": None}), DropReason.UNSIGNED, channel=ROOM)
    assert receiver.strikes() == 0
    relaxed = Receiver(Hardening(require_signed=False))
    assert relaxed.take(build(ALICE, channel=ROOM, sig=...), channel=ROOM).verdict is Verdict.DELIVER


def test_a_message_for_another_channel_is_dropped() -> None:
    receiver = Receiver()
    receiver.refuses(build(ALICE, channel=ROOM), DropReason.CHANNEL_MISMATCH)
    receiver.refuses(without(build(ALICE), "channel"), DropReason.CHANNEL_MISMATCH)
    assert receiver.take(build(ALICE, channel=ROOM), channel=ROOM).verdict is Verdict.DELIVER


def test_a_forged_copy_does_not_suppress_the_genuine_message() -> None:
    receiver = Receiver()
    receiver.refuses(build(ALICE, message="real") | {"message": "forged"}, DropReason.INVALID_SIGNATURE, peer=BOB_KEY)
    same_id = receiver.take(build(BOB, message="also forged"), peer=BOB_KEY)
    assert (same_id.verdict, same_id.sender) == (Verdict.DELIVER, BOB_KEY)
    genuine = receiver.take(build(ALICE, message="real"))
    assert (genuine.verdict, genuine.sender) == (Verdict.DELIVER, ALICE_KEY)


def test_copies_are_duplicates_even_without_their_signature() -> None:
    receiver = Receiver()
    payload = build(ALICE)
    receiver.take(payload)
    for copy in (payload, payload | {"ttl": 1, "relayedBy": BOB_KEY}, payload | {"sig": payload["sig"].upper()}):
        receiver.refuses(copy, DropReason.DUPLICATE, peer=BOB_KEY)
    receiver.refuses(without(payload, "sig"), DropReason.DUPLICATE)


def test_a_verified_copy_is_taken_after_an_unsigned_one() -> None:
    receiver = Receiver()
    assert receiver.take(build(ALICE, sig=...), peer=BOB_KEY).trust is Trust.UNSIGNED
    assert receiver.take(build(ALICE)).trust is Trust.VERIFIED


def test_own_messages_that_come_back_are_duplicates() -> None:
    receiver = Receiver()
    payload = build(ME)
    receiver.policy.remember(ENTRY_CHANNEL, payload["id"], payload["sig"], NOW)
    receiver.refuses(payload, DropReason.DUPLICATE)
    receiver.refuses(build(ME, sig=...), DropReason.DUPLICATE)


def test_old_and_future_messages_are_marked_late() -> None:
    receiver = Receiver()
    late = [
        receiver.take(build(ALICE, id=str(ts), ts=NOW + ts)).late for ts in (0, 600_000, -600_000, 600_001, -600_001)
    ]
    assert late == [False, False, False, True, True]


def test_a_replay_within_the_live_window_is_known() -> None:
    receiver = Receiver()
    payload = build(ALICE, ts=NOW + 600_000)
    assert not receiver.take(payload).late
    receiver.now += 1_199_000
    receiver.take(build(ALICE, id="other", ts=receiver.now))
    receiver.refuses(payload, DropReason.DUPLICATE)


@pytest.mark.parametrize(
    ("ttl", "relayed"), [(1000, 2), (3, 2), (1, 0), (0.5, None), (0, None), (-3, None), ("3", None)]
)
def test_ttl_is_clamped(ttl: Any, relayed: int | None) -> None:
    assert Receiver().take(build(ALICE, ttl=ttl)).relay_ttl == relayed


def test_no_hops_means_no_relay() -> None:
    assert Receiver(relay_ttl=0).take(build(ALICE)).relay_ttl is None


def test_bad_proof_of_work_costs_strikes_and_blocks() -> None:
    receiver = Receiver(pow_bits=12)
    for number in range(3):
        receiver.refuses(build(ALICE, id=str(number)), DropReason.INVALID_POW)
    receiver.refuses(build(ALICE, bits=12), DropReason.BLOCKED)
    assert receiver.take(build(BOB, bits=12), peer=BOB_KEY).verdict is Verdict.DELIVER
    receiver.now += 30_001
    assert receiver.take(build(ALICE, bits=12)).verdict is Verdict.DELIVER


def test_a_relay_pays_for_forgeries_but_is_not_blocked_at_once() -> None:
    receiver = Receiver(pow_bits=12)
    for number in range(10):
        receiver.refuses(build(ALICE, id=str(number), relayedBy=BOB_KEY), DropReason.INVALID_POW, peer=BOB_KEY)
    assert receiver.strikes(BOB_KEY) == 0
    limiter = receiver.limits.peek(BOB_KEY)
    assert limiter is not None
    assert limiter.tokens < 256_000 - 10 * 4096
    for number in range(200):
        receiver.take(build(ALICE, id=f"more {number}", relayedBy=BOB_KEY), peer=BOB_KEY)
    receiver.refuses(build(ALICE, bits=12), DropReason.BLOCKED, peer=BOB_KEY)


def test_bytes_are_counted_before_anything_is_computed() -> None:
    receiver = Receiver(limits=RateLimits(burst_bytes=1000))
    assert receiver.policy.admit(ALICE_KEY, 900, NOW) is None
    assert receiver.policy.admit(ALICE_KEY, 900, NOW) is DropReason.RATE_LIMIT
    free = Receiver(limits=RateLimits(bytes_per_s=0))
    assert free.policy.admit(ALICE_KEY, MAX_FRAME_BYTES + 1, NOW) is DropReason.TOO_LARGE


@pytest.mark.parametrize("payload", [None, "text", [], 5, True])
def test_only_objects_are_messages(payload: Any) -> None:
    Receiver().refuses(payload, DropReason.INVALID_PAYLOAD)


def test_identifiers_are_bounded() -> None:
    receiver = Receiver()
    receiver.refuses(build(ALICE, id="x" * 257), DropReason.ID_TOO_LONG)
    receiver.refuses(build(ALICE) | {"id": {"a": 1}}, DropReason.INVALID_PAYLOAD)
    assert receiver.take(build(ALICE, id="x" * 256)).verdict is Verdict.DELIVER


def test_fields_without_a_text_form_are_invalid() -> None:
    receiver = Receiver()
    receiver.refuses(build(ALICE, sig=...) | {"from": {"toString": 1}}, DropReason.INVALID_PAYLOAD)
    receiver.refuses(without(build(ALICE), "id") | {"ts": {"toString": 1}}, DropReason.INVALID_PAYLOAD)


def test_a_message_that_waited_for_a_welcome_is_taken_later() -> None:
    receiver = Receiver(owners={ROOM: OWNER_KEY}, welcome_required_=True)
    payload = build(ALICE, channel=ROOM)
    receiver.refuses(payload, DropReason.AWAITING_WELCOME, channel=ROOM)
    assert receiver.access.accept_welcome(ROOM, create_welcome(OWNER, ROOM, "hi", NOW)) is not None
    assert receiver.take(payload, channel=ROOM).verdict is Verdict.DELIVER


def test_a_welcome_passed_on_by_a_stranger_is_taken_but_not_shown() -> None:
    rules: dict[str, Any] = {"owners": {ROOM: OWNER_KEY}, "owner_write_only": True, "welcome_required_": True}
    welcome = {"control": "welcome", "welcome": create_welcome(OWNER, ROOM, "hi", NOW), "text": "read this spam"}
    receiver = Receiver(**rules)
    decision = receiver.take(build(ALICE, welcome, channel=ROOM), channel=ROOM)
    assert decision.verdict is Verdict.CONSUME
    assert decision.welcome is not None
    assert receiver.access.welcomed(ROOM)
    shown = Receiver(**rules).take(build(OWNER, welcome, channel=ROOM), peer=OWNER_KEY, channel=ROOM)
    assert shown.verdict is Verdict.DELIVER


def test_an_owner_message_cannot_be_replayed_into_another_channel() -> None:
    receiver = Receiver(owners={ROOM: OWNER_KEY, "other": OWNER_KEY}, owner_write_only=True)
    receiver.refuses(build(OWNER, channel=ROOM), DropReason.CHANNEL_MISMATCH, channel="other")
    receiver.refuses(build(ALICE, channel=ROOM), DropReason.OWNER_ONLY, channel=ROOM)
    assert receiver.take(build(OWNER, channel=ROOM, id="2"), channel=ROOM).verdict is Verdict.DELIVER


def invited_rules() -> dict[str, Any]:
    """A channel protected by us."""
    return {"invites": True, "invite_channels": frozenset({ROOM}), "inviters": frozenset({ME_KEY})}


def invite_for(key: str, ttl_s: int = 60) -> dict[str, Any]:
    """An invite by us."""
    return create_invite(ME, ROOM, key, address=None, nonce="n", issued_ms=NOW, ttl_s=ttl_s)


def auth(author: KeyPair, invite: Any, id: str = "auth") -> dict[str, Any]:
    """The message that shows an invite."""
    return build(author, {"control": "auth", "invite": invite}, channel=ROOM, id=id)


def test_an_invite_admits_once_and_can_be_renewed() -> None:
    receiver = Receiver(**invited_rules())
    first = receiver.take(auth(ALICE, invite_for(ALICE_KEY)), channel=ROOM)
    assert (first.verdict, first.admitted) == (Verdict.CONSUME, True)
    again = receiver.take(auth(ALICE, invite_for(ALICE_KEY, ttl_s=600), id="2"), channel=ROOM)
    assert (again.verdict, again.admitted) == (Verdict.CONSUME, False)
    receiver.now += 120_000
    assert receiver.access.authorised(ROOM, ALICE_KEY, receiver.now)
    receiver.now += 600_000
    receiver.refuses(build(ALICE, channel=ROOM, ts=receiver.now), DropReason.INVITE, channel=ROOM)
    assert receiver.strikes() == 0


def test_forged_invites_cost_strikes_and_others_do_not() -> None:
    receiver = Receiver(**invited_rules())
    receiver.refuses(auth(ALICE, invite_for(BOB_KEY)), DropReason.INVITE, channel=ROOM)
    receiver.refuses(build(ALICE, channel=ROOM), DropReason.INVITE, channel=ROOM)
    receiver.refuses(auth(ALICE, invite_for(ALICE_KEY, ttl_s=-1)), DropReason.INVITE, channel=ROOM)
    assert receiver.strikes() == 0
    forged = invite_for(ALICE_KEY)
    forged["payload"]["expiresAt"] += 1
    receiver.refuses(auth(ALICE, forged), DropReason.INVITE, channel=ROOM)
    assert receiver.strikes() == 1


def test_memory_of_identifiers_is_bounded_over_channels() -> None:
    receiver = Receiver()
    for number in range(300):
        name = f"room {number}"
        receiver.take(build(ALICE, channel=name), channel=name)
    assert len(receiver.policy._seen) == 256


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(max_size=10),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(
            st.sampled_from(["control", "channel", "invite", "welcome", "payload", "sig", "toString", "text"])
            | st.text(max_size=4),
            inner,
            max_size=4,
        )
    ),
    max_leaves=10,
)
fields = ["id", "channel", "from", "origin", "message", "ts", "ttl", "invite", "welcome", "pow", "sig", "relayedBy"]
payloads = json_values | st.fixed_dictionaries(
    {},
    optional={name: json_values | st.sampled_from([ROOM, ENTRY_CHANNEL, ALICE_KEY, "a" * 128]) for name in fields},
)
controls = st.fixed_dictionaries(
    {"control": st.sampled_from(["auth", "welcome", "open_channel"])},
    optional={"channel": st.sampled_from([ROOM, "", 5]) | json_values, "invite": json_values, "welcome": json_values},
)


@settings(max_examples=300)
@given(
    payloads | st.fixed_dictionaries({"message": controls, "channel": st.just(ROOM)}, optional={"id": json_values}),
    st.sampled_from([ROOM, ENTRY_CHANNEL]),
    st.booleans(),
)
def test_no_payload_breaks_the_policy(payload: Any, channel: str, hardened: bool) -> None:
    for rules in ({}, invited_rules(), {"owners": {ROOM: OWNER_KEY}, "owner_write_only": True, "pow_bits": 4}):
        receiver = Receiver(None if hardened else REFERENCE, **rules)
        decision = receiver.take(parse(json.dumps(payload)), channel=channel)
        assert (decision.reason is not None) == (decision.verdict is Verdict.DROP)
        assert decision.trust is Trust.UNSIGNED
