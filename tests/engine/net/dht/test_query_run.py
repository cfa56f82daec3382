"""Running queries: iteration, commits, ends."""

from __future__ import annotations

import asyncio

import pytest

from engine.errors import NetworkError
from engine.net.dht.messages import Reply
from engine.proto.dht.commands import Command, Internal
from tests.harness.dht_network import BOOTSTRAP, dht_network
from tests.harness.virtual_loop import run_virtual

TOPIC = b"\x07" * 32


def test_replies_stream_while_the_query_runs() -> None:
    async def main() -> None:
        async with dht_network(4) as net:
            node = await net.client()
            slow = await net.wire()
            run = node.query(TOPIC, Internal.FIND_NODE, internal=True, nodes=[slow.address])
            loop = asyncio.get_running_loop()
            begun = loop.time()
            sources = []
            async for reply in run:
                sources.append(reply.source)
                assert loop.time() - begun < 1
            assert set(sources) == {(f"10.0.0.{number}", 49737) for number in range(1, 5)}
            assert run.ended
            assert loop.time() - begun == pytest.approx(6), "the silent node was asked six times"
            assert [reply.source async for reply in run] == sources, "a second look"
            assert {reply.source for reply in run.closest_replies} == set(sources)

    run_virtual(main())


def test_an_impatient_query_leaves_silent_nodes_behind() -> None:
    async def main() -> None:
        async with dht_network(4) as net:
            node = await net.client()
            silent = await net.wire()
            loop = asyncio.get_running_loop()
            begun = loop.time()
            run = node.query(TOPIC, Internal.FIND_NODE, internal=True, nodes=[silent.address], impatient=True)
            await run.finished()
            assert loop.time() - begun == pytest.approx(1)
            assert len(run.closest_replies) == 4
            await asyncio.sleep(6)
            assert len(silent.requests) == 6, "it is still found out whether it is dead"

    run_virtual(main())


def test_commits_run_for_every_close_node_after_the_preparation() -> None:
    async def main() -> None:
        async with dht_network(5) as net:
            node = await net.client()
            order: list[str] = []

            async def prepare() -> None:
                await asyncio.sleep(1)
                order.append("prepare")

            async def commit(reply: Reply) -> None:
                order.append(reply.source[0])
                if reply.source == BOOTSTRAP:
                    raise NetworkError("refused")

            run = node.query(TOPIC, Command.LOOKUP, commit=commit, prepare=prepare)
            await run.finished()
            assert order[0] == "prepare"
            assert sorted(order[1:]) == [f"10.0.0.{number}" for number in range(1, 6)]

    run_virtual(main())


def test_a_query_fails_only_when_all_commits_fail() -> None:
    async def main() -> None:
        async with dht_network(3) as net:
            node = await net.client()

            async def commit(reply: Reply) -> None:
                raise NetworkError("refused")

            run = node.query(TOPIC, Command.LOOKUP, commit=commit)
            with pytest.raises(NetworkError, match=r"No node accepted it: refused"):
                await run.finished()

    run_virtual(main())


def test_destroying_a_query_cancels_requests_and_commits() -> None:
    async def main() -> None:
        async with dht_network(3) as net:
            node = await net.client()
            committed: list[str] = []

            async def commit(reply: Reply) -> None:
                await asyncio.sleep(1)
                committed.append("done")

            first = node.query(TOPIC, Command.LOOKUP, commit=commit)
            first.destroy()
            await first.finished()
            second = node.query(TOPIC, Command.LOOKUP, commit=commit)
            await asyncio.sleep(0.5)
            second.destroy()
            await second.finished()
            await asyncio.sleep(5)
            assert committed == []
            assert node.stats()["in_flight"] == 0

    run_virtual(main())


def test_a_cancelled_iteration_does_not_disturb_the_query() -> None:
    async def main() -> None:
        async with dht_network(3) as net:
            node = await net.client()
            run = node.query(TOPIC, Command.LOOKUP)

            async def read() -> None:
                async for _ in run:
                    pass

            task = net.scope.spawn("read", read())
            await asyncio.sleep(0.01)
            task.cancel()
            await run.finished()
            assert len(run.closest_replies) == 3

    run_virtual(main())
