"""One peer: its facade, its store and the order in which it starts and stops.

``async with Engine(...)`` starts a peer and stops it in order: bridge, sidechannels, swarm (which unannounces), DHT
node, store. :meth:`Engine.start` returns as soon as the store is open, so a screen can paint; everything slower is a
start-up step with a deadline, a visible state and retries.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable
from functools import partial
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING

from engine.api import BridgeAPI, CommandResult, NetworkAPI, SidechannelAPI, Subscription
from engine.clock import Clock, SystemClock
from engine.commands.command import KeyText
from engine.commands.registry import execute
from engine.config.sections import ENTRY_CHANNEL, LOCAL_HOST, MSB_BOOTSTRAP, MSB_CHANNEL, Config
from engine.crypto.wallet import Wallet
from engine.errors import IntercomError, NotReady
from engine.event_bus import EventBus
from engine.events import Event, PlaneFailed, StatusChanged
from engine.net.tasks import TaskScope
from engine.paths import Paths
from engine.sidechannel_gate import SidechannelGate
from engine.startup import StartupBoard
from engine.status import BridgeOff, EngineStatus, Identity, P2pOffline
from engine.store.keyfile_store import load_or_create
from engine.store.lock import StoreLock
from engine.store.messages import MessageStore
from engine.wire.jsjson import JsonValue

if TYPE_CHECKING:
    from engine.net.udp import UdpNetwork
    from engine.planes import Planes

_logger = logging.getLogger(__name__)

STEPS = ("identity", "network", "bootstrap", "channels", "bridge")
NETWORK_RETRY_S = (1.0, 3.0)
"""Pauses between attempts of a start-up step, seconds."""
STATUS_INTERVAL_S = 0.1
"""Least time between two published snapshots."""
REFRESH_S = 1.0
"""Snapshots are renewed this often for numbers that change without an event (round-trip times, bytes)."""
STOP_DEADLINE_S = 8.0
"""Longest orderly stop; what is still open then is cut."""


async def _at_once() -> None:
    """Begin without waiting."""


class Engine:
    """A peer of the Intercom network.

    Args:
        config: settings.
        paths: files.
        load_identity: reads or makes the wallet; called in a thread.
        network: where sockets come from; the OS by default.
        clock: source of time.
        begin: awaited before anything heavy is imported or done, so that a screen can paint its first frame.
    """

    def __init__(
        self,
        config: Config,
        paths: Paths,
        *,
        load_identity: Callable[[], Wallet] | None = None,
        network: UdpNetwork | None = None,
        clock: Clock | None = None,
        begin: Callable[[], Awaitable[object]] = _at_once,
    ) -> None:
        self._config = config
        self._paths = paths
        self._load_wallet = load_identity or partial(load_or_create, paths.keypair)
        self._udp = network
        self._begin = begin
        self._clock = clock or SystemClock()
        self._bus = EventBus()
        self._scope = TaskScope("engine", self._task_failed)
        self._startup = StartupBoard(STEPS, self._clock, self.touch)
        self._wallet: Wallet | None = None
        self._planes: Planes | None = None
        self._failure = ""
        self._status_pending = False
        self._published: EngineStatus | None = None
        self._started: asyncio.Future[None] | None = None
        self.stop_requested = asyncio.Event()
        """Set when a command asks this process to end."""

    # -- life ---------------------------------------------------------------------------------------------------

    async def __aenter__(self) -> Engine:
        await self.start()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.stop()

    async def start(self) -> None:
        """Lock and open the store, then start everything else in the background.

        Raises:
            StoreLocked: another process uses the store.
            StoreUnwritable: the store cannot be made.
            StoreCorrupt: the message history is damaged.
        """
        self._lock = StoreLock(self._paths.lock)
        try:
            self._store = MessageStore(self._paths.messages)
        except IntercomError:
            self._lock.release()
            raise
        self._gate = SidechannelGate(self._store)
        self._started = asyncio.get_running_loop().create_future()
        self._scope.spawn("start", self._start_planes())
        self._scope.spawn("refresh", self._refresh())

    async def ready(self) -> None:
        """Return when the peer is in its channels.

        Raises:
            IntercomError: a step that everything needs failed for good.
        """
        assert self._started is not None, "start() comes first"
        await asyncio.shield(self._started)

    async def stop(self) -> None:
        """Stop in order; unannounces, bounded by :data:`STOP_DEADLINE_S`."""
        try:
            async with asyncio.timeout(STOP_DEADLINE_S):
                for stop in self._planes.stops() if self._planes is not None else ():
                    await stop()
        except TimeoutError:
            _logger.warning("the peer did not stop in order within %g s", STOP_DEADLINE_S)
        await self._scope.close()
        if self._started is not None and not self._started.done():
            self._started.cancel()
        self._store.close()
        self._bus.close()
        self._lock.release()

    async def _start_planes(self) -> None:
        assert self._started is not None
        try:
            await self._start_in_order()
        except IntercomError as error:
            self._failure = str(error)
            self._bus.publish(PlaneFailed("p2p", str(error), error.hint))
            if not self._started.done():
                self._started.set_exception(error)
                self._started.exception()  # ready() may never be awaited
        else:
            if not self._started.done():
                self._started.set_result(None)
        self.touch()

    async def _start_in_order(self) -> None:
        await self._begin()
        planes = self._make_planes()
        network = self._scope.spawn(
            "network", self._startup.run("network", planes.open_network, deadline_s=10.0, retry_s=NETWORK_RETRY_S)
        )
        self._wallet = wallet = await self._startup.run("identity", self._load_identity, deadline_s=60.0)
        self.touch()
        await network
        self._gate.open(planes.compose(wallet))
        self._scope.spawn("bridge", planes.start_bridge())
        await planes.join_channels()

    def _make_planes(self) -> Planes:
        from engine.planes import Planes  # heavy: a screen is painted first

        self._planes = Planes(
            self,
            self._paths.bridge_tokens,
            self._udp,
            self._store,
            self._bus,
            self._startup,
            self._scope,
            self._clock,
            self.touch,
        )
        return self._planes

    async def _load_identity(self) -> Wallet:
        return await asyncio.to_thread(self._load_wallet)

    # -- facade -------------------------------------------------------------------------------------------------

    @property
    def config(self) -> Config:
        """What the peer was started with."""
        return self._config

    @property
    def paths(self) -> Paths:
        """Files of this peer."""
        return self._paths

    @property
    def wallet(self) -> Wallet | None:
        """The identity, None until it is read."""
        return self._wallet

    @property
    def status(self) -> EngineStatus:
        """The newest snapshot."""
        return self._snapshot()

    @property
    def sidechannel(self) -> SidechannelAPI:
        """Sidechannels."""
        return self._gate

    @property
    def network(self) -> NetworkAPI:
        """The network.

        Raises:
            NotReady: the peer is still starting.
        """
        return self._running()

    @property
    def bridge(self) -> BridgeAPI:
        """The bridge.

        Raises:
            NotReady: the peer is still starting.
        """
        return self._running().bridge

    def events(self, *kinds: type[Event], limit: int = 1000) -> Subscription:
        """Subscribe to events; see :meth:`engine.api.EngineAPI.events`."""
        return self._bus.subscribe(*kinds, limit=limit)

    async def execute(self, line: str, *, admin: bool = True, human: bool = True) -> CommandResult:
        """Run one command line such as ``/sc_join --channel "x"``; see :meth:`engine.api.EngineAPI.execute`."""
        return await execute(self, line, admin=admin, human=human, host=self)

    def request_exit(self) -> None:
        """Ask the process to end; see :attr:`stop_requested`."""
        self.stop_requested.set()

    def reveal_keys(self) -> KeyText:
        """The keys of this peer, for ``/get_keys``.

        Raises:
            NotReady: they are not loaded yet.
        """
        wallet = self._wallet
        if wallet is None:
            raise NotReady
        return KeyText(wallet.address, wallet.public_hex, wallet.key_pair.secret_key.hex())

    def info(self) -> dict[str, JsonValue]:
        """The bridge's ``info`` object (protocol reference 07-sc-bridge section 6)."""
        config, wallet = self._config, self._wallet
        bootstrap: list[JsonValue] = list(config.network.dht_bootstrap)
        if config.network.local:
            bootstrap = [f"{LOCAL_HOST}:{config.network.local_bootstrap_port}"]
        msb_name = config.msb.store_name or f"{config.identity.peer_store_name}-msb"
        msb_stores = Path(config.msb.stores_directory or self._paths.store.parent)
        msb_bootstrap: list[JsonValue] = list(config.msb.dht_bootstrap)
        extras: list[JsonValue] = [name for name in config.sidechannel.channels if name != ENTRY_CHANNEL]
        return {
            "msbBootstrap": MSB_BOOTSTRAP,
            "msbChannel": MSB_CHANNEL,
            "msbStore": str(msb_stores / msb_name),
            "msbDhtBootstrap": msb_bootstrap or None,
            "peerStore": str(self._paths.store),
            "peerDhtBootstrap": bootstrap or None,
            "subnetBootstrap": config.subnet.bootstrap or None,
            "subnetChannel": config.subnet.channel,
            "peerPubkey": wallet.public_hex if wallet is not None else None,
            "peerTracAddress": wallet.address if wallet is not None else None,
            "peerWriterKey": None,
            "sidechannelEntry": ENTRY_CHANNEL,
            "sidechannelExtras": extras,
        }

    # -- status -------------------------------------------------------------------------------------------------

    def touch(self) -> None:
        """Something a snapshot shows has changed; a new one is published soon."""
        if not self._status_pending and not self._scope.closed:
            self._status_pending = True
            asyncio.get_running_loop().call_later(STATUS_INTERVAL_S, self._publish_status)

    def _publish_status(self) -> None:
        self._status_pending = False
        if self._scope.closed or not self._bus.wanted(StatusChanged):
            return
        status = self._snapshot()
        if status != self._published:
            self._published = status
            self._bus.publish(StatusChanged(status))

    async def _refresh(self) -> None:
        while True:
            await asyncio.sleep(REFRESH_S)
            self.touch()

    def _snapshot(self) -> EngineStatus:
        planes, wallet = self._planes, self._wallet
        name = self._config.identity.peer_store_name
        identity = Identity(wallet.public_hex, wallet.address, name) if wallet is not None else None
        steps = self._startup.steps
        if planes is None:
            return EngineStatus(identity, P2pOffline(self._failure or "starting"), BridgeOff(), steps)
        return EngineStatus(
            identity=identity,
            p2p=planes.p2p(self._failure),
            bridge=planes.bridge.status(),
            startup=steps,
            peers=planes.peers(),
            channels=planes.channels(),
            open_requests=planes.open_requests(),
            drops=planes.drops(),
        )

    def _running(self) -> Planes:
        if self._planes is None:
            raise NotReady
        return self._planes

    def _task_failed(self, name: str, error: BaseException) -> None:
        self._bus.publish(PlaneFailed(name, f"{name} failed: {error}", "The other parts run on; see the log."))
