"""What a headless peer says about itself, in the words of the reference's banner.

Protocol reference: 15-terminal-commands section 8.
"""

from __future__ import annotations

from engine.config.sections import ENTRY_CHANNEL, LOCAL_HOST, Config
from engine.paths import Paths
from engine.status import BridgeListening, EngineStatus, Identity, StepState

_RULE = "=" * 64


class Announcer:
    """Turns status snapshots into lines, each of them once.

    Args:
        config: settings of the peer.
        paths: its files.
    """

    def __init__(self, config: Config, paths: Paths) -> None:
        self._config = config
        self._paths = paths
        self._identity = False
        self._bridge = False
        self._ready = False

    def lines(self, status: EngineStatus) -> list[str]:
        """What is new in a snapshot."""
        lines: list[str] = []
        if status.identity is not None and not self._identity:
            self._identity = True
            lines += self._banner(status.identity)
        if isinstance(status.bridge, BridgeListening) and not self._bridge:
            self._bridge = True
            lines += self._bridge_lines(status.bridge)
        done = any(step.name == "channels" and step.state is StepState.DONE for step in status.startup)
        if done and not self._ready:
            self._ready = True
            lines.append("Sidechannel: ready")
        return lines

    def _banner(self, identity: Identity) -> list[str]:
        network = self._config.network
        nodes = (f"{LOCAL_HOST}:{network.local_bootstrap_port}",) if network.local else network.dht_bootstrap
        extras = [name for name in self._config.sidechannel.channels if name != ENTRY_CHANNEL]
        return [
            "====================INTERCOM ====================",
            f"Peer store: {self._paths.store}",
            *([f"Peer DHT bootstrap nodes: {', '.join(nodes)}"] if nodes else []),
            f"Peer pubkey (hex): {identity.public_key}",
            f"Peer trac address (bech32m): {identity.address}",
            f"Sidechannel entry: {ENTRY_CHANNEL}",
            *([f"Sidechannel extras: {', '.join(extras)}"] if extras else []),
            _RULE,
        ]

    def _bridge_lines(self, bridge: BridgeListening) -> list[str]:
        host = f"[{bridge.host}]" if ":" in bridge.host else bridge.host
        lines = [f"SC-Bridge: ws://{host}:{bridge.port}"]
        if not self._config.bridge.token:
            lines.append(f"SC-Bridge tokens: {self._config.bridge.token_file or self._paths.bridge_tokens}")
        return lines
