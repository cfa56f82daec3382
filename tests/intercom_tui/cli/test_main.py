from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

from engine.store.keyfile_store import load_or_create
from engine.store.lock import StoreLock
from intercom_tui.cli import main as cli_main


def run(*words: str, home: Path | None = None) -> subprocess.CompletedProcess[str]:
    place = [] if home is None else ["--home", str(home)]
    return subprocess.run(
        [sys.executable, "-m", "intercom_tui", *words, *place], capture_output=True, text=True, timeout=50, check=False
    )


def test_version_is_printed() -> None:
    result = run("--version")
    assert (result.returncode, result.stdout) == (0, "intercom-tui, version 0.1.0\n")


def test_help_lists_the_commands_and_the_reference_flags() -> None:
    text = run("--help").stdout
    for word in ("run", "dht", "script", "doctor", "config", "--peer-store-name", "--sidechannel-pow-difficulty"):
        assert word in text


def test_an_unknown_flag_suggests_the_nearest(tmp_path: Path) -> None:
    result = run("run", "--sidechanel-pow", "1", home=tmp_path)
    assert result.returncode == cli_main.EXIT_USAGE
    assert "--sidechannel-pow" in result.stderr


def test_a_wrong_value_is_a_config_error(tmp_path: Path) -> None:
    result = run("run", "--sidechannel-pow-difficulty", "12x", home=tmp_path)
    assert result.returncode == cli_main.EXIT_CONFIG
    assert "--sidechannel-pow-difficulty" in result.stderr
    assert not (tmp_path / "stores").exists()


@pytest.mark.parametrize(
    ("words", "code"),
    [
        (["--sidechannel-pow", "maybe"], cli_main.EXIT_CONFIG),
        (["--dht-bootstrap", "nonsense"], cli_main.EXIT_CONFIG),
        (["--peer-store-name", "../x"], cli_main.EXIT_CONFIG),
        (["--theme", "--local"], cli_main.EXIT_USAGE),
        (["one", "two"], cli_main.EXIT_USAGE),
    ],
)
def test_nothing_is_made_when_the_command_line_is_wrong(tmp_path: Path, words: list[str], code: int) -> None:
    result = run("run", *words, home=tmp_path / "home")
    assert result.returncode == code
    assert words[0] in result.stderr or code == cli_main.EXIT_USAGE
    assert "Traceback" not in result.stderr
    assert list(tmp_path.iterdir()) == []


def test_the_app_needs_a_terminal(tmp_path: Path) -> None:
    result = run(home=tmp_path)
    assert result.returncode == cli_main.EXIT_USAGE
    assert "intercom-tui run" in result.stderr


def test_a_locked_store_names_its_owner(tmp_path: Path) -> None:
    with StoreLock(tmp_path / "stores" / "peer" / "intercom.lock"):
        result = run("run", "--local", home=tmp_path)
    assert result.returncode == cli_main.EXIT_LOCKED
    assert "in use by process" in result.stderr


def test_a_home_that_cannot_be_written_says_so(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    result = run("run", "--local", home=tmp_path / "file")
    assert result.returncode == cli_main.EXIT_ERROR
    assert "file" in result.stderr
    assert "Traceback" not in result.stderr


def test_settings_are_shown_with_their_origin_and_without_secrets(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SIDECHANNEL_RELAY_TTL", "5")
    result = run("config", "show", "--origin", "--sc-bridge-token", "s3cret", home=tmp_path)
    assert "sidechannel.relay_ttl = 5  (SIDECHANNEL_RELAY_TTL)" in result.stdout
    assert "bridge.token = ***  (--sc-bridge-token)" in result.stdout
    assert "s3cret" not in result.stdout


def test_settings_are_a_json_object_for_programs(tmp_path: Path) -> None:
    words = ["config", "show", "--json", "--sc-bridge-token", "s3cret", "--sidechannels", "a,b"]
    values = json.loads(run(*words, home=tmp_path).stdout)
    assert (values["bridge.token"], values["sidechannel.channels"], values["bridge.port"]) == ("***", ["a", "b"], 49222)
    values = json.loads(run(*words, "--origin", home=tmp_path).stdout)
    assert values["sidechannel.channels"] == {"value": ["a", "b"], "origin": "--sidechannels"}


def test_flags_count_before_every_command_too(tmp_path: Path) -> None:
    words = ["--home", str(tmp_path), "--peer-store-name", "other", "config", "show", "--origin"]
    result = run(*words)
    assert "identity.peer_store_name = other  (--peer-store-name)" in result.stdout
    assert run(*words[:4], "config", "init", "--sidechannel-relay-ttl", "2").returncode == 0
    assert (tmp_path / "config" / "other" / "config.toml").exists()


def test_init_writes_the_given_settings(tmp_path: Path) -> None:
    assert run("config", "init", "--sidechannel-relay-ttl", "2", home=tmp_path).returncode == 0
    assert "sidechannel.relay_ttl = 2  (file)" in run("config", "show", "--origin", home=tmp_path).stdout


def test_the_identity_is_shown_but_its_words_are_never_redirected(tmp_path: Path) -> None:
    assert "first start makes one" in run("wallet", "show", home=tmp_path).stderr
    wallet = load_or_create(tmp_path / "stores" / "peer" / "db" / "keypair.json")
    shown = run("wallet", "show", home=tmp_path).stdout
    assert wallet.public_hex in shown
    assert wallet.address in shown
    assert json.loads(run("wallet", "show", "--json", home=tmp_path).stdout)["publicKey"] == wallet.public_hex
    words = run("wallet", "words", home=tmp_path)
    assert words.returncode == cli_main.EXIT_ERROR
    assert wallet.mnemonic is not None
    assert wallet.mnemonic not in words.stdout + words.stderr


def test_output_that_cannot_be_written_is_an_error_without_a_trace() -> None:
    with Path("/dev/full").open("w") as full:
        result = subprocess.run(
            [sys.executable, "-m", "intercom_tui", "config", "docs"],
            stdout=full,
            stderr=subprocess.PIPE,
            text=True,
            timeout=50,
            check=False,
        )
    assert result.returncode == cli_main.EXIT_ERROR
    assert result.stderr == "intercom-tui: The output: No space left on device.\n"


def test_a_reader_that_leaves_gets_no_complaint() -> None:
    with subprocess.Popen(
        [sys.executable, "-m", "intercom_tui", "config", "docs"], stdout=subprocess.PIPE, stderr=subprocess.PIPE
    ) as process:
        assert process.stdout is not None
        assert process.stderr is not None
        process.stdout.close()
        assert process.stderr.read() == b""
    assert process.returncode == cli_main.EXIT_ERROR


def test_a_defect_is_reported_as_one(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    monkeypatch.setattr("intercom_tui.cli.settings.settings_table", lambda: 1 / 0)
    with pytest.raises(SystemExit) as caught:
        cli_main.main(["config", "docs"])
    assert caught.value.code == cli_main.EXIT_ERROR
    error = capsys.readouterr().err
    assert "Something went wrong inside: ZeroDivisionError: division by zero" in error
    assert "Traceback" not in error


@pytest.mark.parametrize("host", ["localhost", "0.0.0.0", "::1", "239.1.2.3"])
def test_a_bootstrap_network_needs_an_address_it_is_known_under(host: str) -> None:
    result = run("dht", "--host", host, "--port", "1")
    assert result.returncode == cli_main.EXIT_CONFIG
    assert f"--host is '{host}'" in result.stderr
