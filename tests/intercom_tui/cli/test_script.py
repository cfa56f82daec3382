from __future__ import annotations

import shlex
from pathlib import Path

import pytest

from engine.config.load import load_config
from engine.config.sections import OPTIONS
from engine.crypto.wallet import Wallet
from engine.services.sidechannel.attachments import parse_attachment
from engine.services.sidechannel.invites import check_invite
from engine.services.sidechannel.options import rules_of
from engine.services.sidechannel.welcomes import verify_welcome
from engine.store.keyfile_store import load
from intercom_tui.cli.main import main

GUEST = Wallet.from_secret_key(Wallet.from_mnemonic("abandon " * 11 + "about").key_pair.secret_key)


def settings_of(command: str) -> dict[str, str]:
    """Option key to text of a joiner's command."""
    words = shlex.split(command)[2:]
    by_flag = {flag: option.key for option in OPTIONS for flag in option.flags}
    return {by_flag[flag]: value for flag, value in zip(words[::2], words[1::2], strict=True)}


def joiner_line(script: str, channel: str) -> str:
    lines = script.splitlines()
    return next(
        lines[i + 1].removeprefix("#   ") for i, line in enumerate(lines) if line.startswith(f"# To join {channel}:")
    )


def test_a_protected_channel_gets_an_invite_that_verifies_for_the_joiner(tmp_path: Path) -> None:
    output = tmp_path / "run.sh"
    main(
        [
            *("script", "--home", str(tmp_path), "--output", str(output), "--invitee", GUEST.public_hex),
            *("--sidechannels", "desk", "--sidechannel-invite-required", "1", "--sidechannel-invite-channels", "desk"),
        ]
    )
    wallet = load(tmp_path / "stores" / "peer" / "db" / "keypair.json")
    assert wallet is not None
    assert output.stat().st_mode & 0o777 == 0o700

    command = joiner_line(output.read_text(), "desk")
    config = load_config(None, {}, settings_of(command)).config
    rules = rules_of(config.sidechannel, GUEST.public_hex)
    invite = parse_attachment(config.sidechannel.invites["desk"])
    assert rules.invite_required("desk")
    assert check_invite(invite, "desk", GUEST.public_hex, inviters=rules.inviters, now_ms=0).valid


def test_an_owned_channel_gets_the_owners_welcome(tmp_path: Path) -> None:
    main(["script", "--home", str(tmp_path), "--output", str(tmp_path / "first.sh")])
    wallet = load(tmp_path / "stores" / "peer" / "db" / "keypair.json")
    assert wallet is not None
    output = tmp_path / "run.sh"
    main(
        [
            *("script", "--home", str(tmp_path), "--output", str(output)),
            *("--sidechannel-owner", f"my room:{wallet.public_hex}", "--sidechannel-owner-write-channels", "my room"),
        ]
    )
    config = load_config(None, {}, settings_of(joiner_line(output.read_text(), "my room"))).config
    welcome = parse_attachment(config.sidechannel.welcome["my room"])
    assert verify_welcome(welcome, "my room", wallet.public_hex) is not None
    assert config.sidechannel.owner_write_channels == ("my room",)


def test_a_channel_that_nobody_would_hear_is_pointed_out(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    main(["script", "--home", str(tmp_path), "--sidechannels", "quiet room,a:b"])
    wallet = load(tmp_path / "stores" / "peer" / "db" / "keypair.json")
    assert wallet is not None
    text = capsys.readouterr().out
    assert f"add --sidechannel-owner 'quiet room:{wallet.public_hex}'" in text
    assert "# To join a:b: its name has characters that flags cannot carry" in text


def test_a_protected_channel_without_invitees_says_how_to_invite(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    flags = ["--sidechannels", "desk", "--sidechannel-invite-required", "1"]
    main(["script", "--home", str(tmp_path), *flags])
    assert "# To join desk: invite each member by key: intercom-tui script --invitee" in capsys.readouterr().out


def test_the_owner_starts_with_the_welcome_that_joiners_get(tmp_path: Path) -> None:
    main(["script", "--home", str(tmp_path), "--output", str(tmp_path / "first.sh")])
    wallet = load(tmp_path / "stores" / "peer" / "db" / "keypair.json")
    assert wallet is not None
    output = tmp_path / "run.sh"
    main(["script", "--home", str(tmp_path), "--output", str(output), "--sidechannel-owner", f"r:{wallet.public_hex}"])
    script = output.read_text()
    mine = script.splitlines()[-1].removesuffix(' "$@"')
    theirs = settings_of(joiner_line(script, "r"))
    words = shlex.split(mine)
    assert words[words.index("--sidechannel-welcome") + 1] == theirs["sidechannel.welcome"]
