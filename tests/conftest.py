"""Fixtures for every test: no network but loopback, a clean environment."""

from __future__ import annotations

import os
import socket
from typing import Any

import pytest

from tests.harness.published import PublishedDocuments

_LOOPBACK = ("127.", "::1", "localhost", "0.0.0.0")


def _check(address: Any) -> None:
    if isinstance(address, tuple) and address and isinstance(address[0], str):
        host = address[0]
        if host and not host.startswith(_LOOPBACK):
            raise AssertionError(f"a test tried to reach {address!r}; only loopback is allowed")


class _LoopbackSocket(socket.socket):
    """A socket that refuses every address but this machine's own."""

    def connect(self, address: Any) -> None:
        _check(address)
        super().connect(address)

    def connect_ex(self, address: Any) -> int:
        _check(address)
        return super().connect_ex(address)

    def sendto(self, *args: Any) -> int:
        _check(args[-1])
        return super().sendto(*args)

    def sendmsg(self, *args: Any) -> int:
        if len(args) > 3:
            _check(args[3])
        return super().sendmsg(*args)


@pytest.fixture(autouse=True)
def _only_loopback(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(socket, "socket", _LoopbackSocket)


@pytest.fixture(autouse=True)
def _clean_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in list(os.environ):
        if name.startswith(("SIDECHANNEL", "SC_BRIDGE", "PEER_", "MSB_", "SUBNET_", "DHT_", "INTERCOM_")):
            monkeypatch.delenv(name)


def pytest_configure(config: pytest.Config) -> None:
    """Let the run write the documents it measures."""
    config.pluginmanager.register(PublishedDocuments())
