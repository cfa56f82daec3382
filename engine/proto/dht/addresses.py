"""Which IPv4 addresses a connection attempt may use, and which local one fits best.

Peers tell each other their interface addresses inside the encrypted handshake. *Private* addresses only mean
something inside one network, *reserved* ones nowhere; *bogon* is either. A peer may claim any address, so nothing
here is trusted: the result only selects where to send a ping or the first stream packet.

Protocol reference: 02-hyperdht section 15.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Final

from engine.wire.compact import Address

_PRIVATE: Final = (
    ("10.0.0.0", 8),
    ("100.64.0.0", 10),
    ("127.0.0.0", 8),
    ("169.254.0.0", 16),
    ("172.16.0.0", 12),
    ("192.168.0.0", 16),
)
_RESERVED: Final = (
    ("0.0.0.0", 8),
    ("192.0.0.0", 24),
    ("192.0.2.0", 24),
    ("198.18.0.0", 15),
    ("198.51.100.0", 24),
    ("203.0.113.0", 24),
    ("224.0.0.0", 3),
)


def _number(host: str) -> int:
    value = 0
    for octet in host.split("."):
        value = value << 8 | int(octet)
    return value


def _masks(blocks: Iterable[tuple[str, int]]) -> tuple[tuple[int, int], ...]:
    return tuple((_number(host) >> (32 - bits), 32 - bits) for host, bits in blocks)


_PRIVATE_MASKS: Final = _masks(_PRIVATE)
_RESERVED_MASKS: Final = _masks(_RESERVED)


def is_private(host: str) -> bool:
    """Whether *host* (dotted IPv4) is only reachable inside one network."""
    value = _number(host)
    return any(value >> shift == prefix for prefix, shift in _PRIVATE_MASKS)


def is_reserved(host: str) -> bool:
    """Whether *host* (dotted IPv4) is no address of any machine: documentation, benchmarks, multicast, future use."""
    value = _number(host)
    return any(value >> shift == prefix for prefix, shift in _RESERVED_MASKS)


def is_bogon(host: str) -> bool:
    """Whether *host* (dotted IPv4) cannot be reached over the public network."""
    return is_private(host) or is_reserved(host)


def first_public(addresses: Iterable[Address], fallback: Address) -> Address:
    """The first address that is no bogon, else *fallback*. Protocol reference: 02-hyperdht section 15 G."""
    return next((address for address in addresses if not is_bogon(address[0])), fallback)


def match_address(mine: Sequence[Address], theirs: Sequence[Address]) -> Address | None:
    """Which of *theirs* most likely is in a network of ours.

    Same first three octets beat the same first two, which beat the same first one; earlier entries win ties. None when
    not even the first octet is shared.

    Protocol reference: 02-hyperdht section 15 I.
    """
    best: Address | None = None
    best_shared = 0
    for local_host, _ in mine:
        for remote in theirs:
            shared = _shared_octets(local_host, remote[0])
            if shared == 3:
                return remote
            if shared > best_shared:
                best, best_shared = remote, shared
    return best


def _shared_octets(left: str, right: str) -> int:
    shared = 0
    for a, b in zip(left.split(".")[:3], right.split(".")[:3], strict=True):
        if a != b:
            break
        shared += 1
    return shared
