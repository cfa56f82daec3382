"""The event loop of every command."""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
import sys
from typing import Any

_ENDING = ("SIGTERM", "SIGINT", "SIGHUP")


def run_loop(coroutine: Any) -> Any:
    """Run a coroutine on uvloop where it exists, else on asyncio's own loop."""
    if sys.platform != "win32" and not os.environ.get("INTERCOM_NO_UVLOOP"):
        try:
            import uvloop
        except ImportError:
            pass
        else:
            return uvloop.run(coroutine)
    return asyncio.run(coroutine)


def stop_on_signals(stop: asyncio.Event) -> asyncio.Event:
    """Let the signals that end a program set an event of the running loop instead.

    A hang-up that is ignored, as under ``nohup``, stays ignored.

    Returns:
        An event that is also set when the signal was that of Ctrl+C.
    """
    loop, interrupted = asyncio.get_running_loop(), asyncio.Event()

    def interrupt() -> None:
        interrupted.set()
        stop.set()

    for name in _ENDING:
        number = getattr(signal, name, None)
        if number is not None and signal.getsignal(number) is not signal.SIG_IGN:
            with contextlib.suppress(NotImplementedError):  # Windows
                loop.add_signal_handler(number, interrupt if name == "SIGINT" else stop.set)
    return interrupted
