"""The encrypted stream between two peers whose handshake is done.

Theory of operation. Each side sends one header frame at once, without waiting for the other's: the id of its own role
and the 24 random bytes that start its cipher. Every write of the layer above is then one encrypted frame, so message
boundaries are kept. Reading has two states:

    header expected --header of the other role--> data frames --violation--> failed (for good)

An empty plaintext is a keep-alive and never reaches the layer above.

What a peer may do wrong: send a first frame that is no header of the other role, a data frame shorter than its
authenticator, one that does not authenticate (also a replayed or reordered one: the cipher counts), or announce more
than we accept. Each sets :attr:`SecretStream.error`; what came before it is still delivered, nothing after it.

Limits: ``max_frame_bytes`` for what is received; 2^24 - 18 bytes of plaintext for what is sent.

Protocol reference: 03-secure-stream section 5.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

from engine.crypto.hashes import blake2b, namespace
from engine.crypto.noise import HandshakeResult
from engine.crypto.secretstream import HEADER_BYTES, OVERHEAD_BYTES, PullStream, PushStream
from engine.errors import LocalProtocolError, RemoteProtocolError
from engine.proto.stream.framing import DEFAULT_MAX_FRAME_BYTES, MAX_BODY_BYTES, FrameReader, encode_frame

MAX_PLAINTEXT_BYTES: Final = MAX_BODY_BYTES - OVERHEAD_BYTES
"""Longest message one frame can carry."""

_ID_BYTES: Final = 32
_INITIATOR_NAMESPACE, _RESPONDER_NAMESPACE = namespace("hyperswarm/secret-stream", (0, 1))


def stream_id(handshake_hash: bytes, is_initiator: bool) -> bytes:
    """The id of one role: 32 bytes.

    Protocol reference: 03-secure-stream section 3.4.
    """
    return blake2b(_INITIATOR_NAMESPACE if is_initiator else _RESPONDER_NAMESPACE, key=handshake_hash)


class SecretStream:
    """Both directions of one encrypted stream.

    Args:
        handshake: keys, hash and role from Noise.
        random_bytes: entropy for the cipher header.
        max_frame_bytes: longest frame body accepted from the peer.
    """

    def __init__(
        self,
        handshake: HandshakeResult,
        random_bytes: Callable[[int], bytes],
        *,
        max_frame_bytes: int = DEFAULT_MAX_FRAME_BYTES,
    ) -> None:
        self.error: RemoteProtocolError | None = None
        """Why the peer was given up."""
        self.raw_bytes_written = 0
        """Data frames sent, with their lengths; the header does not count."""
        self.raw_bytes_read = 0
        """Bodies of data frames received; the header does not count."""
        header = random_bytes(HEADER_BYTES)
        self._header = encode_frame(stream_id(handshake.hash, handshake.is_initiator) + header)
        self._push = PushStream(handshake.tx, header)
        self._pull: PullStream | None = None
        self._rx = handshake.rx
        self._remote_id = stream_id(handshake.hash, not handshake.is_initiator)
        self._frames = FrameReader(max_frame_bytes)

    @property
    def established(self) -> bool:
        """True once the peer's header has arrived."""
        return self._pull is not None

    def header(self) -> bytes:
        """The first frame of our direction, 59 bytes. It must go out before any sealed frame.

        Protocol reference: 03-secure-stream section 5.2.
        """
        return self._header

    def seal(self, plaintext: bytes) -> bytes:
        """The frame of one message; an empty one is a keep-alive.

        Raises:
            LocalProtocolError: the message is longer than :data:`MAX_PLAINTEXT_BYTES`.
        """
        if len(plaintext) > MAX_PLAINTEXT_BYTES:
            raise LocalProtocolError(
                f"A message of {len(plaintext)} bytes is too large; at most {MAX_PLAINTEXT_BYTES} fit."
            )
        frame = encode_frame(self._push.push(plaintext))
        self.raw_bytes_written += len(frame)
        return frame

    def receive(self, data: bytes) -> list[bytes]:
        """Messages that *data* completes. Check :attr:`error` afterwards."""
        messages: list[bytes] = []
        if self.error is not None:
            return messages
        try:
            for body in self._frames.receive(data):
                if self._pull is None:
                    self._pull = self._start_pull(body)
                    continue
                if len(body) < OVERHEAD_BYTES:
                    raise RemoteProtocolError(f"Invalid message received: {len(body)} bytes.")
                self.raw_bytes_read += len(body)
                plaintext = self._pull.pull(body)
                if plaintext:
                    messages.append(plaintext)
            self.error = self._frames.error
        except RemoteProtocolError as error:
            self.error = error
        return messages

    def _start_pull(self, body: bytes) -> PullStream:
        """The receiving cipher, from the header frame of the peer."""
        if len(body) != _ID_BYTES + HEADER_BYTES:
            raise RemoteProtocolError(f"Invalid header message received: {len(body)} bytes.")
        if body[:_ID_BYTES] != self._remote_id:
            raise RemoteProtocolError("Invalid header received: it is of another stream or role.")
        return PullStream(self._rx, body[_ID_BYTES:])
