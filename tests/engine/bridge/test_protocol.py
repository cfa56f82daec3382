"""Sessions as conversations: authentication, powers, ids, limits, order of replies, stored events."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from engine.bridge.events import EventView
from engine.bridge.protocol import (
    AUTH_DEADLINE_S,
    MAX_AUTH_FAILURES,
    MAX_BACKLOG,
    MAX_BACKLOG_BYTES,
    MAX_RUNNING,
    SessionSettings,
)
from engine.bridge.requests import MAX_REPLAY
from engine.bridge.throttle import MAX_DELAY_S, AuthThrottle
from engine.messages import Trust
from tests.harness.bridge_session import Conversation, ManualClock
from tests.harness.fake_engine import FakeEngine, FakeNetwork
from tests.harness.published import record_reliability

EVERY_TYPE = (
    *("ping", "send", "join", "leave", "open", "subscribe", "unsubscribe", "set_filter", "clear_filter"),
    *("stats", "info", "since", "options", "cli", "nope"),
)


@pytest.fixture
def engine() -> FakeEngine:
    net = FakeNetwork()
    FakeEngine("bob", net)
    return FakeEngine("alice", net)


# -- authentication ---------------------------------------------------------------------------------------------


@pytest.mark.parametrize("kind", EVERY_TYPE)
def test_nothing_works_before_authentication(engine: FakeEngine, kind: str) -> None:
    client = Conversation(engine)
    client.start()
    reply = client.ask({"type": kind, "id": 7, "channel": "a", "command": "/help", "message": "x"})
    assert reply == {"id": 7, "type": "error", "error": "Unauthorized.", "code": "bridge.unauthorized"}
    assert client.tell(EventView(engine.message("a", "x"))) is None
    assert not engine.sidechannel.sent


def test_a_wrong_token_is_answered_later_each_time_and_the_fifth_closes(engine: FakeEngine) -> None:
    client = Conversation(engine)
    client.start()
    waits = []
    for _ in range(MAX_AUTH_FAILURES):
        before = client.clock.now
        assert client.ask({"type": "auth", "token": "wrong"})["error"] == "Unauthorized."
        waits.append(client.clock.now - before)
    assert waits == sorted(waits)
    assert waits[0] > 0
    [close] = client.closes
    assert (close.code, close.reason) == (1008, "too many failed authentications")
    assert client.session.closed
    assert client.say('{"type":"auth","token":"tok"}') == []
    assert client.session.next_timer() is None


def test_requests_behind_a_wrong_token_wait_for_its_answer(engine: FakeEngine) -> None:
    client = Conversation(engine)
    client.start()
    now = client.clock.now
    assert client.run(client.session.receive('{"type":"auth","token":"wrong","id":1}', now)) == []
    assert client.run(client.session.receive('{"type":"auth","token":"tok","id":2}', now)) == []
    assert client.run(client.session.handle_timer(now)) == []
    due = client.session.next_timer()
    assert due is not None
    replies = [json.loads(text) for text in client.run(client.session.handle_timer(due))]
    assert [(reply["id"], reply["type"]) for reply in replies] == [(1, "error"), (2, "auth_ok")]


def test_whoever_does_not_authenticate_in_time_is_sent_away(engine: FakeEngine) -> None:
    client = Conversation(engine)
    client.start()
    start = client.clock.now
    assert client.session.next_timer() == start + AUTH_DEADLINE_S
    client.run(client.session.handle_timer(start + AUTH_DEADLINE_S - 0.1))
    assert not client.closes
    client.run(client.session.handle_timer(start + AUTH_DEADLINE_S))
    assert client.closes[0].reason == "authentication timeout"
    assert client.session.handle_timer(start + 60) == []


def test_an_authenticated_client_has_no_deadline_and_survives_a_wrong_token(engine: FakeEngine) -> None:
    client = Conversation(engine).authenticate()
    assert client.session.next_timer() is None
    assert client.ask({"type": "auth", "token": "wrong"})["error"] == "Unauthorized."
    assert client.ask({"type": "ping"})["type"] == "pong"
    assert client.ask({"type": "auth", "token": "reader-token"}) == {"type": "auth_ok"}
    assert client.ask({"type": "send", "channel": "a"})["code"] == "bridge.forbidden"


def test_ten_thousand_wrong_tokens_take_hours_and_none_is_accepted(
    engine: FakeEngine, request: pytest.FixtureRequest
) -> None:
    clock, throttle = ManualClock(), AuthThrottle()
    start, tried, closed = clock.now, 0, 0
    while tried < 10_000:
        client = Conversation(engine, throttle=throttle, clock=clock)
        client.start()
        while not client.closes:
            token = f"tok{tried}" if tried % 2 else ["tok"]
            assert client.say(json.dumps({"type": "auth", "token": token}))
            tried += 1
        assert not client.session.authenticated
        closed += 1
    spent = clock.now - start
    assert throttle.failures == tried
    assert spent > 9_900 * MAX_DELAY_S
    assert Conversation(engine, throttle=throttle, clock=clock).authenticate().session.authenticated
    record_reliability(
        request,
        "12. bridge: wrong tokens",
        f"{tried:,} tried, none accepted, {closed:,} closes, {spent / 3600:.1f} h of delay",
    )


# -- powers -----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("token", "allowed"),
    [
        ("reader-token", {"subscribe", "unsubscribe", "set_filter", "clear_filter", "stats", "info", "since"}),
        ("writer-token", {"send", "join", "leave", "open"}),
    ],
)
def test_tokens_allow_what_their_scopes_say(engine: FakeEngine, token: str, allowed: set[str]) -> None:
    client = Conversation(engine).authenticate(token)
    for kind in EVERY_TYPE[:-1]:
        reply = client.ask({"type": kind, "channel": "a", "command": "/help", "cursor": 0})
        forbidden = reply.get("code") == "bridge.forbidden"
        assert forbidden is (kind not in {*allowed, "ping", "options"}), (kind, reply)
    assert (client.tell(EventView(engine.message("zzz", "x"))) is not None) is ("subscribe" in allowed)


def test_terminal_commands_need_the_admin_scope_and_the_setting(engine: FakeEngine) -> None:
    admin = Conversation(engine, SessionSettings(cli=False)).authenticate()
    reply = admin.ask({"type": "cli", "command": "/help"})
    assert (reply["error"], reply["code"]) == ("CLI over WS is disabled.", "bridge.cli_disabled")
    agent = Conversation(engine).authenticate("agent-token")
    assert agent.ask({"type": "cli", "command": "/help"})["code"] == "bridge.forbidden"


def test_dangerous_commands_need_one_more_setting(engine: FakeEngine) -> None:
    client = Conversation(engine).authenticate()
    for command in ("/exit", "/get_keys"):
        reply = client.ask({"type": "cli", "command": command})
        assert (reply["ok"], reply["output"], reply["result"]) == (False, [], None)
        assert "--sc-bridge-cli-dangerous" in reply["error"]
    client.dangerous = True
    assert client.ask({"type": "cli", "command": "/get_keys"})["output"][0] == "Address:  trac1fake"
    assert client.ask({"type": "cli", "command": "/exit"})["output"] == ["Exiting..."]
    assert engine.host.exits == 1  # type: ignore[attr-defined]


# -- ids and malformed requests ---------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "first", "value"),
    [
        ("7", True, 7),
        ("-0", True, 0),
        ("1.0", True, 1),
        ("1e2", True, 100),
        ("9007199254740993", True, 9007199254740992),
        ("1.5", False, 1.5),
        ('"abc"', False, "abc"),
        ("null", False, None),
        ("true", False, True),
        ('["a",{"b":null}]', False, ["a", {"b": None}]),
        ("{}", False, {}),
    ],
)
def test_ids_of_every_type_come_back(engine: FakeEngine, text: str, first: bool, value: object) -> None:
    client = Conversation(engine).authenticate()
    for kind in ("ping", "nope", "send"):
        [reply] = client.say(f'{{"type":"{kind}","id":{text}}}')
        members = json.loads(reply)
        assert members["id"] == value
        assert type(members["id"]) is type(value)
        assert (next(iter(members)) == "id") is first
        if "error" in members:
            assert list(members)[-1] == "code"


def test_a_request_without_an_id_is_answered_without_one(engine: FakeEngine) -> None:
    assert "id" not in Conversation(engine).authenticate().ask({"type": "ping"})


@given(st.recursive(st.none() | st.booleans() | st.integers() | st.floats() | st.text(), st.lists, max_leaves=5))
def test_any_json_gets_exactly_one_reply(value: Any) -> None:
    client = Conversation(FakeEngine()).authenticate()
    for request in (
        value,
        {"type": value},
        {"type": "send", "channel": value},
        {"type": "open", "channel": "a", "via": value},
    ):
        [reply] = client.say(json.dumps(request))
        assert json.loads(reply)["type"] in ("error", "sent", "open_requested")


@given(st.binary() | st.text())
def test_any_frame_gets_one_reply(frame: bytes | str) -> None:
    [reply] = Conversation(FakeEngine()).authenticate().say(frame)
    assert json.loads(reply)["type"] == "error"


def test_known_types_with_values_of_any_kind_never_fail(engine: FakeEngine) -> None:
    client = Conversation(engine).authenticate()
    values: list[object] = [None, True, 0, -1, 1.5, "", "x", [], ["x", None, {}], {}, {"a": 1}, "x" * 5000]
    fields = "channel channels message invite welcome via filter since cursor limit extended echo label command"
    for kind in EVERY_TYPE:
        for name in fields.split():
            for value in values:
                reply = client.ask({"type": kind, "channel": "a", name: value})
                assert isinstance(reply["type"], str)
    assert not client.closes


# -- order of replies -------------------------------------------------------------------------------------------


def test_requests_behind_a_send_wait_and_joins_do_not_hold_up(engine: FakeEngine) -> None:
    client = Conversation(engine).authenticate()
    client.hold_operations = True
    assert client.say('{"type":"join","channel":"j","id":1}') == []
    assert client.say('{"type":"send","channel":"s","id":2}') == []
    for number in (3, 4):
        assert client.say(f'{{"type":"ping","id":{number}}}') == []
    assert client.say('{"type":"open","channel":"o","id":5}') == []
    assert client.say('{"type":"ping","id":6}') == []
    join, send = client.pending
    assert ids(client.finish(join)) == [1]
    assert ids(client.finish(send)) == [2, 3, 4]
    [opening] = client.pending
    assert ids(client.finish(opening)) == [5, 6]


def ids(texts: list[str]) -> list[int]:
    return [json.loads(text)["id"] for text in texts]


def test_a_long_backlog_stops_reading(engine: FakeEngine) -> None:
    client = Conversation(engine).authenticate()
    client.hold_operations = True
    client.say('{"type":"send","channel":"s"}')
    history = []
    for _ in range(MAX_BACKLOG + 1):
        history.append(client.session.backlogged)
        client.say('{"type":"ping"}')
    history.append(client.session.backlogged)
    assert history == [False] * (MAX_BACKLOG + 1) + [True]
    assert len(client.finish(client.pending[0])) == MAX_BACKLOG + 2
    history = [client.session.backlogged]
    client.say('{"type":"send","channel":"s"}')
    client.say("x" * (MAX_BACKLOG_BYTES + 1))
    assert [*history, client.session.backlogged] == [False, True]


def test_slow_requests_under_way_are_limited(engine: FakeEngine) -> None:
    client = Conversation(engine).authenticate()
    client.hold_operations = True
    for _ in range(MAX_RUNNING):
        assert client.say('{"type":"join","channel":"j"}') == []
    assert client.ask({"type": "cli", "command": "/help"})["code"] == "bridge.busy"
    client.finish(client.pending[0])
    assert client.say('{"type":"leave","channel":"j"}') == []


def test_work_finished_after_the_end_is_not_answered(engine: FakeEngine) -> None:
    client = Conversation(engine).authenticate()
    client.hold_operations = True
    client.say('{"type":"join","channel":"j"}')
    for _ in range(MAX_AUTH_FAILURES):
        client.run(client.session.receive('{"type":"auth","token":"x"}', client.clock.now))
        due = client.session.next_timer()
        assert due is not None
        client.run(client.session.handle_timer(due))
    assert client.closes
    assert client.finish(client.pending[0]) == []


# -- state of the peer ------------------------------------------------------------------------------------------


def test_before_the_sidechannel_exists(engine: FakeEngine) -> None:
    engine.sidechannel.ready = False
    client = Conversation(engine)
    [hello] = client.start()
    assert json.loads(hello)["peer"] is None
    assert json.loads(hello)["entryChannel"] is None
    assert client.ask({"type": "auth", "token": "tok"}) == {"type": "auth_ok"}
    for kind in ("send", "join", "leave", "open"):
        assert client.ask({"type": kind}) == {
            "type": "error",
            "error": "Sidechannel not ready.",
            "code": "engine.not_ready",
        }
    assert client.ask({"type": "stats"})["sidechannelStarted"] is False
    engine.sidechannel.ready = True
    assert client.ask({"type": "send", "channel": "a"})["type"] == "sent"


def test_a_default_filter_is_announced_and_applied(engine: FakeEngine) -> None:
    client = Conversation(engine, SessionSettings(filter="alpha", filter_channels=frozenset({"a"})))
    [hello] = client.start()
    assert json.loads(hello)["filter"] == "alpha"
    client.ask({"type": "auth", "token": "tok"})
    assert client.tell(EventView(engine.message("a", "beta"))) is None
    assert client.tell(EventView(engine.message("b", "beta"))) is not None
    client.ask({"type": "clear_filter"})
    assert client.tell(EventView(engine.message("a", "beta"))) is not None


def test_leaving_ends_the_subscription(engine: FakeEngine) -> None:
    client = Conversation(engine).authenticate()
    client.ask({"type": "join", "channel": "a"})
    client.ask({"type": "subscribe", "channels": ["a", "b"]})
    assert client.ask({"type": "leave", "channel": " a "}) == {"type": "left", "channel": "a", "ok": True}
    assert client.session.subscriptions == ("b",)


# -- our additions ----------------------------------------------------------------------------------------------


def test_options_are_echoed_and_kept(engine: FakeEngine) -> None:
    client = Conversation(engine, number=4).authenticate("agent-token")
    assert client.session.label == "agent-4"
    reply = client.ask({"type": "options", "extended": True, "label": "my.bot"})
    assert reply == {
        "type": "options_set",
        "extended": True,
        "echo": False,
        "label": "my.bot-4",
        "scopes": ["read", "send"],
    }
    assert client.ask({"type": "options", "echo": True})["extended"] is True
    for bad in ({"extended": 1}, {"echo": "yes"}, {"label": ""}, {"label": "a b"}, {"label": 5}, {"label": "x" * 33}):
        assert client.ask({"type": "options", **bad})["code"] == "bridge.bad_request"


def test_extended_clients_learn_what_became_of_a_message(engine: FakeEngine) -> None:
    plain = Conversation(engine).authenticate()
    assert plain.ask({"type": "send", "channel": "0000intercom", "message": 1}) == {
        "type": "sent",
        "channel": "0000intercom",
    }
    client = Conversation(engine).authenticate(extended=True)
    sent = client.ask({"type": "send", "channel": "0000intercom", "message": 2, "id": 9})
    assert (sent["peers"], sent["queued"], sent["id"]) == (1, 0, 9)
    [stored] = engine.sidechannel.since(1)
    assert (stored.id, stored.seq) == (sent["messageId"], sent["seq"])
    assert stored.label == client.session.label
    assert client.ask({"type": "join", "channel": "n"})["already"] is False
    assert client.ask({"type": "open", "channel": "n"})["peers"] == 1
    assert client.ask({"type": "stats"})["accepted"] == 2
    assert "accepted" not in plain.ask({"type": "stats"})


def test_own_messages_come_only_to_those_who_asked(engine: FakeEngine) -> None:
    own = EventView(engine.message("a", "mine", trust=Trust.OWN))
    assert Conversation(engine).authenticate().tell(own) is None
    echo = Conversation(engine).authenticate(echo=True).tell(own)
    assert echo is not None
    assert echo["own"] is True


def test_stored_messages_are_replayed_once_and_in_order(engine: FakeEngine) -> None:
    stored = [engine.receive("ab"[number % 2], number) for number in range(10)]
    client = Conversation(engine).authenticate(extended=True)
    reply = client.ask({"type": "subscribe", "channel": "a", "since": stored[3].seq, "id": 1})
    assert reply == {
        "id": 1,
        "type": "subscribed",
        "channels": ["a"],
        "replayed": 3,
        "cursor": stored[-1].seq,
        "more": False,
    }
    assert [event["message"] for event in client.events] == [4, 6, 8]
    assert [event["seq"] for event in client.events] == [stored[number].seq for number in (4, 6, 8)]
    assert client.tell(EventView(stored[8])) is None
    live = engine.receive("a", "live")
    assert client.tell(EventView(live)) is not None


def test_long_histories_come_in_parts(engine: FakeEngine) -> None:
    for number in range(MAX_REPLAY + 10):
        engine.receive("a", number)
    client = Conversation(engine).authenticate()
    first = client.ask({"type": "since", "cursor": 0})
    assert (first["type"], first["replayed"], first["more"]) == ("replay", MAX_REPLAY, True)
    second = client.ask({"type": "since", "cursor": first["cursor"], "limit": 100_000})
    assert (second["replayed"], second["more"]) == (10, False)
    assert [event["message"] for event in client.events] == list(range(MAX_REPLAY + 10))
    third = client.ask({"type": "since", "cursor": second["cursor"]})
    assert (third["replayed"], third["cursor"], third["more"]) == (0, second["cursor"], False)
    assert client.ask({"type": "since", "cursor": 0, "limit": 3})["replayed"] == 3


def test_large_histories_come_in_parts(engine: FakeEngine) -> None:
    for _ in range(10):
        engine.receive("a", "x" * 500_000)
    client = Conversation(engine).authenticate()
    reply = client.ask({"type": "since", "cursor": 0})
    assert reply["more"] is True
    assert 1 <= reply["replayed"] < 10


def test_a_replay_leaves_own_messages_out_unless_wanted(engine: FakeEngine) -> None:
    client = Conversation(engine).authenticate()
    client.ask({"type": "send", "channel": "a", "message": "mine"})
    assert client.ask({"type": "since", "cursor": 0})["replayed"] == 0
    client.ask({"type": "options", "echo": True})
    assert client.ask({"type": "since", "cursor": 0})["replayed"] == 1


@pytest.mark.parametrize("cursor", [-1, 1.5, "1", None, [], 1e300, True])
def test_cursors_are_whole_numbers(engine: FakeEngine, cursor: object) -> None:
    client = Conversation(engine).authenticate()
    assert client.ask({"type": "since", "cursor": cursor})["code"] == "bridge.bad_request"
    assert client.ask({"type": "subscribe", "channel": "a", "since": cursor})["code"] == "bridge.bad_request"
    assert client.ask({"type": "since"})["code"] == "bridge.bad_request"
    assert client.session.subscriptions == ()
