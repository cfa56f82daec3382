"""Requests and replies over the sockets of a node.

Turns bursts of datagrams into requests, replies, probes and stream packets, and drives the timers of
:class:`~engine.proto.dht.rpc.RequestTable`. Protocol reference: 01-udx section 1, 02-hyperdht sections 3 to 5.
"""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Callable, Sequence
from functools import partial

from engine.errors import DecodeError, RequestCancelled, RequestTimeout
from engine.net.dht.messages import IncomingRequest, Reply
from engine.net.udp import Datagram, UdpSocket
from engine.net.udx import Udx
from engine.proto.dht.budget import ReplyBudget
from engine.proto.dht.commands import ErrorNumber
from engine.proto.dht.messages import (
    REPLY_TYPE,
    REQUEST_TYPE,
    ReplyPacket,
    RequestPacket,
    decode_message,
    encode_reply,
    encode_request,
)
from engine.proto.dht.peer_id import peer_id
from engine.proto.dht.rpc import DRAIN_S, TIMEOUT_S, Failure, PendingRequest, RequestTable
from engine.proto.dht.tokens import TokenIssuer
from engine.wire.compact import Address

Request = PendingRequest[UdpSocket, Reply]

_UDX_MAGIC = 0xFF


class RpcEndpoint:
    """Sends and receives RPC packets.

    Args:
        udx: gets stream packets.
        budget: bounds replies to sources that proved nothing.
        random_bytes: entropy for transaction ids and token secrets.
        on_request: gets every valid request.
        on_reply: sees every reply before its request ends.
        on_failure: learns of every node that did not answer.
        closest: addresses of known nodes near a target.
    """

    def __init__(
        self,
        udx: Udx,
        budget: ReplyBudget,
        random_bytes: Callable[[int], bytes],
        *,
        on_request: Callable[[IncomingRequest], None],
        on_reply: Callable[[Reply], None],
        on_failure: Callable[[Address, Failure], None],
        closest: Callable[[bytes], Sequence[Address]],
    ) -> None:
        self.id: bytes | None = None
        """Own id, put into packets that leave from :attr:`id_socket`; None while ephemeral."""
        self.id_socket: UdpSocket | None = None
        """The server socket."""
        self.requests: RequestTable[UdpSocket, Reply] = RequestTable(self._transmit, random_bytes)
        """Requests without a reply so far."""
        self.drops: Counter[str] = Counter()
        """Datagrams that were not used or not answered, by reason."""
        self.on_probe: Callable[[UdpSocket, Address], None] = lambda socket, source: None
        """Gets the source of each 1-byte datagram."""
        self._udx = udx
        self._tokens = TokenIssuer(random_bytes)
        self._budget = budget
        self._on_request = on_request
        self._on_reply = on_reply
        self._on_failure = on_failure
        self._closest = closest
        self._loop = asyncio.get_running_loop()
        self._timer: asyncio.TimerHandle | None = None
        self._timer_at = 0.0
        self._drain_timer: asyncio.TimerHandle | None = None
        self._closed = False

    def start(self) -> None:
        """Start the 750 ms timer."""
        self._drain_timer = self._loop.call_later(DRAIN_S, self._drain)

    def close(self) -> None:
        """Fail all requests and stop the timers; datagrams are ignored from now on."""
        self._closed = True
        for timer in (self._drain_timer, self._timer):
            if timer is not None:
                timer.cancel()
        self.requests.clear()

    def receive(self, socket: UdpSocket, datagrams: list[Datagram]) -> None:
        """Handle a burst."""
        if self._closed:
            return
        streams = False
        for data, source in datagrams:
            kind = data[0] if data else -1
            if len(data) == 1:
                self.on_probe(socket, source)
            elif kind == _UDX_MAGIC:
                if self._udx.receive(socket, data, source):
                    streams = True
                else:
                    self.drops["unknown_stream"] += 1
            elif kind in (REQUEST_TYPE, REPLY_TYPE):
                self._receive_message(socket, data, source)
            else:
                self.drops["unknown_datagram"] += 1
        if streams:
            self._udx.flush()

    def send(
        self,
        to: Address,
        command: int,
        *,
        socket: UdpSocket,
        on_reply: Callable[[Reply], None],
        on_failure: Callable[[Failure], None],
        on_slow: Callable[[], None] | None = None,
        target: bytes | None = None,
        value: bytes | None = None,
        token: bytes | None = None,
        internal: bool = False,
        retries: int = 3,
        timeout_s: float = TIMEOUT_S,
    ) -> Request | None:
        """Send a request; exactly one of ``on_reply`` and ``on_failure`` is called later.

        Returns:
            The request, for :meth:`cancel`; None when the endpoint is closed or too many requests wait. No callback
            runs then.
        """
        if self._closed:
            return None
        request: Request = PendingRequest(
            to,
            socket,
            retries=retries,
            on_reply=on_reply,
            on_failure=partial(self._failed, to, on_failure),
            on_slow=on_slow,
            timeout_s=timeout_s,
        )
        encode = partial(
            encode_request,
            to=to,
            command=command,
            id=self._id_for(socket),
            token=token,
            internal=internal,
            target=target,
            value=value,
        )
        if not self.requests.start(request, encode, self._loop.time()):
            return None
        self._arm()
        return request

    async def ask(
        self,
        to: Address,
        command: int,
        *,
        socket: UdpSocket,
        target: bytes | None = None,
        value: bytes | None = None,
        token: bytes | None = None,
        internal: bool = False,
        retries: int = 3,
    ) -> Reply:
        """Send a request and wait for its reply; cancelling the wait cancels the request.

        Raises:
            RequestTimeout: no reply to any transmission.
            RequestCancelled: the endpoint was closed, or too many requests wait.
        """
        future: asyncio.Future[Reply] = self._loop.create_future()

        def replied(reply: Reply) -> None:
            if not future.done():
                future.set_result(reply)

        def failed(failure: Failure) -> None:
            if not future.done():
                future.set_exception(_request_error(to, failure))

        request = self.send(
            to,
            command,
            socket=socket,
            on_reply=replied,
            on_failure=failed,
            target=target,
            value=value,
            token=token,
            internal=internal,
            retries=retries,
        )
        if request is None:
            raise _request_error(to, Failure.CANCELLED)
        try:
            return await future
        finally:
            self.requests.cancel(request)

    def cancel(self, request: Request) -> None:
        """Forget a request; none of its callbacks runs any more."""
        self.requests.cancel(request)

    def answer(
        self,
        request: IncomingRequest,
        value: bytes | None,
        token: bool,
        closer_nodes: bool,
        error: int,
        to: Address | None,
        socket: UdpSocket | None,
    ) -> None:
        """Send a reply to a request; see :meth:`IncomingRequest.reply`."""
        receiver = to or request.source
        leaving = socket or request.socket
        nodes = self._closest(request.target) if closer_nodes and request.target is not None else ()
        data = encode_reply(
            request.tid,
            receiver,
            id=self._id_for(leaving),
            token=self._tokens.token(receiver[0]) if token else None,
            closer_nodes=nodes,
            error=error,
            value=value,
        )
        if request.token is not None or self._may_spend(request.source, data):
            leaving.send(data, receiver)

    def answer_bare(self, tid: int, to: Address, value: bytes | None, socket: UdpSocket) -> None:
        """Send a reply without token and closer nodes."""
        data = encode_reply(tid, to, id=self._id_for(socket), value=value)
        if self._may_spend(to, data):
            socket.send(data, to)

    def forward(self, to: Address, request: IncomingRequest, value: bytes, socket: UdpSocket | None) -> None:
        """Send a request with the tid, command and target of another one; nobody waits for a reply."""
        leaving = socket or request.socket
        data = encode_request(
            request.tid,
            to,
            request.command,
            id=self._id_for(leaving),
            internal=request.internal,
            target=request.target,
            value=value,
        )
        if self._may_spend(request.source, data):
            leaving.send(data, to)

    def _failed(self, to: Address, on_failure: Callable[[Failure], None], failure: Failure) -> None:
        self._on_failure(to, failure)
        on_failure(failure)

    def _id_for(self, socket: UdpSocket) -> bytes | None:
        return self.id if socket is self.id_socket else None

    def _may_spend(self, source: Address, data: bytes) -> bool:
        """Charge the budget; loopback sources cannot be forged from outside, there every port is a peer of its own."""
        host, port = source
        payer = f"{host}:{port}" if host.startswith("127.") else host
        if self._budget.spend(payer, len(data), self._loop.time()):
            return True
        self.drops["reply_budget"] += 1
        return False

    def _receive_message(self, socket: UdpSocket, data: bytes, source: Address) -> None:
        if source[1] == 0:
            self.drops["port_zero"] += 1
            return
        try:
            message = decode_message(data)
        except DecodeError:
            self.drops["malformed"] += 1
            return
        if type(message) is ReplyPacket:
            self._receive_reply(socket, message, source)
        elif type(message) is RequestPacket:
            self._receive_request(socket, message, source)

    def _receive_reply(self, socket: UdpSocket, packet: ReplyPacket, source: Address) -> None:
        request = self.requests.match(packet.tid, source)
        if request is None:
            self.drops["unexpected_reply"] += 1
            return
        reply = Reply(
            packet.tid,
            source,
            packet.to,
            _validated(packet.id, source),
            packet.token,
            packet.closer_nodes,
            packet.error,
            packet.value,
            socket,
            self._loop.time() - request.sent_at,
        )
        self._on_reply(reply)
        request.on_reply(reply)

    def _receive_request(self, socket: UdpSocket, packet: RequestPacket, source: Address) -> None:
        token = packet.token
        valid = token is not None and self._tokens.valid(source[0], token)
        request = IncomingRequest(
            packet.tid,
            source,
            packet.to,
            _validated(packet.id, source),
            token if valid else None,
            packet.internal,
            packet.command,
            packet.target,
            packet.value,
            socket,
            self.answer,
        )
        if token is not None and not valid:
            self.drops["invalid_token"] += 1
            request.reply(error=ErrorNumber.INVALID_TOKEN)
            return
        self._on_request(request)

    def _transmit(self, request: Request) -> None:
        request.socket.send(request.data, request.to)

    def _drain(self) -> None:
        self._drain_timer = self._loop.call_later(DRAIN_S, self._drain)
        self._tokens.drain()
        self.requests.drain(self._loop.time())
        self._arm()

    def _arm(self) -> None:
        at = self.requests.next_timer()
        if at is None:
            return
        if self._timer is not None:
            if self._timer_at <= at:
                return
            self._timer.cancel()
        self._timer, self._timer_at = self._loop.call_at(at, self._on_timer), at

    def _on_timer(self) -> None:
        self._timer = None
        self.requests.handle_timer(self._loop.time())
        self._arm()


def _request_error(to: Address, failure: Failure) -> RequestTimeout | RequestCancelled:
    if failure is Failure.TIMED_OUT:
        return RequestTimeout(f"The DHT node {to[0]}:{to[1]} did not answer.")
    return RequestCancelled(f"The request to the DHT node {to[0]}:{to[1]} was cancelled.")


def _validated(id: bytes | None, source: Address) -> bytes | None:
    return id if id is not None and id == peer_id(source) else None
