"""Length-prefixed frames on a byte stream.

Theory of operation. A frame is a 24-bit little-endian length and the body. Frames have nothing to do with packets: a
chunk may hold many, and one may take thousands of chunks, even inside its length. :class:`FrameReader` collects bytes
until the frame it waits for is complete and looks at them only then, so a frame costs two copies however it was cut.

What a peer may do wrong: announce a frame above our limit. Reading ends there; resynchronising is not possible. A
length of 0 is an empty frame here, which the layer above refuses.

Limits: ``max_frame_bytes`` bounds the memory a connection can take; the protocol itself allows 2^24 - 1.

Protocol reference: 03-secure-stream section 5.1.
"""

from __future__ import annotations

from typing import Final

from engine.errors import FrameTooLarge, LocalProtocolError

MAX_BODY_BYTES: Final = 256**3 - 1
"""What three bytes of length can announce."""

DEFAULT_MAX_FRAME_BYTES: Final = 10 * 1024 * 1024
"""A batch of the multiplexer (written at 8 MiB) plus one more message."""

_LENGTH_BYTES: Final = 3


def encode_frame(body: bytes) -> bytes:
    """The frame of *body*.

    Raises:
        LocalProtocolError: the body is longer than the length field can say.
    """
    if len(body) > MAX_BODY_BYTES:
        raise LocalProtocolError(f"A frame of {len(body)} bytes is too large; at most {MAX_BODY_BYTES} fit.")
    return len(body).to_bytes(_LENGTH_BYTES, "little") + body


class FrameReader:
    """Reassembles frames from chunks of any size.

    Args:
        max_frame_bytes: longest body accepted.
    """

    __slots__ = ("_buffer", "_max_frame_bytes", "_wanted", "error")

    def __init__(self, max_frame_bytes: int = DEFAULT_MAX_FRAME_BYTES) -> None:
        self.error: FrameTooLarge | None = None
        """Set when the peer announced a frame above the limit; nothing is read any more."""
        self._max_frame_bytes = max_frame_bytes
        self._buffer = bytearray()
        self._wanted = _LENGTH_BYTES

    @property
    def buffered_bytes(self) -> int:
        """Bytes of a frame that is not complete yet."""
        return len(self._buffer)

    def receive(self, data: bytes) -> list[bytes]:
        """The bodies of all frames that *data* completes."""
        if self.error is not None:
            return []
        buffer = self._buffer
        if not buffer:
            bodies, pos = self._split(data)
            buffer += memoryview(data)[pos:]
            return bodies
        buffer += data
        if len(buffer) < self._wanted:
            return []
        bodies, pos = self._split(buffer)
        del buffer[:pos]
        return bodies

    def _split(self, data: bytes | bytearray) -> tuple[list[bytes], int]:
        """All complete bodies, and where the rest begins."""
        bodies: list[bytes] = []
        pos, size = 0, len(data)
        self._wanted = _LENGTH_BYTES
        with memoryview(data) as view:
            while size - pos >= _LENGTH_BYTES:
                length = data[pos] | data[pos + 1] << 8 | data[pos + 2] << 16
                if length > self._max_frame_bytes:
                    self.error = FrameTooLarge(
                        f"The peer announced a frame of {length} bytes; at most {self._max_frame_bytes} are accepted."
                    )
                    return bodies, size
                end = pos + _LENGTH_BYTES + length
                if end > size:
                    self._wanted = _LENGTH_BYTES + length
                    break
                bodies.append(bytes(view[pos + _LENGTH_BYTES : end]))
                pos = end
        return bodies, pos
