"""The running parts of a peer: DHT node, swarm, sidechannels, bridge.

They are heavy to import and are made after the screen is up; :class:`~engine.engine.Engine` holds what a front end
needs before that.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import TYPE_CHECKING

from engine.bridge.server import BridgeServer
from engine.clock import Clock
from engine.config.sections import LOCAL_HOST, Config
from engine.crypto.wallet import Wallet
from engine.errors import IntercomError
from engine.event_bus import EventBus
from engine.events import PeerConnected, PeerDisconnected, PlaneFailed
from engine.local_network import LocalNetwork
from engine.net.connection import PeerConnection
from engine.net.dht.config import DhtConfig
from engine.net.dht.hyperdht import HyperDht
from engine.net.swarm import Hyperswarm
from engine.net.tasks import TaskScope
from engine.net.udp import OsNetwork, UdpNetwork
from engine.phase_log import PhaseLog
from engine.services.sidechannel.service import SidechannelService
from engine.snapshot import layered_drops, p2p_status, peer_status
from engine.startup import StartupBoard
from engine.status import ChannelStatus, OpenRequest, P2pStatus, PeerStatus, StepState
from engine.store.messages import MessageStore

if TYPE_CHECKING:
    from engine.engine import Engine

_logger = logging.getLogger(__name__)

DEFAULT_DHT_PORT = 49737
"""First port tried when none is configured (protocol reference 02-hyperdht section 9)."""
BRIDGE_RETRY_S = (2.0, 5.0, 15.0, 60.0)
CHANNELS_RETRY_S = (2.0, 5.0, 15.0)
"""Pauses between attempts of a start-up step, seconds."""


class Planes:
    """Makes, starts and stops the parts of one peer.

    Args:
        engine: the peer they belong to; commands of the bridge go to it.
        bridge_tokens: file of the bridge's tokens.
        network: where sockets come from; None = the OS.
        store: message history.
        bus: takes events.
        startup: shows the steps.
        scope: owner of all tasks.
        clock: source of time.
        on_change: called when something a snapshot shows has changed.
    """

    def __init__(
        self,
        engine: Engine,
        bridge_tokens: Path,
        network: UdpNetwork | None,
        store: MessageStore,
        bus: EventBus,
        startup: StartupBoard,
        scope: TaskScope,
        clock: Clock,
        on_change: Callable[[], None],
    ) -> None:
        self._config: Config = engine.config
        self._udp = network or OsNetwork()
        self._store = store
        self._bus = bus
        self._startup = startup
        self._scope = scope
        self._clock = clock
        self._on_change = on_change
        self._dht: HyperDht | None = None
        self._local: LocalNetwork | None = None
        self._swarm: Hyperswarm | None = None
        self.service: SidechannelService | None = None
        """Sidechannels; None until the identity is known."""
        self.bridge = BridgeServer(self._config.bridge, engine, bridge_tokens, scope.child("bridge"))
        """SC-Bridge; it listens when it is enabled or started by hand."""
        self.bridge.on_status_change = on_change

    async def open_network(self) -> None:
        """Bind the DHT node; with ``--local`` also see to the bootstrap network.

        Raises:
            BindFailed: the configured port is taken.
        """
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
        dht.node.on_state += [lambda _state: self._on_change(), PhaseLog(bootstrap)]
        await dht.start()
        self._dht = dht

    def compose(self, wallet: Wallet) -> SidechannelService:
        """Make swarm and sidechannels for an identity; the network must be open."""
        assert self._dht is not None, "open_network() comes first"
        swarm = Hyperswarm(
            self._dht, wallet.key_pair, self._scope.child("swarm"), max_peers=self._config.network.max_peers
        )
        service = SidechannelService(
            self._config.sidechannel,
            wallet.key_pair,
            wallet.address,
            swarm,
            self._store,
            self._scope.child("sidechannel"),
            self._bus.publish,
            clock=self._clock,
            ready=self._dht.fully_bootstrapped,
        )
        service.on_status_change = self._on_change
        service.on_connection = self._connection_opened
        self._swarm, self.service = swarm, service
        return service

    async def start_bridge(self) -> None:
        """Listen if the bridge is enabled; a failure is reported, shown and retried."""
        if not self._config.bridge.enabled:
            self._startup.mark("bridge", StepState.DONE, "off")
            return
        with contextlib.suppress(IntercomError):  # reported at the first attempt, shown in the status
            await self._startup.run(
                "bridge",
                self.bridge.start,
                deadline_s=10.0,
                retry_s=BRIDGE_RETRY_S,
                on_failure=self._bridge_failed,
            )

    async def join_channels(self) -> None:
        """Wait for the DHT, as long as it takes, then join the configured channels."""
        assert self._dht is not None, "open_network() comes first"
        assert self.service is not None, "compose() comes first"
        node = self._dht.node
        self._startup.mark("bootstrap", StepState.RUNNING)
        waiting = self._scope.spawn("bootstrap", node.fully_bootstrapped())
        while not waiting.done():
            await asyncio.wait({waiting}, timeout=5.0)
            if not waiting.done():
                self._startup.mark("bootstrap", StepState.RUNNING, node.state.last_error or "no DHT node answers yet")
        await waiting
        self._startup.mark("bootstrap", StepState.DONE)
        await self._startup.run("channels", self.service.start, deadline_s=30.0, retry_s=CHANNELS_RETRY_S)

    async def reconnect(self) -> None:
        """Forget back-offs, look up every topic again."""
        if self._swarm is not None:
            await self._swarm.reconnect()

    def stops(self) -> list[Callable[[], Awaitable[None]]]:
        """What to await to stop, in order."""
        stops: list[Callable[[], Awaitable[None]]] = [self.bridge.stop]
        if self.service is not None:
            stops.append(self.service.stop)
        if self._swarm is not None:
            stops.append(self._swarm.destroy)
        if self._dht is not None:
            stops.append(self._dht.destroy)
        if self._local is not None:
            stops.append(self._local.close)
        return stops

    # -- status -------------------------------------------------------------------------------------------------

    def p2p(self, failure: str) -> P2pStatus:
        """What the network is doing; ``failure`` says why there is none."""
        return p2p_status(self._dht.node if self._dht is not None else None, failure)

    def peers(self) -> tuple[PeerStatus, ...]:
        """The connected peers."""
        connections = self._swarm.connections if self._swarm is not None else ()
        return tuple(peer_status(connection, self.service, self._clock) for connection in connections)

    def channels(self) -> tuple[ChannelStatus, ...]:
        """The channels this peer is in."""
        return self.service.channel_statuses() if self.service is not None else ()

    def open_requests(self) -> tuple[OpenRequest, ...]:
        """Requests that wait for an answer."""
        return self.service.open_requests() if self.service is not None else ()

    def drops(self) -> dict[str, int]:
        """Refused network input outside channels."""
        if self._dht is None:
            return {}
        node = self._dht.node
        return layered_drops({"dht": node.drops, "udx": node.udx.drops})

    # -- inside -------------------------------------------------------------------------------------------------

    def _nodes_replaced(self) -> None:
        if self._dht is not None:
            self._dht.announce_again()

    def _bridge_failed(self, error: IntercomError) -> None:
        _logger.error("SC-Bridge failed to start: %s", error)
        self._bus.publish(PlaneFailed("bridge", f"SC-Bridge failed to start: {error}", error.hint))

    def _connection_opened(self, connection: PeerConnection) -> None:
        key = connection.remote_public_key.hex()
        connection.on_close.append(lambda error: self._connection_closed(key, error))
        self._bus.publish(PeerConnected(key))
        self._on_change()

    def _connection_closed(self, key: str, error: Exception | None) -> None:
        self._bus.publish(PeerDisconnected(key, str(error) if error is not None else "closed"))
        self._on_change()
