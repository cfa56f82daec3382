"""Addresses of the network interfaces of this machine."""

from __future__ import annotations

import array
import contextlib
import socket
import struct
import sys

_SIOCGIFCONF = 0x8912
_MAX_INTERFACES = 128
_IFREQ_BYTES = 40
_IFREQ_ADDRESS = 20


def interface_addresses() -> list[str]:
    """IPv4 addresses of this machine other than loopback, without duplicates."""
    found: list[str] = []
    with contextlib.suppress(OSError):
        found = _linux_addresses() if sys.platform == "linux" else _resolved_addresses()
    return list(dict.fromkeys(address for address in found if not address.startswith(("127.", "0."))))


def _linux_addresses() -> list[str]:
    import fcntl

    names = array.array("B", bytes(_MAX_INTERFACES * _IFREQ_BYTES))
    request = struct.pack("iL", len(names), names.buffer_info()[0])
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sock:
        answer = fcntl.ioctl(sock.fileno(), _SIOCGIFCONF, request)
    length = struct.unpack("iL", answer)[0]
    data = names.tobytes()
    return [
        socket.inet_ntoa(data[start + _IFREQ_ADDRESS : start + _IFREQ_ADDRESS + 4])
        for start in range(0, length, _IFREQ_BYTES)
    ]


def _resolved_addresses() -> list[str]:
    return socket.gethostbyname_ex(socket.gethostname())[2]
