from __future__ import annotations

import json
import stat
from pathlib import Path

import pytest

from intercom_tui.state import MAX_DRAFT_CHARS, MAX_HISTORY, StateFile, UiState


def test_a_state_survives_a_restart(tmp_path: Path) -> None:
    path = tmp_path / "deep" / "ui.json"
    state = UiState()
    state.mark_read("builders", 41)
    state.set_draft("builders", "half a sen")
    state.petnames["ab" * 32] = "kestrel"
    state.muted.append("noise")
    state.remember_line("hello")
    state.channel, state.theme, state.show_details = "builders", "daylight", False
    assert StateFile(path).save(state)
    assert StateFile(path).load() == state
    assert stat.S_IMODE(path.stat().st_mode) == 0o600


def test_nothing_is_written_when_nothing_changed(tmp_path: Path) -> None:
    path = tmp_path / "ui.json"
    file = StateFile(path)
    state = file.load()
    assert file.save(state)
    before = path.stat().st_mtime_ns
    assert file.save(state)
    assert path.stat().st_mtime_ns == before


def test_a_damaged_file_is_put_aside(tmp_path: Path) -> None:
    path = tmp_path / "ui.json"
    path.write_text("{broken", "utf-8")
    file = StateFile(path)
    assert file.load() == UiState()
    assert "could not be read" in file.problem
    assert path.with_suffix(".damaged").read_text("utf-8") == "{broken"


@pytest.mark.parametrize(
    "value",
    [None, [], "text", {"read": [], "drafts": 4, "petnames": None, "muted": {}, "history": "x", "channel": 1}],
)
def test_values_of_the_wrong_kind_are_left_out(value: object) -> None:
    assert UiState.from_json(value) == UiState()


def test_entries_of_the_wrong_kind_are_left_out() -> None:
    state = UiState.from_json({"read": {"a": 3, "b": "x", "c": -1}, "drafts": {"a": "t", "b": 1}, "muted": ["a", 2]})
    assert state.read == {"a": 3}
    assert state.drafts == {"a": "t"}
    assert state.muted == ["a"]


def test_a_directory_that_cannot_be_written_is_reported(tmp_path: Path) -> None:
    blocker = tmp_path / "file"
    blocker.write_text("", "utf-8")
    file = StateFile(blocker / "ui.json")
    assert not file.save(UiState(channel="x"))
    assert "could not be saved" in file.problem


def test_without_a_path_nothing_is_read_or_written() -> None:
    file = StateFile(None)
    assert file.save(file.load())


def test_the_read_marker_only_moves_forwards() -> None:
    state = UiState()
    assert state.mark_read("a", 5)
    assert not state.mark_read("a", 4)
    assert not state.mark_read("a", 5)
    assert state.read == {"a": 5}


def test_history_is_bounded_and_skips_repeats() -> None:
    state = UiState()
    for number in range(MAX_HISTORY + 50):
        state.remember_line(f"line {number}")
    state.remember_line("same")
    state.remember_line("same")
    state.remember_line("")
    assert len(state.history) == MAX_HISTORY
    assert state.history[-2:] == [f"line {MAX_HISTORY + 49}", "same"]


def test_drafts_come_and_go() -> None:
    state = UiState()
    assert state.set_draft("a", "text")
    assert not state.set_draft("a", "text")
    assert state.set_draft("a", "")
    assert not state.set_draft("a", "")
    state.set_draft("b", "x" * (MAX_DRAFT_CHARS + 10))
    assert len(state.drafts["b"]) == MAX_DRAFT_CHARS
    json.dumps(state.as_json())
