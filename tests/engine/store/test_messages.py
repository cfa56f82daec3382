"""The message history: order, resuming, crashes, bounds and failures."""

from __future__ import annotations

import os
import shutil
import sqlite3
import stat
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from engine.errors import StoreCorrupt, StoreError, StoreUnwritable
from engine.messages import ChannelMessage, Trust
from engine.store import messages as store_module
from engine.store.messages import MEMORY, MessageStore


def message(seq: int, channel: str = "a", **changes: Any) -> ChannelMessage:
    values: dict[str, Any] = {
        "seq": seq,
        "channel": channel,
        "id": f"id{seq}",
        "sender": "ab" * 32,
        "origin": "ab" * 32,
        "message": {"n": seq, "text": "hé\ud800"},
        "ts_ms": 1_700_000_000_000 + seq,
        "received_ms": 1_700_000_000_001 + seq,
        "ttl": 3,
        "relayed_by": None,
        "signature": "cd" * 64,
        "trust": Trust.VERIFIED,
    }
    return ChannelMessage(**(values | changes))


def fill(store: MessageStore, count: int, channel: str | Callable[[int], str] = "a") -> None:
    for position in range(count):
        name = channel if isinstance(channel, str) else channel(position)
        store.append(message(store.next_seq, name))


def seqs(messages: list[ChannelMessage]) -> list[int]:
    return [item.seq for item in messages]


@pytest.fixture(params=["file", "memory"])
def store(request: pytest.FixtureRequest, tmp_path: Path) -> Any:
    store = MessageStore(tmp_path / "messages.db" if request.param == "file" else MEMORY)
    yield store
    store.close()


def test_history_pages_backwards(store: MessageStore) -> None:
    fill(store, 30, lambda n: "ab"[n % 2])
    assert seqs(store.history("a", limit=4)) == [23, 25, 27, 29]
    store.flush()
    fill(store, 4)
    assert seqs(store.history("a", limit=6)) == [27, 29, 31, 32, 33, 34]
    assert seqs(store.history("a", before=31, limit=3)) == [25, 27, 29]
    assert seqs(store.history("a", before=2)) == [1]
    assert store.history("c") == []
    assert store.history("a", limit=0) == []


def test_since_reads_saved_and_unsaved(store: MessageStore) -> None:
    fill(store, 10)
    store.flush()
    fill(store, 10, "b")
    assert seqs(store.since(7)) == list(range(8, 21))
    assert seqs(store.since(7, limit=5)) == [8, 9, 10, 11, 12]
    assert seqs(store.since(15)) == [16, 17, 18, 19, 20]
    assert store.since(20) == []
    assert store.since(0, limit=0) == []


def test_last_seq(store: MessageStore) -> None:
    fill(store, 5, lambda n: "ab"[n % 2])
    assert (store.last_seq(), store.last_seq("a"), store.last_seq("b"), store.last_seq("c")) == (5, 5, 4, 0)


def test_everything_survives_a_restart(tmp_path: Path) -> None:
    first = MessageStore(tmp_path / "m.db")
    written = [
        message(1, message=None, id=None, sender=None, origin=None, signature=None, trust=Trust.UNSIGNED, ttl=None),
        message(2, "é", message=[1.5, "x", {"a": None}], relayed_by="ef" * 32, late=True),
        message(3, trust=Trust.OWN, label="agent", peers=4),
    ]
    for item in written:
        first.append(item)
    first.close()
    second = MessageStore(tmp_path / "m.db")
    assert second.since(0) == written
    assert second.next_seq == 4
    assert second.last_seq("é") == 2
    second.close()
    second.close()


def test_the_file_is_private(tmp_path: Path) -> None:
    store = MessageStore(tmp_path / "new" / "m.db")
    fill(store, 1)
    store.flush()
    for path in (tmp_path / "new").iterdir():
        assert stat.S_IMODE(path.stat().st_mode) == 0o600, path
    store.close()


def test_it_is_written_without_being_asked(tmp_path: Path) -> None:
    store = MessageStore(tmp_path / "m.db")
    fill(store, 300)
    deadline = time.monotonic() + 10
    rows = 0
    while rows < 300 and time.monotonic() < deadline:
        time.sleep(0.02)
        reader = sqlite3.connect(tmp_path / "m.db")
        (rows,) = reader.execute("SELECT COUNT(*) FROM messages").fetchone()
        reader.close()
    store.close()
    assert rows == 300


def copy_of_running(store: MessageStore, path: Path, target: Path) -> Path:
    """The files as a killed process would leave them."""
    store.flush()
    target.mkdir()
    for suffix in ("", "-wal", "-shm"):
        shutil.copy(path.with_name(path.name + suffix), target / f"m.db{suffix}")
    return target / "m.db"


def test_numbers_are_never_given_twice_after_a_crash(tmp_path: Path) -> None:
    store = MessageStore(tmp_path / "m.db")
    fill(store, 20)
    crashed = MessageStore(copy_of_running(store, tmp_path / "m.db", tmp_path / "crash"))
    fill(store, 5)
    assert crashed.next_seq > store.next_seq
    assert len(crashed.since(0)) == 20
    store.close()
    crashed.close()


@pytest.mark.parametrize("cut", range(0, 40, 3))
def test_a_cut_write_ahead_log_opens(tmp_path: Path, cut: int) -> None:
    store = MessageStore(tmp_path / "m.db")
    for _ in range(6):
        fill(store, 20)
        store.flush()
    path = copy_of_running(store, tmp_path / "m.db", tmp_path / "crash")
    store.close()
    wal = path.with_name("m.db-wal")
    size = wal.stat().st_size
    os.truncate(wal, max(0, size - cut * 512))
    path.with_name("m.db-shm").unlink()
    crashed = MessageStore(path)
    kept = seqs(crashed.since(0))
    assert kept == list(range(1, len(kept) + 1))
    assert len(kept) % 20 == 0
    crashed.close()


_WRITER = """
import sys
from engine.messages import ChannelMessage, Trust
from engine.store.messages import MessageStore

store = MessageStore(sys.argv[1])
while True:
    for _ in range(50):
        seq = store.next_seq
        store.append(ChannelMessage(seq, "a", str(seq), None, None, "x" * (seq % 700), 1, 1, 3, None, None, Trust.OWN))
    store.flush()
    print(store.last_seq(), flush=True)
"""


def test_a_killed_process_loses_nothing_that_was_written(tmp_path: Path) -> None:
    path, written = tmp_path / "m.db", 0
    for kill in range(5):
        writer = subprocess.Popen(
            [sys.executable, "-c", _WRITER, str(path)], stdout=subprocess.PIPE, text=True, cwd=Path(__file__).parents[3]
        )
        assert writer.stdout is not None
        for _ in range(10 + 7 * kill):
            written = int(writer.stdout.readline())
        writer.kill()
        written = int(([str(written), *writer.stdout.read().split()])[-1])
        writer.wait()
        writer.stdout.close()
        store = MessageStore(path)
        kept = store.since(0, limit=100_000)
        assert kept[-1].seq >= written
        assert all(len(str(item.message)) == item.seq % 700 for item in kept)
        assert store.next_seq > kept[-1].seq
        store.close()


def test_a_damaged_file_is_left_alone(tmp_path: Path) -> None:
    path = tmp_path / "m.db"
    path.write_bytes(b"this is no database, but it is long enough to be looked at" * 100)
    before = path.read_bytes()
    with pytest.raises(StoreCorrupt) as caught:
        MessageStore(path)
    assert "move it aside" in caught.value.hint
    assert path.read_bytes() == before
    moved = MessageStore.move_aside(path)
    assert moved.read_bytes() == before
    MessageStore(path).close()


def test_a_directory_that_cannot_be_made(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(StoreUnwritable):
        MessageStore(tmp_path / "file" / "m.db")


def test_the_oldest_go_first(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(store_module, "_PRUNE_EVERY", 10)
    store = MessageStore(tmp_path / "m.db", max_messages=25)
    for _ in range(6):
        fill(store, 10)
        store.flush()
    assert seqs(store.since(0))[0] == 36
    store.close()


def test_the_file_does_not_grow_without_end(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(store_module, "_PRUNE_EVERY", 100)
    store = MessageStore(tmp_path / "m.db", max_bytes=400_000)
    for _ in range(40):
        for _ in range(50):
            store.append(message(store.next_seq, message="x" * 1000))
        store.flush()
    kept = seqs(store.since(0, limit=10_000))
    assert kept[-1] == 2000
    assert len(kept) < 600
    store.close()


def test_memory_is_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    store = MessageStore(MEMORY, max_messages=50)
    fill(store, 80)
    assert seqs(store.since(0)) == list(range(31, 81))


def test_a_full_disk_is_reported_once_and_messages_stay(tmp_path: Path) -> None:
    store = MessageStore(tmp_path / "m.db")
    fill(store, 3)
    store.flush()
    reported: list[StoreError] = []
    store.on_error = reported.append
    file = store._file
    assert file is not None
    (pages,) = file._writer.execute("PRAGMA page_count").fetchone()
    file._writer.execute(f"PRAGMA max_page_count = {pages}")
    for _ in range(3):
        for _ in range(20):
            store.append(message(store.next_seq, message="y" * 4000))
        store.flush()
    assert len(reported) == 1
    assert isinstance(reported[0], StoreUnwritable)
    assert reported[0].hint
    assert len(store.since(0)) == 63
    assert len(store.history("a", limit=100)) == 63
    file._writer.execute("PRAGMA max_page_count = 1000000")
    store.flush()
    assert store.error is None
    store.close()
    again = MessageStore(tmp_path / "m.db")
    assert len(again.since(0)) == 63
    again.close()


def test_messages_left_out_while_nothing_can_be_written_are_counted(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(store_module, "MEMORY_MESSAGES", 10)
    store = MessageStore(tmp_path / "m.db")
    file = store._file
    assert file is not None
    file._writer.execute("PRAGMA max_page_count = 1")
    for _ in range(5):
        store.append(message(store.next_seq, message="y" * 40_000))
    store.flush()
    assert store.error is not None
    fill(store, 20)
    assert store.left_out == 15
    assert seqs(store.since(0)) == list(range(16, 26))
    store.close()
