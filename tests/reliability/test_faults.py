"""Full disks, directories that cannot be written, locked stores, taken ports: the message says what, and what to do."""

from __future__ import annotations

import builtins
import errno
import logging
import os
import socket
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from engine.bridge.tokens import create_token_file
from engine.config.sections import Config
from engine.config.write import write_config
from engine.crypto import keyfile
from engine.engine import Engine
from engine.errors import BindFailed, IntercomError, StoreLocked
from engine.logs import LogFile, setup_logging
from engine.net.udp import OsNetwork
from engine.paths import resolve_paths
from engine.store.atomic import write_atomic
from engine.store.keyfile_store import load_or_create
from engine.store.lock import StoreLock
from engine.store.messages import MessageStore
from intercom_tui.cli import main as cli_main
from tests.harness.bridge_client import bridge
from tests.harness.fake_engine import FakeEngine
from tests.harness.published import record_reliability

FAULTS = {
    errno.ENOSPC: ("the disk is full", "No space left"),
    errno.EDQUOT: ("the disk quota is used up", "quota"),
    errno.EROFS: ("the file system is read-only", "Read-only"),
    errno.EACCES: ("permission is denied", "Permission denied"),
    errno.EMFILE: ("too many files are open", "Too many open files"),
}
"""What goes wrong, in our words and in the system's."""

WRITERS: dict[str, Callable[[Path], object]] = {
    "settings": lambda path: write_config(path, {"bridge.enabled": True}),
    "identity": lambda path: load_or_create(path),
    "bridge tokens": lambda path: create_token_file(path, os.urandom),
    "message history": MessageStore,
    "store lock": StoreLock,
    "log": lambda path: setup_logging(path, level="info", as_json=False, stderr=False),
    "run script": lambda path: write_atomic(path, b"#!/bin/sh\n", mode=0o700),
}
"""Everything that is written to disk."""


@pytest.fixture(autouse=True)
def _quick_keys_and_own_log_handlers(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.setattr(keyfile, "derive_key", lambda password, salt: bytes(32))
    root = logging.getLogger()
    handlers, level = list(root.handlers), root.level
    for handler in handlers:
        root.removeHandler(handler)
    yield
    for handler in list(root.handlers):
        root.removeHandler(handler)
        handler.close()
    for handler in handlers:
        root.addHandler(handler)
    root.setLevel(level)


def break_disk(monkeypatch: pytest.MonkeyPatch, number: int, below: Path) -> None:
    """Let every attempt to make or write a file below a directory fail."""
    real_open, real_os_open = builtins.open, os.open

    def hit(path: Any) -> bool:
        return isinstance(path, (str, Path)) and Path(path).is_relative_to(below)

    def failing_open(path: Any, mode: str = "r", *args: Any, **kwargs: Any) -> Any:
        if hit(path) and set(mode) & set("wax+"):
            raise OSError(number, os.strerror(number))
        return real_open(path, mode, *args, **kwargs)

    def failing_os_open(path: Any, flags: int, *args: Any, **kwargs: Any) -> int:
        if hit(path) and flags & (os.O_WRONLY | os.O_RDWR | os.O_CREAT):
            raise OSError(number, os.strerror(number))
        return real_os_open(path, flags, *args, **kwargs)

    monkeypatch.setattr(builtins, "open", failing_open)
    monkeypatch.setattr(os, "open", failing_os_open)


@pytest.mark.parametrize("number", FAULTS, ids=[errno.errorcode[number] for number in FAULTS])
@pytest.mark.parametrize("name", WRITERS)
def test_disks_that_refuse_are_named_with_the_way_out(
    name: str, number: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, request: pytest.FixtureRequest
) -> None:
    path = tmp_path / "file"
    with monkeypatch.context() as patch:
        break_disk(patch, number, tmp_path)
        with pytest.raises(IntercomError) as caught:
            WRITERS[name](path)
    assert str(path) in str(caught.value) or str(tmp_path) in str(caught.value)
    assert any(words in str(caught.value) for words in FAULTS[number])
    assert caught.value.hint
    assert os.listdir(tmp_path) == [], "nothing half written is left"
    result = WRITERS[name](path)
    assert path.exists()
    for closing in ("close", "release"):
        getattr(result, closing, lambda: None)()
    record_reliability(
        request,
        "7. disk faults",
        f"{len(WRITERS)} kinds of file, {len(FAULTS)} faults (full, over quota, read-only, denied, too many files): "
        "named, nothing half written, works again afterwards",
    )


@pytest.mark.parametrize("words", [("config", "init"), ("script", "--output", "{home}/run.sh")])
def test_commands_report_a_full_disk(
    words: tuple[str, ...], tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    argv = [*(word.format(home=tmp_path) for word in words), "--home", str(tmp_path / "home")]
    with monkeypatch.context() as patch:
        break_disk(patch, errno.ENOSPC, tmp_path)
        with pytest.raises(SystemExit) as ended:
            cli_main.main(argv)
    errors = capsys.readouterr().err
    assert ended.value.code == cli_main.EXIT_ERROR
    assert "the disk is full" in errors
    assert "Free disk space" in errors
    assert "Traceback" not in errors


async def test_a_locked_store_names_its_owner(tmp_path: Path, request: pytest.FixtureRequest) -> None:
    config = Config()
    paths = resolve_paths(str(tmp_path), config)
    with StoreLock(paths.lock):
        with pytest.raises(StoreLocked) as caught:
            await Engine(config, paths).start()
        assert f"process {os.getpid()}" in str(caught.value)
        assert "--peer-store-name" in caught.value.hint
        assert not paths.messages.exists(), "the history of another process is not touched"
    record_reliability(request, "7. locked store", "the second start names the process, its exit code is 4")


def test_a_locked_store_ends_the_command_with_its_own_exit_code(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    paths = resolve_paths(str(tmp_path), Config())
    with StoreLock(paths.lock), pytest.raises(SystemExit) as ended:
        cli_main.main(["run", "--home", str(tmp_path)])
    errors = capsys.readouterr().err
    assert ended.value.code == cli_main.EXIT_LOCKED
    assert f"process {os.getpid()}" in errors
    assert "--peer-store-name" in errors


async def test_taken_ports_are_named(tmp_path: Path, request: pytest.FixtureRequest) -> None:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as udp, socket.socket() as tcp:
        udp.bind(("127.0.0.1", 0))
        tcp.bind(("127.0.0.1", 0))
        tcp.listen()
        udp_port, tcp_port = udp.getsockname()[1], tcp.getsockname()[1]
        with pytest.raises(BindFailed) as caught:
            await OsNetwork().bind("127.0.0.1", udp_port, lambda socket, datagrams: None)
        assert f"UDP port {udp_port} on 127.0.0.1" in str(caught.value)
        assert "choose another port" in caught.value.hint
        with pytest.raises(BindFailed) as caught:
            async with bridge(FakeEngine(), tmp_path / "tokens", port=tcp_port):
                pass
        assert f"127.0.0.1:{tcp_port}" in str(caught.value)
        assert "choose another port" in caught.value.hint
    record_reliability(request, "7. taken ports", "UDP and bridge: port, reason and the way out are named")


@pytest.mark.parametrize(
    ("number", "way_out"),
    [
        (errno.EADDRINUSE, "choose another port"),
        (errno.EADDRNOTAVAIL, "does not belong to this machine"),
        (errno.EACCES, "choose a higher one"),
        (errno.EMFILE, "ulimit -n"),
    ],
)
async def test_every_reason_of_a_failed_bind_has_its_own_way_out(
    number: int, way_out: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    class Refusing(socket.socket):
        def bind(self, address: Any) -> None:
            raise OSError(number, os.strerror(number))

    monkeypatch.setattr(socket, "socket", Refusing)
    with pytest.raises(BindFailed) as caught:
        await OsNetwork().bind("127.0.0.1", 49737, lambda socket, datagrams: None)
    assert os.strerror(number) in str(caught.value)
    assert way_out in caught.value.hint


def test_a_port_that_is_taken_ends_a_bootstrap_network_with_an_explanation(capsys: pytest.CaptureFixture[str]) -> None:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as udp:
        udp.bind(("127.0.0.1", 0))
        with pytest.raises(SystemExit) as ended:
            cli_main.main(["dht", "--port", str(udp.getsockname()[1])])
    errors = capsys.readouterr().err
    assert ended.value.code == cli_main.EXIT_ERROR
    assert "cannot be opened" in errors
    assert "choose another port" in errors


def test_a_log_on_a_full_disk_never_writes_to_the_screen(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    ring, _ = setup_logging(tmp_path / "log", level="info", as_json=False, stderr=False)
    [log] = [handler for handler in logging.getLogger().handlers if isinstance(handler, LogFile)]

    class Full:
        def write(self, text: str) -> int:
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

        def seek(self, *where: int) -> int:
            return 0

        tell = seek

        def flush(self) -> None:
            """Nothing is buffered."""

    stream, log.stream = log.stream, Full()  # type: ignore[assignment]
    logging.getLogger("engine.test").error("not written")
    log.stream = stream
    logging.getLogger("engine.test").error("written")
    assert log.left_out == 1
    assert [record.getMessage() for record in ring.records] == ["not written", "written"]
    assert (tmp_path / "log").read_text().endswith("engine.test written\n")
    assert capfd.readouterr() == ("", "")
