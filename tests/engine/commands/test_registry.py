"""The table of commands: which line means which row, help, suggestions."""

from __future__ import annotations

from pathlib import Path

import pytest

from engine.commands.command import Match, Role
from engine.commands.registry import COMMANDS, commands_table, execute, find, help_lines, suggestion
from tests.harness.fake_engine import FakeEngine, FakeHost

REFERENCE_ORDER = [
    "/stats /help /exit /get_keys /tx /add_indexer /add_writer /remove_writer /remove_indexer /add_admin /update_admin",
    "/enable_transactions /set_auto_add_writers /set_chat_status /post /set_nick /mute_status /pin_message",
    "/unpin_message /set_mod /delete_message /enable_whitelist /set_whitelist_status /deploy_subnet /get /msb /sc_join",
    "/sc_send /sc_open /sc_invite /sc_welcome /sc_stats /print",
]


def test_lines_are_matched_in_the_order_of_the_reference() -> None:
    expected = " ".join(REFERENCE_ORDER).split()
    assert [command.slash for command in COMMANDS if command.match is not Match.WORD] == expected


def test_every_row_is_complete() -> None:
    assert len({command.name for command in COMMANDS}) == len(COMMANDS)
    spellings = [spelling for command in COMMANDS for spelling in {command.slash, *command.shorts}]
    assert len(set(spellings)) == len(spellings)
    for command in COMMANDS:
        group, _, verb = command.title.partition(": ")
        assert verb
        assert command.name.startswith(f"{group}.")
        assert command.help.endswith(".")
        for short in command.shorts:
            if short not in ("/help",):
                found = find(short)
                assert found is not None
                assert found == (command, True), short


@pytest.mark.parametrize(
    ("line", "name", "short"),
    [
        ("/stats", "system.stats", False),
        ("/help", "system.help", False),
        ("/help /join", "system.help", True),
        ("/get_keys", "system.get_keys", False),
        ("/get_keys x", "subnet.get", False),
        ("/get --key a", "subnet.get", False),
        ("/getx", "subnet.get", False),
        ("/tx", "subnet.tx", False),
        ("/postx --message y", "chat.post", False),
        ("/sc_statsfoo", "channel.stats", False),
        ("/sc_join", "channel.join", False),
        ("/join", "channel.join", True),
        ("/join lobby", "channel.join", True),
        ("/leave lobby", "channel.leave", True),
        ("/part lobby", "channel.leave", True),
        ("/peers", "network.peers", True),
        ("/quit", "system.exit", True),
    ],
)
def test_lines_find_their_command(line: str, name: str, short: bool) -> None:
    found = find(line)
    assert found is not None
    assert (found[0].name, found[1]) == (name, short)


@pytest.mark.parametrize("line", ["", "hello", "/nope", "/joinx", "/stats ", "/exit now", "/HELP", "join lobby"])
def test_unknown_lines_find_nothing(line: str) -> None:
    assert find(line) is None


async def test_unknown_commands_are_silent_for_agents_and_explained_to_people() -> None:
    engine = FakeEngine()
    for line in ("/jion lobby", "hello", ""):
        silent = await execute(engine, line, human=False)
        assert (silent.ok, silent.output, silent.error, silent.has_result) == (True, (), None, False)
        spoken = await execute(engine, line)
        assert spoken.ok is False
        assert spoken.error
    assert (await execute(engine, "/jion lobby")).error == "Unknown command '/jion'. Did you mean /join?"


def test_suggestions() -> None:
    assert "/sc_join" in suggestion("/sc_jion")
    assert "/leave" in suggestion("leav x")
    assert suggestion("/qqqqqqqq").endswith("/help lists the commands.")
    assert suggestion("  ") == "Nothing to run. /help lists the commands."


def test_the_help_text_names_every_command() -> None:
    text = list(help_lines(short=True))
    assert text[:3] == ["Node started. Available commands:", " ", "- Setup Commands:"]
    for command in COMMANDS:
        assert any(line.startswith(f"- {command.slash} | ") for line in text)
        assert not command.short_usage or f"- {command.short_usage}" in text
    headings = [line for line in text if line.endswith(":") and line.startswith("- ")]
    assert headings == [
        "- Setup Commands:",
        "- Chat Commands:",
        "- System Commands:",
        "- Sample Commands:",
        "- Channel Commands:",
        "- Short Forms:",
    ]


async def test_help_on_one_command() -> None:
    engine = FakeEngine()
    result = await execute(engine, "/help join")
    assert result.output[0] == "channel: join | Join a channel."
    assert result.output[2] == "Short: /join <channel>"
    assert "not in this version" in (await execute(engine, "/help /post")).output[0]
    assert "Unknown command" in (await execute(engine, "/help qqq")).output[0]


async def test_commands_of_the_operator_are_refused_to_agents() -> None:
    engine, host = FakeEngine(), FakeHost()
    for command in COMMANDS:
        if command.role is Role.OPERATOR:
            result = await execute(engine, command.slash, admin=False, human=False, host=host)
            assert result.ok is False
            assert "--sc-bridge-cli-dangerous" in (result.error or "")
    assert host.exits == 0


async def test_a_quote_that_is_not_closed_is_an_error_with_advice() -> None:
    engine = FakeEngine()
    result = await execute(engine, '/sc_send --channel x --message "open', human=False)
    assert (result.ok, result.error) == (False, "A quote is not closed.")
    spoken = await execute(engine, '/sc_send --channel x --message "open')
    assert spoken.error is not None
    assert spoken.error.startswith("A quote is not closed. Close it")


async def test_lines_are_trimmed() -> None:
    assert (await execute(FakeEngine(), " \u00a0/sc_stats\n", human=False)).output


def test_the_commands_document_is_fresh() -> None:
    document = Path(__file__).parents[3] / "docs" / "commands.md"
    assert document.read_text(encoding="utf-8") == f"# Commands\n\n{commands_table()}\n"
