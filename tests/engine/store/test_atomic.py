"""Atomic private files."""

from __future__ import annotations

import errno
import os
import stat
from pathlib import Path
from typing import Any

import pytest

from engine.errors import StoreError, StoreUnwritable
from engine.store.atomic import make_private_directory, open_to_others, read_limited, write_atomic


def mode(path: Path) -> int:
    return stat.S_IMODE(path.stat().st_mode)


def fail(number: int) -> Any:
    def raise_error(*args: Any, **kwargs: Any) -> Any:
        raise OSError(number, os.strerror(number))

    return raise_error


def test_new_file_and_directories_are_private(tmp_path: Path) -> None:
    path = tmp_path / "a" / "b" / "file"
    write_atomic(path, b"one")
    assert path.read_bytes() == b"one"
    assert mode(path) == 0o600
    assert mode(path.parent) == mode(path.parent.parent) == 0o700
    write_atomic(path, b"two", mode=0o700)
    assert path.read_bytes() == b"two"
    assert mode(path) == 0o700
    assert os.listdir(path.parent) == ["file"]


def test_existing_directories_keep_their_mode(tmp_path: Path) -> None:
    (tmp_path / "shared").mkdir()
    (tmp_path / "shared").chmod(0o755)
    make_private_directory(tmp_path / "shared" / "own")
    assert mode(tmp_path / "shared") == 0o755
    assert mode(tmp_path / "shared" / "own") == 0o700


def test_links_are_followed(tmp_path: Path) -> None:
    target = tmp_path / "target"
    target.write_bytes(b"old")
    link = tmp_path / "link"
    link.symlink_to(target)
    write_atomic(link, b"new")
    assert link.is_symlink()
    assert target.read_bytes() == b"new"


@pytest.mark.parametrize(
    ("number", "facts"),
    [
        (errno.ENOSPC, "the disk is full"),
        (errno.EROFS, "read-only"),
        (errno.EACCES, "permission is denied"),
        (errno.EIO, os.strerror(errno.EIO)),
    ],
)
@pytest.mark.parametrize("step", ["open", "fsync"])
def test_failure_keeps_the_old_content(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, number: int, facts: str, step: str
) -> None:
    path = tmp_path / "file"
    write_atomic(path, b"old")
    with monkeypatch.context() as patch:
        patch.setattr(os, step, fail(number))
        with pytest.raises(StoreUnwritable, match=facts) as caught:
            write_atomic(path, b"new")
    assert str(path) in str(caught.value)
    assert caught.value.hint
    assert path.read_bytes() == b"old"
    assert os.listdir(tmp_path) == ["file"]


def test_failed_rename_removes_the_temporary_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with monkeypatch.context() as patch:
        patch.setattr(Path, "replace", fail(errno.ENOSPC))
        with pytest.raises(StoreUnwritable):
            write_atomic(tmp_path / "file", b"new")
    assert os.listdir(tmp_path) == []


def test_directory_that_cannot_be_made(tmp_path: Path) -> None:
    (tmp_path / "file").write_bytes(b"")
    with pytest.raises(StoreUnwritable, match="not a directory"):
        write_atomic(tmp_path / "file" / "inside", b"")
    with pytest.raises(StoreUnwritable, match="not a directory"):
        make_private_directory(tmp_path / "file")


def test_directory_in_place_of_the_file(tmp_path: Path) -> None:
    (tmp_path / "name").mkdir()
    with pytest.raises(StoreUnwritable, match="it is a directory"):
        write_atomic(tmp_path / "name", b"")
    assert os.listdir(tmp_path) == ["name"]


def test_read_limited(tmp_path: Path) -> None:
    path = tmp_path / "file"
    assert read_limited(path, 10) is None
    path.write_bytes(b"0123456789")
    assert read_limited(path, 10) == b"0123456789"
    with pytest.raises(StoreError, match="larger"):
        read_limited(path, 9)
    with pytest.raises(StoreError, match="it is a directory"):
        read_limited(tmp_path, 10)


def test_open_to_others(tmp_path: Path) -> None:
    path = tmp_path / "file"
    assert not open_to_others(path)
    path.write_bytes(b"")
    path.chmod(0o640)
    assert open_to_others(path)
    path.chmod(0o600)
    assert not open_to_others(path)
