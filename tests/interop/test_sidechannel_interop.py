"""Sidechannels between our peers and JavaScript peers that behave as the network's do."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from typing import Any

import pytest

from engine.config.sections import ENTRY_CHANNEL
from engine.events import ChannelJoined, InviteAccepted, OpenRequested, WelcomeAccepted
from engine.messages import Trust
from engine.services.sidechannel.attachments import encode_attachment
from engine.services.sidechannel.welcomes import create_welcome
from tests.harness.js_sidechannel import JsSidechannel
from tests.harness.sidechannel_peers import PeerFactory, key_pair, local_peers, public_hex

pytestmark = pytest.mark.interop

OURS, THEIRS, OTHER = 1, 2, 3
CHANNEL = "pub1"
PROTECTED = "priv1"
VALUES: list[Any] = [
    "text",
    'ünïcode 😀 \u2028 " \\ \u0001',
    {"z": 1, "a": [1.5, -0.0, 1e21, 1e-7, None, True], "10": "x", "9": "y", "ﬀ": 1, "😀": 2},
    [],
    0,
    False,
]


class Interop:
    """Peers of both kinds on one DHT."""

    def __init__(self, peers: PeerFactory, stack: Any) -> None:
        self.ours = peers
        self._stack = stack

    async def theirs(self, number: int, **options: Any) -> JsSidechannel:
        """A started JavaScript peer."""
        seed = key_pair(number).secret_key[:32].hex()
        process = await self._stack.spawn("sidechannel_peer.js", self.ours.port, json.dumps({"seed": seed, **options}))
        ready = await process.read_until("ready")
        assert ready["key"] == public_hex(number)
        return JsSidechannel(process, ready["key"])


@pytest.fixture
async def network(js_stack: Any) -> AsyncIterator[Interop]:
    async with local_peers() as peers:
        yield Interop(peers, js_stack)


def our_welcome(channel: str, owner: int = OURS) -> dict[str, Any]:
    """A welcome signed by one of our test identities."""
    return create_welcome(key_pair(owner), channel, "Welcome.", 1_700_000_000_000)


async def test_entry_channel_messages_both_ways(network: Interop) -> None:
    """Entry channel: proof of work and signatures of messages in both directions."""
    theirs = await network.theirs(THEIRS)
    ours = await network.ours(OURS)
    await ours.beside(theirs.key)
    for value in VALUES:
        sent = await ours.service.send(ENTRY_CHANNEL, value)
        got = await theirs.message(json.loads(json.dumps(value)))
        assert got["signed"]
        assert got["payload"]["id"] == sent.id
        assert got["payload"]["ttl"] == 3
        await theirs.call("send", channel=ENTRY_CHANNEL, message={"echo": value})
        back = await ours.message({"echo": value})
        assert (back.sender, back.trust, back.late, back.relayed_by) == (theirs.key, Trust.VERIFIED, False, None)
    assert theirs.took("drop") == []
    assert ours.drops() == {}


async def test_weak_proof_of_work_is_refused_by_both(network: Interop) -> None:
    """Entry channel: too little proof of work is refused."""
    theirs = await network.theirs(THEIRS, powBits=1)
    ours = await network.ours(OURS, pow=True, pow_difficulty=20)
    weak = await network.ours(OTHER, pow=False, banned=(OURS,))
    await ours.beside(theirs.key)
    await weak.beside(theirs.key)
    await theirs.call("send", channel=ENTRY_CHANNEL, message="cheap")
    await ours.dropped("invalid pow")
    await weak.message("cheap")
    await weak.service.send(ENTRY_CHANNEL, "free")
    assert (await theirs.event("drop"))["reason"] == "invalid pow"


async def test_their_invite_and_welcome_let_us_in(network: Interop) -> None:
    """Invite and welcome made by the reference's side."""
    rules = {"invites": [PROTECTED], "inviters": [public_hex(THEIRS)], "owners": {PROTECTED: public_hex(THEIRS)}}
    theirs = await network.theirs(THEIRS, channels=[PROTECTED], **rules)
    await theirs.call("welcome", channel=PROTECTED, text="Hello.")
    stranger = await network.ours(OTHER, channels=(PROTECTED,), welcome_required=False)
    ours = await network.ours(
        OURS,
        banned=(OTHER,),
        invite_required=True,
        invite_channels=(PROTECTED,),
        inviter_keys=(theirs.key,),
        owner={PROTECTED: theirs.key},
    )
    invite = (await theirs.call("invite", channel=PROTECTED, key=ours.key, ttl=60))["invite"]
    await ours.service.join(PROTECTED, invite=invite)
    assert (await ours.event(InviteAccepted)).channel == PROTECTED
    assert (await ours.event(WelcomeAccepted)).text == "Hello."
    assert (await theirs.event("auth"))["key"] == ours.key
    await stranger.beside(theirs.key, channel=PROTECTED)
    assert (await theirs.call("send", channel=PROTECTED, message="for members"))["count"] == 1
    await ours.message("for members", PROTECTED)
    await ours.service.send(PROTECTED, "thanks")
    assert (await theirs.message("thanks", PROTECTED))["signed"]
    await stranger.service.send(PROTECTED, "and me?")
    assert (await theirs.event("drop"))["reason"] == "invite"
    assert stranger.texts(PROTECTED) == []


async def test_our_invite_and_welcome_let_them_in(network: Interop) -> None:
    """Invite and welcome made by us."""
    ours = await network.ours(
        OURS,
        channels=(PROTECTED,),
        invite_required=True,
        invite_channels=(PROTECTED,),
        inviter_keys=(public_hex(OURS),),
        owner={PROTECTED: public_hex(OURS)},
    )
    rules = {"invites": [PROTECTED], "inviters": [ours.key], "owners": {PROTECTED: ours.key}}
    theirs = await network.theirs(THEIRS, **rules)
    await ours.beside(theirs.key)
    ours.service.create_welcome(PROTECTED, "Hi.")
    assert (await theirs.call("join", channel=PROTECTED))["ok"] is False
    invite = ours.service.create_invite(PROTECTED, theirs.key, ttl_s=60)
    assert (await theirs.call("join", channel=PROTECTED, invite=invite))["ok"] is True
    await ours.until(lambda: ours.channel(PROTECTED).peers == 1)
    await ours.service.send(PROTECTED, "welcome in")
    assert (await theirs.message("welcome in", PROTECTED))["signed"]
    await theirs.call("send", channel=PROTECTED, message="glad to be here")
    await ours.message("glad to be here", PROTECTED)


async def test_a_welcome_is_sent_when_the_channel_opens(network: Interop) -> None:
    """Welcome of the owner on a public channel, both ways."""
    owners = {CHANNEL: public_hex(OURS), "theirs": public_hex(THEIRS)}
    ours = await network.ours(OURS, channels=(CHANNEL, "theirs"), owner=owners)
    ours.service.create_welcome(CHANNEL, "Ours.")
    theirs = await network.theirs(THEIRS, owners=owners)
    await theirs.call("welcome", channel="theirs", text="Theirs.")
    for channel in (CHANNEL, "theirs"):
        await theirs.call("join", channel=channel)
        await ours.beside(theirs.key, channel=channel)
    assert (await ours.event(WelcomeAccepted, lambda event: event.channel == "theirs")).text == "Theirs."
    welcome = await theirs.event("message", channel=CHANNEL)
    assert welcome["payload"]["message"]["control"] == "welcome"
    for channel in (CHANNEL, "theirs"):
        await ours.service.send(channel, "one")
        await theirs.message("one", channel)
        await theirs.call("send", channel=channel, message="two")
        await ours.message("two", channel)


async def test_only_the_owner_is_heard(network: Interop) -> None:
    """Owner-only channels, both ways."""
    owners = {CHANNEL: public_hex(OURS), "theirs": public_hex(THEIRS)}
    welcomes = {name: our_welcome(name, number) for name, number in ((CHANNEL, OURS), ("theirs", THEIRS))}
    ours = await network.ours(
        OURS,
        channels=(CHANNEL, "theirs"),
        owner=owners,
        owner_write_channels=tuple(owners),
        welcome={name: encode_attachment(welcome) for name, welcome in welcomes.items()},
    )
    theirs = await network.theirs(
        THEIRS, channels=list(owners), owners=owners, ownerWrite=list(owners), welcomes=welcomes
    )
    intruder = await network.ours(OTHER, channels=tuple(owners), welcome_required=False)
    for channel in owners:
        await ours.beside(theirs.key, intruder.key, channel=channel)
        await intruder.beside(theirs.key, channel=channel)
    await ours.service.send(CHANNEL, "from the owner")
    await theirs.message("from the owner", CHANNEL)
    await theirs.call("send", channel="theirs", message="from their owner")
    await ours.message("from their owner", "theirs")
    await theirs.call("send", channel=CHANNEL, message="not the owner")
    await ours.dropped("owner-only", CHANNEL)
    await intruder.service.send("theirs", "spam")
    assert (await theirs.event("drop", channel="theirs", reason="owner-only"))["key"] == intruder.key


async def test_a_javascript_relay_joins_our_peers(network: Interop) -> None:
    """Relay: ours - JavaScript - ours."""
    relay = await network.theirs(THEIRS)
    one, two = await network.ours(OURS, banned=(OTHER,)), await network.ours(OTHER, banned=(OURS,))
    await one.beside(relay.key)
    await two.beside(relay.key)
    await one.service.send(ENTRY_CHANNEL, {"over": "the bridge"})
    got = await two.message({"over": "the bridge"})
    assert (got.sender, got.relayed_by, got.ttl, got.trust) == (one.key, relay.key, 2, Trust.VERIFIED)
    await two.service.send(ENTRY_CHANNEL, "back")
    await one.message("back")
    await relay.message("back")


async def test_our_relay_joins_javascript_peers(network: Interop) -> None:
    """Relay: JavaScript - ours - JavaScript."""
    relay = await network.ours(OURS)
    one = await network.theirs(THEIRS, blocked=[public_hex(OTHER)])
    two = await network.theirs(OTHER, blocked=[public_hex(THEIRS)])
    await relay.beside(one.key, two.key)
    message = {"b": 1.5, "a": "é", "10": None, "nested": {"z": [], "y": {}}}
    sent = await one.call("send", channel=ENTRY_CHANNEL, message=message)
    assert sent["count"] == 1
    got = await two.message(message)
    payload = got["payload"]
    assert (payload["id"], payload["relayedBy"], payload["ttl"]) == (sent["id"], relay.key, 2)
    assert got["signed"]
    assert list(payload["message"]) == ["10", "b", "a", "nested"]
    await two.call("send", channel=ENTRY_CHANNEL, message="back")
    assert (await one.message("back"))["signed"]


async def test_their_open_requests_reach_us(network: Interop) -> None:
    """Open requests of the reference, hashed with keys it does not send."""
    theirs = await network.theirs(THEIRS, quirk=True)
    ours = await network.ours(OURS, welcome_required=False)
    await ours.beside(theirs.key)
    await theirs.call("open", channel="room")
    request = await ours.event(OpenRequested)
    assert (request.channel, request.requester) == ("room", theirs.key)
    assert await ours.service.answer_open_request(request.request_id, accept=True)
    await ours.event(ChannelJoined)
    assert ours.drops() == {}


async def test_our_open_requests_reach_them(network: Interop) -> None:
    """Open requests of ours, with and without a welcome."""
    theirs = await network.theirs(THEIRS, autoJoin=True, welcomeRequired=False, owners={CHANNEL: public_hex(OURS)})
    ours = await network.ours(OURS, channels=(CHANNEL, "room"), owner={CHANNEL: public_hex(OURS)})
    await ours.beside(theirs.key)
    await ours.service.request_open("room")
    await theirs.event("wanted", channel="room")
    await ours.beside(theirs.key, channel="room")
    ours.service.create_welcome(CHANNEL, "Hi.")
    await ours.service.request_open(CHANNEL, welcome=ours.service.stored_welcome(CHANNEL))
    await ours.beside(theirs.key, channel=CHANNEL)


async def test_leaving_and_joining_again_reaches_a_peer_that_kept_its_record(network: Interop) -> None:
    """Leave and join on a live connection: the reference rejects until it is dialled again."""
    theirs = await network.theirs(THEIRS, channels=["room"], welcomeRequired=False)
    ours = await network.ours(OURS, channels=("room",), welcome_required=False)
    await ours.beside(theirs.key, channel="room")
    assert await ours.service.leave("room")
    await theirs.event("seat closed", channel="room")
    await ours.service.join("room")
    await theirs.event("disconnected")
    await ours.beside(theirs.key, channel="room")
    await ours.service.send("room", "again")
    await theirs.message("again", "room")


async def test_a_javascript_peer_that_leaves_can_come_back(network: Interop) -> None:
    """Leave and join of the other side on a live connection."""
    theirs = await network.theirs(THEIRS, channels=["room"], welcomeRequired=False)
    ours = await network.ours(OURS, channels=("room",), welcome_required=False)
    await ours.beside(theirs.key, channel="room")
    await theirs.call("leave", channel="room")
    await ours.until(lambda: "room" not in ours.service.peer_channels(bytes.fromhex(theirs.key)))
    await theirs.call("join", channel="room")
    await ours.beside(theirs.key, channel="room")
    await theirs.call("send", channel="room", message="back")
    await ours.message("back", "room")
    assert len(ours.swarm.connections) == 1


async def test_we_pace_what_a_default_receiver_takes(network: Interop) -> None:
    """Rate limit: a burst of ours never gets us blocked."""
    theirs = await network.theirs(THEIRS, powBits=0, rate=60_000, burst=20_000)
    ours = await network.ours(OURS, pow=False, rate_bytes=60_000, rate_burst=20_000)
    await ours.beside(theirs.key)
    for number in range(60):
        await ours.service.send(ENTRY_CHANNEL, f"{number} " + "x" * 600)
    await theirs.message("59 " + "x" * 600)
    assert theirs.took("drop") == []
    assert theirs.took("blocked") == []
