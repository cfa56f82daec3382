"""A secret stream over any byte stream, with its own handshake.

Theory of operation. The three messages of Noise XX travel as frames, then the secret stream begins on the same bytes:

    initiator  --XX 1-->  <--XX 2--  --XX 3, header-->  data
    responder  <--XX 1--  --XX 2-->  <--XX 3--  --header-->  data

Peers on the DHT do not use this: their handshake (IK) travels in DHT packets. It connects a peer over TCP or a pipe.

What a peer may do wrong: everything :mod:`engine.proto.stream.secret` lists, and a handshake message that does not
authenticate. Each sets :attr:`StandaloneStream.error`.

Protocol reference: 03-secure-stream section 8.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

from engine.crypto.keys import KeyPair
from engine.crypto.noise import HandshakeResult, HandshakeXX
from engine.errors import HandshakeFailed, LocalProtocolError, RemoteProtocolError
from engine.proto.stream.framing import DEFAULT_MAX_FRAME_BYTES, encode_frame
from engine.proto.stream.secret import SecretStream

_MAX_HANDSHAKE_FRAME_BYTES: Final = 65535


class StandaloneStream:
    """Handshake, then encrypted messages.

    Args:
        initiator: True on the side that speaks first.
        static: own key pair.
        random_bytes: entropy.
        max_frame_bytes: longest frame body accepted after the handshake.
    """

    def __init__(
        self,
        initiator: bool,
        static: KeyPair,
        random_bytes: Callable[[int], bytes],
        *,
        max_frame_bytes: int = DEFAULT_MAX_FRAME_BYTES,
    ) -> None:
        self.error: RemoteProtocolError | None = None
        """Why the peer was given up."""
        self._handshake = HandshakeXX(initiator, static, None, b"", random_bytes)
        self._random_bytes = random_bytes
        self._max_frame_bytes = max_frame_bytes
        self._secret: SecretStream | None = None
        self._partial = bytearray()
        self._outgoing: list[bytes] = [encode_frame(self._handshake.send())] if initiator else []

    @property
    def handshake(self) -> HandshakeResult | None:
        """The peer's key and the rest, once the handshake is done."""
        return self._handshake.result

    @property
    def opened(self) -> bool:
        """True once messages can be sealed."""
        return self._secret is not None

    def data_to_send(self) -> bytes:
        """What the handshake wants to put on the stream; empty if nothing."""
        outgoing, self._outgoing = self._outgoing, []
        return b"".join(outgoing)

    def seal(self, plaintext: bytes) -> bytes:
        """The frame of one message.

        Raises:
            LocalProtocolError: the handshake is not done, or the message is too long.
        """
        if self._secret is None:
            raise LocalProtocolError("The handshake is not done.")
        return self._secret.seal(plaintext)

    def receive(self, data: bytes) -> list[bytes]:
        """Messages that *data* completes. Send :meth:`data_to_send` and check :attr:`error` afterwards."""
        if self.error is not None:
            return []
        if self._secret is None:
            data = self._receive_handshake(data)
        if self._secret is None:
            return []
        messages = self._secret.receive(data)
        self.error = self._secret.error
        return messages

    def _receive_handshake(self, data: bytes) -> bytes:
        """Handle one handshake frame after the other; what is left belongs to the secret stream."""
        self._partial += data
        while self._secret is None and self.error is None:
            if len(self._partial) < 3:
                return b""
            end = 3 + int.from_bytes(self._partial[:3], "little")
            if end > _MAX_HANDSHAKE_FRAME_BYTES:
                self.error = HandshakeFailed(f"A handshake message of {end} bytes is too long.")
                return b""
            if len(self._partial) < end:
                return b""
            message = bytes(self._partial[3:end])
            del self._partial[:end]
            self._handle_message(message)
        rest = bytes(self._partial)
        self._partial.clear()
        return rest

    def _handle_message(self, message: bytes) -> None:
        try:
            self._handshake.recv(message)
            if self._handshake.result is None:
                self._outgoing.append(encode_frame(self._handshake.send()))
        except HandshakeFailed as error:
            self.error = error
            return
        result = self._handshake.result
        if result is not None:
            self._secret = SecretStream(result, self._random_bytes, max_frame_bytes=self._max_frame_bytes)
            self._outgoing.append(self._secret.header())
