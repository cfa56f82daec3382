"""Bytes of Protomux frames.

A frame is ``number | type | payload``; number 0 is the control channel, whose types are batch, open, reject and close.
Inside a batch, items have a length and no number of their own.

Protocol reference: 04-protomux sections 2 and 4.
"""

from __future__ import annotations

from typing import Final

from engine.wire.compact import Writer, encode_uint, encode_utf8

CONTROL: Final = 0
"""Channel number of control frames."""

BATCH: Final = 0
OPEN: Final = 1
REJECT: Final = 2
CLOSE: Final = 3

FLUSH_BATCH_BYTES: Final = 8 * 1024 * 1024
"""A collected batch of this size is written before the next item is added."""

MAX_FRAME_BYTES: Final = 256**3 - 1 - 17
"""Largest plaintext one secret-stream frame can carry."""


def encode_open(number: int, protocol: str, id: bytes | None, handshake: bytes) -> bytes:
    """The item (frame without its leading control number) that opens our channel *number*."""
    writer = Writer()
    writer.uint(OPEN)
    writer.uint(number)
    writer.buffer(encode_utf8(protocol))
    writer.optional_buffer(id)
    writer.raw(handshake)
    return writer.getvalue()


def encode_reject(remote_number: int) -> bytes:
    """The item that refuses the peer's channel *remote_number*."""
    return bytes((REJECT,)) + encode_uint(remote_number)


def encode_close(number: int) -> bytes:
    """The item that closes our channel *number*."""
    return bytes((CLOSE,)) + encode_uint(number)


class BatchWriter:
    """Collects items while a connection is corked and writes them as one frame.

    Protocol reference: 04-protomux section 4.
    """

    __slots__ = ("_data", "_number")

    def __init__(self) -> None:
        self._data = bytearray()
        self._number = -1

    @property
    def empty(self) -> bool:
        """True while nothing was added."""
        return not self._data

    def full(self, extra: int) -> bool:
        """True if the batch must be written before an item of *extra* bytes is added."""
        size = len(self._data)
        return size > 0 and (size >= FLUSH_BATCH_BYTES or size + extra + 16 > MAX_FRAME_BYTES)

    def add(self, number: int, item: bytes) -> None:
        """Append one item of our channel *number*; :data:`CONTROL` for a control frame."""
        data = self._data
        if number != self._number:
            data += b"\0" if data else b"\0\0"
            data += encode_uint(number)
            self._number = number
        data += encode_uint(len(item))
        data += item

    def take(self) -> bytes:
        """The frame of everything added so far; the writer is empty again."""
        frame = bytes(self._data)
        self._data.clear()
        self._number = -1
        return frame
