"""Wishes of neighbours that this peer opens a channel, until the user answers.

One request for each channel, at most :data:`CAPACITY`; the oldest goes first, and each is forgotten after
:data:`LIFETIME_MS`. Time is the wall clock in milliseconds.

Protocol reference: 06-sidechannel section 7, rows 10 to 14.
"""

from __future__ import annotations

from typing import Final

from engine.status import OpenRequest

CAPACITY: Final = 32
LIFETIME_MS: Final = 3_600_000


class OpenRequests:
    """The requests that wait for an answer."""

    def __init__(self) -> None:
        self._requests: dict[int, OpenRequest] = {}
        self._last_id = 0

    def all(self) -> tuple[OpenRequest, ...]:
        """Every request, oldest first."""
        return tuple(self._requests.values())

    def add(self, channel: str, requester: str, via: str, now_ms: int) -> tuple[OpenRequest, list[OpenRequest]]:
        """Note a request; it replaces an older one for the same channel.

        Returns:
            The new request, and those that are gone because of it or because of their age.
        """
        gone = [
            request
            for request in self._requests.values()
            if request.channel == channel or request.received_ms + LIFETIME_MS <= now_ms
        ]
        for request in gone:
            del self._requests[request.request_id]
        if len(self._requests) >= CAPACITY:
            gone.append(self._requests.pop(next(iter(self._requests))))
        self._last_id += 1
        request = self._requests[self._last_id] = OpenRequest(self._last_id, channel, requester, via, now_ms)
        return request, gone

    def take(self, request_id: int) -> OpenRequest | None:
        """Remove a request; None if it is gone."""
        return self._requests.pop(request_id, None)

    def take_channel(self, channel: str) -> OpenRequest | None:
        """Remove the request for a channel, if there is one."""
        found = next((request for request in self._requests.values() if request.channel == channel), None)
        return self.take(found.request_id) if found is not None else None
