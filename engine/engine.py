"""One peer: the composition of store, identity, network, sidechannels and bridge.

``async with Engine(...)`` starts a peer and stops it in order: bridge, sidechannels, swarm (which unannounces), DHT
node, store. :meth:`Engine.start` returns as soon as the store is open, so a screen can paint; everything slower is a
start-up step with a deadline, a visible state and retries.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
from collections.abc import Awaitable, Callable
from functools import partial
from pathlib import Path
from types import TracebackType

from engine.api import BridgeAPI, CommandResult, NetworkAPI, SidechannelAPI, Subscription
from engine.bridge.server import BridgeServer
from engine.clock import Clock, SystemClock
from engine.commands.command import KeyText
from engine.commands.registry import execute
from engine.config.sections import ENTRY_CHANNEL, MSB_BOOTSTRAP, MSB_CHANNEL, Config
from engine.crypto.wallet import Wallet
from engine.errors import IntercomError, NetworkError, NotReady
from engine.event_bus import EventBus
from engine.events import Event, PeerConnected, PeerDisconnected, PlaneFailed, StatusChanged
from engine.local_network import LOCAL_HOST, LocalNetwork
from engine.net.connection import PeerConnection
from engine.net.dht.config import DhtConfig
from engine.net.dht.hyperdht import HyperDht
from engine.net.dht.node import DhtNode
from engine.net.swarm import Hyperswarm
from engine.net.tasks import TaskScope
from engine.net.udp import OsNetwork, UdpNetwork
from engine.paths import Paths
from engine.phase_log import PhaseLog
from engine.services.sidechannel.service import SidechannelService
from engine.sidechannel_gate import SidechannelGate
from engine.snapshot import layered_drops, p2p_status, peer_status
from engine.startup import StartupBoard
from engine.status import BridgeOff, BridgeStatus, EngineStatus, Identity, StepState
from engine.store.keyfile_store import load_or_create
from engine.store.lock import StoreLock
from engine.store.messages import MessageStore
from engine.wire.jsjson import JsonValue

_logger = logging.getLogger(__name__)

DEFAULT_DHT_PORT = 49737
"""First port tried when none is configured (protocol reference 02-hyperdht section 9)."""
STEPS = ("identity", "network", "bootstrap", "channels", "bridge")
NETWORK_RETRY_S = (1.0, 3.0)
BRIDGE_RETRY_S = (2.0, 5.0, 15.0, 60.0)
"""Pauses between attempts of a start-up step, seconds."""
STATUS_INTERVAL_S = 0.1
"""Least time between two published snapshots."""
REFRESH_S = 1.0
"""Snapshots are renewed this often for numbers that change without an event (round-trip times, bytes)."""
STOP_DEADLINE_S = 8.0
"""Longest orderly stop; what is still open then is cut."""


class _Network:
    """The network facade of an engine."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine

    async def reconnect(self) -> None:
        """Forget back-offs, look up every topic again."""
        if self._engine.swarm is not None:
            await self._engine.swarm.reconnect()


class Engine:
    """A peer of the Intercom network.

    Args:
        config: settings.
        paths: files.
        load_identity: reads or makes the wallet; called in a thread.
        network: where sockets come from; the OS by default.
        clock: source of time.
    """

    def __init__(
        self,
        config: Config,
        paths: Paths,
        *,
        load_identity: Callable[[], Wallet] | None = None,
        network: UdpNetwork | None = None,
        clock: Clock | None = None,
    ) -> None:
        self._config = config
        self._paths = paths
        self._load_wallet = load_identity or partial(load_or_create, paths.keypair)
        self._udp = network or OsNetwork()
        self._clock = clock or SystemClock()
        self._bus = EventBus()
        self._scope = TaskScope("engine", self._task_failed)
        self._startup = StartupBoard(STEPS, self._clock, self.touch)
        self._wallet: Wallet | None = None
        self._dht: HyperDht | None = None
        self._local: LocalNetwork | None = None
        self._service: SidechannelService | None = None
        self._bridge_server: BridgeServer | None = None
        self._failure = ""
        self._status_pending = False
        self._published: EngineStatus | None = None
        self._started: asyncio.Future[None] | None = None
        self.swarm: Hyperswarm | None = None
        """Connections; None until the identity is known."""
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
                for stop in self._stops():
                    await stop()
        except TimeoutError:
            _logger.warning("the peer did not stop in order within %g s", STOP_DEADLINE_S)
        await self._scope.close()
        if self._started is not None and not self._started.done():
            self._started.cancel()
        self._store.close()
        self._bus.close()
        self._lock.release()

    def _stops(self) -> list[Callable[[], Awaitable[None]]]:
        stops: list[Callable[[], Awaitable[None]]] = []
        if self._bridge_server is not None:
            stops.append(self._bridge_server.stop)
        if self._service is not None:
            stops.append(self._service.stop)
        if self.swarm is not None:
            stops.append(self.swarm.destroy)
        if self._dht is not None:
            stops.append(self._dht.destroy)
        if self._local is not None:
            stops.append(self._local.close)
        return stops

    async def _start_planes(self) -> None:
        assert self._started is not None
        try:
            network = self._scope.spawn(
                "network", self._startup.run("network", self._open_network, deadline_s=10.0, retry_s=NETWORK_RETRY_S)
            )
            wallet = await self._startup.run("identity", self._load_identity, deadline_s=60.0)
            self._wallet = wallet
            self.touch()
            dht = await network
            self._compose(wallet, dht)
            self._scope.spawn("bridge", self._start_bridge())
            await self._join_channels(dht.node)
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

    async def _load_identity(self) -> Wallet:
        return await asyncio.to_thread(self._load_wallet)

    async def _open_network(self) -> HyperDht:
        settings = self._config.network
        bootstrap = settings.dht_bootstrap
        host = settings.bind_host or "0.0.0.0"
        if settings.local:
            host = settings.bind_host or LOCAL_HOST
            bootstrap = (f"{LOCAL_HOST}:{settings.local_bootstrap_port}",)
            self._local = LocalNetwork(
                self._udp, settings.local_bootstrap_port, self._scope.child("local"), self._nodes_replaced
            )
            await self._local.ensure()
        config = DhtConfig(
            bootstrap=tuple(bootstrap),
            host=host,
            port=settings.bind_port or (0 if settings.local else DEFAULT_DHT_PORT),
            any_port=not settings.bind_port,
        )
        dht = HyperDht(self._udp, config, self._scope)
        dht.node.on_state += [lambda _state: self.touch(), PhaseLog(bootstrap)]
        await dht.start()
        self._dht = dht
        return dht

    def _nodes_replaced(self) -> None:
        if self._dht is not None:
            self._dht.announce_again()

    def _compose(self, wallet: Wallet, dht: HyperDht) -> None:
        self.swarm = Hyperswarm(
            dht, wallet.key_pair, self._scope.child("swarm"), max_peers=self._config.network.max_peers
        )
        self._service = SidechannelService(
            self._config.sidechannel,
            wallet.key_pair,
            wallet.address,
            self.swarm,
            self._store,
            self._scope.child("sidechannel"),
            self._bus.publish,
            clock=self._clock,
            ready=dht.fully_bootstrapped,
        )
        self._service.on_status_change = self.touch
        self._service.on_connection = self._connection_opened
        self._gate.open(self._service)

    async def _start_bridge(self) -> None:
        if not self._config.bridge.enabled:
            self._startup.mark("bridge", StepState.DONE, "off")
            return
        self._bridge_server = BridgeServer(
            self._config.bridge, self, self._paths.bridge_tokens, self._scope.child("bridge")
        )
        self._bridge_server.on_status_change = self.touch
        with contextlib.suppress(IntercomError):  # reported at the first attempt, shown in the status
            await self._startup.run(
                "bridge",
                self._bridge_server.start,
                deadline_s=10.0,
                retry_s=BRIDGE_RETRY_S,
                on_failure=self._bridge_failed,
            )

    def _bridge_failed(self, error: IntercomError) -> None:
        _logger.error("SC-Bridge failed to start: %s", error)
        self._bus.publish(PlaneFailed("bridge", f"SC-Bridge failed to start: {error}", error.hint))

    async def _join_channels(self, node: DhtNode) -> None:
        assert self._service is not None
        self._startup.mark("bootstrap", StepState.RUNNING)
        waiting = self._scope.spawn("bootstrap", node.fully_bootstrapped())
        while not waiting.done():
            await asyncio.wait({waiting}, timeout=5.0)
            if not waiting.done():
                self._startup.mark("bootstrap", StepState.RUNNING, node.state.last_error or "no DHT node answers yet")
        await waiting
        self._startup.mark("bootstrap", StepState.DONE)
        await self._startup.run("channels", self._service.start, deadline_s=30.0, retry_s=(2.0, 5.0, 15.0))

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
        """The network."""
        return _Network(self)

    @property
    def bridge(self) -> BridgeAPI:
        """The bridge.

        Raises:
            NetworkError: it is not enabled.
        """
        if self._bridge_server is None:
            raise NetworkError("SC-Bridge is off.", hint="Start with --sc-bridge 1.")
        return self._bridge_server

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
        if self._scope.closed:
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
        service, wallet = self._service, self._wallet
        connections = self.swarm.connections if self.swarm is not None else ()
        node = self._dht.node if self._dht is not None else None
        drops = {"dht": node.drops, "udx": node.udx.drops} if node is not None else {}
        name = self._config.identity.peer_store_name
        return EngineStatus(
            identity=Identity(wallet.public_hex, wallet.address, name) if wallet is not None else None,
            p2p=p2p_status(node, self._failure),
            bridge=self._bridge_status(),
            startup=self._startup.steps,
            peers=tuple(peer_status(connection, service, self._clock) for connection in connections),
            channels=service.channel_statuses() if service is not None else (),
            open_requests=service.open_requests() if service is not None else (),
            drops=layered_drops(drops),
        )

    def _bridge_status(self) -> BridgeStatus:
        return self._bridge_server.status() if self._bridge_server is not None else BridgeOff()

    def _connection_opened(self, connection: PeerConnection) -> None:
        key = connection.remote_public_key.hex()
        connection.on_close.append(lambda error: self._connection_closed(key, error))
        self._bus.publish(PeerConnected(key))
        self.touch()

    def _connection_closed(self, key: str, error: Exception | None) -> None:
        self._bus.publish(PeerDisconnected(key, str(error) if error is not None else "closed"))
        self.touch()

    def _task_failed(self, name: str, error: BaseException) -> None:
        self._bus.publish(PlaneFailed(name, f"{name} failed: {error}", "The other parts run on; see the log."))
