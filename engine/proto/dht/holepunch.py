"""Opening a path between two sockets that are both behind a NAT.

Theory of operation. Both peers exchange their NAT class and public addresses through relays, then both send single
``00`` bytes so that each NAT sees an outgoing packet first. :class:`Puncher` is one side of it:

    waiting --start--> punching --probe received (initiator)--> connected
       \\                  \\--schedule used up--> exhausted
        \\--probe received (initiator)--> connected

Schedules, by own and remote class: CONSISTENT to CONSISTENT every second to the told addresses; CONSISTENT to RANDOM
one random port every 20 ms; RANDOM to CONSISTENT 256 sockets that take turns every 20 ms; RANDOM to RANDOM is
hopeless. Sockets are numbered: slot 0 is the main one, the shell opens the others when :meth:`Puncher.start` asks for
them. The responder answers every probe and never connects by itself: it waits for the first stream packet.

What a peer may do wrong: anything it sends is authenticated one layer above, so the worst is a wasted schedule. A
third party that guesses a socket can send the winning byte; the stream then simply does not come up. Addresses of the
peer are limited to :data:`MAX_REMOTE_ADDRESSES`, unverified ones are tried every fourth time only, and random
schedules go only to a verified host, one at a time per node and 20 s apart (:class:`RandomPunchBudget`).

Protocol reference: 02-hyperdht section 18.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from enum import Enum
from typing import Final

from engine.proto.dht.nat_class import NatClassifier
from engine.proto.dht.payload import Firewall
from engine.wire.compact import Address

PROBE: Final = b"\x00"
"""The datagram that opens a mapping."""
PROBE_TTL: Final = 5
"""Hops of a probe that shall open the own NAT without reaching the other one."""
BIRTHDAY_SOCKETS: Final = 256
MAX_REOPENS: Final = 3
MAX_REMOTE_ADDRESSES: Final = 16
CONSISTENT_TRIES: Final = 10
CONSISTENT_INTERVAL_S: Final = 1.0
RANDOM_TRIES: Final = 1750
RANDOM_INTERVAL_S: Final = 0.02
BIRTHDAY_PAUSE_S: Final = 0.1
MAIN_SLOT: Final = 0


class Method(Enum):
    """How to punch, given both NAT classes."""

    CONSISTENT = "consistent"
    RANDOM_PROBES = "random probes"
    BIRTHDAY = "birthday"
    IMPOSSIBLE = "impossible"


@dataclass(frozen=True, slots=True)
class SendProbe:
    """Send :data:`PROBE` from the socket of *slot*."""

    slot: int
    to: Address
    low_ttl: bool


@dataclass(frozen=True, slots=True)
class PathFound:
    """A probe of the peer arrived: connect the stream from the socket of *slot* to *address*."""

    slot: int
    address: Address


@dataclass(frozen=True, slots=True)
class Exhausted:
    """The schedule is used up and nothing came back."""


PunchEvent = SendProbe | PathFound | Exhausted


@dataclass(frozen=True, slots=True)
class RemoteAddress:
    """A public address the peer told us."""

    address: Address
    verified: bool
    """The peer proved that it receives at this host."""


class RandomPunchBudget:
    """Keeps the traffic of random schedules low: few at a time and an interval between them.

    Args:
        limit: schedules at the same time.
        interval_s: seconds between the end of one and the start of the next.
    """

    def __init__(self, limit: int = 1, interval_s: float = 20.0) -> None:
        self._limit = limit
        self._interval_s = interval_s
        self._running = 0
        self._last_end: float | None = None

    def available(self, now: float) -> bool:
        """Whether a random schedule may start."""
        rested = self._last_end is None or now - self._last_end >= self._interval_s
        return self._running < self._limit and rested

    def reserve(self) -> None:
        """Count one schedule as running."""
        self._running += 1

    def cancel(self) -> None:
        """A reservation was not used."""
        self._running -= 1

    def finished(self, now: float) -> None:
        """A schedule ended."""
        self._running -= 1
        self._last_end = now


def coerce(firewall: Firewall) -> Firewall:
    """OPEN punches like CONSISTENT."""
    return Firewall.CONSISTENT if firewall == Firewall.OPEN else firewall


class Puncher:
    """One side of one punching attempt.

    Args:
        initiator: True on the dialling side.
        nat: class of the main socket; the shell replaces :attr:`nat` together with the socket.
        remote_firewall: the peer's class as far as the handshake told it.
        random_port: a port for a random probe, 1000 to 65535.
    """

    def __init__(
        self, initiator: bool, nat: NatClassifier, remote_firewall: Firewall, random_port: Callable[[], int]
    ) -> None:
        self.nat = nat
        self.remote_firewall = remote_firewall
        self.remote_addresses: tuple[RemoteAddress, ...] = ()
        self.remote_punching = False
        self.punching = False
        self.connected = False
        self._initiator = initiator
        self._random_port = random_port
        self._method = Method.IMPOSSIBLE
        self._tries = 0
        self._timer: float | None = None
        self._slots = [MAIN_SLOT]
        self._turn = 0
        self._low_ttl_cycles = 1
        self._events: list[PunchEvent] = []

    @property
    def unstable(self) -> bool:
        """Whether another socket might do better: own class unknown, or both sides random."""
        firewall = self.nat.firewall
        both_random = self.remote_firewall >= Firewall.RANDOM and firewall >= Firewall.RANDOM
        return both_random or firewall == Firewall.UNKNOWN

    @property
    def method(self) -> Method:
        """What :meth:`start` would do now."""
        local, remote = coerce(self.nat.firewall), coerce(self.remote_firewall)
        if not self.remote_addresses:
            return Method.IMPOSSIBLE
        if local == remote == Firewall.CONSISTENT:
            return Method.CONSISTENT
        if self._verified is None:
            return Method.IMPOSSIBLE
        if local == Firewall.CONSISTENT and remote >= Firewall.RANDOM:
            return Method.RANDOM_PROBES
        if local >= Firewall.RANDOM and remote == Firewall.CONSISTENT:
            return Method.BIRTHDAY
        return Method.IMPOSSIBLE

    def update_remote(
        self, *, firewall: Firewall, punching: bool, addresses: Iterable[Address], verified_host: str | None
    ) -> None:
        """Take over what the peer's latest message says.

        Args:
            firewall: the peer's class.
            punching: the peer punches or is ready to.
            addresses: its public addresses.
            verified_host: host that this message proved, None if none. Earlier proofs stay.
        """
        proved = {remote.address[0] for remote in self.remote_addresses if remote.verified}
        if verified_host is not None:
            proved.add(verified_host)
        limited = tuple(addresses)[:MAX_REMOTE_ADDRESSES]
        self.remote_addresses = tuple(RemoteAddress(address, address[0] in proved) for address in limited)
        self.remote_firewall = firewall
        self.remote_punching = punching

    def start(self, now: float) -> int | None:
        """Begin to punch.

        Returns:
            How many more sockets to open (each is reported with :meth:`socket_opened`, then :meth:`sockets_ready`);
            None if punching is impossible.
        """
        if self.punching or self.connected:
            return None
        self._method = self.method
        if self._method == Method.IMPOSSIBLE:
            return None
        self.punching = True
        if self._method == Method.BIRTHDAY:
            return BIRTHDAY_SOCKETS - len(self._slots)
        waits = self._method == Method.CONSISTENT and not self._initiator
        self._timer = now + (CONSISTENT_INTERVAL_S if waits else 0.0)
        return 0

    def socket_opened(self, slot: int) -> None:
        """A further socket is bound; it gets its first low-TTL probe at once."""
        self._slots.append(slot)
        remote = self._verified
        if remote is not None:
            self._events.append(SendProbe(slot, remote, True))

    def sockets_ready(self, now: float) -> None:
        """All further sockets are open: begin to take turns after a short pause."""
        if self.punching:
            self._timer = now + BIRTHDAY_PAUSE_S

    def probe_received(self, slot: int, source: Address) -> None:
        """A probe arrived on the socket of *slot*."""
        if not self._initiator:
            self._events.append(SendProbe(slot, source, False))
            return
        if self.connected:
            return
        self.connected = True
        self.stop()
        self._events.append(PathFound(slot, source))

    def stop(self) -> None:
        """End the schedule."""
        self.punching = False
        self._timer = None

    def next_timer(self) -> float | None:
        """When to call :meth:`handle_timer`."""
        return self._timer

    def handle_timer(self, now: float) -> None:
        """Send what is due."""
        if self._timer is None or now < self._timer:
            return
        limit = CONSISTENT_TRIES if self._method == Method.CONSISTENT else RANDOM_TRIES
        if self._tries >= limit:
            self.stop()
            self._events.append(Exhausted())
            return
        self._tries += 1
        if self._method == Method.CONSISTENT:
            self._timer = now + CONSISTENT_INTERVAL_S
            self._probe_known_addresses()
            return
        self._timer = now + RANDOM_INTERVAL_S
        remote = self._verified
        if remote is None:
            return
        if self._method == Method.RANDOM_PROBES:
            self._events.append(SendProbe(MAIN_SLOT, (remote[0], self._random_port()), False))
        else:
            self._probe_in_turn(remote)

    def take_events(self) -> list[PunchEvent]:
        """What happened since the last call, oldest first."""
        events, self._events = self._events, []
        return events

    @property
    def _verified(self) -> Address | None:
        return next((remote.address for remote in self.remote_addresses if remote.verified), None)

    def _probe_known_addresses(self) -> None:
        for remote in self.remote_addresses:
            if remote.verified or self._tries % 4 == 0:
                self._events.append(SendProbe(MAIN_SLOT, remote.address, False))

    def _probe_in_turn(self, remote: Address) -> None:
        if self._turn == len(self._slots):
            self._turn = 0
            self._low_ttl_cycles = max(0, self._low_ttl_cycles - 1)
        self._events.append(SendProbe(self._slots[self._turn], remote, self._low_ttl_cycles > 0))
        self._turn += 1
