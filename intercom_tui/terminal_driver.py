"""Going on when the terminal is gone.

Textual writes to the terminal in a thread of its own, over a short queue. When the window is closed that thread dies of
the first write, the queue fills up, and the whole program waits for ever: the peer could not even say goodbye to the
network. So writes to a terminal that is gone count as done.
"""

from __future__ import annotations

import contextlib
import sys
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from textual.driver import Driver


class PatientOutput:
    """A text file whose writes never fail.

    Args:
        file: where to write.
    """

    def __init__(self, file: Any) -> None:
        self._file = file

    def __getattr__(self, name: str) -> Any:
        return getattr(self._file, name)

    def write(self, text: str) -> int:
        """Write, or do nothing when the terminal is gone."""
        with contextlib.suppress(OSError, ValueError):
            self._file.write(text)
        return len(text)

    def flush(self) -> None:
        """Send what was written, or do nothing when the terminal is gone."""
        with contextlib.suppress(OSError, ValueError):
            self._file.flush()


def outliving(driver: type[Driver]) -> type[Driver]:
    """A driver like this one that outlives its terminal; drivers of other systems than POSIX stay as they are."""
    if sys.platform == "win32":
        return driver
    from textual.drivers.linux_driver import LinuxDriver

    if driver is not LinuxDriver:
        return driver

    class OutlivingDriver(LinuxDriver):
        def __init__(self, *args: Any, **options: Any) -> None:
            super().__init__(*args, **options)
            self._file: Any = PatientOutput(self._file)

    return OutlivingDriver
