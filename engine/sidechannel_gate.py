"""The sidechannel facade while the peer still starts.

The screen is up before the identity is read and before the network exists. Until then the stored history can be read,
and everything else says that the peer is starting.
"""

from __future__ import annotations

from collections.abc import Sequence

from engine.api import Joined, OpenSent, Sent, SidechannelAPI
from engine.config.sections import ENTRY_CHANNEL
from engine.errors import NotReady
from engine.messages import ChannelMessage
from engine.store.messages import MessageStore
from engine.wire.jsjson import JsonValue


class SidechannelGate:
    """Passes calls on to the service once :meth:`open` was called."""

    def __init__(self, store: MessageStore) -> None:
        self._store = store
        self._service: SidechannelAPI | None = None

    def open(self, service: SidechannelAPI) -> None:
        """From now on every call goes to the service."""
        self._service = service

    @property
    def entry_channel(self) -> str:
        """The entry channel, always joined."""
        return ENTRY_CHANNEL

    async def join(
        self, channel: str, *, invite: JsonValue = None, welcome: JsonValue = None, flush: bool = True
    ) -> Joined:
        """See :meth:`engine.api.SidechannelAPI.join`."""
        return await self._ready().join(channel, invite=invite, welcome=welcome, flush=flush)

    async def leave(self, channel: str) -> bool:
        """See :meth:`engine.api.SidechannelAPI.leave`."""
        return await self._ready().leave(channel)

    async def send(
        self,
        channel: str,
        message: JsonValue,
        *,
        has_message: bool = True,
        invite: JsonValue = None,
        welcome: JsonValue = None,
        label: str | None = None,
    ) -> Sent:
        """See :meth:`engine.api.SidechannelAPI.send`."""
        return await self._ready().send(
            channel, message, has_message=has_message, invite=invite, welcome=welcome, label=label
        )

    async def request_open(
        self, channel: str, *, via: str | None = None, invite: JsonValue = None, welcome: JsonValue = None
    ) -> OpenSent:
        """See :meth:`engine.api.SidechannelAPI.request_open`."""
        return await self._ready().request_open(channel, via=via, invite=invite, welcome=welcome)

    def create_invite(
        self, channel: str, invitee: str, *, ttl_s: int | None = None, welcome: JsonValue = None
    ) -> dict[str, JsonValue]:
        """See :meth:`engine.api.SidechannelAPI.create_invite`."""
        return self._ready().create_invite(channel, invitee, ttl_s=ttl_s, welcome=welcome)

    def create_welcome(self, channel: str, text: str) -> dict[str, JsonValue]:
        """See :meth:`engine.api.SidechannelAPI.create_welcome`."""
        return self._ready().create_welcome(channel, text)

    def accept_invite(self, channel: str, invite: JsonValue, welcome: JsonValue = None) -> bool:
        """See :meth:`engine.api.SidechannelAPI.accept_invite`."""
        return self._ready().accept_invite(channel, invite, welcome)

    def accept_welcome(self, channel: str, welcome: JsonValue) -> bool:
        """See :meth:`engine.api.SidechannelAPI.accept_welcome`."""
        return self._ready().accept_welcome(channel, welcome)

    def stored_welcome(self, channel: str) -> JsonValue:
        """See :meth:`engine.api.SidechannelAPI.stored_welcome`."""
        return self._ready().stored_welcome(channel)

    def history(self, channel: str, *, before: int | None = None, limit: int = 200) -> Sequence[ChannelMessage]:
        """See :meth:`engine.api.SidechannelAPI.history`; works at once."""
        return self._store.history(channel, before=before, limit=limit)

    def since(self, seq: int, *, limit: int = 1000) -> Sequence[ChannelMessage]:
        """See :meth:`engine.api.SidechannelAPI.since`; works at once."""
        return self._store.since(seq, limit=limit)

    async def answer_open_request(self, request_id: int, *, accept: bool) -> bool:
        """See :meth:`engine.api.SidechannelAPI.answer_open_request`."""
        return await self._ready().answer_open_request(request_id, accept=accept)

    def join_command(self, channel: str, invitee: str | None = None) -> str:
        """See :meth:`engine.api.SidechannelAPI.join_command`."""
        return self._ready().join_command(channel, invitee)

    def stats(self) -> dict[str, JsonValue]:
        """See :meth:`engine.api.SidechannelAPI.stats`."""
        if self._service is None:
            return {"channels": [], "connectionCount": 0, "sidechannelStarted": False}
        return self._service.stats()

    def _ready(self) -> SidechannelAPI:
        if self._service is None:
            raise NotReady
        return self._service
