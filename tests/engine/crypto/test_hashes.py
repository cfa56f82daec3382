"""Hashes and namespaces against published and reference values."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path
from typing import Any

import pytest

from engine.crypto.hashes import blake2b, namespace, sha256

VECTORS = Path(__file__).parents[2] / "vectors"
NOISE: dict[str, Any] = json.loads((VECTORS / "noise" / "noise.json").read_text())
DHT: dict[str, Any] = json.loads((VECTORS / "dht" / "namespaces.json").read_text())


def test_secret_stream_namespaces() -> None:
    expected = NOISE["namespaces"]["hyperswarm/secret-stream"]
    values = [value.hex() for value in namespace("hyperswarm/secret-stream", (0, 1, 2))]
    assert values == [expected["initiator"], expected["responder"], expected["send"]]


def test_dht_namespaces_of_the_handshake() -> None:
    expected = NOISE["namespaces"]["hyperswarm/dht"]
    values = [value.hex() for value in namespace("hyperswarm/dht", (0, 1))]
    assert values == [expected["peer-handshake (id 0)"], expected["peer-holepunch (id 1)"]]


@pytest.mark.parametrize("name", DHT["namespaces"])
def test_dht_namespaces_are_indexed_by_command(name: str) -> None:
    assert blake2b(b"hyperswarm/dht").hex() == DHT["base"]
    (value,) = namespace("hyperswarm/dht", (DHT["commands"][name],))
    assert value.hex() == DHT["namespaces"][name]


def test_parts_are_concatenated() -> None:
    assert blake2b(b"ab", b"", b"c") == blake2b(b"abc")
    assert blake2b(b"abc", key=b"k" * 64) == hashlib.blake2b(b"abc", digest_size=32, key=b"k" * 64).digest()


def test_sha256_of_abc() -> None:
    assert sha256(b"abc").hex() == "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"
