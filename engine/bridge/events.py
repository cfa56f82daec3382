"""What clients see of a message.

One message is rendered at most twice for all clients together: in the reference's form, and with our additions at its
end for clients that asked for them (:class:`EventView`). Nothing is rendered before the first client wants it.

Protocol reference: 07-sc-bridge section 5.
"""

from __future__ import annotations

from functools import cached_property

from engine.messages import ChannelMessage
from engine.wire.jsjson import stringify


class EventView:
    """A message and its renderings.

    Args:
        message: what was delivered, or what this peer sent.
    """

    def __init__(self, message: ChannelMessage) -> None:
        self.message = message
        self.channel = message.channel
        self.seq = message.seq
        self.own = message.own

    @cached_property
    def _value(self) -> str:
        return stringify(self.message.message)

    @cached_property
    def filter_text(self) -> str:
        """Text that filters look at, in lower case: a text message itself, other values as JSON."""
        value = self.message.message
        return (value if isinstance(value, str) else self._value).lower()

    @cached_property
    def _members(self) -> str:
        message = self.message
        head = stringify(
            {
                "type": "sidechannel_message",
                "channel": message.channel,
                "id": message.id,
                "from": message.sender,
                "origin": message.origin,
                "sig": message.signature,
                "relayedBy": message.relayed_by,
                "ttl": message.ttl,
                "ts": message.ts_ms,
            }
        )
        return f'{head[:-1]},"message":{self._value}'

    @cached_property
    def plain(self) -> str:
        """The event with the reference's keys; messages of this peer are marked, for clients that asked for them."""
        return self._members + (',"own":true}' if self.own else "}")

    @cached_property
    def extended(self) -> str:
        """The same, followed by cursor, trust and times."""
        message = self.message
        more = stringify(
            {
                "own": message.own,
                "seq": message.seq,
                "trust": message.trust.value,
                "late": message.late,
                "receivedAt": message.received_ms,
                "label": message.label,
            }
        )
        return f"{self._members},{more[1:]}"

    def text(self, extended: bool) -> str:
        """The event for a client."""
        return self.extended if extended else self.plain
