"""Bootstrap entries: forms, errors, names."""

from __future__ import annotations

import asyncio
import socket
from typing import Any

import pytest

from engine.errors import InvalidValue
from engine.net.dht.bootstrap_list import BootstrapList


def test_addresses_are_known_at_once() -> None:
    entries = BootstrapList([("127.0.0.1", 5), "127.0.0.2:6", "127.0.0.3@node.example:7", "node.example:8"])
    assert len(entries) == 4
    assert entries.addresses() == [("127.0.0.1", 5), ("127.0.0.2", 6), ("127.0.0.3", 7)]


@pytest.mark.parametrize("entry", ["127.0.0.1", "127.0.0.1:", ":5", "host:0", "host:65536", "host:x", "host:-1", ""])
def test_other_forms_are_refused(entry: str) -> None:
    with pytest.raises(InvalidValue, match="is not a DHT node: write host:port"):
        BootstrapList([entry])


async def test_names_are_resolved_when_needed(monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[str] = []

    async def getaddrinfo(host: str, port: int, **options: Any) -> list[Any]:
        asked.append(host)
        if host == "missing.example":
            raise socket.gaierror("no such name")
        if host == "empty.example":
            return []
        return [(socket.AF_INET, socket.SOCK_DGRAM, 17, "", ("127.9.9.9", port))]

    monkeypatch.setattr(asyncio.get_running_loop(), "getaddrinfo", getaddrinfo)
    entries = BootstrapList(
        ["127.0.0.1:1", "127.0.0.2@node.example:2", "other.example:3", "missing.example:4", "empty.example:5"]
    )
    await entries.resolve(again=False)
    assert asked == ["other.example", "missing.example", "empty.example"]
    assert entries.addresses() == [("127.0.0.1", 1), ("127.0.0.2", 2), ("127.9.9.9", 3)]
    asked.clear()
    await entries.resolve(again=True)
    assert asked == ["node.example", "other.example", "missing.example", "empty.example"]
    assert entries.addresses() == [("127.0.0.1", 1), ("127.9.9.9", 2), ("127.9.9.9", 3)]
