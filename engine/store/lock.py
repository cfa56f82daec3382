"""One process per store."""

from __future__ import annotations

import contextlib
import os
from pathlib import Path
from types import TracebackType

from engine.errors import StoreLocked, StoreUnwritable

try:
    import fcntl
except ImportError:  # Windows
    fcntl = None  # type: ignore[assignment]


class StoreLock:
    """An advisory lock on a file that names its owner.

    Raises:
        StoreLocked: another process holds it; the text names that process.
        StoreUnwritable: the directory or the file cannot be made.
    """

    def __init__(self, path: Path) -> None:
        try:
            path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
            self._descriptor = os.open(path, os.O_RDWR | os.O_CREAT, 0o600)
        except OSError as error:
            raise StoreUnwritable(f"The store {path.parent} cannot be used: {error.strerror}.") from error
        if fcntl is not None:
            try:
                fcntl.flock(self._descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except OSError as error:
                owner = os.pread(self._descriptor, 32, 0).decode(errors="replace").strip()
                os.close(self._descriptor)
                who = f"process {owner}" if owner else "another process"
                raise StoreLocked(f"The store {path.parent} is in use by {who}.") from error
        with contextlib.suppress(OSError):  # a full disk still lets us hold the lock, only without the name
            os.ftruncate(self._descriptor, 0)
            os.pwrite(self._descriptor, f"{os.getpid()}\n".encode(), 0)

    def release(self) -> None:
        """Give the lock back."""
        if self._descriptor >= 0:
            os.close(self._descriptor)
            self._descriptor = -1

    def __enter__(self) -> StoreLock:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.release()
