"""The pretended engine: status, events, commands, and the script on a clock."""

from __future__ import annotations

import asyncio
import shlex
from collections.abc import Callable
from dataclasses import replace
from types import TracebackType
from typing import Any, Self

from engine.api import CommandResult
from engine.clock import Clock, SystemClock
from engine.config.sections import ENTRY_CHANNEL, Config, IdentityConfig
from engine.errors import IntercomError
from engine.events import Event, OpenRequested, StatusChanged
from engine.messages import Trust
from engine.net.tasks import TaskScope
from engine.status import (
    BridgeClient,
    BridgeListening,
    BridgeOff,
    EngineStatus,
    Identity,
    OpenRequest,
    P2pBootstrapping,
    P2pOnline,
    PeerStatus,
    StartupStep,
    StepState,
)
from engine.wire.jsjson import JsonValue
from intercom_tui.demo import script
from intercom_tui.demo.sidechannel import DemoSidechannel
from intercom_tui.demo.subscription import DemoSubscription

ADDRESS = "trac1d7k2xq9s8m4vwy6e5rjt7n3h8u2l0q9zc5p4f6g3a2w1e0r8t7y6u5qd4k0pm"
USAGE = 'Usage: /sc_join --channel "<name>" [--invite <json|b64|@file>] [--welcome <json|b64|@file>]'
STEPS = ("open store", "bind port", "join DHT", "announce channels")


class DemoNetwork:
    """Stands for the DHT node and the swarm."""

    def __init__(self) -> None:
        self.reconnects = 0

    async def reconnect(self) -> None:
        """Count the call."""
        self.reconnects += 1


class DemoBridge:
    """Stands for SC-Bridge, with two agents connected once it listens."""

    def __init__(self, engine: DemoEngine) -> None:
        self._engine = engine

    async def start(self) -> None:
        """Listen."""
        since = self._engine.clock.wall_ms() - 600_000
        clients = (
            BridgeClient("pricer", since, True, ("read", "send"), ("swap-desk", "builders"), "send", 0),
            BridgeClient("watcher", since + 240_000, True, ("read",), (), "subscribe", 3),
        )
        self._engine.update(bridge=BridgeListening("127.0.0.1", 49222, clients))

    async def stop(self) -> None:
        """Close."""
        self._engine.update(bridge=BridgeOff())

    def kick(self, label: str) -> bool:
        """Close one client."""
        bridge = self._engine.status.bridge
        if not isinstance(bridge, BridgeListening):
            return False
        kept = tuple(client for client in bridge.clients if client.label != label)
        if len(kept) == len(bridge.clients):
            return False
        self._engine.update(bridge=replace(bridge, clients=kept))
        return True


class DemoEngine:
    """Implements :class:`~engine.api.EngineAPI`.

    Args:
        clock: time of everything it says.
        online: start connected; False begins with the start-up steps, which :meth:`come_online` finishes.
        empty: no history, no rooms but the lobby.
        step_s: seconds each start-up step takes while :meth:`play` runs.
    """

    def __init__(
        self, *, clock: Clock | None = None, online: bool = False, empty: bool = False, step_s: float = 0.6
    ) -> None:
        self.clock: Clock = clock or SystemClock()
        self.online = False
        self._step_s = step_s
        self._subscriptions: list[DemoSubscription] = []
        self._scope: TaskScope | None = None
        self._config = Config(identity=IdentityConfig(peer_store_name="agent-7"))
        self._sidechannel = DemoSidechannel(self)
        self._network = DemoNetwork()
        self._bridge = DemoBridge(self)
        self._requests: list[OpenRequest] = []
        self.executed: list[str] = []
        now = self.clock.monotonic()
        self._status = EngineStatus(
            identity=Identity(script.OWN, ADDRESS, "agent-7"),
            p2p=P2pBootstrapping(now, 0),
            bridge=BridgeOff(),
            startup=tuple(StartupStep(name, StepState.WAITING, now) for name in STEPS),
        )
        self._furnish(empty)
        if online:
            self.come_online()

    def _furnish(self, empty: bool) -> None:
        """Put the rooms and their past in place."""
        for room in (replace(script.ROOMS[0], drops=None),) if empty else script.ROOMS:
            self._sidechannel.add_room(room)
        if not empty:
            now = self.clock.wall_ms()
            past = [(now - line.before_s * 1000, line) for line in script.PAST]
            for ts_ms, line in sorted(past, key=lambda entry: entry[0]):
                own = line.sender == script.OWN
                self._sidechannel.deliver(
                    line.channel, line.sender, line.text, ts_ms=ts_ms, trust=Trust.OWN if own else line.trust,
                    relayed_by=line.relayed_by, ttl=line.ttl, label=line.label, peers=line.peers if own else 0,
                    late=line.late, publish=False,
                )  # fmt: skip
            for number, (sender, text) in enumerate(script.LOBBY_TALK * 2):
                ts_ms = now - (len(script.LOBBY_TALK) * 2 - number) * 95_000
                self._sidechannel.deliver(ENTRY_CHANNEL, sender, text, ts_ms=ts_ms, publish=False)
        self._status = replace(self._status, channels=self._sidechannel.statuses())

    # -- the facade ------------------------------------------------------------------------------------------------

    @property
    def config(self) -> Config:
        """Default settings."""
        return self._config

    @property
    def status(self) -> EngineStatus:
        """The newest snapshot."""
        return self._status

    @property
    def sidechannel(self) -> DemoSidechannel:
        """Scripted sidechannels."""
        return self._sidechannel

    @property
    def network(self) -> DemoNetwork:
        """The pretended network."""
        return self._network

    @property
    def bridge(self) -> DemoBridge:
        """The pretended bridge."""
        return self._bridge

    def events(self, *kinds: type[Event], limit: int = 1000) -> DemoSubscription:
        """Subscribe."""
        self._subscriptions = [kept for kept in self._subscriptions if not kept.closed]
        subscription = DemoSubscription(kinds, limit)
        self._subscriptions.append(subscription)
        return subscription

    async def execute(self, line: str, *, admin: bool = True, human: bool = True) -> CommandResult:
        """Run one of a few commands in the reference's wording."""
        self.executed.append(line)
        try:
            words = shlex.split(line)
        except ValueError as error:
            return CommandResult(False, (), str(error))
        values = dict(zip((word.removeprefix("--") for word in words[1::2]), words[2::2], strict=False))
        channel = values.get("channel", "")
        try:
            match words[0] if words else "":
                case "/sc_join" if channel:
                    await self._sidechannel.join(channel)
                    return CommandResult(True, (f"Joined sidechannel: {channel}",))
                case "/sc_send" if channel and "message" in values:
                    await self._sidechannel.send(channel, values["message"])
                    return CommandResult(True, ())
                case "/sc_open" if channel:
                    await self._sidechannel.request_open(channel, via=values.get("via"))
                    return CommandResult(True, (f"Requested channel: {channel}",))
                case "/sc_stats":
                    stats = self._sidechannel.stats()
                    return CommandResult(True, (str(stats),), result=stats, has_result=True)
                case "/sc_join":
                    usage = (
                        'Usage: /sc_join --channel "<name>" [--invite <json|b64|@file>] [--welcome <json|b64|@file>]'
                    )
                    return CommandResult(True, (usage,))
        except IntercomError as error:
            return CommandResult(False, (), str(error))
        return CommandResult(False, (), "Unknown command.")

    def info(self) -> dict[str, JsonValue]:
        """A short ``info`` object."""
        return {"peerPubkey": script.OWN, "peerAddress": ADDRESS, "entryChannel": ENTRY_CHANNEL}

    # -- what the script and tests do ------------------------------------------------------------------------------

    def publish(self, event: Event) -> None:
        """Tell subscribers."""
        for subscription in self._subscriptions:
            subscription.put(event)

    def update(self, **changes: Any) -> None:
        """Change the status and tell subscribers."""
        self._status = replace(self._status, channels=self._sidechannel.statuses(), **changes)
        self.publish(StatusChanged(self._status))

    def touch(self) -> None:
        """Channels changed."""
        self.update()

    def set_step(self, index: int, state: StepState, detail: str = "", attempt: int = 1) -> None:
        """Change one start-up step."""
        steps = list(self._status.startup)
        steps[index] = replace(
            steps[index], state=state, detail=detail, attempt=attempt, since_s=self.clock.monotonic()
        )
        self.update(startup=tuple(steps))

    def come_online(self) -> None:
        """Finish all start-up steps at once; neighbours appear."""
        self.online = True
        wall = self.clock.wall_ms()
        peers = tuple(
            PeerStatus(
                peer.key, peer.address, peer.initiator, peer.rtt_ms, 40_000 * (number + 1), 21_000 * (number + 2),
                wall - 600_000 - number * 61_000, peer.channels, peer.strikes,
            )
            for number, peer in enumerate(script.PEERS)
        )  # fmt: skip
        now = self.clock.monotonic()
        steps = tuple(replace(step, state=StepState.DONE, since_s=now) for step in self._status.startup)
        self.update(p2p=P2pOnline(212, "198.51.100.7", 49737, True, "consistent"), peers=peers, startup=steps)

    def go_offline(self, reason: str = "no DHT node answers") -> None:
        """Lose the network."""
        from engine.status import P2pOffline

        self.online = False
        self.update(p2p=P2pOffline(reason, 8.0), peers=())

    def ask_open(self, channel: str, requester: str = script.KESTREL) -> OpenRequest:
        """A neighbour asks to open a channel."""
        number = len(self._requests) + 1
        request = OpenRequest(number, channel, requester, ENTRY_CHANNEL, self.clock.wall_ms())
        self._requests.append(request)
        self.update(open_requests=(*self._status.open_requests, request))
        self.publish(OpenRequested(number, channel, requester, ENTRY_CHANNEL))
        return request

    def take_request(self, request_id: int) -> OpenRequest | None:
        """Remove an open request."""
        found = next((entry for entry in self._status.open_requests if entry.request_id == request_id), None)
        if found is not None:
            rest = tuple(entry for entry in self._status.open_requests if entry is not found)
            self._status = replace(self._status, open_requests=rest)
        return found

    # -- running ---------------------------------------------------------------------------------------------------

    async def __aenter__(self) -> Self:
        self._scope = TaskScope("demo")
        self._scope.spawn("script", self.play())
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._scope is not None:
            await self._scope.close()

    async def play(self, sleep: Callable[[float], Any] = asyncio.sleep) -> None:
        """Start up step by step, then talk for ever."""
        if not self.online:
            for index in range(len(STEPS)):
                self.set_step(index, StepState.RUNNING)
                await sleep(self._step_s)
                self.set_step(index, StepState.DONE)
            self.come_online()
        await self._bridge.start()
        await sleep(2.0)
        self.ask_open("otc-7")
        while True:
            for wait_s, channel, sender, text in script.LIVE:
                await sleep(wait_s)
                self._sidechannel.deliver(channel, sender, text)
                self.touch()
