"""Sidechannel commands: exact lines, aliases, invites and welcomes, short forms."""

from __future__ import annotations

import base64
import json
from pathlib import Path

import pytest

from engine.commands.registry import execute
from engine.config.sections import Config, SidechannelConfig
from engine.errors import InviteRequired, OwnerOnly
from tests.harness.fake_engine import FakeEngine, FakeNetwork

KEY = "ab" * 32


@pytest.fixture
def engine() -> FakeEngine:
    net = FakeNetwork()
    FakeEngine("bob", net)
    return FakeEngine("alice", net)


async def agent(engine: FakeEngine, line: str) -> tuple[str, ...]:
    """Output as the bridge gives it."""
    result = await execute(engine, line, human=False)
    assert result.ok, result.error
    assert not result.has_result
    return result.output


async def person(engine: FakeEngine, line: str) -> tuple[str, ...]:
    """Output as a person sees it."""
    result = await execute(engine, line)
    assert result.ok, result.error
    return result.output


@pytest.mark.parametrize(
    ("line", "usage"),
    [
        ("/sc_join", '/sc_join --channel "<name>" [--invite <json|b64|@file>] [--welcome <json|b64|@file>]'),
        ("/sc_join --channel", '/sc_join --channel "<name>" [--invite <json|b64|@file>] [--welcome <json|b64|@file>]'),
        (
            '/sc_send --channel x --message ""',
            '/sc_send --channel "<name>" --message "<text>" [--invite <json|b64|@file>] [--welcome <json|b64|@file>]',
        ),
        (
            "/sc_open",
            '/sc_open --channel "<name>" [--via "<channel>"] [--invite <json|b64|@file>] [--welcome <json|b64|@file>]',
        ),
        (
            "/sc_invite --channel x",
            '/sc_invite --channel "<name>" --pubkey "<peer-pubkey-hex>" [--ttl <sec>] [--welcome <json|b64|@file>]',
        ),
        ("/sc_welcome --channel x --text ''", '/sc_welcome --channel "<name>" --text "<message>"'),
    ],
)
async def test_usage_lines(engine: FakeEngine, line: str, usage: str) -> None:
    assert await agent(engine, line) == (f"Usage: {usage}",)


async def test_join_and_its_aliases(engine: FakeEngine) -> None:
    for alias in ("channel", "ch", "name"):
        assert await agent(engine, f"/sc_join --{alias} ' my {alias} '") == (f"Joined sidechannel:  my {alias} ",)
        assert f"my {alias}" in engine.sidechannel.channels
    assert await person(engine, "/join lobby") == ("Joined sidechannel: lobby",)
    assert await person(engine, "/join") == ("Usage: /join <channel>",)


async def test_refusals_have_the_text_of_the_reference_and_a_reason_for_people(engine: FakeEngine) -> None:
    engine.sidechannel.denied["p"] = InviteRequired()
    assert await agent(engine, "/sc_join --channel p") == ("Join denied (invite required or invalid).",)
    assert await agent(engine, "/sc_send --channel p --msg x") == ("Send denied (invite required or invalid).",)
    assert await agent(engine, "/sc_open --channel p") == ("Requested channel: p",)
    text, why = await person(engine, "/join p")
    assert text == "Join denied (invite required or invalid)."
    assert InviteRequired.default_hint in why
    assert "Nobody was asked" in (await person(engine, "/open p"))[1]


async def test_sending_joins_first_and_is_silent(engine: FakeEngine) -> None:
    assert await agent(engine, "/sc_send --ch c --msg ''") == ()
    assert await person(engine, "/msg c it's {not} json") == ()
    assert [sent["message"] for sent in engine.sidechannel.sent] == ["", "it's {not} json"]
    assert engine.sidechannel.channels["c"] is True


async def test_sending_where_only_the_owner_writes(engine: FakeEngine, monkeypatch: pytest.MonkeyPatch) -> None:
    async def refuse(*_args: object, **_more: object) -> None:
        raise OwnerOnly

    monkeypatch.setattr(engine.sidechannel, "send", refuse)
    assert await agent(engine, "/sc_send --channel c --msg x") == ("Send denied (owner-only or invite required).",)
    assert "owner" in (await person(engine, "/msg c x"))[1]


async def test_open_uses_the_stored_welcome_and_tells_people_when_nobody_hears(engine: FakeEngine) -> None:
    welcome = engine.sidechannel.create_welcome("c", "hi")
    assert await agent(engine, "/sc_open --channel c") == ("Requested channel: c",)
    assert await agent(engine, "/sc_open --name c --channel_via lonely --welcome eyJhIjoxfQ==") == (
        "Requested channel: c",
    )
    assert engine.sidechannel.opens == [("c", None, None, welcome), ("c", "lonely", None, {"a": 1})]
    assert await person(engine, "/open c") == ("Requested channel: c",)
    assert (await person(engine, "/sc_open --channel c --via lonely"))[1] == "Nobody hears it yet."


async def test_invites_are_printed_as_json_and_base64(engine: FakeEngine) -> None:
    text, encoded = await agent(engine, f"/sc_invite --name c --key {KEY.upper()} --ttl_s 60x")
    invite = json.loads(text)
    assert invite["payload"]["inviteePubKey"] == KEY
    assert invite["payload"]["expiresAt"] - invite["payload"]["issuedAt"] == 60_000
    assert base64.b64decode(encoded.removeprefix("invite_b64: ")).decode() == text
    default, _ = await agent(engine, "/sc_invite --ch c --peer not-a-key")
    payload = json.loads(default)["payload"]
    assert payload["inviteePubKey"] == "not-a-key"
    assert payload["expiresAt"] - payload["issuedAt"] == 604_800_000


async def test_people_are_told_about_keys_that_cannot_be_right(engine: FakeEngine) -> None:
    assert await person(engine, "/invite c abc") == ("Not a public key: abc. It has 64 hex digits.",)
    assert len(await person(engine, f"/invite c {KEY}")) == 2


@pytest.mark.parametrize("ttl", ["0", "x", "-5", "''"])
async def test_invites_need_a_life_time(engine: FakeEngine, ttl: str) -> None:
    line = "Invite TTL is required. Pass --ttl <sec> or set --sidechannel-invite-ttl."
    assert await agent(engine, f"/sc_invite --channel c --pubkey {KEY} --ttl_s {ttl}") == (line,)


async def test_a_configured_life_time_of_zero_asks_for_one() -> None:
    engine = FakeEngine(config=Config(sidechannel=SidechannelConfig(invite_ttl=0)))
    assert (await agent(engine, f"/sc_invite --channel c --pubkey {KEY}"))[0].startswith("Invite TTL is required.")
    assert len(await agent(engine, f"/sc_invite --channel c --pubkey {KEY} --ttl 1")) == 2


async def test_welcomes_are_stored_and_go_into_invites(engine: FakeEngine) -> None:
    text, encoded = await person(engine, "/welcome c Read the rules, don't shout.")
    welcome = json.loads(text)
    assert welcome["payload"]["text"] == "Read the rules, don't shout."
    assert encoded.startswith("welcome_b64: ")
    assert json.loads((await agent(engine, f"/sc_invite --channel c --pubkey {KEY}"))[0])["welcome"] == welcome


async def test_invites_come_from_files(engine: FakeEngine, tmp_path: Path) -> None:
    engine.sidechannel.protected.add("p")
    invite = {"payload": {"channel": "p"}, "sig": "00"}
    plain = tmp_path / "invite.json"
    plain.write_text(json.dumps(invite))
    encoded = tmp_path / "invite.b64"
    encoded.write_text("b64:" + base64.b64encode(plain.read_bytes()).decode() + "\n")
    assert await agent(engine, f"/sc_join --channel p --invite @{plain}") == ("Joined sidechannel: p",)
    engine.sidechannel.invited.clear()
    assert await agent(engine, f"/sc_join --channel p --invite_b64 @{encoded}") == ("Joined sidechannel: p",)
    broken = tmp_path / "broken"
    broken.write_bytes(b"\xff")
    for path in (tmp_path, tmp_path / "missing", broken, "\0"):
        line = f"/sc_join --channel p --invite '@{path}'"
        assert await agent(engine, line) == ("Invalid invite. Pass JSON, base64, or @file.",)


@pytest.mark.parametrize("command", ["/sc_join --channel c", "/sc_send --channel c --msg x", "/sc_open --channel c"])
async def test_unreadable_invites_and_welcomes(engine: FakeEngine, command: str) -> None:
    for name in ("invite", "welcome"):
        line = f"{command} --{name} zzz"
        assert await agent(engine, line) == (f"Invalid {name}. Pass JSON, base64, or @file.",)
    assert engine.sidechannel.sent == []


async def test_an_invite_with_an_unreadable_welcome_is_not_made(engine: FakeEngine) -> None:
    line = f"/sc_invite --channel c --pubkey {KEY} --welcome zzz"
    assert await agent(engine, line) == ("Invalid welcome. Pass JSON, base64, or @file.",)


@pytest.mark.parametrize(
    "line",
    [
        "/sc_join --channel c",
        "/sc_send --channel c --msg x",
        "/sc_open --channel c",
        f"/sc_invite --channel c --pubkey {KEY}",
        "/sc_welcome --channel c --text x",
    ],
)
async def test_before_the_sidechannel_exists(engine: FakeEngine, line: str) -> None:
    engine.sidechannel.ready = False
    assert await agent(engine, line) == ("Sidechannel not initialized.",)


async def test_statistics_and_leaving(engine: FakeEngine) -> None:
    await person(engine, "/join c")
    assert await agent(engine, "/sc_stats") == ('{"channels":["0000intercom","c"],"connectionCount":1}',)
    assert await person(engine, "/leave c") == ("Left channel: c",)
    assert await person(engine, "/part c") == ("Not left: c is the entry channel or was not joined.",)
    assert await person(engine, "/leave") == ("Usage: /leave <channel>",)
