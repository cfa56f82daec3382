from __future__ import annotations

from engine.event_bus import EventBus
from engine.events import ChannelJoined, ChannelLeft, Event, Gap, StatusChanged
from engine.status import BridgeOff, EngineStatus, P2pOffline


def status(reason: str) -> StatusChanged:
    return StatusChanged(EngineStatus(identity=None, p2p=P2pOffline(reason), bridge=BridgeOff()))


async def test_a_subscriber_gets_the_kinds_it_wants_in_order() -> None:
    bus = EventBus()
    subscription = bus.subscribe(ChannelJoined)
    bus.publish(ChannelJoined("a"))
    bus.publish(ChannelLeft("a"))
    bus.publish(ChannelJoined("b"))
    assert subscription.take() == [ChannelJoined("a"), ChannelJoined("b")]


async def test_a_slow_subscriber_gets_one_gap_for_what_was_left_out() -> None:
    bus = EventBus()
    subscription = bus.subscribe(limit=2)
    for name in "abcd":
        bus.publish(ChannelJoined(name))
    assert subscription.take() == [Gap(2), ChannelJoined("c"), ChannelJoined("d")]
    assert subscription.take() == []


async def test_only_the_newest_status_waits() -> None:
    bus = EventBus()
    subscription = bus.subscribe()
    bus.publish(status("one"))
    bus.publish(ChannelJoined("a"))
    bus.publish(status("two"))
    assert subscription.take() == [status("two"), ChannelJoined("a")]


async def test_iteration_waits_for_events_and_ends_at_close() -> None:
    bus = EventBus()
    subscription = bus.subscribe()
    seen: list[Event] = []
    bus.publish(ChannelJoined("a"))
    async for event in subscription:
        seen.append(event)
        subscription.close()
    bus.publish(ChannelJoined("b"))
    assert seen == [ChannelJoined("a")]


async def test_closing_the_bus_ends_every_subscription() -> None:
    bus = EventBus()
    subscription = bus.subscribe()
    bus.close()
    assert [event async for event in subscription] == []


async def test_a_kind_is_wanted_while_somebody_takes_it() -> None:
    bus = EventBus()
    assert not bus.wanted(StatusChanged)
    messages = bus.subscribe(ChannelJoined)
    assert (bus.wanted(ChannelJoined), bus.wanted(StatusChanged)) == (True, False)
    everything = bus.subscribe()
    assert bus.wanted(StatusChanged)
    everything.close()
    messages.close()
    assert not bus.wanted(ChannelJoined)
