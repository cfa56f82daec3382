from __future__ import annotations

import os
import select
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from engine.config.load import load_config, read_file
from engine.paths import resolve_paths
from intercom_tui.cli import setup
from intercom_tui.cli.options import Invocation
from intercom_tui.setup.model import SetupResult

VALUES = {"sidechannel.relay": False, "identity.peer_store_name": "agent-7"}


def invocation(home: Path, flags: dict[str, str]) -> Invocation:
    loaded = load_config(None, {"SC_BRIDGE": "1"}, flags)
    return Invocation(loaded, resolve_paths(str(home), loaded.config), str(home), flags)


def answer(monkeypatch: pytest.MonkeyPatch, result: object) -> list[Any]:
    """Let the screens answer at once; the coroutines they were."""
    asked: list[Any] = []

    def run(coroutine: Any) -> object:
        asked.append(coroutine.cr_frame.f_locals["self"])
        coroutine.close()
        return result

    monkeypatch.setattr(setup, "run_loop", run)
    return asked


def test_what_was_given_is_kept_and_secrets_are_not(tmp_path: Path) -> None:
    flags = {"network.local": "true", "identity.peer_store_name": "agent-7", "bridge.token": "hunter2"}
    start = setup.started_with(invocation(tmp_path, flags))
    assert list(start.words) == ["--home", str(tmp_path), "--peer-store-name", "agent-7", "--local"]
    assert start.given["network.local"] == "--local"
    assert start.given["bridge.enabled"] == "SC_BRIDGE"
    assert start.config_file == tmp_path / "config" / "agent-7" / "config.toml"
    assert "hunter2" not in repr(start)


def test_the_answers_are_returned(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    asked = answer(monkeypatch, SetupResult(VALUES, start=True))
    call = invocation(tmp_path, {"network.local": "1"})
    assert setup.ask_settings(call) == VALUES
    assert asked[0].model.config.network.local
    assert not call.paths.config_file.exists(), "the caller writes it"


def test_save_and_quit_writes_and_does_not_start(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    answer(monkeypatch, SetupResult(VALUES, start=False))
    call = invocation(tmp_path, {})
    assert setup.ask_settings(call) is None
    assert read_file(call.paths.config_file) == VALUES
    assert str(call.paths.config_file) in capsys.readouterr().out


def test_quitting_returns_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    answer(monkeypatch, None)
    call = invocation(tmp_path, {})
    assert setup.ask_settings(call) is None
    assert list(tmp_path.iterdir()) == []


def test_a_passphrase_is_asked_for(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    answer(monkeypatch, b"secret")
    assert setup.ask_password(tmp_path / "keypair.json", "wrong") == b"secret"


def test_the_settings_form_writes_to_the_file_of_this_peer(tmp_path: Path) -> None:
    call = invocation(tmp_path, {"network.local": "1"})
    file = setup.settings_file(call)
    assert file.given["network.local"] == "--local"
    assert read_file(file({"bridge.port": 1})) == {"bridge.port": 1}


def test_keys_on_a_real_terminal_write_the_settings(tmp_path: Path) -> None:
    master, slave = os.openpty()
    environment = {**os.environ, "TERM": "xterm-256color", "COLUMNS": "100", "LINES": "30"}
    words = [sys.executable, "-m", "intercom_tui", "--home", str(tmp_path), "--local", "--peer-store-name", "agent-7"]
    process = subprocess.Popen(words, stdin=slave, stdout=slave, stderr=slave, env=environment, close_fds=True)
    os.close(slave)
    try:
        seen = _Reader(master)
        seen.until("Quick start")
        os.write(master, b"\r")
        seen.until("In short")
        os.write(master, b"\x13")
        seen.until("Written:")
        assert process.wait(20) == 0
    finally:
        process.kill()
        process.wait(20)
        os.close(master)
    stored = read_file(tmp_path / "config" / "agent-7" / "config.toml")
    assert stored["sidechannel.relay"] is True
    assert "network.local" not in stored
    assert not (tmp_path / "stores").exists()


class _Reader:
    """What a program shows on a terminal."""

    def __init__(self, descriptor: int) -> None:
        self._descriptor = descriptor
        self._text = ""

    def until(self, wanted: str, patience_s: float = 20.0, clock: Callable[[], float] = time.monotonic) -> None:
        """Read until a text was shown.

        Raises:
            AssertionError: it was not shown in time.
        """
        deadline = clock() + patience_s
        while wanted not in self._text:
            assert clock() < deadline, f"{wanted!r} was not shown: {self._text[-500:]!r}"
            ready, _, _ = select.select([self._descriptor], [], [], 0.2)
            if ready:
                self._text += os.read(self._descriptor, 65_536).decode("utf-8", "replace")
