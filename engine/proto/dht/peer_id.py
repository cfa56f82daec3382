"""Node ids: the hash of a public address.

Protocol reference: 02-hyperdht section 2. An id is only believed when it equals the hash of the address the datagram
came from, so nobody can choose a place in the routing tables of others without owning the address that belongs there.
"""

from __future__ import annotations

from functools import lru_cache

from engine.crypto.hashes import blake2b
from engine.wire.compact import Address, encode_address

_CACHED_IDS = 4096


@lru_cache(maxsize=_CACHED_IDS)
def peer_id(address: Address) -> bytes:
    """Id of the node at ``address``.

    Protocol reference: 02-hyperdht section 2.
    """
    return blake2b(encode_address(address))


def distance(a: bytes, b: bytes) -> int:
    """XOR distance of two ids as a number."""
    return int.from_bytes(a, "big") ^ int.from_bytes(b, "big")
