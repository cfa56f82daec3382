from __future__ import annotations

import json
import logging
from collections.abc import Iterator
from pathlib import Path

import pytest

from engine.errors import StoreUnwritable
from engine.logs import hide_secret, setup_logging


@pytest.fixture(autouse=True)
def _restore_root_logger() -> Iterator[None]:
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


def test_records_go_to_a_private_file_and_to_the_ring(tmp_path: Path) -> None:
    path = tmp_path / "state" / "intercom.log"
    ring, _ = setup_logging(path, level="info", as_json=False, stderr=False)
    logging.getLogger("engine.test").info("hello %s", "there")
    assert "info engine.test hello there" in path.read_text()
    assert [record.getMessage() for record in ring.records] == ["hello there"]
    assert path.stat().st_mode & 0o777 == 0o600


def test_rotated_files_are_private_too(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("engine.logs._MAX_FILE_BYTES", 200)
    setup_logging(tmp_path / "log", level="info", as_json=False, stderr=False)
    for _ in range(5):
        logging.getLogger("engine.test").info("x" * 150)
    files = sorted(tmp_path.iterdir())
    assert len(files) == 4
    assert {file.stat().st_mode & 0o777 for file in files} == {0o600}


def test_nothing_is_written_to_the_terminal(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    setup_logging(tmp_path / "log", level="debug", as_json=False, stderr=False)
    logging.getLogger("engine.test").error("loud")
    out, err = capfd.readouterr()
    assert (out, err) == ("", "")


def test_secrets_never_reach_a_handler(tmp_path: Path) -> None:
    path = tmp_path / "log"
    ring, secrets = setup_logging(path, level="info", as_json=False, stderr=False)
    secrets.add("t0ken-of-power")
    logging.getLogger("engine.test").info("token is %s", "t0ken-of-power")
    assert "t0ken-of-power" not in path.read_text()
    assert ring.records[0].getMessage() == "token is ***"


def test_secrets_hide_in_tracebacks_too(tmp_path: Path) -> None:
    hide_secret("seven secret words")
    path = tmp_path / "log"
    setup_logging(path, level="info", as_json=False, stderr=False)
    try:
        raise ValueError("seven secret words")
    except ValueError:
        logging.getLogger("engine.test").exception("it failed")
    assert "Traceback" in path.read_text()
    assert "secret words" not in path.read_text()


def test_the_terminal_gets_no_tracebacks(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    path = tmp_path / "log"
    setup_logging(path, level="info", as_json=False, stderr=True)
    try:
        raise ValueError("odd")
    except ValueError:
        logging.getLogger("engine.test").exception("it failed")
    assert capfd.readouterr().err.endswith(" error engine.test it failed\n")
    assert "Traceback" in path.read_text()


def test_a_record_cannot_fake_another_one(tmp_path: Path) -> None:
    path = tmp_path / "log"
    setup_logging(path, level="info", as_json=False, stderr=False)
    logging.getLogger("engine.test").info("a\nb\r\nc")
    assert len(path.read_text().splitlines()) == 1


def test_json_records_are_one_object_a_line(tmp_path: Path) -> None:
    path = tmp_path / "log"
    setup_logging(path, level="info", as_json=True, stderr=False)
    logging.getLogger("engine.test").warning("x")
    record = json.loads(path.read_text())
    assert (record["level"], record["logger"], record["message"]) == ("warning", "engine.test", "x")


def test_a_file_that_cannot_be_opened_is_named(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(StoreUnwritable, match="file"):
        setup_logging(tmp_path / "file" / "log", level="info", as_json=False, stderr=False)
