"""Which web pages and host names may reach the bridge.

A web page in a browser on this machine can open a WebSocket to 127.0.0.1 (cross-site hijacking), and a name that its
owner points at 127.0.0.1 makes such a page look local (DNS rebinding). Browsers always tell where the page came from
(``Origin``) and which name was asked for (``Host``), so two rules stop both: an ``Origin`` must be on the list of
allowed ones (programs send none), and ``Host`` must be a loopback name or address or the configured host. Where
the bridge listens on other addresses too, any literal address is accepted as ``Host``, because only names can be
rebound.

Design reference: ecosystem A2 B1, A4 row 12.
"""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Collection, Sequence
from dataclasses import dataclass

from engine.errors import BridgeMisconfigured

_HOST = re.compile(r"(?:\[(?P<six>[0-9a-fA-F:.]+)\]|(?P<name>[A-Za-z0-9_.-]+))(?::(?P<port>[0-9]{1,5}))?")


def is_loopback(host: str) -> bool:
    """True for ``localhost``, 127.0.0.0/8 and ::1."""
    if host.lower() == "localhost":
        return True
    address = _literal(host)
    return address is not None and address.is_loopback


def check_bind(host: str, *, unsafe: bool) -> None:
    """Refuse to listen where other machines can connect, unless that is wanted.

    Raises:
        BridgeMisconfigured: *host* is not a loopback address and *unsafe* is False.
    """
    if not unsafe and not is_loopback(host):
        raise BridgeMisconfigured(
            f"SC-Bridge refuses to listen on {host}: other machines could connect.",
            hint="Use 127.0.0.1 (and an SSH tunnel), or add --sc-bridge-unsafe-bind 1.",
        )


@dataclass(frozen=True, slots=True)
class AccessRules:
    """Decides on the headers of an opening handshake."""

    host: str
    """Configured host."""
    allowed_origins: Collection[str] = ()

    def refusal(self, origins: Sequence[str], hosts: Sequence[str]) -> str | None:
        """Why a connection is refused, None when it is welcome.

        Args:
            origins: values of all ``Origin`` headers.
            hosts: values of all ``Host`` headers.
        """
        if len(hosts) != 1 or not self._host_allowed(hosts[0]):
            return "Forbidden host."
        if origins and (len(origins) > 1 or not self._origin_allowed(origins[0])):
            return "Forbidden origin."
        return None

    def _origin_allowed(self, origin: str) -> bool:
        wanted = origin.strip().lower()
        return any(wanted == allowed.strip().rstrip("/").lower() for allowed in self.allowed_origins)

    def _host_allowed(self, header: str) -> bool:
        match = _HOST.fullmatch(header)
        if match is None or int(match["port"] or 0) > 65535:
            return False
        name = match["six"] or match["name"]
        if is_loopback(name) or name.lower() == self.host.lower():
            return True
        return not is_loopback(self.host) and _literal(name) is not None


def _literal(host: str) -> ipaddress.IPv4Address | ipaddress.IPv6Address | None:
    try:
        return ipaddress.ip_address(host)
    except ValueError:
        return None
