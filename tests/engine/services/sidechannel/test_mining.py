"""Searching proofs of work: order, slices, deadline, queue."""

from __future__ import annotations

import asyncio

import pytest

from engine.crypto.pow import mine
from engine.errors import RateLimited, TimedOut
from engine.services.sidechannel import mining
from engine.services.sidechannel.mining import Miner


async def test_the_lowest_nonce_is_found_in_slices() -> None:
    turns = 0

    async def count() -> None:
        nonlocal turns
        while True:
            turns += 1
            await asyncio.sleep(0)

    counter = asyncio.create_task(count())  # noqa: TID251
    prefix = next(text for number in range(99) if (mine(text := b"%d" % number, b"s", 14) or 0) > 2 * mining.SLICE)
    assert await Miner().find(prefix, b"s", 14) == mine(prefix, b"s", 14)
    assert turns >= 3
    counter.cancel()


async def test_a_thread_finds_the_same(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(mining, "INLINE_BITS", 0)
    monkeypatch.setattr(mining, "THREAD_SLICE", 64)
    assert await Miner().find(b"p", b"s", 10) == mine(b"p", b"s", 10)


async def test_a_thread_gives_up_at_the_deadline(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(mining, "THREAD_SLICE", 64)
    with pytest.raises(TimedOut, match="64 bits") as caught:
        await Miner(deadline_s=0.02).find(b"p", b"s", 64)
    assert "--sidechannel-pow-difficulty" in caught.value.hint


async def test_searches_end_in_the_order_they_began() -> None:
    miner, order = Miner(), []

    async def find(number: int) -> None:
        await miner.find(b"%d" % number, b"s", 13 if number % 2 else 4)
        order.append(number)

    await asyncio.gather(*(find(number) for number in range(6)))
    assert order == list(range(6))


async def test_the_queue_is_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(mining, "MAX_WAITING", 2)
    monkeypatch.setattr(mining, "SLICE", 1)
    miner = Miner()
    results = await asyncio.gather(*(miner.find(b"p", b"s", 8) for _ in range(4)), return_exceptions=True)
    assert [isinstance(result, RateLimited) for result in results] == [False, False, True, True]
    assert await miner.find(b"p", b"s", 8) == results[0]
