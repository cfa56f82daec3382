"""One bridge session on a fake peer, with a clock moved by hand and no network."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Sequence
from typing import Any

from engine.bridge.events import EventView
from engine.bridge.operations import perform
from engine.bridge.protocol import Close, Effect, EventText, Session, SessionSettings
from engine.bridge.requests import Operation
from engine.bridge.scopes import ALL_SCOPES, Scope
from engine.bridge.throttle import AuthThrottle
from engine.bridge.tokens import Token, TokenSet
from engine.bridge.view import EngineView
from tests.harness.fake_engine import FakeEngine

TOKENS = TokenSet(
    [
        Token("admin", "tok", ALL_SCOPES),
        Token("agent", "agent-token", frozenset({Scope.READ, Scope.SEND})),
        Token("reader", "reader-token", frozenset({Scope.READ})),
        Token("writer", "writer-token", frozenset({Scope.SEND})),
    ]
)


class ManualClock:
    """Time that only tests move."""

    def __init__(self) -> None:
        self.now = 1000.0

    def monotonic(self) -> float:
        """Seconds."""
        return self.now

    def wall_ms(self) -> int:
        """Milliseconds; whole."""
        return int(self.now * 1000)


class Conversation:
    """A client that talks to a session.

    Args:
        engine: the peer.
        settings: of the bridge.
        throttle: shared with other conversations.
        clock: shared with other conversations.
        number: of the client.
    """

    def __init__(
        self,
        engine: FakeEngine,
        settings: SessionSettings | None = None,
        *,
        throttle: AuthThrottle | None = None,
        clock: ManualClock | None = None,
        number: int = 1,
    ) -> None:
        self.engine = engine
        self.clock = clock if clock is not None else ManualClock()
        self.session = Session(
            EngineView(engine, self.clock),
            TOKENS,
            throttle if throttle is not None else AuthThrottle(),
            settings if settings is not None else SessionSettings(cli=True),
            number,
            self.clock.now,
        )
        self.closes: list[Close] = []
        self.pending: list[Operation] = []
        self.hold_operations = False
        """True: operations wait in :attr:`pending` until :meth:`finish`."""
        self.events: list[dict[str, Any]] = []
        self.dangerous = False

    def start(self) -> list[str]:
        """The greeting."""
        return self.run(self.session.start())

    def authenticate(self, token: str = "tok", **options: object) -> Conversation:
        """Greet, authenticate and set options."""
        self.start()
        assert self.ask({"type": "auth", "token": token}) == {"type": "auth_ok"}
        if options:
            assert self.ask({"type": "options", **options})["type"] == "options_set"
        return self

    def ask(self, request: object) -> dict[str, Any]:
        """The one reply to a request."""
        [reply] = self.say(json.dumps(request))
        return dict(json.loads(reply))

    def say(self, data: str | bytes) -> list[str]:
        """What the session sends for a frame, delays included."""
        sent = self.run(self.session.receive(data, self.clock.now))
        while not sent and not self.closes and not self.pending:
            due = self.session.next_timer()
            if due is None:
                break
            self.clock.now = max(self.clock.now, due)
            sent += self.run(self.session.handle_timer(self.clock.now))
        return sent

    def finish(self, operation: Operation) -> list[str]:
        """Carry out a held operation."""
        self.pending.remove(operation)
        return self.run(self._carry_out(operation))

    def tell(self, event: EventView) -> dict[str, Any] | None:
        """The event as the client sees it, if it does."""
        return json.loads(event.text(self.session.extended)) if self.session.wants(event) else None

    def run(self, effects: Sequence[Effect]) -> list[str]:
        """Carry effects out; returns the texts sent."""
        sent: list[str] = []
        for effect in effects:
            match effect:
                case str():
                    sent.append(effect)
                case EventText():
                    self.events.append(json.loads(effect.text))
                case Close():
                    self.closes.append(effect)
                case Operation():
                    if self.hold_operations:
                        self.pending.append(effect)
                    else:
                        sent += self.run(self._carry_out(effect))
        return sent

    def _carry_out(self, operation: Operation) -> list[Effect]:
        session = self.session
        reply = asyncio.run(
            perform(self.engine, operation, label=session.label, extended=session.extended, dangerous=self.dangerous)
        )
        return session.complete(operation, reply, self.clock.now)
