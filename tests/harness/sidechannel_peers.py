"""Whole sidechannel peers on a DHT of this machine."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import Any, TypeVar

from engine.clock import SystemClock
from engine.config.sections import ENTRY_CHANNEL, SidechannelConfig
from engine.crypto.keys import KeyPair
from engine.events import Event, MessageDropped, MessageReceived
from engine.messages import ChannelMessage
from engine.net.dht.config import DhtConfig
from engine.net.dht.hyperdht import HyperDht
from engine.net.dht.testnet import start_bootstrap_network
from engine.net.swarm import Hyperswarm
from engine.net.tasks import TaskScope
from engine.net.udp import OsNetwork
from engine.services.sidechannel.service import SidechannelService
from engine.status import ChannelStatus
from engine.store.messages import MEMORY, MessageStore

HOST = "127.0.0.1"
EventT = TypeVar("EventT", bound=Event)


class MovableClock(SystemClock):
    """The machine's clock, which a test can move forward."""

    def __init__(self) -> None:
        self.ahead_s = 0.0

    def monotonic(self) -> float:
        """Seconds."""
        return super().monotonic() + self.ahead_s

    def wall_ms(self) -> int:
        """Milliseconds since the epoch."""
        return super().wall_ms() + int(self.ahead_s * 1000)


def key_pair(number: int) -> KeyPair:
    """The key pair of a numbered test peer."""
    return KeyPair.from_seed(bytes([number]) * 32)


def public_hex(number: int) -> str:
    """Its public key."""
    return key_pair(number).public_key.hex()


class SidechannelPeer:
    """One peer: DHT node, swarm and sidechannels.

    Args:
        port: of the DHT's bootstrap node.
        number: which test identity.
        config: sidechannel settings.
    """

    def __init__(self, port: int, number: int, config: SidechannelConfig) -> None:
        self.key_pair = key_pair(number)
        self.key = self.key_pair.public_key.hex()
        self.scope = TaskScope(f"peer {number}")
        self.clock = MovableClock()
        self.dht = HyperDht(OsNetwork(), DhtConfig(bootstrap=((HOST, port),), host=HOST, port=0), self.scope)
        self.swarm = Hyperswarm(self.dht, self.key_pair, self.scope)
        self.store = MessageStore(MEMORY)
        self.events: list[Event] = []
        self._changed = asyncio.Event()
        self.service = SidechannelService(
            config,
            self.key_pair,
            None,
            self.swarm,
            self.store,
            self.scope.child("sidechannel"),
            self._publish,
            clock=self.clock,
            ready=self.dht.fully_bootstrapped,
        )
        self.service.on_status_change = self._changed.set

    async def start(self) -> None:
        """Bind, bootstrap and join."""
        await self.dht.start()
        async with asyncio.timeout(30):
            await self.service.start()

    async def stop(self) -> None:
        """Leave properly."""
        await self.service.stop()
        await self.swarm.destroy()
        await self.dht.destroy()
        await self.scope.close()
        self.store.close()

    def _publish(self, event: Event) -> None:
        self.events.append(event)
        self._changed.set()

    async def until(self, condition: Callable[[], Any], timeout_s: float = 30.0) -> Any:
        """The first true value of *condition()*."""
        try:
            async with asyncio.timeout(timeout_s):
                while not (result := condition()):
                    self._changed.clear()
                    await self._changed.wait()
                return result
        except TimeoutError:
            raise AssertionError(f"not within {timeout_s} s; drops {self.drops()}, events {self.events[-5:]}") from None

    async def event(self, kind: type[EventT], matches: Callable[[EventT], bool] = lambda event: True) -> EventT:
        """The first event of a kind that matches."""
        found: EventT = await self.until(
            lambda: next((event for event in self.events if isinstance(event, kind) and matches(event)), None)
        )
        return found

    async def message(self, text: Any, channel: str = ENTRY_CHANNEL) -> ChannelMessage:
        """The delivered message with that value."""
        event = await self.event(
            MessageReceived, lambda event: event.message.message == text and event.message.channel == channel
        )
        return event.message

    async def dropped(self, reason: str, channel: str = ENTRY_CHANNEL) -> MessageDropped:
        """The report of a refused message."""
        return await self.event(MessageDropped, lambda event: (event.reason, event.channel) == (reason, channel))

    async def beside(self, *keys: str, channel: str = ENTRY_CHANNEL) -> None:
        """Wait until a channel is open with all these peers."""
        await self.until(lambda: all(channel in self.service.peer_channels(bytes.fromhex(key)) for key in keys))

    def channel(self, name: str = ENTRY_CHANNEL) -> ChannelStatus:
        """Status of one channel."""
        return next(status for status in self.service.channel_statuses() if status.name == name)

    def drops(self) -> dict[str, dict[str, int]]:
        """Counted refusals of all channels."""
        return {status.name: dict(status.drops) for status in self.service.channel_statuses() if status.drops}

    def texts(self, channel: str = ENTRY_CHANNEL) -> list[Any]:
        """Values of all messages delivered in a channel."""
        return [
            event.message.message
            for event in self.events
            if isinstance(event, MessageReceived) and event.message.channel == channel
        ]


class PeerFactory:
    """Starts peers on one DHT and stops them at the end."""

    def __init__(self, port: int) -> None:
        self.port = port
        self._peers: list[SidechannelPeer] = []

    async def __call__(self, number: int, *, banned: tuple[int, ...] = (), **settings: Any) -> SidechannelPeer:
        """A started peer.

        Args:
            number: which test identity.
            banned: identities it never connects to.
            settings: fields of the sidechannel configuration.
        """
        peer = SidechannelPeer(self.port, number, SidechannelConfig(**settings))
        self._peers.append(peer)
        for other in banned:
            peer.swarm.ban(key_pair(other).public_key)
        await peer.start()
        return peer

    async def stop(self, peer: SidechannelPeer) -> None:
        """Stop one peer early."""
        self._peers.remove(peer)
        await peer.stop()

    async def close(self) -> None:
        """Stop all peers."""
        await asyncio.gather(*(peer.stop() for peer in self._peers))


@asynccontextmanager
async def local_peers(nodes: int = 3) -> AsyncIterator[PeerFactory]:
    """A DHT of *nodes* nodes on loopback, and peers on it."""
    scope = TaskScope("dht")
    dht = await start_bootstrap_network(OsNetwork(), HOST, 0, nodes, scope)
    factory = PeerFactory(dht[0].server_socket.local_address[1])
    try:
        yield factory
    finally:
        await factory.close()
        for node in dht:
            await node.destroy()
        await scope.close()
