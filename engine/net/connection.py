"""An authenticated, encrypted, multiplexed connection to one peer.

Theory of operation. A :class:`PeerConnection` joins the layers: bytes of a UDX stream go through the secret stream,
and each decrypted message is one frame of the multiplexer, which exists from the beginning so that every part of the
program shares it. Our header frame goes out at once. When nothing was written for five seconds an empty frame is, so
that a dead peer is noticed by the packets it does not acknowledge: there is no read timeout. The timer only looks at
the time of the last write; writing does not touch it.

    open --end()--> ending --remote end--> closed       open, ending --destroy(), violation, reset, timeout--> closed

A remote end is answered with our own. Closing happens once: every channel closes, then ``on_close`` runs with the
reason.

What a peer may do wrong: see the cores; any violation destroys this connection, and only this one, with its reason. A
peer that does not send its header is cut off after :data:`HEADER_WAIT_S`, one that does not answer our end after
:data:`END_WAIT_S`. An exception of one of our own handlers destroys the connection, too, after it was logged.

Limits: those of the cores. Messages for channels nobody has claimed stop the reading, so the peer's window closes.

Protocol reference: 03-secure-stream sections 4 and 5; 04-protomux section 7.
"""

from __future__ import annotations

import asyncio
import logging
import os
from collections.abc import Callable
from typing import Final

from engine.crypto.noise import HandshakeResult
from engine.errors import RemoteProtocolError
from engine.net.udx import UdxConnection
from engine.proto.mux.protomux import Protomux
from engine.proto.mux.state import MuxLimits
from engine.proto.stream.framing import DEFAULT_MAX_FRAME_BYTES
from engine.proto.stream.secret import SecretStream
from engine.wire.compact import Address

_logger = logging.getLogger(__name__)

KEEP_ALIVE_S: Final = 5.0
"""Longest silence of our side."""

END_WAIT_S: Final = 30.0
"""How long a peer may take to end its side after we ended ours."""

HEADER_WAIT_S: Final = 10.0
"""How long a peer may take to begin its side of the encrypted stream."""


class PeerConnection:
    """One connection; open from the moment it is made.

    Args:
        udx: connected stream; its callbacks belong to this object from now on.
        handshake: keys and identities.
        route: how the peers found each other, for display.
        random_bytes: entropy.
        keep_alive_s: seconds of own silence after which an empty frame is sent.
        max_frame_bytes: longest message accepted from the peer.
        mux_limits: bounds of the multiplexer.
    """

    def __init__(
        self,
        udx: UdxConnection,
        handshake: HandshakeResult,
        *,
        route: str = "",
        random_bytes: Callable[[int], bytes] = os.urandom,
        keep_alive_s: float = KEEP_ALIVE_S,
        max_frame_bytes: int = DEFAULT_MAX_FRAME_BYTES,
        mux_limits: MuxLimits | None = None,
    ) -> None:
        self._loop = asyncio.get_running_loop()
        self.public_key = handshake.public_key
        """Our own key."""
        self.remote_public_key = handshake.remote_public_key
        """The peer's proven key."""
        self.is_initiator = handshake.is_initiator
        """True if we dialled."""
        self.handshake_hash = handshake.hash
        """Equal on both sides, different for every connection."""
        self.route = route
        """How the peers found each other."""
        self.opened_at = self._loop.time()
        """Seconds of the loop's clock."""
        self.closed = False
        """True once nothing can be sent any more."""
        self.error: Exception | None = None
        """Why the connection was closed; None while open and after a normal end."""
        self.on_close: list[Callable[[Exception | None], None]] = []
        """Called once with the reason; in the order of registration."""
        self.on_drain: list[Callable[[], None]] = []
        """Called when the stream accepts more after a write that returned False."""
        self.on_message: Callable[[bytes], None] | None = None
        """Takes every message instead of the multiplexer, for programs that want plain messages."""
        self.mux = Protomux(self.write, limits=mux_limits)
        """Multiplexer of this connection."""
        self.mux.on_error = self.destroy
        self.mux.on_pause = self._pause
        self._udx = udx
        self._secret = SecretStream(handshake, random_bytes, max_frame_bytes=max_frame_bytes)
        self._keep_alive_s = keep_alive_s
        self._last_write = self.opened_at
        self._ended = False
        self._held: list[bytes] = []
        self._timer: asyncio.TimerHandle | None = self._loop.call_later(keep_alive_s, self._check_keep_alive)
        udx.write(self._secret.header())
        udx.on_drain = self._drained
        udx.on_end = self.end
        udx.on_close = self._stream_closed
        udx.on_data = self._received

    @property
    def remote_address(self) -> Address | None:
        """Where the peer is."""
        return self._udx.remote_address

    @property
    def rtt_s(self) -> float | None:
        """Smoothed round trip time."""
        return self._udx.rtt_s

    @property
    def bytes_in(self) -> int:
        """Stream bytes received."""
        return self._udx.bytes_read

    @property
    def bytes_out(self) -> int:
        """Stream bytes written."""
        return self._udx.bytes_written

    @property
    def raw_bytes_read(self) -> int:
        """Data frame bytes received; what the duplicate rule looks at."""
        return self._secret.raw_bytes_read

    @property
    def raw_bytes_written(self) -> int:
        """Data frame bytes sent; what the duplicate rule looks at."""
        return self._secret.raw_bytes_written

    @property
    def close_reason(self) -> str:
        """One sentence for display; empty while open."""
        if not self.closed:
            return ""
        return "The connection ended normally." if self.error is None else str(self.error)

    def write(self, message: bytes) -> bool:
        """Send one message; False means closed or full: wait for ``on_drain``.

        Raises:
            LocalProtocolError: the message does not fit into a frame.
        """
        if self.closed or self._ended:
            return False
        frame = self._secret.seal(message)
        self._last_write = self._loop.time()
        return self._udx.write(frame)

    def keepalive(self) -> None:
        """Send an empty message, so that a dead peer is noticed."""
        self.write(b"")

    def end(self) -> None:
        """Send what was written, then our end; the connection closes when the peer has ended too."""
        if not self.closed and not self._ended:
            self._ended = True
            self._stop_timer()
            self._timer = self._loop.call_later(
                END_WAIT_S, self.destroy, TimeoutError("The peer did not end its side.")
            )
            self._udx.end()

    def destroy(self, error: Exception | None = None) -> None:
        """Close at once; the peer sees a reset. Does nothing on a closed connection."""
        if not self.closed:
            self._udx.destroy()
            self._close(error)

    def _received(self, data: bytes) -> None:
        if self.closed:
            return
        self._deliver(self._secret.receive(data))
        if self._secret.error is not None:
            self.destroy(self._secret.error)

    def _deliver(self, messages: list[bytes]) -> None:
        try:
            for index, message in enumerate(messages):
                if self.closed:
                    return
                if self.on_message is not None:
                    self.on_message(message)
                elif self.mux.paused:
                    self._held += messages[index:]
                    return
                else:
                    self.mux.receive(message)
        except RemoteProtocolError as error:
            self.destroy(error)
        except Exception as error:
            _logger.exception("a handler of the connection to %s failed", self.remote_public_key.hex())
            self.destroy(error)

    def _pause(self, paused: bool) -> None:
        if self.closed:
            return
        if paused:
            self._udx.pause_reading()
        else:
            self._loop.call_soon(self._resume)

    def _resume(self) -> None:
        """Go on with what arrived while the multiplexer was paused."""
        held, self._held = self._held, []
        self._deliver(held)
        if not self.closed and not self.mux.paused:
            self._udx.resume_reading()

    def _drained(self) -> None:
        self.mux.on_drain()
        for callback in list(self.on_drain):
            callback()

    def _check_keep_alive(self) -> None:
        now = self._loop.time()
        if not self._secret.established and now >= self.opened_at + HEADER_WAIT_S:
            self.destroy(TimeoutError("The peer did not begin the encrypted stream."))
            return
        if now >= self._last_write + self._keep_alive_s:
            self.keepalive()
        due = self._last_write + self._keep_alive_s
        if not self._secret.established:
            due = min(due, self.opened_at + HEADER_WAIT_S)
        self._timer = self._loop.call_at(due, self._check_keep_alive)

    def _stop_timer(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def _stream_closed(self, error: Exception | None) -> None:
        if not self.closed:
            self._close(error)

    def _close(self, error: Exception | None) -> None:
        self.closed = True
        self.error = error
        self._held.clear()
        self._stop_timer()
        for callback in (lambda _: self.mux.shutdown(), *self.on_close):
            try:
                callback(error)
            except Exception:
                _logger.exception("a close handler of the connection to %s failed", self.remote_public_key.hex())
