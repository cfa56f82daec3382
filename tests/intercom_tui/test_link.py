from __future__ import annotations

import asyncio
from typing import Any

from textual.message import Message

from engine.events import ChannelJoined, MessageReceived, StatusChanged
from engine.net.tasks import TaskScope
from intercom_tui.demo import DemoEngine
from intercom_tui.demo import script as story
from intercom_tui.link import EngineLink, EventsHappened, MessagesArrived, StatusUpdated


class Target:
    def __init__(self) -> None:
        self.messages: list[Message] = []

    def post_message(self, message: Message) -> bool:
        self.messages.append(message)
        return True


def link_to(engine: DemoEngine, target: Target, now: list[float]) -> EngineLink:
    return EngineLink(engine, target, lambda: now[0])  # type: ignore[arg-type]


def test_many_events_become_few_messages_in_order() -> None:
    engine, target, now = DemoEngine(online=True), Target(), [0.0]
    link = link_to(engine, target, now)
    arrived = [engine.sidechannel.deliver("builders", story.MIRA, f"m{n}") for n in range(50)]
    for message in arrived:
        link.collect(MessageReceived(message))
    link.collect(ChannelJoined("x"))
    link.flush()
    assert [type(message) for message in target.messages] == [MessagesArrived, EventsHappened]
    assert isinstance(target.messages[0], MessagesArrived)
    assert list(target.messages[0].messages) == arrived
    link.flush()
    assert len(target.messages) == 2


def test_only_the_newest_status_is_shown_and_not_too_often() -> None:
    engine, target, now = DemoEngine(), Target(), [0.0]
    link = link_to(engine, target, now)
    first = engine.status
    link.collect(StatusChanged(first))
    link.flush()
    engine.come_online()
    link.collect(StatusChanged(first))
    link.collect(StatusChanged(engine.status))
    link.flush()
    assert len(target.messages) == 1
    now[0] = 0.3
    link.flush()
    assert [message.status for message in target.messages if isinstance(message, StatusUpdated)] == [
        first,
        engine.status,
    ]
    assert target.messages[1].can_replace(target.messages[0])


async def test_it_reads_until_it_is_cancelled() -> None:
    engine, target = DemoEngine(online=True), Target()
    scope = TaskScope("test")
    link = EngineLink(engine, target)  # type: ignore[arg-type]
    scope.spawn("read", link.read())
    scope.spawn("pump", link.pump())
    await asyncio.sleep(0)
    engine.sidechannel.deliver("builders", story.MIRA, "one")
    engine.touch()
    for _ in range(100):
        await asyncio.sleep(0.01)
        if len(target.messages) >= 2:
            break
    await scope.close()
    kinds: list[Any] = [type(message) for message in target.messages]
    assert MessagesArrived in kinds
    assert StatusUpdated in kinds
