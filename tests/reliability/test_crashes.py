"""Killed processes and torn logs: the store opens again and has lost nothing that was acknowledged."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from itertools import pairwise
from pathlib import Path

import pytest

from engine.messages import ChannelMessage, Trust
from engine.store.messages import MessageStore
from tests.harness import crash_writer
from tests.harness.published import record_reliability

KILLS = 40
CUTS = 128
CUT_BYTES = 512
ROWS = 20
SEED = 20_261_101
ROOT = Path(__file__).parent.parent.parent


@pytest.mark.timeout(120)
def test_processes_killed_while_writing(tmp_path: Path, request: pytest.FixtureRequest) -> None:
    command = [sys.executable, crash_writer.__file__, str(tmp_path), str(KILLS), str(SEED)]
    result = subprocess.run(
        command, capture_output=True, text=True, check=False, env={**os.environ, "PYTHONPATH": str(ROOT)}
    )
    assert result.returncode == 0, result.stderr
    rounds = [json.loads(line) for line in result.stdout.splitlines()]
    assert len(rounds) == KILLS
    assert all(later["written"] > earlier["kept"] for earlier, later in pairwise(rounds))
    record_reliability(
        request,
        "7. killed processes",
        f"{KILLS} kills while writing: every one opens again, no acknowledged write lost",
    )


def test_write_ahead_logs_cut_everywhere(tmp_path: Path, request: pytest.FixtureRequest) -> None:
    store = MessageStore(tmp_path / "m.db")
    while True:
        for _ in range(ROWS):
            seq = store.next_seq
            store.append(ChannelMessage(seq, "a", str(seq), None, None, "x" * 60, 1, 1, 3, None, None, Trust.OWN))
        store.flush()
        if (tmp_path / "m.db-wal").stat().st_size > CUTS * CUT_BYTES:
            break
    log = (tmp_path / "m.db-wal").read_bytes()
    last = store.last_seq()
    kept_before = last
    for cut in range(CUTS):
        crash = tmp_path / f"crash {cut}"
        crash.mkdir()
        shutil.copy(tmp_path / "m.db", crash / "m.db")
        (crash / "m.db-wal").write_bytes(log[: len(log) - cut * CUT_BYTES])
        crashed = MessageStore(crash / "m.db")
        kept = [message.seq for message in crashed.since(0, limit=last)]
        assert kept == list(range(1, len(kept) + 1)), "whole transactions from the beginning"
        assert len(kept) % ROWS == 0
        assert len(kept) <= kept_before
        assert crashed.next_seq > len(kept)
        kept_before = len(kept)
        crashed.close()
    assert kept_before < last, "the deepest cut went into the messages"
    store.close()
    record_reliability(
        request,
        "7. torn logs",
        f"{CUTS} cuts, one for each {CUT_BYTES} bytes of the last {CUTS * CUT_BYTES // 1024} KiB: all open",
    )
