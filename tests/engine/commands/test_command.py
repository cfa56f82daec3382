"""Rows of the table."""

from __future__ import annotations

from engine.commands.command import Match, lines
from engine.commands.registry import COMMANDS


def test_output_is_text_or_json() -> None:
    assert lines("a", {"b": [1.0, None]}, None, 5).output == ("a", '{"b":[1,null]}', "null", "5")
    assert lines().output == ()


def test_usage_has_the_spelling_of_the_reference_and_short_usage_ours() -> None:
    by_name = {command.name: command for command in COMMANDS}
    send = by_name["channel.send"]
    assert send.full_usage.startswith('/sc_send --channel "<name>" --message "<text>"')
    assert send.short_usage == "/msg <channel> <message>"
    assert by_name["subnet.msb"].full_usage == "/msb"
    assert by_name["subnet.msb"].short_usage == ""


def test_matching() -> None:
    for command in COMMANDS:
        assert command.matches(command.slash)
        assert command.matches(f"{command.slash}x") is (command.match is Match.PREFIX)
        assert command.matches(f"{command.slash} x") is (command.match is not Match.EXACT)
        assert not command.matches(f" {command.slash}"[:-1])
