"""The event loop of every command."""

from __future__ import annotations

import asyncio
import os
import sys
from typing import Any


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
