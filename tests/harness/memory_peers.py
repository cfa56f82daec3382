"""Sidechannel peers whose connections are in memory, for many peers and many messages in virtual time."""

from __future__ import annotations

import asyncio
from collections import Counter
from typing import Any

from engine.config.sections import SidechannelConfig
from engine.crypto.keys import KeyPair
from engine.events import Event, MessageDropped, MessageReceived
from engine.messages import ChannelMessage
from engine.net.tasks import TaskScope
from engine.services.sidechannel.service import SidechannelService
from engine.store.messages import MEMORY, MessageStore
from tests.harness.fakeswarm import FakeSwarm
from tests.harness.virtual_loop import VirtualClock


class MemoryPeer:
    """One peer.

    Args:
        number: which identity.
        settings: of its sidechannels; no proof of work and no welcomes unless given.
    """

    def __init__(self, number: int, **settings: Any) -> None:
        key_pair = KeyPair.from_seed(number.to_bytes(32, "big"))
        self.key = key_pair.public_key.hex()
        self.swarm = FakeSwarm(key_pair)
        self.scope = TaskScope(f"peer {number}")
        self.store = MessageStore(MEMORY)
        self.received: list[ChannelMessage] = []
        self.drops: Counter[str] = Counter()
        self.service = SidechannelService(
            SidechannelConfig(**({"pow": False, "welcome_required": False} | settings)),
            key_pair,
            None,
            self.swarm,  # type: ignore[arg-type]
            self.store,
            self.scope,
            self._publish,
            clock=VirtualClock(),
            ready=self._ready,
        )

    async def _ready(self) -> None:
        await asyncio.sleep(0)

    def _publish(self, event: Event) -> None:
        if isinstance(event, MessageReceived):
            self.received.append(event.message)
        elif isinstance(event, MessageDropped):
            self.drops[event.reason] += 1

    @property
    def lost(self) -> int:
        """Messages this peer could not pass to a neighbour."""
        lost = self.service.stats()["lost"]
        assert isinstance(lost, int)
        return lost

    async def close(self) -> None:
        """Stop."""
        await self.service.stop()
        for connection in tuple(self.swarm.connections):
            connection.destroy()
        self.store.close()


async def started(*peers: MemoryPeer) -> None:
    """Start peers."""
    for peer in peers:
        await peer.service.start()
