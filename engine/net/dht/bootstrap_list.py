"""Bootstrap entries and their addresses.

Protocol reference: 02-hyperdht section 9 (bootstrap).
"""

from __future__ import annotations

import asyncio
import socket
from collections.abc import Iterable
from dataclasses import dataclass

from engine.errors import DecodeError, InvalidValue, LocalProtocolError
from engine.wire.compact import Address, encode_address
from engine.wire.hostport import parse_node

RESOLVE_TIMEOUT_S = 5.0
"""Deadline for one name."""


@dataclass(slots=True)
class _Entry:
    host: str
    port: int
    address: Address | None


class BootstrapList:
    """Where to join the network.

    Args:
        entries: addresses, ``host:port`` or ``ip@hostname:port`` (the name is used when the address stays silent).

    Raises:
        InvalidValue: an entry has another form.
    """

    def __init__(self, entries: Iterable[Address | str]) -> None:
        self._entries = [_parse(entry) for entry in entries]

    def __len__(self) -> int:
        return len(self._entries)

    def addresses(self) -> list[Address]:
        """What is known without asking a name server."""
        return [entry.address for entry in self._entries if entry.address is not None]

    async def resolve(self, *, again: bool) -> None:
        """Look names up.

        Args:
            again: also those whose address is known, because nobody answered there.
        """
        waiting = [entry for entry in self._entries if not _is_ipv4(entry.host) and (again or entry.address is None)]
        await asyncio.gather(*map(_resolve, waiting))


def _parse(entry: Address | str) -> _Entry:
    text = entry if isinstance(entry, str) else f"{entry[0]}:{entry[1]}"
    try:
        known, host, port = parse_node(text)
    except DecodeError as error:
        raise InvalidValue(str(error)) from error
    return _Entry(host, port, (known, port) if _is_ipv4(known) else None)


def _is_ipv4(host: str) -> bool:
    try:
        encode_address((host, 0))
    except LocalProtocolError:
        return False
    return True


async def _resolve(entry: _Entry) -> None:
    loop = asyncio.get_running_loop()
    try:
        async with asyncio.timeout(RESOLVE_TIMEOUT_S):
            found = await loop.getaddrinfo(entry.host, entry.port, family=socket.AF_INET, type=socket.SOCK_DGRAM)
    except (OSError, TimeoutError, UnicodeError):
        return
    if found:
        entry.address = (str(found[0][4][0]), entry.port)
