"""The encrypted messages that two peers exchange through relays while they punch.

Theory of operation. Both sides derive one key from the handshake hash; a message is ``nonce || secretbox``. The
*address token* proves a host: each side computes a token over the other's host with a secret of its own and
recognises the echo. Tokens come back through a relay that the server chose, so an echo shows that the peer really
receives at that host.

What a peer may do wrong: send something that does not open or decode (:meth:`SealedChannel.open` returns None), or
claim addresses it does not own, which stay unverified.

Protocol reference: 02-hyperdht section 18.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

from engine.crypto.hashes import blake2b, namespace
from engine.crypto.secretstream import secretbox_open, secretbox_seal
from engine.errors import DecodeError
from engine.proto.dht.commands import NAMESPACE_NAME, Command
from engine.proto.dht.payload import Firewall, PeerError
from engine.wire.compact import Address, Reader, Writer

NS_PEER_HANDSHAKE, NS_PEER_HOLEPUNCH = namespace(NAMESPACE_NAME, (Command.PEER_HANDSHAKE, Command.PEER_HOLEPUNCH))
"""Prologue of the handshake, and message under which the holepunch secret is derived."""

_NONCE_BYTES: Final = 24
_TAG_BYTES: Final = 16

_CONNECTED: Final = 1
_PUNCHING: Final = 2
_ADDRESSES: Final = 4
_REMOTE_ADDRESS: Final = 8
_TOKEN: Final = 16
_REMOTE_TOKEN: Final = 32


@dataclass(frozen=True, slots=True)
class PunchPayload:
    """One message of the exchange."""

    error: int = PeerError.NONE
    firewall: int = Firewall.UNKNOWN
    """The sender's NAT class."""
    round: int = 0
    """Counts up per message of the client; the server answers with the highest it saw."""
    connected: bool = False
    punching: bool = False
    """The sender punches, or is ready to."""
    addresses: tuple[Address, ...] | None = None
    """Public addresses of the sender's punching socket; port 0 when it is random."""
    remote_address: Address | None = None
    """Receiver's address to which the sender already opened a low-TTL session."""
    token: bytes | None = None
    """The sender's token for the receiver's host, 32 bytes."""
    remote_token: bytes | None = None
    """Echo of the token the sender got, 32 bytes."""

    def encode(self) -> bytes:
        """The bytes of this message."""
        writer = Writer()
        writer.uint(
            (_CONNECTED if self.connected else 0)
            | (_PUNCHING if self.punching else 0)
            | (_ADDRESSES if self.addresses is not None else 0)
            | (_REMOTE_ADDRESS if self.remote_address else 0)
            | (_TOKEN if self.token else 0)
            | (_REMOTE_TOKEN if self.remote_token else 0)
        )
        writer.uint(self.error)
        writer.uint(self.firewall)
        writer.uint(self.round)
        if self.addresses is not None:
            writer.array(self.addresses, Writer.ipv4_address)
        if self.remote_address:
            writer.ipv4_address(self.remote_address)
        if self.token:
            writer.fixed(self.token, 32)
        if self.remote_token:
            writer.fixed(self.remote_token, 32)
        return writer.getvalue()

    @classmethod
    def decode(cls, data: bytes) -> PunchPayload:
        """The message in *data*.

        Raises:
            DecodeError: cut short or malformed.
        """
        reader = Reader(data)
        flags = reader.uint()
        return cls(
            error=reader.uint(),
            firewall=Firewall.of(reader.uint()),
            round=reader.uint(),
            connected=bool(flags & _CONNECTED),
            punching=bool(flags & _PUNCHING),
            addresses=tuple(reader.array(Reader.ipv4_address)) if flags & _ADDRESSES else None,
            remote_address=reader.ipv4_address() if flags & _REMOTE_ADDRESS else None,
            token=reader.fixed(32) if flags & _TOKEN else None,
            remote_token=reader.fixed(32) if flags & _REMOTE_TOKEN else None,
        )


def holepunch_secret(handshake_hash: bytes) -> bytes:
    """The key of the exchange (32 bytes) from the 64-byte handshake hash. Protocol reference: 02-hyperdht section
    14."""
    return blake2b(NS_PEER_HOLEPUNCH, key=handshake_hash)


class SealedChannel:
    """Seals and opens the messages of one connection attempt.

    Args:
        secret: result of :func:`holepunch_secret`.
        random_bytes: entropy for nonces and for the token secret.
    """

    def __init__(self, secret: bytes, random_bytes: Callable[[int], bytes]) -> None:
        self._secret = secret
        self._random_bytes = random_bytes
        self._token_secret = random_bytes(32)

    def seal(self, payload: PunchPayload) -> bytes:
        """``nonce || secretbox`` of *payload*."""
        nonce = self._random_bytes(_NONCE_BYTES)
        return nonce + secretbox_seal(payload.encode(), nonce, self._secret)

    def open(self, sealed: bytes) -> PunchPayload | None:
        """The message in *sealed*; None when it is not authentic or does not decode."""
        if len(sealed) <= _NONCE_BYTES + _TAG_BYTES:
            return None
        try:
            return PunchPayload.decode(secretbox_open(sealed[_NONCE_BYTES:], sealed[:_NONCE_BYTES], self._secret))
        except DecodeError:
            return None

    def token(self, host: str) -> bytes:
        """Our token for a host of the peer, 32 bytes."""
        return blake2b(host.encode("ascii"), key=self._token_secret)
