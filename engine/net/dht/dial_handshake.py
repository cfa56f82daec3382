"""Getting one Noise handshake through to a server, by whichever relay answers first.

Theory of operation. The first message is made once; every attempt sends the same bytes, so the server answers all of
them the same. Known relays (given by the caller, cached, or held by this node) are tried at once; the lookup that
finds others starts together with them when there are none, else a moment later. At most two attempts of each kind run
at the same time. The first valid answer ends everything.

What others may do wrong: a relay may not answer, or answer with something that does not authenticate, which fails that
attempt only. The server may answer with another version or an error, which fails the dial.

Protocol reference: 02-hyperdht section 15 A to C.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, Final

from engine.crypto.noise import HandshakeIK, HandshakeResult
from engine.errors import DecodeError, HandshakeFailed, NetworkError, PeerUnreachable
from engine.net.dht.messages import Reply
from engine.net.dht.node import DhtNode
from engine.net.dht.query_run import QueryRun
from engine.net.tasks import TaskScope
from engine.net.udp import UdpSocket
from engine.proto.dht.commands import Command, PeerRecord
from engine.proto.dht.handshake_messages import HandshakeMessage, Mode
from engine.proto.dht.payload import VERSION, NoisePayload, PeerError, UdxInfo, decode_noise_payload
from engine.wire.compact import Address

PARALLEL_ATTEMPTS: Final = 2
QUERY_DELAY_S: Final = 0.1
"""Head start of known relays before the lookup begins; usually it is not needed then."""
LOOKUP_RETRIES: Final = 3


@dataclass(frozen=True, slots=True)
class Established:
    """A finished handshake."""

    relay: Address
    """The node that was asked."""
    server: Address
    """The server as the relay sees it; the node itself when it is the server."""
    client: Address
    """We, as the relay sees us."""
    relayed: bool
    """False when the node that was asked is the server."""
    payload: NoisePayload
    """What the server told."""
    udx: UdxInfo
    """The server's stream."""
    handshake: HandshakeResult
    """Keys and identities."""
    socket: UdpSocket
    """The socket the answer arrived on."""


class HandshakeSearch:
    """One search for a way to the server.

    Args:
        node: sends the requests.
        scope: owns the tasks.
        target: hash of the server's key.
        noise: the initiator's handshake, nothing sent yet.
        first_message: makes Noise message 1; called once, right before the first attempt.
        known: relays that probably know the server.
    """

    def __init__(
        self,
        node: DhtNode,
        scope: TaskScope,
        target: bytes,
        noise: HandshakeIK,
        first_message: Callable[[], bytes],
        known: Sequence[Address],
    ) -> None:
        self.asked: list[Address] = []
        """Nodes that were asked to relay, in order."""
        self._node = node
        self._scope = scope
        self._target = target
        self._noise = noise
        self._first_message = first_message
        self._known = list(dict.fromkeys(known))
        self._value: bytes | None = None
        self._query: QueryRun | None = None
        self._tasks: set[asyncio.Task[Any]] = set()
        self._found: asyncio.Future[Established] = asyncio.get_running_loop().create_future()

    async def run(self) -> Established:
        """The first handshake that succeeds.

        Raises:
            PeerUnreachable: PEER_NOT_FOUND, PEER_CONNECTION_FAILED, SERVER_INCOMPATIBLE or SERVER_ERROR.
        """
        search = self._spawn(self._search())
        try:
            waited: set[asyncio.Future[Any]] = {search, self._found}
            await asyncio.wait(waited, return_when=asyncio.FIRST_COMPLETED)
            if self._found.done():
                return self._found.result()
            search.result()
            raise PeerUnreachable(reason="PEER_CONNECTION_FAILED" if self.asked else "PEER_NOT_FOUND")
        finally:
            self._stop()

    def _stop(self) -> None:
        for task in self._tasks:
            task.cancel()
        if self._query is not None:
            self._query.destroy()
        if self._found.done() and not self._found.cancelled():
            self._found.exception()

    def _spawn(self, coro: Any) -> asyncio.Task[None]:
        task = self._scope.spawn("dial-handshake", coro)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
        return task

    async def _search(self) -> None:
        known = asyncio.Semaphore(PARALLEL_ATTEMPTS)
        attempts = [self._spawn(self._attempt(relay, known)) for relay in self._known]
        if attempts:
            await asyncio.wait(attempts, timeout=QUERY_DELAY_S)
        found = asyncio.Semaphore(PARALLEL_ATTEMPTS)
        self._query = self._node.query(self._target, Command.FIND_PEER, retries=LOOKUP_RETRIES)
        async for reply in self._query:
            if reply.source not in self._known and _is_hit(reply):
                attempts.append(self._spawn(self._attempt(reply.source, found)))
        await asyncio.gather(*attempts)

    async def _attempt(self, relay: Address, slots: asyncio.Semaphore) -> None:
        async with slots:
            if self._found.done():
                return
            self.asked.append(relay)
            try:
                if self._value is None:
                    self._value = HandshakeMessage(Mode.FROM_CLIENT, self._first_message()).encode()
                reply = await self._node.request(relay, Command.PEER_HANDSHAKE, target=self._target, value=self._value)
                message = HandshakeMessage.decode(reply.value or b"")
                if message.mode == Mode.REPLY and message.noise and not self._found.done():
                    self._answered(reply, message)
            except (NetworkError, DecodeError, HandshakeFailed):
                return

    def _answered(self, reply: Reply, message: HandshakeMessage) -> None:
        plaintext = self._noise.recv(message.noise)
        handshake = self._noise.result
        assert handshake is not None
        try:
            payload = decode_noise_payload(plaintext)
        except DecodeError:
            payload = NoisePayload(error=PeerError.ABORTED)
        if payload.version != VERSION:
            self._found.set_exception(PeerUnreachable(reason="SERVER_INCOMPATIBLE"))
        elif payload.error != PeerError.NONE or payload.udx is None:
            self._found.set_exception(PeerUnreachable(reason="SERVER_ERROR"))
        else:
            self._found.set_result(
                Established(
                    relay=reply.source,
                    server=message.peer_address or reply.source,
                    client=reply.to,
                    relayed=message.peer_address is not None,
                    payload=payload,
                    udx=payload.udx,
                    handshake=handshake,
                    socket=reply.socket,
                )
            )


def _is_hit(reply: Reply) -> bool:
    if not reply.value:
        return False
    try:
        PeerRecord.decode(reply.value)
    except DecodeError:
        return False
    return True
