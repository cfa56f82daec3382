from __future__ import annotations

import asyncio

import pytest

from engine.api import EngineAPI
from engine.errors import InvalidChannel, MessageTooLarge, OwnerOnly, WelcomeRequired
from engine.events import Event, Gap, MessageReceived, MessageSent, OpenRequestClosed, WelcomeAccepted
from engine.messages import Trust
from engine.status import BridgeListening, P2pBootstrapping, P2pOnline, StepState
from intercom_tui.demo import DemoEngine
from intercom_tui.demo import script as story
from intercom_tui.demo.engine import STEPS
from intercom_tui.demo.subscription import DemoSubscription


async def told(subscription: DemoSubscription) -> list[Event]:
    """Everything that was published to a subscription."""
    subscription.close()
    return [event async for event in subscription]


async def test_it_is_an_engine() -> None:
    engine: EngineAPI = DemoEngine(online=True)
    assert isinstance(engine.status.p2p, P2pOnline)
    assert engine.info()["peerPubkey"] == story.OWN
    assert engine.sidechannel.entry_channel == "0000intercom"
    assert engine.config.identity.peer_store_name == "agent-7"


async def test_playing_starts_step_by_step_and_then_talks() -> None:
    engine = DemoEngine()
    assert isinstance(engine.status.p2p, P2pBootstrapping)
    states: list[list[StepState]] = []
    waits: list[float] = []

    async def sleep(seconds: float) -> None:
        states.append([step.state for step in engine.status.startup])
        waits.append(seconds)
        if len(waits) > len(STEPS) + 4:
            raise asyncio.CancelledError
        await asyncio.sleep(0)

    with pytest.raises(asyncio.CancelledError):
        await engine.play(sleep)
    assert states[0][0] is StepState.RUNNING
    assert all(step.state is StepState.DONE for step in engine.status.startup)
    assert isinstance(engine.status.bridge, BridgeListening)
    assert [request.channel for request in engine.status.open_requests] == ["otc-7"]


async def test_it_runs_and_stops_as_a_context() -> None:
    async with DemoEngine(online=True) as engine:
        await asyncio.sleep(0)
    assert isinstance(engine.status.bridge, BridgeListening)


async def test_sending_is_stored_and_told() -> None:
    engine = DemoEngine(online=True)
    events = engine.events(MessageSent)
    sent = await engine.sidechannel.send("builders", "hi", label="agent")
    [event] = await told(events)
    assert isinstance(event, MessageSent)
    assert (event.message.id, event.message.trust, event.message.label, sent.peers) == (sent.id, Trust.OWN, "agent", 7)
    assert engine.sidechannel.history("builders", limit=1) == [event.message]


@pytest.mark.parametrize(
    ("channel", "text", "error"),
    [("announce", "x", OwnerOnly), ("dev-python", "x", WelcomeRequired), ("builders", "x" * 300_000, MessageTooLarge)],
)
async def test_policies_refuse_as_the_real_ones(channel: str, text: str, error: type[Exception]) -> None:
    with pytest.raises(error):
        await DemoEngine(online=True).sidechannel.send(channel, text)


async def test_joining_leaving_and_open_requests() -> None:
    engine = DemoEngine(online=True)
    assert not (await engine.sidechannel.join(" lisbon ")).already
    assert (await engine.sidechannel.join("lisbon")).already
    assert await engine.sidechannel.leave("lisbon")
    assert not await engine.sidechannel.leave("lisbon")
    assert not await engine.sidechannel.leave("0000intercom")
    with pytest.raises(InvalidChannel):
        await engine.sidechannel.join("  ")
    request = engine.ask_open("otc-7")
    closed = engine.events(OpenRequestClosed)
    assert await engine.sidechannel.answer_open_request(request.request_id, accept=True)
    assert not await engine.sidechannel.answer_open_request(request.request_id, accept=True)
    assert await told(closed) == [OpenRequestClosed(request.request_id)]
    assert engine.status.channel("otc-7") is not None
    asked = await engine.sidechannel.request_open("otc-8")
    assert (asked.via, asked.peers) == ("0000intercom", 7)


async def test_welcomes_and_invites_are_accepted_when_they_look_like_it() -> None:
    engine = DemoEngine(online=True)
    welcome = engine.sidechannel.create_welcome("dev-python", "snakes")
    welcomed = engine.events(WelcomeAccepted)
    assert engine.sidechannel.accept_welcome("dev-python", welcome)
    assert await told(welcomed) == [WelcomeAccepted("dev-python", "snakes")]
    assert engine.sidechannel.stored_welcome("dev-python") == welcome
    assert not engine.sidechannel.accept_welcome("dev-python", "nonsense")
    assert engine.sidechannel.accept_invite("swap-desk", engine.sidechannel.create_invite("swap-desk", story.MIRA))
    assert not engine.sidechannel.accept_invite("swap-desk", {"no": "payload"})
    assert "--invite" in engine.sidechannel.join_command("swap-desk", story.MIRA)


def test_history_pages_backwards_and_since_goes_forwards() -> None:
    engine = DemoEngine(online=True)
    newest = engine.sidechannel.history("builders", limit=3)
    older = engine.sidechannel.history("builders", before=newest[0].seq, limit=2)
    assert len(newest) == 3
    assert len(older) == 2
    assert [message.seq for message in (*older, *newest)] == sorted(message.seq for message in (*older, *newest))
    assert engine.sidechannel.history("builders", before=0) == []
    assert [message.seq for message in engine.sidechannel.since(5, limit=4)] == [6, 7, 8, 9]
    assert engine.sidechannel.stats()["connectionCount"] == 7


async def test_a_slow_subscriber_gets_a_gap() -> None:
    engine = DemoEngine(online=True)
    subscription = engine.events(limit=2)
    for number in range(5):
        engine.sidechannel.deliver("builders", story.MIRA, str(number))
    events = await told(subscription)
    assert [type(event) for event in events] == [MessageReceived, MessageReceived, Gap]
    assert events[-1] == Gap(3)


async def test_commands_answer_in_the_reference_wording() -> None:
    engine = DemoEngine(online=True)
    assert (await engine.execute('/sc_join --channel "x"')).output == ("Joined sidechannel: x",)
    assert (await engine.execute("/sc_join")).output[0].startswith("Usage: /sc_join")
    assert (await engine.execute('/sc_send --channel builders --message "hi"')).ok
    assert (await engine.execute("/sc_open --channel x")).output == ("Requested channel: x",)
    assert (await engine.execute("/sc_stats")).has_result
    assert not (await engine.execute('/sc_send --channel announce --message "hi"')).ok
    assert not (await engine.execute('/sc_send "')).ok
    assert not (await engine.execute("/nothing")).ok


async def test_the_bridge_starts_stops_and_kicks() -> None:
    engine = DemoEngine(online=True)
    assert not engine.bridge.kick("pricer")
    await engine.bridge.start()
    assert engine.bridge.kick("pricer")
    assert not engine.bridge.kick("pricer")
    await engine.bridge.stop()
    await engine.network.reconnect()
    assert engine.network.reconnects == 1
    engine.go_offline()
    assert engine.status.peers == ()
