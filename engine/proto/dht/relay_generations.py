"""The nodes a server is announced at, over the last three announce rounds.

Nodes of the newest round are pinged and handed out; those of the round before that were not chosen again get an
UNANNOUNCE; all three rounds count as own relays when an address token comes back through one of them.

Protocol reference: 02-hyperdht section 17.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from engine.wire.compact import Address

GENERATIONS: Final = 3
RELAYS: Final = 3
"""Nodes a server is announced at, and relay addresses it hands out."""


class RelayGenerations:
    """Relay nodes of the last three rounds."""

    def __init__(self) -> None:
        self._rounds: list[dict[Address, None]] = [{} for _ in range(GENERATIONS)]

    def begin_round(self) -> None:
        """The newest round becomes the previous one; the oldest is forgotten."""
        self._rounds = [*self._rounds[1:], {}]

    def add(self, node: Address) -> None:
        """*node* accepted the announce of this round."""
        self._rounds[-1][node] = None

    @property
    def current(self) -> list[Address]:
        """Nodes of the newest round."""
        return list(self._rounds[-1])

    @property
    def abandoned(self) -> list[Address]:
        """Nodes of the previous round that were not chosen again."""
        return [node for node in self._rounds[-2] if node not in self._rounds[-1]]

    def __contains__(self, node: Address) -> bool:
        return any(node in nodes for nodes in self._rounds)


def advertised(public_address: Address | None, relays: Sequence[Address]) -> tuple[Address, ...]:
    """Up to three addresses that can relay to a server; its own public address first when it has one."""
    own = () if public_address is None else (public_address,)
    return (*own, *relays)[:RELAYS]
