"""One channel of a multiplexed connection.

Protocol reference: 04-protomux section 3.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from engine.proto.mux.protomux import Protomux

OnMessage = Callable[[bytes], None]
"""Takes the payload of one message type. Raises RemoteProtocolError if it does not decode."""


def ignore(*_: object) -> None:
    """A callback for events nobody asked for."""


class Channel:
    """A channel made by :meth:`Protomux.create_channel`; it does nothing before :meth:`open`.

    A channel that was closed, by either side, stays closed; the same name can be opened again with a new one.
    """

    __slots__ = (
        "_mux",
        "aliases",
        "closed",
        "id",
        "messages",
        "number",
        "on_close",
        "on_drain",
        "on_open",
        "opened",
        "protocol",
        "remote_number",
    )

    def __init__(
        self,
        mux: Protomux,
        protocol: str,
        id: bytes | None,
        aliases: Sequence[str],
        messages: Sequence[OnMessage],
        on_open: Callable[[bytes], None],
        on_close: Callable[[bool], None],
        on_drain: Callable[[], None],
    ) -> None:
        self._mux = mux
        self.protocol = protocol
        """Name both sides use."""
        self.id = id
        """Byte string that tells channels of one protocol apart, None if there is only one."""
        self.aliases = tuple(aliases)
        """Other protocol names under which the peer may open this channel."""
        self.messages = tuple(messages)
        """Handlers, in the order of their message types."""
        self.on_open = on_open
        """Called with the peer's handshake bytes when both sides have opened."""
        self.on_close = on_close
        """Called once; True if the peer closed or rejected, or the connection ended."""
        self.on_drain = on_drain
        """Called when the connection accepts more after a send that returned False."""
        self.opened = False
        """True once both sides have opened; stays True after a close."""
        self.closed = False
        """True once either side closed."""
        self.number = 0
        """Our number on the wire, 0 before open and after close."""
        self.remote_number = 0
        """The peer's number, 0 while its open has not arrived."""

    @property
    def drained(self) -> bool:
        """False while the connection asks to wait for ``on_drain``."""
        return self._mux.drained

    def open(self, handshake: bytes = b"") -> None:
        """Send our open. If the peer opened first, ``on_open`` and its queued messages run inside this call.

        Raises:
            LocalProtocolError: the channel was opened before.
        """
        self._mux.open_channel(self, handshake)

    def send(self, type: int, payload: bytes) -> bool:
        """Send one message; False means closed, or (while open) that the connection wants to drain first.

        Messages may be sent right after :meth:`open`; they are lost if the peer then rejects.
        """
        return self._mux.send(self, type, payload)

    def close(self) -> None:
        """Close both directions. Does nothing on a closed channel."""
        self._mux.close_channel(self)
