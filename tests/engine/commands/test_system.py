"""Commands about the peer itself."""

from __future__ import annotations

import pytest

from engine.commands.registry import execute
from tests.harness.fake_engine import FakeEngine, FakeHost, FakeNetwork


@pytest.fixture
def engine() -> FakeEngine:
    net = FakeNetwork()
    FakeEngine("bob", net)
    return FakeEngine("alice", net)


async def test_statistics(engine: FakeEngine) -> None:
    engine.receive("0000intercom", "x")
    output = (await execute(engine, "/stats")).output
    assert output == (
        "--- Stats ---",
        f"wallet.address: {engine.identity.public_key}",
        "swarm.connections.size: 1",
        "sidechannels: 0000intercom",
        "0000intercom: 1 peers, 1 received, 0 sent, 0 relayed, 0 refused",
    )
    engine.sidechannel.ready = False
    assert (await execute(engine, "/stats")).output[1] == "wallet.address: unset"


async def test_keys_are_shown_with_two_blanks(engine: FakeEngine) -> None:
    result = await execute(engine, "/get_keys", host=FakeHost())
    assert result.output == (
        "Address:  trac1fake",
        f"Public Key:  {'aa' * 32}",
        f"Secret Key:  {'bb' * 64}",
    )


async def test_exit_asks_the_process_to_end(engine: FakeEngine) -> None:
    host = FakeHost()
    assert (await execute(engine, "/exit", host=host)).output == ("Exiting...",)
    assert (await execute(engine, "/quit", host=host)).ok
    assert host.exits == 2


@pytest.mark.parametrize("line", ["/exit", "/get_keys"])
async def test_without_a_process_these_are_not_possible(engine: FakeEngine, line: str) -> None:
    result = await execute(engine, line)
    assert (result.ok, result.error) == (False, "This is not possible here.")


@pytest.mark.parametrize(
    ("line", "text"),
    [('/print --text "I am printing"', "I am printing"), ("/print", ""), ("/print --text", "null"), ("/printx", "")],
)
async def test_print(engine: FakeEngine, line: str, text: str) -> None:
    assert (await execute(engine, line, human=False)).output == (text,)


async def test_peers_and_reconnect(engine: FakeEngine) -> None:
    [line] = (await execute(engine, "/peers")).output
    assert "127.0.0.1:50000" in line
    assert "0000intercom" in line
    assert (await execute(engine, "/reconnect")).ok
    assert engine.network.reconnects == 1
    assert (await execute(FakeEngine(), "/peers")).output == ("No peer is connected.",)
