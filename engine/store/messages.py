"""The message history of a peer: one SQLite file, written behind the traffic.

Theory of operation. :meth:`MessageStore.append` only puts a message into a list; a thread writes the list every
:data:`FLUSH_S` seconds, or sooner when it is long, in one transaction (WAL, so a killed process loses at most that
list and never what was written). Reading looks into the file first and then into the list, so nothing is ever
missing.

Each message has a ``seq`` that only grows, across restarts too, so that a reader can resume after it. The file
remembers up to which number it may have given out; after a crash numbering goes on behind that, never twice.

Bounds: the newest :data:`MAX_MESSAGES` messages and about :data:`MAX_BYTES` of file; the oldest go first. Without a
file (``:memory:``), or while it cannot be written, the newest :data:`MEMORY_MESSAGES` stay in memory; the failure is
reported once and writing is tried again every :data:`RETRY_S` seconds.

A damaged file is never touched: opening it raises :class:`~engine.errors.StoreCorrupt`, and only the user decides
whether it is moved aside.
"""

from __future__ import annotations

import json
import os
import sqlite3
import threading
import time
from collections import deque
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any, Final, TypeAlias

from engine.errors import StoreCorrupt, StoreError, StoreUnwritable
from engine.messages import ChannelMessage, Trust

MEMORY: Final = ":memory:"
FLUSH_S: Final = 0.05
FLUSH_ROWS: Final = 256
RETRY_S: Final = 30.0
MAX_MESSAGES: Final = 200_000
MAX_BYTES: Final = 256 * 1024 * 1024
MEMORY_MESSAGES: Final = 10_000
_SEQ_BLOCK: Final = 10_000
_PRUNE_EVERY: Final = 1_000
"""Rows between two looks at the bounds."""
_PRUNE_TO: Final = 0.9
"""Share of the allowed size that is left after deleting."""

_SCHEMA: Final = """
CREATE TABLE IF NOT EXISTS messages (
    seq INTEGER PRIMARY KEY, channel TEXT NOT NULL, id TEXT, sender TEXT, origin TEXT, message TEXT NOT NULL,
    ts_ms INTEGER NOT NULL, received_ms INTEGER NOT NULL, ttl REAL, relayed_by TEXT, signature TEXT,
    trust TEXT NOT NULL, late INTEGER NOT NULL, label TEXT, peers INTEGER NOT NULL);
CREATE INDEX IF NOT EXISTS by_channel ON messages (channel, seq);
CREATE TABLE IF NOT EXISTS numbering (given_up_to INTEGER NOT NULL);
"""
_COLUMNS: Final = (
    "seq, channel, id, sender, origin, message, ts_ms, received_ms, "
    "ttl, relayed_by, signature, trust, late, label, peers"
)
_INSERT: Final = f"INSERT OR REPLACE INTO messages ({_COLUMNS}) VALUES ({','.join('?' * 15)})"
_MESSAGE: Final = 5
_Row: TypeAlias = tuple[Any, ...]


class MessageStore:
    """Stored messages of all channels.

    Args:
        path: the file, or ``:memory:`` for none.
        max_messages: newest messages kept.
        max_bytes: about how large the file may become.

    Raises:
        StoreUnwritable: the file cannot be made or opened.
        StoreCorrupt: it is not a message history, or damaged.
    """

    def __init__(self, path: str | Path, *, max_messages: int = MAX_MESSAGES, max_bytes: int = MAX_BYTES) -> None:
        self.on_error: Callable[[StoreError], None] = lambda error: None
        """Called once, from the writing thread, when the file cannot be written any more."""
        self.error: StoreError | None = None
        """Why messages stay in memory; None while all is well."""
        self.left_out = 0
        """Messages that fell out of memory before they could be written."""
        self._file = None if str(path) == MEMORY else _File(Path(path), max_messages, max_bytes)
        self._memory_limit = MEMORY_MESSAGES if self._file is not None else min(max_messages, MEMORY_MESSAGES)
        self._unsaved: deque[ChannelMessage] = deque()
        self._wake = threading.Condition()
        self._closed = False
        self._last: dict[str, int] = {}
        self._next = 1
        self._thread: threading.Thread | None = None
        if self._file is not None:
            self._last, self._next = self._file.last_by_channel(), self._file.next_seq
            self._thread = threading.Thread(target=self._write_behind, name="message-store", daemon=True)
            self._thread.start()

    @property
    def next_seq(self) -> int:
        """Number of the next message."""
        return self._next

    def append(self, message: ChannelMessage) -> None:
        """Store a message whose ``seq`` is :attr:`next_seq`; it is on disk a moment later."""
        assert message.seq == self._next, "messages are numbered by next_seq"
        self._next += 1
        self._last[message.channel] = message.seq
        with self._wake:
            self._unsaved.append(message)
            waiting = len(self._unsaved)
            if self._file is None or self.error is not None:
                if waiting > self._memory_limit:
                    self._unsaved.popleft()
                    self.left_out += self._file is not None
            elif waiting == 1 or waiting == FLUSH_ROWS:
                self._wake.notify()

    def last_seq(self, channel: str | None = None) -> int:
        """Number of the newest message of a channel, or of all; 0 if there is none."""
        return self._next - 1 if channel is None else self._last.get(channel, 0)

    def history(self, channel: str, *, before: int | None = None, limit: int = 200) -> list[ChannelMessage]:
        """Messages of a channel with ``seq`` below *before*, the newest *limit* of them, oldest first."""
        if limit <= 0:
            return []
        end = self._next if before is None else before
        unsaved = self._waiting()
        found = [message for message in unsaved if message.channel == channel and message.seq < end][-limit:]
        if self._file is not None and len(found) < limit:
            first_unsaved = unsaved[0].seq if unsaved else end
            found[:0] = self._file.history(channel, min(end, first_unsaved), limit - len(found))
        return found

    def since(self, seq: int, *, limit: int = 1000) -> list[ChannelMessage]:
        """Messages of all channels with a greater ``seq``, at most *limit*, oldest first."""
        if limit <= 0:
            return []
        unsaved = self._waiting()
        first_unsaved = unsaved[0].seq if unsaved else self._next
        found = self._file.since(seq, first_unsaved, limit) if self._file is not None and seq < first_unsaved else []
        if len(found) < limit:
            found.extend([message for message in unsaved if message.seq > seq][: limit - len(found)])
        return found

    def flush(self) -> None:
        """Write everything now."""
        if self._file is not None:
            self._write(self._waiting())

    def close(self) -> None:
        """Write what waits and close the file. Closing twice is fine."""
        with self._wake:
            if self._closed:
                return
            self._closed = True
            self._wake.notify()
        if self._thread is not None:
            self._thread.join()
        if self._file is not None:
            self._write(self._waiting())
            self._file.close(self._next - 1)

    def _write_behind(self) -> None:
        while not self._closed:
            with self._wake:
                if not self._unsaved and not self._closed:
                    self._wake.wait()
                self._wake.wait_for(self._urgent, RETRY_S if self.error is not None else FLUSH_S)
            self._write(self._waiting())

    def _urgent(self) -> bool:
        return self._closed or (self.error is None and len(self._unsaved) >= FLUSH_ROWS)

    def _write(self, messages: tuple[ChannelMessage, ...]) -> None:
        assert self._file is not None
        if not messages:
            return
        try:
            self._file.write(messages)
        except sqlite3.Error as error:
            failure = _store_error(error, self._file.path)
            first, self.error = self.error is None, failure
            if first:
                self.on_error(failure)
            return
        with self._wake:
            self.error = None
            while self._unsaved and self._unsaved[0].seq <= messages[-1].seq:
                self._unsaved.popleft()

    def _waiting(self) -> tuple[ChannelMessage, ...]:
        with self._wake:
            return tuple(self._unsaved)

    @staticmethod
    def move_aside(path: Path) -> Path:
        """Rename a damaged history, so that a new one can be started; returns where it is now."""
        target = path.with_name(f"{path.name}.damaged-{time.time_ns()}")
        for suffix in ("-wal", "-shm"):
            companion = path.with_name(path.name + suffix)
            if companion.exists():
                companion.rename(target.with_name(target.name + suffix))
        path.rename(target)
        return target


class _File:
    """The SQLite file; every method may be called from any thread."""

    def __init__(self, path: Path, max_messages: int, max_bytes: int) -> None:
        self.path = path
        self._max_messages = max_messages
        self._max_bytes = max_bytes
        self._lock = threading.Lock()
        self._until_prune = _PRUNE_EVERY
        self._unchecked_bytes = 0
        try:
            path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
            os.close(os.open(path, os.O_CREAT | os.O_RDWR, 0o600))
        except OSError as error:
            raise StoreUnwritable(f"The message history {path} cannot be opened: {error.strerror}.") from error
        self._writer = self._reader = sqlite3.connect(path, check_same_thread=False, isolation_level=None)
        try:
            self._writer.execute("PRAGMA journal_mode=WAL")
            self._writer.execute("PRAGMA synchronous=NORMAL")
            self._writer.executescript(_SCHEMA)
            self._reader = sqlite3.connect(path, check_same_thread=False, isolation_level=None)
            self.next_seq, self._given = self._read_numbering()
        except sqlite3.Error as error:
            self._disconnect()
            raise _store_error(error, path) from error

    def _read_numbering(self) -> tuple[int, int]:
        (highest,) = self._writer.execute("SELECT COALESCE(MAX(seq), 0) FROM messages").fetchone()
        row = self._writer.execute("SELECT given_up_to FROM numbering").fetchone()
        if row is None:
            self._writer.execute("INSERT INTO numbering VALUES (0)")
        next_seq = max(highest, row[0] if row else 0) + 1
        given = next_seq - 1 + _SEQ_BLOCK
        self._writer.execute("UPDATE numbering SET given_up_to = ?", (given,))
        return next_seq, given

    def last_by_channel(self) -> dict[str, int]:
        """Number of the newest message of each channel."""
        return dict(self._select("SELECT channel, MAX(seq) FROM messages GROUP BY channel"))

    def history(self, channel: str, before: int, limit: int) -> list[ChannelMessage]:
        """Rows of one channel below a number, the newest ones, oldest first."""
        rows = self._select(
            f"SELECT {_COLUMNS} FROM messages WHERE channel = ? AND seq < ? ORDER BY seq DESC LIMIT ?",
            (_text(channel), before, limit),
        )
        return [_message(row) for row in reversed(rows)]

    def since(self, seq: int, before: int, limit: int) -> list[ChannelMessage]:
        """Rows of all channels between two numbers, oldest first."""
        rows = self._select(
            f"SELECT {_COLUMNS} FROM messages WHERE seq > ? AND seq < ? ORDER BY seq LIMIT ?", (seq, before, limit)
        )
        return [_message(row) for row in rows]

    def write(self, messages: Iterable[ChannelMessage]) -> None:
        """Add messages in one transaction and delete the oldest ones above the bounds."""
        rows = [_row(message) for message in messages]
        last = rows[-1][0]
        with self._lock:
            self._writer.execute("BEGIN IMMEDIATE")
            try:
                self._writer.executemany(_INSERT, rows)
                if last > self._given - _SEQ_BLOCK // 2:
                    self._given = last + _SEQ_BLOCK
                    self._writer.execute("UPDATE numbering SET given_up_to = ?", (self._given,))
                self._until_prune -= len(rows)
                self._unchecked_bytes += sum(len(str(row[_MESSAGE])) for row in rows)
                if self._until_prune <= 0 or self._unchecked_bytes > self._max_bytes * (1 - _PRUNE_TO) / 2:
                    self._prune()
                    self._until_prune, self._unchecked_bytes = _PRUNE_EVERY, 0
                self._writer.execute("COMMIT")
            except sqlite3.Error:
                if self._writer.in_transaction:
                    self._writer.execute("ROLLBACK")
                raise

    def close(self, last_seq: int) -> None:
        """Note the last number given out and close the file."""
        with self._lock:
            try:
                self._writer.execute("UPDATE numbering SET given_up_to = ?", (last_seq,))
            except sqlite3.Error:
                pass  # the next start then skips some numbers
            finally:
                self._disconnect()

    def _prune(self) -> None:
        execute = self._writer.execute
        (count,) = execute("SELECT COUNT(*) FROM messages").fetchone()
        surplus = count - self._max_messages
        (page_bytes,) = execute("PRAGMA page_size").fetchone()
        (pages,) = execute("PRAGMA page_count").fetchone()
        (free,) = execute("PRAGMA freelist_count").fetchone()
        used = (pages - free) * page_bytes
        if used > self._max_bytes:
            surplus = max(surplus, int(count * (1 - _PRUNE_TO * self._max_bytes / used)) + 1)
        if surplus > 0:
            execute("DELETE FROM messages WHERE seq IN (SELECT seq FROM messages ORDER BY seq LIMIT ?)", (surplus,))

    def _select(self, query: str, values: tuple[object, ...] = ()) -> list[_Row]:
        try:
            return self._reader.execute(query, values).fetchall()
        except sqlite3.Error as error:
            raise _store_error(error, self.path) from error

    def _disconnect(self) -> None:
        if self._reader is not self._writer:
            self._reader.close()
        self._writer.close()


def _store_error(error: sqlite3.Error, path: Path) -> StoreError:
    code = getattr(error, "sqlite_errorcode", None)
    primary = code & 0xFF if code is not None else None
    if primary in (sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB):
        return StoreCorrupt(
            f"The message history {path} is damaged ({error}).",
            hint="Restore it from a backup, or move it aside to start a new history; nothing else depends on it.",
        )
    return StoreUnwritable(f"The message history {path} cannot be written ({error}).")


def _text(value: str) -> str:
    """Text SQLite can store: lone surrogates become U+FFFD."""
    return value.encode("utf-8", "surrogatepass").decode("utf-8", "replace")


def _optional(value: str | None) -> str | None:
    return None if value is None else _text(value)


def _row(message: ChannelMessage) -> _Row:
    return (
        message.seq,
        _text(message.channel),
        _optional(message.id),
        _optional(message.sender),
        _optional(message.origin),
        json.dumps(message.message),
        message.ts_ms,
        message.received_ms,
        message.ttl,
        _optional(message.relayed_by),
        _optional(message.signature),
        message.trust.value,
        message.late,
        _optional(message.label),
        message.peers,
    )


def _message(row: _Row) -> ChannelMessage:
    values = list(row)
    values[_MESSAGE] = json.loads(values[_MESSAGE])
    values[11] = Trust(values[11])
    values[12] = bool(values[12])
    return ChannelMessage(*values)
