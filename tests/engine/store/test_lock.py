from __future__ import annotations

import os
from pathlib import Path

import pytest

from engine.errors import StoreLocked, StoreUnwritable
from engine.store.lock import StoreLock


def test_a_second_owner_is_refused_and_told_who_the_first_is(tmp_path: Path) -> None:
    with StoreLock(tmp_path / "store" / "lock"), pytest.raises(StoreLocked, match=str(os.getpid())):
        StoreLock(tmp_path / "store" / "lock")


def test_a_released_lock_can_be_taken_again(tmp_path: Path) -> None:
    StoreLock(tmp_path / "lock").release()
    with StoreLock(tmp_path / "lock"):
        assert (tmp_path / "lock").read_text().strip() == str(os.getpid())


def test_a_directory_that_cannot_be_made_is_named(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(StoreUnwritable, match="file"):
        StoreLock(tmp_path / "file" / "store" / "lock")
