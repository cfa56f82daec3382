"""One punching attempt on real sockets: the shell of :class:`~engine.proto.dht.holepunch.Puncher`.

It opens and closes the sockets, learns their NAT class from DHT nodes, and sends what the schedule asks for.

Protocol reference: 02-hyperdht section 18.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable

from engine.errors import NetworkError
from engine.net.dht.context import PeerContext
from engine.net.udp import UdpSocket
from engine.proto.dht.holepunch import (
    MAIN_SLOT,
    MAX_REOPENS,
    PROBE,
    PROBE_TTL,
    Exhausted,
    Method,
    PathFound,
    Puncher,
    SendProbe,
    coerce,
)
from engine.proto.dht.nat_class import MIN_SAMPLES, NatClassifier
from engine.proto.dht.payload import Firewall
from engine.wire.compact import Address


class PunchSession:
    """The sockets, the NAT class and the schedule of one attempt.

    Args:
        context: what all attempts of the node share.
        initiator: True on the dialling side.
        remote_firewall: the peer's NAT class as far as the handshake told it.
        on_path: called once with the socket and address to connect the stream with (initiator only).
        on_exhausted: called once when punching ended without a path.

    Use :meth:`open` to make one.
    """

    def __init__(
        self,
        context: PeerContext,
        *,
        initiator: bool,
        remote_firewall: Firewall,
        on_path: Callable[[UdpSocket, Address], None],
        on_exhausted: Callable[[], None],
    ) -> None:
        self._context = context
        self._on_path = on_path
        self._on_exhausted = on_exhausted
        self.core = Puncher(initiator, NatClassifier(context.node.firewalled), remote_firewall, self._random_port)
        self.closed = False
        self._sockets: dict[int, UdpSocket] = {}
        self._settled = asyncio.Event()
        self._sampling: asyncio.Task[None] | None = None
        self._reopening: asyncio.Task[bool] | None = None
        self._punching: asyncio.Task[bool] | None = None
        self._timer: asyncio.TimerHandle | None = None
        self._counts_as_random = False

    @classmethod
    async def open(
        cls,
        context: PeerContext,
        *,
        initiator: bool,
        remote_firewall: Firewall,
        on_path: Callable[[UdpSocket, Address], None],
        on_exhausted: Callable[[], None],
        sample: bool = True,
    ) -> PunchSession:
        """A session with its main socket open.

        Args:
            sample: begin to sample the NAT class at once instead of when it is needed.

        Raises:
            BindFailed: no socket to be had.
        """
        session = cls(
            context,
            initiator=initiator,
            remote_firewall=remote_firewall,
            on_path=on_path,
            on_exhausted=on_exhausted,
        )
        await session._open_main(sample)
        return session

    @property
    def socket(self) -> UdpSocket:
        """The main socket."""
        return self._sockets[MAIN_SLOT]

    @property
    def nat(self) -> NatClassifier:
        """NAT class of the main socket."""
        return self.core.nat

    def add_sample(self, address: Address, source: Address) -> None:
        """Count that *source* sees the main socket as *address*."""
        self.nat.add(address, source, firewalled=self._context.node.firewalled)
        if self.nat.settled:
            self._settled.set()

    def open_mapping(self, to: Address) -> None:
        """Open our own NAT for *to* with a probe that dies before it gets there."""
        self.socket.send_with_ttl(PROBE, to, PROBE_TTL)

    def probe(self, to: Address) -> None:
        """Send one probe."""
        self.socket.send(PROBE, to)

    async def analyze(self, *, reopen: bool) -> bool:
        """Whether the NAT classes allow punching, as soon as the own one is settled.

        Args:
            reopen: try up to three other sockets if not; mobile networks often give the next one a better mapping.
        """
        if self._sampling is None and not self.closed:
            self._begin_sampling()
        await self._settled.wait()
        if not self.core.unstable:
            return True
        if not reopen or self.closed:
            return False
        if self._reopening is None:
            self._reopening = self._context.scope.spawn("punch-reopen", self._reopen())
        return await asyncio.shield(self._reopening)

    async def punch(self) -> bool:
        """Start the schedule; returns when it runs. False: impossible."""
        if self._punching is None:
            self._punching = self._context.scope.spawn("punch", self._start())
        return await asyncio.shield(self._punching)

    def close(self) -> None:
        """Stop, and close the sockets that no stream uses."""
        if self.closed:
            return
        self.closed = True
        self.core.stop()
        for task in (self._sampling, self._reopening, self._punching):
            if task is not None:
                task.cancel()
        if self._timer is not None:
            self._timer.cancel()
        self._settled.set()
        self._end_random_schedule()
        for socket in self._sockets.values():
            self._context.sockets.release(socket)

    async def _open_main(self, sample: bool) -> None:
        socket = await self._open(MAIN_SLOT)
        old = self._sockets.get(MAIN_SLOT)
        self._sockets[MAIN_SLOT] = socket
        if old is not None:
            self._context.sockets.release(old)
        if self._sampling is not None:
            self._sampling.cancel()
        self._settled.clear()
        if self.nat.settled:
            self._settled.set()
        if sample:
            self._begin_sampling()

    def _begin_sampling(self) -> None:
        self._sampling = self._context.scope.spawn("punch-sample", self._sample(self.nat, self.socket))

    async def _open(self, slot: int) -> UdpSocket:
        socket = await self._context.sockets.open(lambda source: self._probe_received(slot, source))
        if self.closed:
            self._context.sockets.release(socket)
            raise NetworkError("The punching attempt has ended.")
        return socket

    async def _sample(self, nat: NatClassifier, socket: UdpSocket) -> None:
        """Ask nodes how they see the socket; a second time if too few answered."""
        for _ in range(2):
            nodes = nat.nodes_to_ask(self._context.node.known_nodes())
            await asyncio.gather(*(self._ask(node, socket) for node in nodes))
            if nat.sampled >= MIN_SAMPLES:
                break
        nat.give_up()
        self._settled.set()

    async def _ask(self, node: Address, socket: UdpSocket) -> None:
        try:
            reply = await self._context.node.ping(node, socket=socket, retries=0)
        except NetworkError:
            return
        self.add_sample(reply.to, reply.source)

    async def _reopen(self) -> bool:
        for _ in range(MAX_REOPENS):
            if not self.core.unstable or self.closed or self.core.punching or self.core.connected:
                break
            self.core.nat = NatClassifier(self._context.node.firewalled)
            try:
                await self._open_main(sample=True)
            except NetworkError:
                break
            await self._settled.wait()
        return coerce(self.nat.firewall) == Firewall.CONSISTENT

    async def _start(self) -> bool:
        method = self.core.method
        extra = None if self.closed else self.core.start(self._now())
        if extra is None:
            return False
        self._context.counts[method.name.lower()] += 1
        if method in (Method.RANDOM_PROBES, Method.BIRTHDAY):
            self._context.budget.reserve()
            self._counts_as_random = True
        for slot in range(1, extra + 1):
            if not self.core.punching:
                return True
            try:
                self._sockets[slot] = await self._open(slot)
            except NetworkError:
                break
            self.core.socket_opened(slot)
            self._pump()
        if extra:
            self.core.sockets_ready(self._now())
        self._pump()
        return True

    def _probe_received(self, slot: int, source: Address) -> None:
        if not self.closed:
            self.core.probe_received(slot, source)
            self._pump()

    def _on_timer(self) -> None:
        self._timer = None
        self.core.handle_timer(self._now())
        self._pump()

    def _pump(self) -> None:
        for event in self.core.take_events():
            match event:
                case SendProbe(slot, to, low_ttl):
                    self._send(slot, to, low_ttl)
                case PathFound(slot, address):
                    self._end_random_schedule()
                    self._on_path(self._sockets[slot], address)
                case Exhausted():
                    self.close()
                    self._on_exhausted()
        self._arm()

    def _send(self, slot: int, to: Address, low_ttl: bool) -> None:
        socket = self._sockets.get(slot)
        if socket is None or self.closed:
            return
        if low_ttl:
            socket.send_with_ttl(PROBE, to, PROBE_TTL)
        else:
            socket.send(PROBE, to)

    def _arm(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        due = self.core.next_timer()
        if due is not None and not self.closed:
            self._timer = asyncio.get_running_loop().call_at(due, self._on_timer)

    def _end_random_schedule(self) -> None:
        if self._counts_as_random:
            self._counts_as_random = False
            self._context.budget.finished(self._now())

    def _random_port(self) -> int:
        return 1000 + int.from_bytes(self._context.random_bytes(4), "little") % 64536

    @staticmethod
    def _now() -> float:
        return asyncio.get_running_loop().time()
