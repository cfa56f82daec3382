"""A running query (skeleton; bodies follow)."""

from __future__ import annotations

from collections.abc import AsyncIterator

from engine.net.dht.messages import Reply


class QueryRun:
    """A query that visits nodes until the closest ones have answered."""

    closest_replies: list[Reply]
    """The up to 20 closest nodes that answered, closest first."""

    def __aiter__(self) -> AsyncIterator[Reply]:
        """Replies (error 0) as they arrive."""
        raise NotImplementedError

    async def finished(self) -> None:
        """Wait for the end, commits included. Raises NetworkError when nobody answered a query that commits."""

    def destroy(self) -> None:
        """Stop; pending requests are cancelled and iterators end."""
