"""Files that are either old or new, never half written, and readable by their owner only."""

from __future__ import annotations

import contextlib
import errno
import os
import secrets
import stat
from pathlib import Path
from typing import Final

from engine.errors import StoreError, StoreUnwritable

FILE_MODE: Final = 0o600
DIRECTORY_MODE: Final = 0o700
_REASONS: Final = {
    errno.ENOSPC: "the disk is full",
    errno.EDQUOT: "the disk quota is used up",
    errno.EROFS: "the file system is read-only",
    errno.EACCES: "permission is denied",
    errno.EPERM: "permission is denied",
    errno.ENOTDIR: "a part of the path is not a directory",
    errno.EISDIR: "it is a directory",
    errno.EMFILE: "too many files are open",
    errno.ENAMETOOLONG: "the name is too long",
}


def reason(error: OSError) -> str:
    """Why a file operation failed, in words that fit after a colon."""
    return _REASONS.get(error.errno or 0) or error.strerror or str(error)


def make_private_directory(path: Path) -> None:
    """Make a directory and its parents; new ones have mode 0700, existing ones stay as they are.

    Raises:
        StoreUnwritable: it cannot be made; the text says why.
    """
    try:
        missing = [directory for directory in (path, *path.parents) if not directory.exists()]
        for directory in reversed(missing):
            directory.mkdir(mode=DIRECTORY_MODE, exist_ok=True)
        if not path.is_dir():
            raise NotADirectoryError(errno.ENOTDIR, "it is not a directory")
    except OSError as error:
        raise StoreUnwritable(f"The directory {path} cannot be made: {reason(error)}.") from error


def write_atomic(path: Path, data: bytes, mode: int = FILE_MODE) -> None:
    """Replace a file as a whole: a crash leaves the old content or the new one.

    A link is followed: the file it points to is replaced. The directory is made if it is missing.

    Raises:
        StoreUnwritable: nothing was changed; the text says why.
    """
    make_private_directory(path.parent)
    target = path
    temporary: Path | None = None
    try:
        target = path.resolve()
        temporary = target.with_name(f".{target.name}.{secrets.token_hex(4)}.tmp")
        _write_new(temporary, data, mode)
        temporary.replace(target)
        _sync_directory(target.parent)
    except OSError as error:
        if temporary is not None:
            with contextlib.suppress(OSError):
                temporary.unlink()
        raise StoreUnwritable(f"{path} cannot be written: {reason(error)}.") from error


def read_limited(path: Path, limit: int) -> bytes | None:
    """The content of a file of at most *limit* bytes, None if there is no such file.

    Raises:
        StoreError: it cannot be read or is larger; the text says why.
    """
    try:
        with path.open("rb") as file:
            data = file.read(limit + 1)
    except FileNotFoundError:
        return None
    except OSError as error:
        raise StoreError(f"{path} cannot be read: {reason(error)}.") from error
    if len(data) > limit:
        raise StoreError(f"{path} is larger than {limit} bytes, which it cannot be.")
    return data


def open_to_others(path: Path) -> bool:
    """Whether anybody but the owner may read or write a file or directory that exists (never on Windows)."""
    try:
        mode = path.stat().st_mode
    except OSError:
        return False
    return os.name == "posix" and bool(mode & (stat.S_IRWXG | stat.S_IRWXO))


def _write_new(path: Path, data: bytes, mode: int) -> None:
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, mode)
    with open(descriptor, "wb") as file:
        file.write(data)
        file.flush()
        os.fsync(descriptor)


def _sync_directory(path: Path) -> None:
    if os.name != "posix":
        return
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
