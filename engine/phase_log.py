"""Telling the log when the network goes and comes back, in words."""

from __future__ import annotations

import logging
from collections.abc import Sequence

from engine.net.dht.config import NodeState, Phase

_logger = logging.getLogger(__name__)


class PhaseLog:
    """Writes one record for each change between online and offline.

    Args:
        tried: the bootstrap nodes, shown while nobody answers.
    """

    def __init__(self, tried: Sequence[str]) -> None:
        self._tried = ", ".join(tried) or "none are configured"
        self._phase: Phase = "bootstrapping"

    def __call__(self, state: NodeState) -> None:
        """Take the newest state of the node."""
        if state.phase == self._phase:
            return
        self._phase = state.phase
        if state.phase == "offline":
            text = state.last_error or "No DHT node answers; trying again."
            _logger.warning(
                "offline: %s Tried: %s. intercom-tui doctor with the same flags says more.", text, self._tried
            )
        elif state.phase == "online":
            _logger.info("online: %d DHT nodes are known", state.nodes)
