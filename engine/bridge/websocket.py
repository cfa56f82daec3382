"""WebSockets on TCP connections that come in.

The library's sans-IO protocol does the framing; this module moves bytes. That costs less than half of what its asyncio
server costs per message (no task switch, no queue), and gives exact control over what waits for a slow reader.

Frames in either direction are whole text (or, from the client, binary) messages of at most :data:`MAX_MESSAGE_BYTES`;
larger ones end the connection with code 1009, text that is no UTF-8 with 1007. Compression is never negotiated. A plain
HTTP request is answered 426, a malformed upgrade 400, an unwelcome one 403.

Protocol reference: 07-sc-bridge section 2.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable
from http import HTTPStatus
from typing import Final, Protocol, cast

from websockets.frames import Frame, Opcode
from websockets.http11 import Request, Response
from websockets.protocol import SEND_EOF, State
from websockets.server import ServerProtocol

from engine.bridge.queue import OutboundQueue
from engine.bridge.security import AccessRules

MAX_MESSAGE_BYTES: Final = 1024 * 1024
HANDSHAKE_DEADLINE_S: Final = 10.0
CLOSE_DEADLINE_S: Final = 5.0
"""Longest wait for the client's part of a close."""
SLOW_CLOSE_DEADLINE_S: Final = 30.0
"""The same for a client that was cut off because it does not read: time to wake up and learn where to resume."""
EAGER_FRAMES: Final = 64
"""Waiting frames that are written without waiting for the end of the loop's turn."""
TRY_AGAIN_LATER: Final = 1013
GOING_AWAY: Final = 1001
INVALID_TEXT: Final = 1007

_library_logger = logging.getLogger(f"{__name__}.library")
_library_logger.setLevel(logging.WARNING)  # at DEBUG the library logs whole frames, tokens included

_DATA_OPCODES: Final = (Opcode.TEXT, Opcode.BINARY, Opcode.CONT)


class Listener(Protocol):
    """Who handles one connection."""

    def opened(self) -> None:
        """The handshake is done."""

    def message(self, data: str | bytes) -> None:
        """A whole message came."""

    def drained(self) -> None:
        """The client reads again after it did not."""

    def closed(self) -> None:
        """The connection is gone; called once, after :meth:`opened` was."""


def text_frame(text: str) -> bytes:
    """The bytes of a text message from the server; the same for every client."""
    return Frame(Opcode.TEXT, text.encode()).serialize(mask=False)


class WebSocketConnection(asyncio.Protocol):
    """One TCP connection.

    Args:
        rules: which pages and names may connect.
        accept: makes the listener of a welcome connection; None = there is no room.
    """

    def __init__(self, rules: AccessRules, accept: Callable[[WebSocketConnection], Listener | None]) -> None:
        self._rules = rules
        self._accept = accept
        self._protocol = ServerProtocol(max_size=MAX_MESSAGE_BYTES, logger=_library_logger)
        self._transport: asyncio.Transport | None = None
        self._listener: Listener | None = None
        self._parts: list[bytes] = []
        self._is_text = True
        self._failed = False
        self._queue = OutboundQueue()
        self._loop = asyncio.get_running_loop()
        self._flush_due = False
        self._write_paused = False
        self._read_paused = False
        self._deadline: asyncio.TimerHandle | None = None

    # -- for the listener ---------------------------------------------------------------------------------------

    @property
    def waiting(self) -> int:
        """Frames the client has not taken yet."""
        return len(self._queue)

    @property
    def write_paused(self) -> bool:
        """True while the client does not read."""
        return self._write_paused

    def send(self, frame: bytes, seq: int | None = None) -> None:
        """Queue a frame; a client too slow for it is cut off with the cursor to resume at.

        Args:
            frame: made by :func:`text_frame`.
            seq: cursor if it is an event.
        """
        if self._protocol.state is not State.OPEN:
            return
        if not self._queue.push(frame, seq):
            cursor = self._queue.cursor
            self._queue.clear()
            self.close(TRY_AGAIN_LATER, "too slow" if cursor is None else f'{{"error":"too slow","cursor":{cursor}}}')
        elif not self._write_paused and len(self._queue) >= EAGER_FRAMES:
            self._flush()
        else:
            self._flush_soon()

    def close(self, code: int, reason: str = "") -> None:
        """Send what waits, then a close frame; the connection is cut if the client does not answer in time."""
        if self._protocol.state is not State.OPEN:
            return
        self._flush(all_of_it=True)
        self._protocol.send_close(code, reason)
        self._transmit()

    def pause_reading(self) -> None:
        """Take no more requests for now."""
        if not self._read_paused and self._transport is not None and not self._transport.is_closing():
            self._read_paused = True
            self._transport.pause_reading()

    def resume_reading(self) -> None:
        """Take requests again."""
        if self._read_paused and self._transport is not None:
            self._read_paused = False
            if not self._transport.is_closing():
                self._transport.resume_reading()

    def abort(self) -> None:
        """Cut the connection."""
        if self._transport is not None:
            self._transport.abort()

    # -- asyncio ------------------------------------------------------------------------------------------------

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """A client connected."""
        self._transport = cast("asyncio.Transport", transport)
        self._deadline = self._loop.call_later(HANDSHAKE_DEADLINE_S, self.abort)

    def data_received(self, data: bytes) -> None:
        """Bytes came in."""
        self._protocol.receive_data(data)
        self._transmit()
        for event in self._protocol.events_received():
            if isinstance(event, Request):
                self._handshake(event)
            elif isinstance(event, Frame) and event.opcode in _DATA_OPCODES:
                self._frame_received(event)

    def eof_received(self) -> None:
        """The client ended its side."""
        self._protocol.receive_eof()
        self._transmit()

    def pause_writing(self) -> None:
        """The client does not read."""
        self._write_paused = True

    def resume_writing(self) -> None:
        """The client reads again."""
        self._write_paused = False
        self._flush()
        if not self._write_paused and self._listener is not None:
            self._listener.drained()

    def connection_lost(self, error: Exception | None) -> None:
        """The connection is gone."""
        self._cancel_deadline()
        self._queue.clear()
        listener, self._listener = self._listener, None
        if listener is not None:
            listener.closed()

    # -- parts --------------------------------------------------------------------------------------------------

    def _handshake(self, request: Request) -> None:
        self._cancel_deadline()
        listener: Listener | None = None
        response = self._refusal(request) or self._protocol.accept(request)
        if response.status_code == HTTPStatus.SWITCHING_PROTOCOLS:
            listener = self._accept(self)
            if listener is None:
                response = self._protocol.reject(HTTPStatus.SERVICE_UNAVAILABLE, "Too many clients")
        self._protocol.send_response(response)
        self._listener = listener
        self._transmit()
        if listener is not None:
            listener.opened()

    def _refusal(self, request: Request) -> Response | None:
        headers = request.headers
        if "websocket" not in ",".join(headers.get_all("Upgrade")).lower():
            response = self._protocol.reject(HTTPStatus.UPGRADE_REQUIRED, "Upgrade Required")
            response.headers["Upgrade"] = "websocket"
            return response
        reason = self._rules.refusal(headers.get_all("Origin"), headers.get_all("Host"))
        return self._protocol.reject(HTTPStatus.FORBIDDEN, reason) if reason is not None else None

    def _frame_received(self, frame: Frame) -> None:
        if frame.opcode is not Opcode.CONT:
            self._is_text = frame.opcode is Opcode.TEXT
        self._parts.append(bytes(frame.data))
        if not frame.fin:
            return
        data = self._parts[0] if len(self._parts) == 1 else b"".join(self._parts)
        self._parts.clear()
        message: str | bytes = data
        if self._is_text:
            try:
                message = data.decode()
            except UnicodeDecodeError:
                self._fail(INVALID_TEXT, "text is not UTF-8")
                return
        if self._listener is not None and not self._failed:
            self._listener.message(message)

    def _fail(self, code: int, reason: str) -> None:
        self._failed = True
        if self._protocol.state is State.OPEN:
            self._flush(all_of_it=True)
            self._protocol.fail(code, reason)
            self._transmit()

    def _flush_soon(self) -> None:
        if not self._flush_due and not self._write_paused:
            self._flush_due = True
            self._loop.call_soon(self._flush)

    def _flush(self, *, all_of_it: bool = False) -> None:
        self._flush_due = False
        transport = self._transport
        while self._queue and transport is not None and (all_of_it or not self._write_paused):
            transport.write(self._queue.take())

    def _transmit(self) -> None:
        transport = self._transport
        if transport is None:
            return
        for data in self._protocol.data_to_send():
            if data != SEND_EOF:
                transport.write(data)
            elif not transport.is_closing():
                # Closing with unread bytes would reset the connection, and the client would not see why it ended.
                self.resume_reading()
                transport.write_eof()
        if self._deadline is None and self._protocol.close_expected():
            sent = self._protocol.close_sent
            slow = sent is not None and sent.code == TRY_AGAIN_LATER
            self._deadline = self._loop.call_later(SLOW_CLOSE_DEADLINE_S if slow else CLOSE_DEADLINE_S, self.abort)

    def _cancel_deadline(self) -> None:
        if self._deadline is not None:
            self._deadline.cancel()
            self._deadline = None
