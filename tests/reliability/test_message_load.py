"""Messages under load, in virtual time: everything arrives, once, and memory returns to where it was."""

from __future__ import annotations

import asyncio
from collections import Counter
from itertools import pairwise
from random import Random

import pytest

from engine.config.sections import ENTRY_CHANNEL
from engine.messages import Trust
from tests.harness.memory_peers import MemoryPeer, started
from tests.harness.published import record_reliability
from tests.harness.virtual_loop import run_virtual

INGESTED = 2_000
RATE_PER_S = 1_000
POW_BITS = 12
LINKS = 64
TALKERS = 16
ROUNDS = 12
TTL = 3


def test_a_thousand_messages_a_second_arrive_complete_and_in_order(request: pytest.FixtureRequest) -> None:
    async def main() -> None:
        unlimited = {"pow": True, "pow_difficulty": POW_BITS, "rate_bytes": 0}
        sender, receiver = MemoryPeer(1, **unlimited), MemoryPeer(2, **unlimited)
        await started(sender, receiver)
        sender.swarm.dial(receiver.swarm)
        await asyncio.sleep(0.1)
        loop = asyncio.get_running_loop()
        begun = loop.time()
        for number in range(INGESTED):
            await sender.service.send(ENTRY_CHANNEL, f"{number:05}" + "x" * 507)
            await asyncio.sleep(max(0.0, begun + number / RATE_PER_S - loop.time()))
        await asyncio.sleep(1)
        assert [int(str(message.message)[:5]) for message in receiver.received] == list(range(INGESTED))
        assert {message.trust for message in receiver.received} == {Trust.VERIFIED}
        assert len(receiver.service.since(0, limit=INGESTED + 1)) == INGESTED
        assert receiver.drops == {}
        assert sender.lost == 0
        await sender.close()
        await receiver.close()

    run_virtual(main())
    record_reliability(
        request,
        "6a. ingest",
        f"{INGESTED:,} signed messages of 512 bytes with {POW_BITS} bits of work at {RATE_PER_S:,} a second: none lost",
    )


def test_a_hub_passes_every_message_on_once(request: pytest.FixtureRequest) -> None:
    """A star of 64 peers, whose neighbours also know each other, so most messages come more than one way."""

    async def main() -> None:
        hub = MemoryPeer(1, relay_ttl=TTL)
        leaves = [MemoryPeer(number, relay_ttl=TTL) for number in range(2, LINKS + 2)]
        await started(hub, *leaves)
        for leaf in leaves:
            leaf.swarm.dial(hub.swarm)
        for leaf, neighbour in pairwise(leaves):
            leaf.swarm.dial(neighbour.swarm)
        await asyncio.sleep(1)
        random = Random(1)
        talkers = random.sample(leaves, TALKERS)
        for number in range(ROUNDS):
            for talker in talkers:
                await talker.service.send(ENTRY_CHANNEL, {"n": number, "text": "x" * random.randrange(200)})
            await asyncio.sleep(1)
        await asyncio.sleep(10)
        for peer in (hub, *leaves):
            seen = Counter((message.sender, message.id) for message in peer.received)
            assert len(seen) == TALKERS * ROUNDS - (ROUNDS if peer in talkers else 0)
            assert set(seen.values()) == {1}
            assert all(message.trust is Trust.VERIFIED for message in peer.received)
            assert peer.drops.keys() <= {"duplicate"}
            assert peer.lost == 0
        assert sum(peer.drops["duplicate"] for peer in leaves) > 0, "messages came more than one way"
        for peer in (hub, *leaves):
            await peer.close()

    run_virtual(main())
    record_reliability(
        request,
        "6b. hub",
        f"{LINKS} links, {TALKERS} talkers, {TALKERS * ROUNDS} messages, relay TTL {TTL}: each delivered once to all",
    )
