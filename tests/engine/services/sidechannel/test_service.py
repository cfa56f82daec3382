"""The facade of sidechannels, on swarms in memory."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import Any

import pytest

from engine.config.sections import ENTRY_CHANNEL, SidechannelConfig
from engine.crypto.keys import KeyPair
from engine.errors import (
    ChannelLimit,
    InvalidChannel,
    InvalidInvite,
    InviteRequired,
    RateLimited,
    StoreUnwritable,
)
from engine.events import (
    ChannelJoined,
    ChannelLeft,
    Event,
    InviteAccepted,
    MessageDropped,
    MessageReceived,
    MessageSent,
    OpenRequestClosed,
    OpenRequested,
    PlaneFailed,
    WelcomeAccepted,
)
from engine.messages import Trust
from engine.net.tasks import TaskScope
from engine.services.sidechannel import links as links_module
from engine.services.sidechannel.attachments import decode_attachment, encode_attachment
from engine.services.sidechannel.names import topic
from engine.services.sidechannel.service import SidechannelService
from engine.services.sidechannel.welcomes import create_welcome
from engine.status import ChannelKind
from engine.store.messages import MEMORY, MessageStore
from tests.harness.fakeswarm import FakeSwarm, ManualClock, settle

KEYS = {number: KeyPair.from_seed(bytes([number]) * 32) for number in range(1, 5)}
HEX = {number: pair.public_key.hex() for number, pair in KEYS.items()}
ROOM = "room"


class Peer:
    """A service on a swarm in memory."""

    def __init__(self, number: int, clock: ManualClock, **settings: Any) -> None:
        self.key = HEX[number]
        self.swarm = FakeSwarm(KEYS[number])
        self.events: list[Event] = []
        self.clock = clock
        self.scope = TaskScope("test")
        self.store = MessageStore(MEMORY)
        self.may_start = asyncio.Event()
        self.may_start.set()
        self.changes = 0
        self.service = SidechannelService(
            SidechannelConfig(**({"pow": False, "welcome_required": False} | settings)),
            KEYS[number],
            "trac1test",
            self.swarm,  # type: ignore[arg-type]
            self.store,
            self.scope,
            self.events.append,
            clock=clock,
            ready=self._ready,
        )
        self.service.on_status_change = self._changed

    async def _ready(self) -> None:
        await self.may_start.wait()

    def _changed(self) -> None:
        self.changes += 1

    def of(self, kind: type[Any]) -> list[Any]:
        """Events of a kind so far."""
        return [event for event in self.events if isinstance(event, kind)]

    def texts(self, channel: str = ENTRY_CHANNEL) -> list[Any]:
        """Delivered values."""
        return [event.message.message for event in self.of(MessageReceived) if event.message.channel == channel]


@pytest.fixture
async def peer() -> AsyncIterator[Callable[..., Peer]]:
    made: list[Peer] = []
    clock = ManualClock()

    def make(number: int, **settings: Any) -> Peer:
        made.append(Peer(number, clock, **settings))
        return made[-1]

    yield make
    for one in made:
        await one.service.stop()
        await one.service.stop()


async def test_configured_channels_are_entered_at_once_and_joined_when_the_network_is_ready(peer: Any) -> None:
    one = peer(1, channels=(" a ", ENTRY_CHANNEL, "b", ""))
    assert [status.name for status in one.service.channel_statuses()] == [ENTRY_CHANNEL, "a", "b"]
    one.may_start.clear()
    starting = one.scope.spawn("start", one.service.start())
    joined = await one.service.join("early")
    assert (joined.channel, joined.already) == ("early", False)
    await settle()
    assert one.swarm.topics == []
    assert not one.service.started
    one.may_start.set()
    await starting
    assert one.service.started
    assert one.swarm.topics == [topic(name) for name in (ENTRY_CHANNEL, "a", "b", "early")]
    await one.service.start()
    assert len(one.swarm.topics) == 4
    assert one.service.entry_channel == ENTRY_CHANNEL


async def test_join_and_leave_report_once(peer: Any) -> None:
    one = peer(1)
    await one.service.start()
    assert not (await one.service.join(f" {ROOM} ")).already
    assert (await one.service.join(ROOM)).already
    assert one.of(ChannelJoined) == [ChannelJoined(ROOM)]
    assert await one.service.leave(ROOM)
    assert one.of(ChannelLeft) == [ChannelLeft(ROOM)]
    assert one.swarm.topics == [topic(ENTRY_CHANNEL)]
    assert not await one.service.leave(ROOM)
    assert not await one.service.leave(" ")
    for text in ("", " \ufeff ", "x" * 1025):
        with pytest.raises(InvalidChannel):
            await one.service.join(text)


async def test_a_leave_that_the_network_does_not_take_ends(peer: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("engine.services.sidechannel.service.FLUSH_S", 0.01)
    one = peer(1)
    await one.service.start()
    await one.service.join(ROOM)
    monkeypatch.setattr(one.swarm, "leave", lambda topic: asyncio.sleep(10))
    assert await one.service.leave(ROOM)


async def test_channels_are_bounded(peer: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("engine.services.sidechannel.book.MAX_CHANNELS", 3)
    one = peer(1, channels=("a", "b", "c"))
    assert len(one.service.channel_statuses()) == 3
    with pytest.raises(ChannelLimit):
        await one.service.join("d")


async def test_own_messages_are_stored_and_reported(peer: Any) -> None:
    one = peer(1)
    sent = await one.service.send(ENTRY_CHANNEL, {"a": 1}, label="agent")
    assert (sent.peers, sent.queued, sent.seq, sent.warning) == (0, 0, 1, None)
    bare = await one.service.send(ENTRY_CHANNEL, None, has_message=False)
    [first, second] = [event.message for event in one.of(MessageSent)]
    assert (first.trust, first.label, first.peers, first.message, first.own) == (Trust.OWN, "agent", 0, {"a": 1}, True)
    assert (second.id, second.message, second.seq) == (bare.id, None, 2)
    assert one.service.history(f" {ENTRY_CHANNEL}") == [first, second]
    assert one.service.since(1) == [second]
    assert one.service.channel_statuses()[0].sent == 2


async def test_sending_opens_but_does_not_join(peer: Any) -> None:
    one, two = peer(1), peer(2, channels=(ROOM,))
    one.swarm.dial(two.swarm)
    await settle()
    sent = await one.service.send(ROOM, "hi")
    assert (sent.peers, sent.queued) == (0, 1)
    await settle()
    assert two.texts(ROOM) == ["hi"]
    status = next(status for status in one.service.channel_statuses() if status.name == ROOM)
    assert not status.joined
    assert one.swarm.topics == []
    assert not (await one.service.join(ROOM)).already


async def test_a_sender_waits_for_neighbours_that_are_busy(peer: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(links_module, "BACKLOG_BYTES", 900)
    one, two = peer(1), peer(2)
    ours = one.swarm.dial(two.swarm)
    await settle()
    ours.full = True
    assert (await one.service.send(ENTRY_CHANNEL, "written")).peers == 1
    assert (await one.service.send(ENTRY_CHANNEL, "queued")).queued == 1
    waiting = one.scope.spawn("send", one.service.send(ENTRY_CHANNEL, "waits"))
    await settle()
    assert not waiting.done()
    ours.drain()
    assert (await waiting).peers == 1
    await settle()
    assert two.texts() == ["written", "queued", "waits"]


async def test_a_sender_does_not_wait_for_ever(peer: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(links_module, "BACKLOG_BYTES", 900)
    monkeypatch.setattr("engine.services.sidechannel.channel_links.ROOM_WAIT_S", 0.02)
    one, two = peer(1), peer(2)
    ours = one.swarm.dial(two.swarm)
    await settle()
    ours.full = True
    for text in ("written", "queued"):
        await one.service.send(ENTRY_CHANNEL, text)
    with pytest.raises(RateLimited, match="busy"):
        await one.service.send(ENTRY_CHANNEL, "refused")
    ours.destroy()
    assert (await one.service.send(ENTRY_CHANNEL, "nobody there")).peers == 0


async def test_one_busy_neighbour_does_not_hold_up_the_others(peer: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(links_module, "BACKLOG_BYTES", 900)
    one, two, three = peer(1), peer(2), peer(3)
    busy = one.swarm.dial(two.swarm)
    one.swarm.dial(three.swarm)
    await settle()
    busy.full = True
    sent = [await one.service.send(ENTRY_CHANNEL, number) for number in range(5)]
    assert [(each.peers, each.queued) for each in sent] == [(2, 0), (1, 1), (1, 0), (1, 0), (1, 0)]
    assert one.service.stats()["lost"] == 3


async def test_own_control_messages_of_an_owner_channel(peer: Any) -> None:
    one = peer(1, owner_write_only=True, owner={ROOM: HEX[2]})
    sent = await one.service.send(ROOM, {"control": "auth"})
    assert sent.peers == 0
    status = next(status for status in one.service.channel_statuses() if status.name == ROOM)
    assert (status.kind, status.can_write) == (ChannelKind.OWNER, False)
    assert status.blocked_reason == "Only the owner writes here."


async def test_invites_and_welcomes_are_made_and_taken(peer: Any) -> None:
    settings = {"invite_required": True, "invite_channels": (ROOM,), "owner": {ROOM: HEX[1]}, "welcome_required": True}
    one = peer(1, channels=(ROOM,), **settings)
    two = peer(2, inviter_keys=(HEX[1].upper(),), **settings)
    welcome = one.service.create_welcome(f" {ROOM}", "Hello.")
    assert one.service.stored_welcome(ROOM) == welcome
    assert one.of(WelcomeAccepted) == [WelcomeAccepted(ROOM, "Hello.")]
    invite = one.service.create_invite(ROOM, f" {HEX[2].upper()} ", ttl_s=60)
    payload: Any = invite["payload"]
    assert (payload["inviteePubKey"], payload["inviterAddress"]) == (HEX[2], "trac1test")
    assert invite["welcome"] == welcome
    assert not two.service.accept_invite("other", invite)
    assert two.service.accept_invite(ROOM, invite)
    assert [event.channel for event in two.of(InviteAccepted)] == [ROOM]
    assert [event.text for event in two.of(WelcomeAccepted)] == ["Hello."]
    assert two.service.accept_welcome(ROOM, welcome)
    assert len(two.of(WelcomeAccepted)) == 1
    assert not two.service.accept_welcome(ROOM, {"payload": {}})
    assert two.service.stored_welcome("other") is None
    await two.service.join(ROOM)
    with pytest.raises(InviteRequired, match="for another key"):
        await peer(3, inviter_keys=(HEX[1],), **settings).service.join(ROOM, invite=invite)


async def test_invites_need_a_life_time(peer: Any) -> None:
    one = peer(1, invite_ttl=0)
    for ttl_s in (None, 0, -5):
        with pytest.raises(InvalidInvite, match="Invite TTL is required"):
            one.service.create_invite(ROOM, HEX[2], ttl_s=ttl_s)
    default: Any = peer(2).service.create_invite(ROOM, HEX[1])["payload"]
    assert default["expiresAt"] - default["issuedAt"] == 604_800_000


async def test_an_invite_is_renewed_on_a_live_connection(peer: Any) -> None:
    settings = {"invite_required": True, "invite_channels": (ROOM,), "inviter_keys": (HEX[1],)}
    one, two = peer(1, channels=(ROOM,), **settings), peer(2, **settings)
    one.swarm.dial(two.swarm)
    await two.service.join(ROOM, invite=one.service.create_invite(ROOM, HEX[2], ttl_s=60))
    await settle()
    await two.service.send(ROOM, "in")
    assert two.service.accept_invite(ROOM, one.service.create_invite(ROOM, HEX[2], ttl_s=6000))
    await settle()
    one.clock.now_ms += 120_000
    await two.service.send(ROOM, "still in")
    await settle()
    assert one.texts(ROOM) == ["in", "still in"]
    one.clock.now_ms += 6_000_000
    with pytest.raises(InviteRequired):
        await two.service.send(ROOM, "too late")
    status = next(status for status in two.service.channel_statuses() if status.name == ROOM)
    assert (status.kind, status.can_write) == (ChannelKind.INVITE, False)


async def test_the_owner_welcomes_a_peer_when_it_shows_its_invite(peer: Any) -> None:
    settings = {"invite_required": True, "invite_channels": (ROOM,), "owner": {ROOM: HEX[1]}, "welcome_required": True}
    one, two = peer(1, channels=(ROOM,), **settings), peer(2, inviter_keys=(HEX[1],), **settings)
    bare = one.service.create_invite(ROOM, HEX[2], ttl_s=60)
    one.service.create_welcome(ROOM, "Come in.")
    one.swarm.dial(two.swarm)
    await two.service.join(ROOM, invite=bare)
    await settle()
    assert [event.text for event in two.of(WelcomeAccepted)] == ["Come in."]


async def test_welcomes_of_the_configuration(peer: Any, tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    welcome = create_welcome(KEYS[1], ROOM, "From a file.", 1000)
    (tmp_path / "welcome.json").write_text(json.dumps(welcome))
    one = peer(
        2,
        channels=(ROOM,),
        owner={ROOM: HEX[1], "b": HEX[1]},
        welcome={ROOM: f"@{tmp_path / 'welcome.json'}", "b": encode_attachment(welcome)},  # type: ignore[arg-type]
    )
    statuses = {status.name: status for status in one.service.channel_statuses()}
    assert (statuses[ROOM].welcomed, statuses[ROOM].welcome_text) == (True, "From a file.")
    assert one.service.stored_welcome("b") is None
    assert "does not verify" in caplog.text
    await one.service.leave(ROOM)
    await one.service.join(ROOM)
    assert one.service.stored_welcome(ROOM) == welcome


async def test_credentials_of_the_configuration_that_cannot_be_used_are_explained(
    peer: Any, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    foreign = encode_attachment(create_welcome(KEYS[3], "c", "Hello.", 1000))  # type: ignore[arg-type]
    peer(
        2,
        owner={"c": HEX[1]},
        welcome={"a": f"@{tmp_path / 'missing'}", "b": foreign, "c": foreign, "d": "no base64!"},
        invites={"e": foreign},
    )
    assert [record.getMessage() for record in caplog.records] == [
        f"[sidechannel] The configured welcome of 'a' is not used: {tmp_path / 'missing'} cannot be read: "
        "No such file or directory.",
        "[sidechannel] The configured welcome of 'b' is not used: the channel has no owner; name it with "
        "--sidechannel-owner.",
        "[sidechannel] The configured welcome of 'c' is not used: the owner's signature for this channel does not "
        "verify.",
        "[sidechannel] The configured welcome of 'd' is not used: it is neither JSON, nor base64 of JSON, nor @file.",
        "[sidechannel] The configured invite for 'e' is not used: it is not an invite.",
    ]


async def test_a_channel_without_an_owner_is_pointed_out_when_welcomes_are_required(
    peer: Any, caplog: pytest.LogCaptureFixture
) -> None:
    peer(1, channels=("mine", "nobody's"), owner={"mine": HEX[1]}, welcome_required=True)
    assert [record.getMessage() for record in caplog.records] == [
        "[sidechannel:nobody's] its messages stay hidden, because it has no owner: set --sidechannel-owner, "
        "or --sidechannel-welcome-required 0"
    ]
    caplog.clear()
    peer(2, channels=("nobody's",), welcome_required=False)
    assert caplog.records == []


async def test_a_protected_channel_of_the_configuration_is_skipped(peer: Any, caplog: pytest.LogCaptureFixture) -> None:
    one = peer(1, channels=(ROOM,), invite_required=True, inviter_keys=(HEX[2],))
    assert [status.name for status in one.service.channel_statuses()] == [ENTRY_CHANNEL]
    assert "not joined" in caplog.text


async def test_join_commands_can_be_pasted(peer: Any) -> None:
    one = peer(1, owner={'a "b"\\': HEX[1]})
    assert one.service.join_command(ROOM) == f'/sc_join --channel "{ROOM}"'
    welcome = one.service.create_welcome('a "b"\\', "hi")
    command = one.service.join_command('a "b"\\')
    assert command.startswith('/sc_join --channel "a \\"b\\"\\\\" --welcome ')
    assert decode_attachment(command.split()[-1]) == welcome
    invite: Any = decode_attachment(one.service.join_command(ROOM, HEX[2]).split()[-1])
    assert invite["payload"]["inviteePubKey"] == HEX[2]


async def test_open_requests_are_answered_or_settled_by_joining(peer: Any) -> None:
    one, two = peer(1), peer(2)
    one.swarm.dial(two.swarm)
    await settle()
    assert (await one.service.request_open(ROOM)).peers == 1
    await one.service.request_open("second")
    await settle()
    assert [request.channel for request in two.service.open_requests()] == [ROOM, "second"]
    await two.service.join(ROOM)
    assert [request.channel for request in two.service.open_requests()] == ["second"]
    await one.service.request_open(ROOM)
    await settle()
    assert len(two.of(OpenRequested)) == 2
    assert await two.service.answer_open_request(2, accept=False)
    assert two.service.open_requests() == ()
    assert [event.request_id for event in two.of(OpenRequestClosed)] == [1, 2]
    with pytest.raises(InvalidChannel):
        await one.service.request_open(" ")


async def test_auto_join_is_capped(peer: Any) -> None:
    one, two = peer(1), peer(2, auto_join=True, auto_join_limit=1)
    await two.service.start()
    one.swarm.dial(two.swarm)
    await settle()
    for name in ("a", "b"):
        await one.service.request_open(name)
    await settle()
    assert [event.channel for event in two.of(ChannelJoined)] == ["a"]
    assert [event.channel for event in two.of(OpenRequested)] == ["b"]
    await two.service.leave("a")
    await one.service.request_open("c")
    await settle()
    assert [event.channel for event in two.of(ChannelJoined)] == ["a", "c"]


async def test_auto_join_of_a_protected_channel_is_only_a_log_line(peer: Any) -> None:
    one = peer(1, inviter_keys=(HEX[1],))
    two = peer(2, auto_join=True, invite_required=True, invite_channels=(ROOM,), inviter_keys=(HEX[1],))
    one.swarm.dial(two.swarm)
    await settle()
    await one.service.request_open(ROOM, invite=one.service.create_invite(ROOM, HEX[1], ttl_s=60))
    await settle()
    assert two.of(ChannelJoined) == []
    assert two.scope.count == 0


async def test_drops_are_counted_by_reason(peer: Any) -> None:
    one, two = peer(1), peer(2, pow=True)
    one.swarm.dial(two.swarm)
    await settle()
    for number in range(5):
        await one.service.send(ENTRY_CHANNEL, number)
    await settle()
    assert two.service.channel_statuses()[0].drops == {"invalid pow": 3, "blocked": 2}
    assert two.of(MessageDropped) == [MessageDropped(ENTRY_CHANNEL, "invalid pow", HEX[1])] * 3
    assert two.service.peer_limits(KEYS[1].public_key) == (3, two.clock.now_ms + 30_000)
    assert two.service.peer_limits(KEYS[3].public_key) == (0, None)
    assert two.service.stats()["drops"] == {ENTRY_CHANNEL: {"invalid pow": 3, "blocked": 2}}
    two.clock.now_ms += 30_001
    assert two.service.peer_limits(KEYS[1].public_key) == (0, None)


async def test_drops_are_logged_on_request(peer: Any, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level("INFO")
    one, two = peer(1), peer(2, pow=True, debug=True)
    one.swarm.dial(two.swarm)
    await settle()
    await one.service.send(ENTRY_CHANNEL, "hi")
    await settle()
    assert f"[sidechannel:{ENTRY_CHANNEL}] drop (invalid pow) from {HEX[1][:4]}" in caplog.text


async def test_a_hello_that_cannot_be_built_is_only_a_log_line(
    peer: Any, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr("engine.services.sidechannel.mining.MAX_WAITING", 0)
    one, two = peer(1, owner={ENTRY_CHANNEL: HEX[1]}, pow=True), peer(2)
    one.service.create_welcome(ENTRY_CHANNEL, "hi")
    one.swarm.dial(two.swarm)
    await settle()
    assert "a hello was not sent" in caplog.text
    assert one.service.peer_channels(KEYS[2].public_key) == (ENTRY_CHANNEL,)


async def test_status_and_stats(peer: Any) -> None:
    one, two = peer(1, channels=(ROOM,)), peer(2)
    assert one.service.stats() == {
        "channels": [ENTRY_CHANNEL, ROOM],
        "connectionCount": 0,
        "sidechannelStarted": False,
        "accepted": 0,
        "sent": 0,
        "relayed": 0,
        "drops": {},
        "lost": 0,
    }
    connected: list[Any] = []
    one.service.on_connection = connected.append
    one.swarm.dial(two.swarm)
    await settle()
    assert len(connected) == 1
    before = one.changes
    await two.service.send(ENTRY_CHANNEL, "hi")
    await settle()
    assert one.changes > before
    [entry, room] = one.service.channel_statuses()
    assert (entry.kind, entry.peers, entry.accepted, entry.last_seq) == (ChannelKind.ENTRY, 1, 1, 1)
    assert (room.kind, room.peers, room.joined, room.pow_bits, room.ttl) == (ChannelKind.PUBLIC, 0, True, 0, 3)
    assert one.service.peer_channels(KEYS[2].public_key) == (ENTRY_CHANNEL,)


async def test_fields_that_are_no_text_or_number_are_shown_safely(peer: Any) -> None:
    one, two = peer(1), peer(2, require_signed=False)
    ours = one.swarm.dial(two.swarm)
    await settle()
    payloads: list[Any] = [
        {"id": 7, "ts": 1e300, "ttl": "x", "origin": {"toString": 1}, "message": None},
        {"id": "b", "from": ["x", 1], "ts": "soon", "ttl": 1e400, "relayedBy": 5, "message": False},
    ]
    for payload in payloads:
        raw = json.dumps({"channel": ENTRY_CHANNEL, **payload}).replace("Infinity", "1e400").encode()
        channel = next(channel for channel in ours.mux.channels if channel.protocol.endswith(ENTRY_CHANNEL))
        channel.send(0, links_module.Frame.of(raw, own=True).data)
    await settle()
    first, second = (event.message for event in two.of(MessageReceived))
    assert (first.id, first.ts_ms, first.ttl, first.origin) == ("7", two.clock.now_ms, None, None)
    assert first.message["id"] == 7
    assert (second.sender, second.message, second.ttl, second.relayed_by) == ("x,1", False, None, HEX[1])
    assert (second.trust, second.late) == (Trust.UNSIGNED, False)


async def test_after_stop_nothing_is_handled(peer: Any) -> None:
    one, two = peer(1), peer(2)
    one.swarm.dial(two.swarm)
    await settle()
    await two.service.stop()
    await one.service.send(ENTRY_CHANNEL, "anybody?")
    await settle()
    assert two.texts() == []
    two.swarm.dial(peer(3).swarm)
    await settle()
    assert two.service.stats()["connectionCount"] == 0


async def test_a_store_that_fails_is_reported(peer: Any) -> None:
    one = peer(1)
    one.store.on_error(StoreUnwritable("disk full"))
    await settle()
    [event] = one.of(PlaneFailed)
    assert (event.plane, event.error) == ("store", "disk full")
    assert event.hint
