"""Text of replies."""

from __future__ import annotations

from engine.bridge.replies import Refused, Reply, echo_of


def test_whole_number_ids_come_first_and_others_behind() -> None:
    reply = Reply({"type": "pong", "ts": 1})
    assert reply.text() == '{"type":"pong","ts":1}'
    assert reply.text(echo_of({"id": 2.0})) == '{"id":2,"type":"pong","ts":1}'
    assert reply.text(echo_of({"id": "x"})) == '{"type":"pong","ts":1,"id":"x"}'
    assert reply.text(echo_of({})) == reply.text()


def test_the_code_of_an_error_is_the_last_key() -> None:
    reply = Refused("No.", "bridge.no").reply()
    assert reply.text(echo_of({"id": None})) == '{"type":"error","error":"No.","id":null,"code":"bridge.no"}'
