"""One bridge client, without input and output.

Theory of operation. A session is *greeted* (it sent ``hello``), then *authenticated* by a right token, then *closed*.
It is fed the text of frames and returns effects in order: replies and events to send, operations that the shell carries
out (their replies come through :meth:`Session.complete`), and at most one close. Every request has exactly one reply.

Replies are in the order of requests, except those of ``join``, ``leave`` and ``cli``, which come when the work is
done. So while a ``send`` or ``open`` is under way, later requests wait here; the shell stops reading from a client
with a long backlog (:attr:`Session.backlogged`).

Events go to clients with the scope ``read``. A client that asks for stored events gets them right after the reply, in
one piece, and live events that were among them are left out, so nothing is seen twice and nothing is missed.

What a client may do wrong: guess tokens (each wrong one is answered later than the one before, the fifth closes), not
authenticate within 10 s (closes), send anything that is not a request (answered with an error), subscribe without end,
start many slow operations at once (both limited).

Protocol reference: 07-sc-bridge sections 3 to 5; design reference: ecosystem A2 B1 to B6.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Final, TypeAlias

from engine.bridge import requests
from engine.bridge.events import EventView
from engine.bridge.interest import Interest
from engine.bridge.replies import NO_ID, Echo, Refused, Reply, echo_of, not_ready, unauthorized
from engine.bridge.requests import (
    LeaveChannel,
    Operation,
    Request,
    RunCommand,
    cursor_of,
    flag_of,
    label_of,
    limit_of,
    names_of,
    object_of,
)
from engine.bridge.scopes import Scope
from engine.bridge.throttle import AuthThrottle
from engine.bridge.tokens import TokenSet
from engine.bridge.view import PeerView
from engine.wire.jsjson import JsonValue
from engine.wire.jstext import js_trim
from engine.wire.jsvalues import UNDEFINED, shown_text, truthy

AUTH_DEADLINE_S: Final = 10.0
MAX_AUTH_FAILURES: Final = 5
MAX_RUNNING: Final = 32
"""Operations of one client that run at once."""
MAX_BACKLOG: Final = 1024
MAX_BACKLOG_BYTES: Final = 2 * 1024 * 1024
MAX_REPLAY_BYTES: Final = 2 * 1024 * 1024

MAX_SHOWN: Final = 64
"""Characters of a channel name in :attr:`Session.last_request`."""

POLICY_VIOLATION: Final = 1008
"""WebSocket close code."""


@dataclass(frozen=True, slots=True)
class EventText:
    """An event to send."""

    seq: int
    text: str


@dataclass(frozen=True, slots=True)
class Close:
    """The connection ends."""

    code: int
    reason: str


Effect: TypeAlias = str | EventText | Operation | Close
"""A reply to send, an event to send, work to do, or the end."""


@dataclass(frozen=True, slots=True)
class SessionSettings:
    """What all sessions of a bridge share."""

    filter: str = ""
    """Filter a new client starts with."""
    filter_channels: frozenset[str] = frozenset()
    """Channels that filters apply to; empty = all."""
    cli: bool = False
    """Terminal commands are allowed."""


class Session:
    """State of one client; see the module's text.

    Args:
        view: the peer.
        tokens: who may come in.
        throttle: shared by all sessions.
        settings: shared by all sessions.
        number: makes the client's label unique.
        now: monotonic seconds.
    """

    def __init__(
        self,
        view: PeerView,
        tokens: TokenSet,
        throttle: AuthThrottle,
        settings: SessionSettings,
        number: int,
        now: float,
    ) -> None:
        self._view = view
        self._tokens = tokens
        self._throttle = throttle
        self._settings = settings
        self._number = number
        self._auth_deadline = now + AUTH_DEADLINE_S
        self._auth_failures = 0
        self._held: tuple[float, str] | None = None
        self._busy = False
        self._running = 0
        self._waiting: deque[str | bytes] = deque()
        self._waiting_bytes = 0
        self._interest = Interest(settings.filter, settings.filter_channels)
        self.label = f"client-{number}"
        """Unique name of this client."""
        self.scopes: frozenset[Scope] = frozenset()
        """Powers; none before authentication."""
        self.authenticated = False
        """True once a right token came."""
        self.closed = False
        """True once a close was asked for."""
        self.extended = False
        """True when the client asked for our additions."""
        self.revision = 0
        """Grows when label, powers or subscriptions change."""
        self.last_request = ""
        """Type and channel of the newest request."""

    @property
    def subscriptions(self) -> tuple[str, ...]:
        """Channels subscribed to; none = all."""
        return self._interest.subscriptions

    @property
    def backlogged(self) -> bool:
        """True while no more requests should be read from this client."""
        return len(self._waiting) > MAX_BACKLOG or self._waiting_bytes > MAX_BACKLOG_BYTES

    def start(self) -> list[Effect]:
        """The connection is open: greet."""
        peer, address = self._view.identity()
        hello = Reply(
            {
                "type": "hello",
                "peer": peer,
                "address": address,
                "entryChannel": self._view.entry_channel,
                "filter": self._settings.filter,
                "requiresAuth": True,
            }
        )
        return [hello.text()]

    def receive(self, data: str | bytes, now: float) -> list[Effect]:
        """One frame came in.

        Args:
            data: text, or the content of a binary frame.
            now: monotonic seconds.
        """
        if self.closed:
            return []
        if self._blocked:
            self._waiting.append(data)
            self._waiting_bytes += len(data)
            return []
        return self._handle(data, now)

    def complete(self, operation: Operation, reply: Reply, now: float) -> list[Effect]:
        """An operation is done; call once for each, in any order."""
        if operation.ordered:
            self._busy = False
        else:
            self._running -= 1
        if self.closed:
            return []
        if isinstance(operation, LeaveChannel) and reply.code is None:
            self._interest.unsubscribe([operation.channel])
            self.revision += 1
        return [reply.text(operation.echo), *self._drain(now)]

    def next_timer(self) -> float | None:
        """When :meth:`handle_timer` has something to do, monotonic seconds."""
        if self.closed:
            return None
        deadline = None if self.authenticated else self._auth_deadline
        if self._held is None:
            return deadline
        return self._held[0] if deadline is None else min(self._held[0], deadline)

    def handle_timer(self, now: float) -> list[Effect]:
        """Time has passed."""
        if self.closed:
            return []
        effects: list[Effect] = []
        if self._held is not None and now >= self._held[0]:
            effects.append(self._held[1])
            self._held = None
            if self._auth_failures >= MAX_AUTH_FAILURES:
                return [*effects, self._close("too many failed authentications")]
            effects += self._drain(now)
        if not self.authenticated and not self.closed and now >= self._auth_deadline:
            effects.append(self._close("authentication timeout"))
        return effects

    def wants(self, event: EventView) -> bool:
        """True when the event goes to this client."""
        return Scope.READ in self.scopes and self._interest.wants(event)

    # -- frames -------------------------------------------------------------------------------------------------

    @property
    def _blocked(self) -> bool:
        return self._busy or self._held is not None

    def _drain(self, now: float) -> list[Effect]:
        effects: list[Effect] = []
        while self._waiting and not self._blocked and not self.closed:
            data = self._waiting.popleft()
            self._waiting_bytes -= len(data)
            effects += self._handle(data, now)
        return effects

    def _handle(self, data: str | bytes, now: float) -> list[Effect]:
        echo = NO_ID
        try:
            request = object_of(data)
            echo = echo_of(request)
            return self._dispatch(request, echo, now)
        except Refused as refused:
            return [refused.reply().text(echo)]

    def _dispatch(self, request: Request, echo: Echo, now: float) -> list[Effect]:
        kind = request.get("type", UNDEFINED)
        if kind == "auth":
            return self._on_auth(request, echo, now)
        if not self.authenticated:
            raise unauthorized()
        known = _REQUESTS.get(kind) if isinstance(kind, str) else None
        if known is None:
            raise Refused(f"Unknown type: {shown_text(kind)}", "bridge.unknown_type")
        scope, handle = known
        self.last_request = str(kind)
        self._require(scope)
        return handle(self, request, echo)

    def _require(self, scope: Scope | None) -> None:
        if scope is not None and scope not in self.scopes:
            raise Refused(f'Forbidden (this token lacks the scope "{scope.value}").', "bridge.forbidden")

    def _close(self, reason: str) -> Close:
        self.closed = True
        self._waiting.clear()
        self._waiting_bytes = 0
        return Close(POLICY_VIOLATION, reason)

    def _on_auth(self, request: Request, echo: Echo, now: float) -> list[Effect]:
        token = self._tokens.find(request.get("token"))
        if token is None:
            self._auth_failures += 1
            self._held = (now + self._throttle.failed(now), unauthorized().reply().text(echo))
            return []
        self._throttle.succeeded()
        self._auth_failures = 0
        self.revision += 1
        self.authenticated = True
        self.scopes = token.scopes
        self.label = f"{token.label}-{self._number}"
        return [Reply({"type": "auth_ok"}).text(echo)]

    # -- requests answered at once ------------------------------------------------------------------------------

    def _on_ping(self, request: Request, echo: Echo) -> list[Effect]:
        return [Reply({"type": "pong", "ts": self._view.wall_ms()}).text(echo)]

    def _on_stats(self, request: Request, echo: Echo) -> list[Effect]:
        stats = self._view.stats()
        if not self.extended:
            stats = {name: stats.get(name) for name in ("channels", "connectionCount", "sidechannelStarted")}
        return [Reply({"type": "stats", **stats}).text(echo)]

    def _on_info(self, request: Request, echo: Echo) -> list[Effect]:
        return [Reply({"type": "info", "info": self._view.info()}).text(echo)]

    def _on_set_filter(self, request: Request, echo: Echo) -> list[Effect]:
        value = request.get("filter")
        if not truthy(value):
            value = ""
        self._interest.set_filter(shown_text(value))
        return [Reply({"type": "filter_set", "filter": value}).text(echo)]

    def _on_clear_filter(self, request: Request, echo: Echo) -> list[Effect]:
        self._interest.clear_filter()
        return [Reply({"type": "filter_set", "filter": ""}).text(echo)]

    def _on_subscribe(self, request: Request, echo: Echo) -> list[Effect]:
        cursor = cursor_of(request, "since") if "since" in request else None
        limit = limit_of(request)
        self._interest.subscribe(names_of(request))
        self.revision += 1
        if cursor is None:
            return [self._subscribed().text(echo)]
        return self._replay(self._subscribed(), echo, cursor, limit)

    def _on_unsubscribe(self, request: Request, echo: Echo) -> list[Effect]:
        self._interest.unsubscribe(names_of(request))
        self.revision += 1
        return [self._subscribed().text(echo)]

    def _subscribed(self) -> Reply:
        return Reply({"type": "subscribed", "channels": list(self._interest.subscriptions)})

    def _on_since(self, request: Request, echo: Echo) -> list[Effect]:
        return self._replay(Reply({"type": "replay"}), echo, cursor_of(request, "cursor"), limit_of(request))

    def _replay(self, reply: Reply, echo: Echo, cursor: int, limit: int) -> list[Effect]:
        messages = self._view.since(cursor, limit)
        more = len(messages) == limit
        events: list[Effect] = []
        size = 0
        for message in messages:
            if size > MAX_REPLAY_BYTES:
                more = True
                break
            cursor = message.seq
            view = EventView(message)
            if (self._interest.own or not view.own) and self._interest.passes(view):
                text = view.text(self.extended)
                events.append(EventText(cursor, text))
                size += len(text)
        if messages:
            self._interest.seen_to = max(self._interest.seen_to, cursor)
        counts: dict[str, JsonValue] = {"replayed": len(events), "cursor": cursor, "more": more}
        return [Reply({**reply.members, **counts}).text(echo), *events]

    def _on_options(self, request: Request, echo: Echo) -> list[Effect]:
        extended = flag_of(request, "extended", self.extended)
        own = flag_of(request, "echo", self._interest.own)
        label = label_of(request)
        self.revision += 1
        self.extended, self._interest.own = extended, own
        if label is not None:
            self.label = f"{label}-{self._number}"
        scopes: list[JsonValue] = [scope.value for scope in Scope if scope in self.scopes]
        members: dict[str, JsonValue] = {"type": "options_set", "extended": extended, "echo": own}
        return [Reply({**members, "label": self.label, "scopes": scopes}).text(echo)]

    # -- requests that take time --------------------------------------------------------------------------------

    def _on_send(self, request: Request, echo: Echo) -> list[Effect]:
        return self._on_channel(requests.send_message, request, echo)

    def _on_join(self, request: Request, echo: Echo) -> list[Effect]:
        return self._on_channel(requests.join_channel, request, echo)

    def _on_leave(self, request: Request, echo: Echo) -> list[Effect]:
        return self._on_channel(requests.leave_channel, request, echo)

    def _on_open(self, request: Request, echo: Echo) -> list[Effect]:
        return self._on_channel(requests.request_open, request, echo)

    def _on_channel(
        self, read: Callable[[Echo, Request], requests.ChannelOperation], request: Request, echo: Echo
    ) -> list[Effect]:
        if not self._view.ready:
            raise not_ready()
        operation = read(echo, request)
        self.last_request = f"{self.last_request} {operation.channel[:MAX_SHOWN]}"
        return self._perform(operation)

    def _on_cli(self, request: Request, echo: Echo) -> list[Effect]:
        if not self._settings.cli:
            raise Refused("CLI over WS is disabled.", "bridge.cli_disabled")
        self._require(Scope.ADMIN)
        command = request.get("command")
        command = js_trim(command) if isinstance(command, str) else ""
        if not command:
            raise Refused("Missing command.", "bridge.missing_command")
        return self._perform(RunCommand(echo, command))

    def _perform(self, operation: Operation) -> list[Effect]:
        if operation.ordered:
            self._busy = True
        elif self._running >= MAX_RUNNING:
            raise Refused(f"Too many requests under way (limit {MAX_RUNNING}).", "bridge.busy")
        else:
            self._running += 1
        return [operation]


_Handler: TypeAlias = Callable[[Session, Request, Echo], "list[Effect]"]

_REQUESTS: Final[Mapping[str, tuple[Scope | None, _Handler]]] = {
    "ping": (None, Session._on_ping),
    "send": (Scope.SEND, Session._on_send),
    "join": (Scope.SEND, Session._on_join),
    "leave": (Scope.SEND, Session._on_leave),
    "open": (Scope.SEND, Session._on_open),
    "subscribe": (Scope.READ, Session._on_subscribe),
    "unsubscribe": (Scope.READ, Session._on_unsubscribe),
    "set_filter": (Scope.READ, Session._on_set_filter),
    "clear_filter": (Scope.READ, Session._on_clear_filter),
    "stats": (Scope.READ, Session._on_stats),
    "info": (Scope.READ, Session._on_info),
    "since": (Scope.READ, Session._on_since),
    "options": (None, Session._on_options),
    "cli": (None, Session._on_cli),
}
"""Scope needed and handler of each request type but ``auth``."""

REQUEST_TYPES: Final = tuple(_REQUESTS)
"""Request types an authenticated client may send, beside ``auth``."""
