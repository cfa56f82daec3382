"""Which kind of NAT one socket is behind.

Theory of operation. Several DHT nodes tell under which public address they see the socket. Equal answers mean a
*consistent* mapping that a peer can be told about; all different ports mean a *random* one that has to be guessed.
Each node counts once. The class is *settled* when it is known, when enough nodes answered, or when the sampling round
gave up. While frozen, samples still count but the class and the addresses that a peer was told do not change.

What a peer may do wrong: nodes may lie about the address. One liar among four is outvoted; three make punching fail.

Protocol reference: 02-hyperdht section 18.
"""

from __future__ import annotations

from typing import Final

from engine.proto.dht.payload import Firewall
from engine.wire.compact import Address

MIN_SAMPLES: Final = 4
"""Answers after which the class is settled, and most nodes asked at the same time."""
MAX_SAMPLES: Final = 64
"""Answers that are counted at all."""
_SKIP_NEWEST: Final = 5
_SKIP_FROM_NODES: Final = 8


class _Sample:
    __slots__ = ("address", "hits")

    def __init__(self, address: Address) -> None:
        self.address = address
        self.hits = 1


class NatClassifier:
    """The NAT class of one socket.

    Args:
        firewalled: the node believes that it is behind a firewall; if not, the class is OPEN from the start.
    """

    def __init__(self, firewalled: bool) -> None:
        self.firewall = Firewall.UNKNOWN if firewalled else Firewall.OPEN
        """Current class."""
        self.addresses: tuple[Address, ...] | None = None
        """Public addresses to tell the peer, most frequent first; port 0 for a random mapping. None while unknown."""
        self.sampled = 0
        """Number of answers counted."""
        self.frozen = False
        self._hosts: list[_Sample] = []
        self._full: list[_Sample] = []
        self._answered: set[Address] = set()
        self._asked: set[Address] = set()
        self._given_up = False

    @property
    def settled(self) -> bool:
        """Whether the class will not get better by waiting."""
        return self._given_up or self.firewall in (Firewall.CONSISTENT, Firewall.OPEN) or self.sampled >= MIN_SAMPLES

    def give_up(self) -> None:
        """The nodes that were asked are through; what is known has to do."""
        self._given_up = True

    def freeze(self) -> None:
        """Keep class and addresses as they are: the peer has been told."""
        self.frozen = True

    def nodes_to_ask(self, newest_first: list[Address], pending: int = 0) -> list[Address]:
        """Nodes to ping from the socket, none of them twice.

        Args:
            newest_first: known nodes. The five newest are left out when there are eight or more.
            pending: pings of an earlier call that still run.
        """
        skip = _SKIP_NEWEST if len(newest_first) >= _SKIP_FROM_NODES else 0
        wanted = MIN_SAMPLES - self.sampled - pending
        chosen: list[Address] = []
        for node in newest_first[skip:]:
            if len(chosen) >= wanted:
                break
            if node not in self._asked:
                self._asked.add(node)
                chosen.append(node)
        return chosen

    def add(self, address: Address, source: Address, *, firewalled: bool) -> None:
        """Count that *source* sees the socket as *address*; a second answer of a node is ignored.

        Args:
            address: our public address as that node sees it.
            source: the node.
            firewalled: what the node currently believes about itself.
        """
        if source in self._answered or self.sampled >= MAX_SAMPLES:
            return
        self._answered.add(source)
        self._asked.add(source)
        _count(self._hosts, (address[0], 0))
        _count(self._full, address)
        self.sampled += 1
        if self.frozen or (self.sampled < 3 and firewalled):
            return
        self.firewall = self._classify(firewalled)
        if self.firewall == Firewall.RANDOM:
            self.addresses = (self._hosts[0].address,)
        elif self.firewall == Firewall.CONSISTENT:
            self.addresses = self._consistent_addresses()
        elif self.firewall == Firewall.UNKNOWN:
            self.addresses = None

    def _classify(self, firewalled: bool) -> Firewall:
        if not firewalled:
            return Firewall.OPEN
        current = Firewall.UNKNOWN if self.firewall == Firewall.OPEN else self.firewall
        if self.sampled < 3:
            return current
        most = self._full[0].hits
        if most >= 3:
            return Firewall.CONSISTENT
        if most == 1:
            return Firewall.RANDOM
        if len(self._hosts) == 1 and self.sampled > 3:
            return Firewall.RANDOM
        if len(self._hosts) > 1 and self._full[1].hits > 1:
            return Firewall.CONSISTENT
        return Firewall.RANDOM if self.sampled > 4 else current

    def _consistent_addresses(self) -> tuple[Address, ...]:
        chosen: list[Address] = []
        for sample in self._full:
            if sample.hits >= 2 or len(chosen) < 2:
                chosen.append(sample.address)
        return tuple(chosen)


def _count(samples: list[_Sample], address: Address) -> None:
    """Count *address*; the list stays ordered by hits, an equal count keeps the earlier one in front."""
    index = next((index for index, sample in enumerate(samples) if sample.address == address), None)
    if index is None:
        samples.append(_Sample(address))
        return
    sample = samples[index]
    sample.hits += 1
    while index > 0 and samples[index - 1].hits < sample.hits:
        samples[index] = samples[index - 1]
        index -= 1
        samples[index] = sample
