"""Copying: the system's clipboard tool, then the terminal (OSC 52), then a file.

Over SSH a clipboard tool would fill the clipboard of the wrong machine, so there the terminal is asked. A terminal
never confirms, so the notice names the way that was taken and the size.
"""

from __future__ import annotations

import asyncio
import base64
import os
import shutil
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from textual.app import App

OSC52_LIMIT = 74_000
"""Bytes that terminals accept at least; more is often cut silently."""
TOOL_TIMEOUT_S = 3.0

TOOLS: Sequence[tuple[str, str, Sequence[str]]] = (
    ("WAYLAND_DISPLAY", "wl-copy", ()),
    ("DISPLAY", "xclip", ("-selection", "clipboard", "-in")),
    ("DISPLAY", "xsel", ("--clipboard", "--input")),
    ("", "pbcopy", ()),
    ("", "clip.exe", ()),
)
"""Environment name that must be set, program, arguments."""


@dataclass(frozen=True, slots=True)
class Copied:
    """How a text was copied."""

    route: str
    """The tool, ``terminal`` or empty when it was too large for any way."""
    size: int
    """Bytes."""

    @property
    def ok(self) -> bool:
        """True when it was handed to something."""
        return bool(self.route)

    def words(self, what: str) -> str:
        """One sentence for the notice."""
        if not self.ok:
            return f"{self.size:,} bytes are too many for the terminal's clipboard. Save {what} to a file instead."
        way = "the terminal (OSC 52)" if self.route == "terminal" else self.route
        return f"Copied {what}: {self.size:,} bytes through {way}."


def find_tool(
    environment: Mapping[str, str], which: Callable[[str], str | None] = shutil.which
) -> tuple[str, Sequence[str]] | None:
    """The clipboard tool of this machine; None over SSH and where there is none."""
    if environment.get("SSH_CONNECTION") or environment.get("SSH_TTY"):
        return None
    for variable, program, arguments in TOOLS:
        if (not variable or environment.get(variable)) and (path := which(program)):
            return path, arguments
    return None


def osc52(text: str, in_tmux: bool) -> str:
    """The sequence that asks the terminal to copy, wrapped so that tmux passes it on."""
    payload = base64.b64encode(text.encode("utf-8", "replace")).decode("ascii")
    sequence = f"\x1b]52;c;{payload}\x07"
    if in_tmux:
        escaped = sequence.replace("\x1b", "\x1b\x1b")
        return f"{sequence}\x1bPtmux;{escaped}\x1b\\"
    return sequence


async def copy(app: App[Any], text: str, environment: Mapping[str, str] | None = None) -> Copied:
    """Copy a text by the best way there is."""
    environment = os.environ if environment is None else environment
    data = text.encode("utf-8", "replace")
    tool = find_tool(environment)
    if tool is not None and await _run_tool(tool, data):
        return Copied(Path(tool[0]).name, len(data))
    if len(data) > OSC52_LIMIT:
        return Copied("", len(data))
    write_to_terminal(app, osc52(text, bool(environment.get("TMUX"))))
    return Copied("terminal", len(data))


def write_to_terminal(app: App[Any], sequence: str) -> None:
    """Send a control sequence of ours; remote text only ever goes in as base64."""
    driver = app._driver
    if driver is not None:
        driver.write(sequence)


async def _run_tool(tool: tuple[str, Sequence[str]], data: bytes) -> bool:
    path, arguments = tool
    try:
        process = await asyncio.create_subprocess_exec(
            path,
            *arguments,
            stdin=asyncio.subprocess.PIPE,
            stdout=asyncio.subprocess.DEVNULL,
            stderr=asyncio.subprocess.DEVNULL,
        )
    except OSError:
        return False
    try:
        async with asyncio.timeout(TOOL_TIMEOUT_S):
            await process.communicate(data)
    except (TimeoutError, OSError):
        if process.returncode is None:
            process.kill()
            await process.wait()
        return False
    return process.returncode == 0


def save(text: str, directory: Path, stem: str) -> Path:
    """Write a text to a new file that only its owner may read.

    Raises:
        OSError: the directory cannot be written.
    """
    directory.mkdir(parents=True, exist_ok=True, mode=0o700)
    path = directory / f"{stem}-{time.strftime('%Y%m%d-%H%M%S')}.txt"
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    with os.fdopen(descriptor, "w", encoding="utf-8", errors="replace") as file:
        file.write(text)
    return path
