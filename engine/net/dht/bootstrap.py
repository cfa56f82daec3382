"""Getting and staying online.

    bootstrapping --somebody answered--> online
          |                              |    ^
          +---nobody answered---> offline <---+ (and back as soon as somebody answers)

Every attempt has a deadline (the retransmissions of its requests), failures are visible in the node's state, and
attempts go on with a growing pause for as long as the node lives.

Protocol reference: 02-hyperdht section 9 (bootstrap).
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable

from engine.net.dht.bootstrap_list import BootstrapList
from engine.net.dht.config import Phase
from engine.net.dht.messages import Reply
from engine.net.dht.query_run import QueryRun
from engine.wire.compact import Address

FIRST_PAUSE_S = 1.0
"""Pause after the first failed attempt; it doubles each time."""
MAX_PAUSE_S = 8.0
"""Longest pause between two attempts."""

Report = Callable[[Phase, int, str | None], None]
"""Takes the phase, how many nodes answered, and the last error."""


class Bootstrap:
    """Runs bootstrap queries until somebody answers, and again when the node was cut off.

    Args:
        entries: where to join.
        known: nodes known from elsewhere, by address.
        query: starts a query for the own id; the argument is the number of retransmissions.
        settle: examines the network state after the first answers and returns whether the own id changed.
        on_first_reply: gets the first node that answers in each attempt.
        report: publishes the state.
    """

    def __init__(
        self,
        entries: BootstrapList,
        *,
        known: Callable[[], int],
        query: Callable[[int], QueryRun],
        settle: Callable[[], Awaitable[bool]],
        on_first_reply: Callable[[Address], None],
        report: Report,
    ) -> None:
        self.ready = asyncio.Event()
        """Set after the first success; stays set."""
        self._entries = entries
        self._known = known
        self._query = query
        self._settle = settle
        self._on_first_reply = on_first_reply
        self._report = report
        self._lost = asyncio.Event()

    def lost(self) -> None:
        """Note that nobody answers any more; the next attempt starts at once."""
        if self.ready.is_set():
            self._lost.set()

    async def run(self) -> None:
        """Bootstrap, wait for :meth:`lost`, start again; never returns."""
        while True:
            await self._get_online()
            self.ready.set()
            self._lost.clear()
            await self._lost.wait()
            self._report("offline", 0, "No node answers any more; trying again.")

    async def _get_online(self) -> None:
        pause_s = FIRST_PAUSE_S
        retries = 5
        failed = self.ready.is_set()
        while True:
            await self._entries.resolve(again=failed)
            answered = await self._attempt(retries)
            if answered or not (len(self._entries) or self._known()):
                break
            failed = True
            self._report("offline", 0, "No bootstrap node answers; trying again.")
            await asyncio.sleep(pause_s)
            pause_s = min(2 * pause_s, MAX_PAUSE_S)
            retries = 2
        if await self._settle():
            answered = max(answered, await self._attempt(retries))
        self._report("online", answered, None)

    async def _attempt(self, retries: int) -> int:
        run = self._query(retries)
        asked = False

        def first_reply(reply: Reply) -> None:
            nonlocal asked
            if not asked:
                asked = True
                self._on_first_reply(reply.source)

        run.on_reply.append(first_reply)
        await run.finished()
        return run.query.answers
