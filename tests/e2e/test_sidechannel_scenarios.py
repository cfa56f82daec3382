"""What people do with sidechannels, between whole peers on a local DHT."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Any

import pytest

from engine.config.sections import ENTRY_CHANNEL
from engine.errors import InviteRequired, MessageTooLarge, OwnerOnly
from engine.events import ChannelJoined, MessageReceived, OpenRequestClosed, OpenRequested, WelcomeAccepted
from engine.messages import Trust
from engine.services.sidechannel.attachments import encode_attachment
from engine.services.sidechannel.welcomes import create_welcome
from engine.status import ChannelKind
from tests.harness.sidechannel_peers import PeerFactory, key_pair, local_peers, public_hex

pytestmark = pytest.mark.e2e

OWNER, ALICE, BOB, CAROL = 1, 2, 3, 4
NEWS, DESK = "news", "swap-desk"


@pytest.fixture
async def peers() -> AsyncIterator[PeerFactory]:
    async with local_peers() as factory:
        yield factory


def owned(channel: str, text: str = "Be kind.") -> dict[str, Any]:
    """Settings of a peer that knows owner and welcome of a channel."""
    return {
        "owner": {channel: public_hex(OWNER)},
        "welcome": {channel: encode_attachment(create_welcome(key_pair(OWNER), channel, text, 1_700_000_000_000))},
    }


async def test_the_lobby_carries_signed_messages_both_ways(peers: PeerFactory) -> None:
    alice, bob = await peers(ALICE), await peers(BOB)
    await alice.beside(bob.key)
    sent = await alice.service.send(ENTRY_CHANNEL, {"text": "héllo \ud83d\ude00", "n": [1.5, None]})
    got = await bob.message({"text": "héllo 😀", "n": [1.5, None]})
    assert (got.id, got.sender, got.trust, got.relayed_by, got.late) == (
        sent.id,
        alice.key,
        Trust.VERIFIED,
        None,
        False,
    )
    assert sent.peers == 1
    await bob.service.send(ENTRY_CHANNEL, "hello back")
    assert (await alice.message("hello back")).trust is Trust.VERIFIED
    assert [message.message for message in alice.service.history(ENTRY_CHANNEL)][-1] == "hello back"
    assert alice.channel().peers == 1


async def test_only_the_owner_writes_in_an_owner_only_channel(peers: PeerFactory) -> None:
    settings = {"channels": (NEWS,), "owner_write_channels": (NEWS,), **owned(NEWS)}
    owner, alice = await peers(OWNER, **settings), await peers(ALICE, **settings)
    open_peer = await peers(BOB, channels=(NEWS,), welcome_required=False)
    await owner.beside(alice.key, open_peer.key, channel=NEWS)
    await alice.beside(open_peer.key, channel=NEWS)
    with pytest.raises(OwnerOnly):
        await alice.service.send(NEWS, "me too")
    await owner.service.send(NEWS, "release day")
    await alice.message("release day", NEWS)
    await open_peer.service.send(NEWS, "spam")
    await alice.dropped("owner-only", NEWS)
    await owner.dropped("owner-only", NEWS)
    assert [text for text in alice.texts(NEWS) if isinstance(text, str)] == ["release day"]
    assert alice.channel(NEWS).kind is ChannelKind.OWNER
    assert alice.channel(NEWS).blocked_reason
    assert owner.channel(NEWS).can_write


async def test_an_uninvited_peer_connects_and_reads_nothing(peers: PeerFactory) -> None:
    settings: dict[str, Any] = {
        "invite_required": True,
        "invite_channels": (DESK,),
        "inviter_keys": (public_hex(OWNER),),
        "welcome_required": False,
    }
    owner = await peers(OWNER, channels=(DESK,), **settings)
    alice = await peers(ALICE, **settings)
    stranger = await peers(BOB, channels=(DESK,), welcome_required=False)
    with pytest.raises(InviteRequired):
        await alice.service.join(DESK)
    invite = owner.service.create_invite(DESK, alice.key, ttl_s=60)
    await alice.service.join(DESK, invite=invite)
    await owner.beside(alice.key, stranger.key, channel=DESK)
    await owner.until(lambda: owner.channel(DESK).peers == 1)
    sent = await owner.service.send(DESK, "the price is 7")
    assert sent.peers == 1
    await alice.message("the price is 7", DESK)
    await alice.service.send(DESK, "deal")
    await owner.message("deal", DESK)
    await stranger.service.send(DESK, "let me in")
    await owner.dropped("invite", DESK)
    await alice.dropped("invite", DESK)
    assert stranger.texts(DESK) == []
    assert "let me in" not in owner.texts(DESK)
    assert owner.channel(DESK).kind is ChannelKind.INVITE


async def test_a_public_channel_waits_for_its_welcome(peers: PeerFactory) -> None:
    owner = await peers(OWNER, channels=(NEWS,), owner={NEWS: public_hex(OWNER)})
    alice = await peers(ALICE, channels=(NEWS,), owner={NEWS: public_hex(OWNER)})
    await owner.beside(alice.key, channel=NEWS)
    await owner.service.send(NEWS, "too early")
    await alice.dropped("awaiting welcome", NEWS)
    owner.service.create_welcome(NEWS, "Hello, newcomer.")
    assert (await alice.event(WelcomeAccepted)).text == "Hello, newcomer."
    await owner.service.send(NEWS, "now it works")
    await alice.message("now it works", NEWS)
    bob = await peers(BOB, channels=(NEWS,), owner={NEWS: public_hex(OWNER)})
    assert (await bob.event(WelcomeAccepted)).channel == NEWS
    assert bob.channel(NEWS).welcome_text == "Hello, newcomer."


async def test_a_request_to_open_a_channel_waits_for_the_user(peers: PeerFactory) -> None:
    alice, bob = await peers(ALICE, welcome_required=False), await peers(BOB, welcome_required=False)
    await alice.beside(bob.key)
    await alice.service.join("room")
    assert (await alice.service.request_open("room")).peers == 1
    request = await bob.event(OpenRequested)
    assert (request.channel, request.requester, request.via) == ("room", alice.key, ENTRY_CHANNEL)
    assert [status.name for status in bob.service.channel_statuses()] == [ENTRY_CHANNEL]
    assert await bob.service.answer_open_request(request.request_id, accept=True)
    assert not await bob.service.answer_open_request(request.request_id, accept=True)
    assert (await bob.event(OpenRequestClosed)).request_id == request.request_id
    await alice.beside(bob.key, channel="room")
    await alice.service.send("room", "welcome")
    await bob.message("welcome", "room")


async def test_a_request_is_followed_at_once_with_auto_join(peers: PeerFactory) -> None:
    alice = await peers(ALICE, **owned(NEWS))
    bob = await peers(BOB, auto_join=True, owner={NEWS: public_hex(OWNER)})
    await alice.beside(bob.key)
    await alice.service.request_open(NEWS)
    await bob.dropped("open denied (missing welcome)")
    await alice.service.request_open(NEWS, welcome=alice.service.stored_welcome(NEWS))
    await bob.event(ChannelJoined, lambda event: event.channel == NEWS)
    await alice.service.join(NEWS)
    await alice.beside(bob.key, channel=NEWS)


async def test_sending_with_an_invite_opens_a_protected_channel(peers: PeerFactory) -> None:
    settings: dict[str, Any] = {
        "invite_required": True,
        "invite_prefixes": ("swap-",),
        "inviter_keys": (public_hex(OWNER),),
        "welcome_required": False,
    }
    owner, alice = await peers(OWNER, channels=(DESK,), **settings), await peers(ALICE, **settings)
    await owner.beside(alice.key)
    with pytest.raises(InviteRequired):
        await alice.service.send(DESK, "knock")
    expired = owner.service.create_invite(DESK, alice.key, ttl_s=1)
    alice.clock.ahead_s = 5
    with pytest.raises(InviteRequired, match="has expired"):
        await alice.service.send(DESK, "knock", invite=expired)
    invite = owner.service.create_invite(DESK, alice.key, ttl_s=60)
    sent = await alice.service.send(DESK, "may I?", invite=invite)
    assert (sent.peers, sent.queued) == (0, 1)
    await owner.message("may I?", DESK)
    assert not alice.channel(DESK).joined


async def test_an_invited_peer_joins_while_the_owner_is_away(peers: PeerFactory) -> None:
    settings: dict[str, Any] = {
        "invite_required": True,
        "invite_channels": (DESK,),
        "inviter_keys": (public_hex(OWNER),),
        "owner": {DESK: public_hex(OWNER)},
    }
    owner = await peers(OWNER, channels=(DESK,), **settings)
    owner.service.create_welcome(DESK, "Swap here.")
    invites = {number: owner.service.create_invite(DESK, public_hex(number)) for number in (ALICE, BOB)}
    await peers.stop(owner)
    alice, bob = await peers(ALICE, **settings), await peers(BOB, **settings)
    await alice.service.join(DESK, invite=invites[ALICE])
    await bob.service.join(DESK, invite=invites[BOB])
    await alice.until(lambda: alice.channel(DESK).peers == 1)
    await bob.until(lambda: bob.channel(DESK).peers == 1)
    assert alice.channel(DESK).welcome_text == "Swap here."
    await alice.service.send(DESK, "anybody here?")
    await bob.message("anybody here?", DESK)


async def test_a_neighbour_that_floods_is_blocked_and_comes_back(peers: PeerFactory) -> None:
    flooder = await peers(ALICE, rate_bytes=0)
    strict = await peers(BOB, rate_bytes=2000, rate_burst=4000)
    await flooder.beside(strict.key)
    for number in range(12):
        await flooder.service.send(ENTRY_CHANNEL, f"flood {number} " + "x" * 500)
    await strict.until(lambda: strict.channel().drops.get("blocked"))
    strikes, blocked_until = strict.service.peer_limits(flooder.key_pair.public_key)
    assert strikes == 3
    assert blocked_until is not None
    await strict.service.send(ENTRY_CHANNEL, "we still talk to you")
    await flooder.message("we still talk to you")
    strict.clock.ahead_s += 31
    await flooder.service.send(ENTRY_CHANNEL, "sorry")
    await strict.message("sorry")
    assert strict.service.peer_limits(flooder.key_pair.public_key) == (0, None)


async def test_a_burst_is_paced_so_that_nobody_is_blocked(peers: PeerFactory) -> None:
    settings: dict[str, Any] = {"rate_bytes": 20_000, "rate_burst": 10_000, "pow": False}
    alice, bob = await peers(ALICE, **settings), await peers(BOB, **settings)
    await alice.beside(bob.key)
    sent = [await alice.service.send(ENTRY_CHANNEL, f"{number} " + "x" * 500) for number in range(30)]
    assert sent[0].peers == 1
    assert sent[-1].queued == 1
    await bob.message("29 " + "x" * 500)
    assert bob.drops() == {}
    assert len(bob.texts()) == 30


async def test_a_message_that_nobody_would_take_is_refused(peers: PeerFactory) -> None:
    alice, bob = await peers(ALICE), await peers(BOB)
    bold = await peers(CAROL, max_bytes=300_000)
    await alice.beside(bob.key)
    with pytest.raises(MessageTooLarge, match=r"250,\d+ bytes.*200,000"):
        await alice.service.send(ENTRY_CHANNEL, "x" * 250_000)
    await alice.service.send(ENTRY_CHANNEL, "y" * 190_000)
    await bob.message("y" * 190_000)
    await bold.beside(bob.key)
    warned = await bold.service.send(ENTRY_CHANNEL, "z" * 260_000)
    assert warned.warning is not None
    assert "256,000" in warned.warning
    await bob.dropped("rate limit")
    silent = await peers(OWNER, max_bytes=0)
    with pytest.raises(MessageTooLarge):
        await silent.service.send(ENTRY_CHANNEL, "")


async def test_a_quiet_relay_joins_peers_that_cannot_reach_each_other(peers: PeerFactory) -> None:
    relay = await peers(OWNER, quiet=True)
    alice, bob = await peers(ALICE, banned=(BOB,)), await peers(BOB, banned=(ALICE,))
    await relay.beside(alice.key, bob.key)
    sent = await alice.service.send(ENTRY_CHANNEL, "over the bridge")
    assert sent.peers == 1
    got = await bob.message("over the bridge")
    assert (got.sender, got.relayed_by, got.ttl, got.trust) == (alice.key, relay.key, 2, Trust.VERIFIED)
    await bob.service.send(ENTRY_CHANNEL, "back over the bridge")
    await alice.message("back over the bridge")
    assert relay.channel().relayed == 2
    assert all(event.message.id != sent.id for event in alice.events if isinstance(event, MessageReceived))


async def test_without_relaying_they_stay_apart(peers: PeerFactory) -> None:
    relay = await peers(OWNER, relay=False)
    alice, bob = await peers(ALICE, banned=(BOB,)), await peers(BOB, banned=(ALICE,))
    await relay.beside(alice.key, bob.key)
    await alice.service.send(ENTRY_CHANNEL, "anybody?")
    await relay.message("anybody?")
    await relay.service.send(ENTRY_CHANNEL, "only me")
    await bob.message("only me")
    assert bob.texts() == ["only me"]


async def test_leaving_and_joining_again_on_a_live_connection(peers: PeerFactory) -> None:
    settings: dict[str, Any] = {"channels": ("room",), "welcome_required": False}
    alice, bob = await peers(ALICE, **settings), await peers(BOB, **settings)
    await alice.beside(bob.key, channel="room")
    assert await alice.service.leave("room")
    assert not await alice.service.leave("room")
    assert not await alice.service.leave(ENTRY_CHANNEL)
    await bob.until(lambda: "room" not in bob.service.peer_channels(alice.key_pair.public_key))
    await alice.service.join("room")
    await bob.beside(alice.key, channel="room")
    await bob.service.send("room", "there you are")
    await alice.message("there you are", "room")
    assert len(alice.swarm.connections) == 1
