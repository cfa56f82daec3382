"""Relay nodes of the last three announce rounds."""

from __future__ import annotations

from engine.proto.dht.relay_generations import RelayGenerations, advertised

A, B, C, D = [("10.0.0.1", port) for port in range(1, 5)]


def test_rounds() -> None:
    relays = RelayGenerations()
    relays.begin_round()
    for node in (A, B, C):
        relays.add(node)
    relays.begin_round()
    for node in (B, C, D):
        relays.add(node)
    assert relays.current == [B, C, D]
    assert relays.abandoned == [A]
    assert A in relays
    relays.begin_round()
    assert A in relays
    assert relays.current == []
    relays.begin_round()
    assert A not in relays
    assert D in relays


def test_own_public_address_comes_first() -> None:
    assert advertised(None, [A, B, C, D]) == (A, B, C)
    assert advertised(D, [A, B, C]) == (D, A, B)
