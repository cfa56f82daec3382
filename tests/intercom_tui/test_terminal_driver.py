from __future__ import annotations

import io
import threading

from textual.drivers._writer_thread import MAX_QUEUED_WRITES, WriterThread
from textual.drivers.headless_driver import HeadlessDriver
from textual.drivers.linux_driver import LinuxDriver

from intercom_tui.app_base import AppBase
from intercom_tui.terminal_driver import PatientOutput, outliving


class ClosedWindow(io.StringIO):
    """A terminal that is gone."""

    def write(self, text: str) -> int:
        """Fail as the system does."""
        raise OSError(5, "Input/output error")


def test_a_terminal_that_is_there_gets_everything() -> None:
    terminal = io.StringIO()
    output = PatientOutput(terminal)
    assert output.write("abc") == 3
    output.flush()
    assert terminal.getvalue() == "abc"
    assert output.isatty() is False


def test_the_program_never_waits_for_a_terminal_that_is_gone() -> None:
    writer = WriterThread(PatientOutput(ClosedWindow()))  # type: ignore[arg-type]
    writer.start()

    def fill() -> None:
        for _ in range(3 * MAX_QUEUED_WRITES):
            writer.write("frame")
        writer.stop()

    filling = threading.Thread(target=fill, daemon=True)
    filling.start()
    filling.join(10)
    assert not filling.is_alive()


def test_only_the_driver_of_posix_terminals_is_replaced() -> None:
    assert outliving(HeadlessDriver) is HeadlessDriver
    assert issubclass(outliving(LinuxDriver), LinuxDriver)
    assert issubclass(AppBase().get_driver_class(), LinuxDriver)
