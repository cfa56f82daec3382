"""A JavaScript sidechannel peer (``tests/interop/js/sidechannel_peer.js``) as seen from a test."""

from __future__ import annotations

import asyncio
from typing import Any

from engine.config.sections import ENTRY_CHANNEL


class JsSidechannel:
    """A JavaScript peer: requests go in, events come out in any order."""

    def __init__(self, process: Any, key: str) -> None:
        self._process = process
        self.key = key
        self._backlog: list[Any] = []

    async def event(self, kind: str, timeout_s: float = 30.0, **fields: Any) -> Any:
        """The first event of a kind with these fields that was not taken yet."""

        def fits(event: Any) -> bool:
            return event["event"] == kind and all(event.get(name) == value for name, value in fields.items())

        async with asyncio.timeout(timeout_s):
            while True:
                for index, event in enumerate(self._backlog):
                    if fits(event):
                        return self._backlog.pop(index)
                    assert event["event"] != "error", event
                self._backlog.append(await self._process.read_json(timeout_s))

    async def call(self, do: str, **fields: Any) -> Any:
        """Make a request and take its answer."""
        self._process.write_json({"do": do, **fields})
        return await self.event(do)

    async def message(self, value: Any, channel: str = ENTRY_CHANNEL) -> Any:
        """The delivered message with that value."""
        while True:
            event = await self.event("message", channel=channel)
            if event["payload"].get("message") == value:
                return event

    def took(self, kind: str, **fields: Any) -> list[Any]:
        """Events of a kind that came by and were not taken."""
        return [
            event
            for event in self._backlog
            if event["event"] == kind and all(event.get(name) == value for name, value in fields.items())
        ]
