"""DHT nodes as text: ``host:port`` or ``ip@hostname:port``. Protocol reference: 02-hyperdht section 9."""

from __future__ import annotations

from typing import NamedTuple

from engine.errors import DecodeError


class NodeText(NamedTuple):
    """The parts of one entry."""

    known: str
    """Address to try first; the same as :attr:`host` when only one is given."""
    host: str
    """Address or name."""
    port: int


def parse_node(text: str) -> NodeText:
    """Split an entry.

    Raises:
        DecodeError: it has another form.
    """
    host, _, port = text.rpartition(":")
    known, _, name = host.rpartition("@")
    digits = port.isascii() and port.isdigit() and len(port) <= 5
    if not name or any(map(str.isspace, host)) or not digits or not 0 < int(port) < 65_536:
        raise DecodeError(f"{text!r} is not a DHT node: write host:port or ip@hostname:port")
    return NodeText(known or name, name, int(port))
