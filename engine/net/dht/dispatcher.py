"""Who answers a request: the RPC layer, a registered handler, or storage.

Protocol reference: 02-hyperdht sections 4 (server side), 6 and 11.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable

from engine.net.dht.internal_commands import InternalCommands
from engine.net.dht.messages import IncomingRequest
from engine.proto.dht.commands import ErrorNumber
from engine.proto.dht.persistent import Drop, Storage, StorageRequest
from engine.wire.compact import Address


class Dispatcher:
    """Answers requests.

    Args:
        drops: counts requests that stay unanswered, by reason.
        node_id: own id, None while ephemeral.
        wall_ms: milliseconds since the epoch.
        on_down_hint: gets the address that somebody calls dead.
    """

    def __init__(
        self,
        drops: Counter[str],
        node_id: Callable[[], bytes | None],
        wall_ms: Callable[[], int],
        on_down_hint: Callable[[Address], None],
    ) -> None:
        self.handlers: dict[int, Callable[[IncomingRequest], None]] = {}
        """Handlers of commands that every node serves, by number."""
        self.storage: Storage | None = None
        """What is kept for others, once persistent."""
        self._drops = drops
        self._node_id = node_id
        self._wall_ms = wall_ms
        self._internal = InternalCommands(drops, on_down_hint)

    def handle(self, request: IncomingRequest) -> None:
        """Answer a request, or count why not; unknown commands get error 1."""
        if request.internal:
            self._internal.handle(request)
            return
        handler = self.handlers.get(request.command)
        if handler is not None:
            handler(request)
        elif self.storage is None or not self._store(self.storage, request):
            request.reply(error=ErrorNumber.UNKNOWN_COMMAND, token=False)

    def close(self) -> None:
        """Forget delayed answers."""
        self._internal.close()

    def _store(self, storage: Storage, request: IncomingRequest) -> bool:
        answer = storage.handle(
            StorageRequest(
                command=request.command,
                source=request.source,
                target=request.target,
                token=request.token,
                value=request.value,
                node_id=self._node_id(),
                wall_ms=self._wall_ms(),
            )
        )
        if answer is None:
            return False
        if isinstance(answer, Drop):
            self._drops[answer.reason] += 1
        else:
            request.reply(answer.value, token=answer.token, closer_nodes=answer.closer_nodes, error=answer.error)
        return True
