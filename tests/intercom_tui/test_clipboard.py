from __future__ import annotations

import base64
import stat
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest
from textual.app import App

from intercom_tui import clipboard
from intercom_tui.clipboard import OSC52_LIMIT, Copied, find_tool, osc52


def which_only(*programs: str) -> Any:
    return lambda program: f"/usr/bin/{program}" if program in programs else None


@pytest.mark.parametrize(
    ("environment", "programs", "tool"),
    [
        ({"WAYLAND_DISPLAY": "w"}, ("wl-copy", "xclip"), "wl-copy"),
        ({"DISPLAY": ":0"}, ("wl-copy", "xclip"), "xclip"),
        ({"DISPLAY": ":0"}, ("xsel",), "xsel"),
        ({}, ("pbcopy",), "pbcopy"),
        ({"DISPLAY": ":0", "SSH_TTY": "/dev/pts/1"}, ("xclip",), None),
        ({"DISPLAY": ":0", "SSH_CONNECTION": "1 2 3"}, ("xclip",), None),
        ({}, ("xclip",), None),
    ],
)
def test_the_tool_of_this_machine_is_used_but_never_over_ssh(
    environment: dict[str, str], programs: Sequence[str], tool: str | None
) -> None:
    found = find_tool(environment, which_only(*programs))
    assert (None if found is None else Path(found[0]).name) == tool


def test_the_terminal_gets_base64_and_tmux_passes_it_on() -> None:
    text = "hi \x1b[2J \ud800"
    plain = osc52(text, in_tmux=False)
    assert plain.startswith("\x1b]52;c;")
    assert plain.endswith("\x07")
    assert base64.b64decode(plain[7:-1]) == b"hi \x1b[2J ?"
    wrapped = osc52(text, in_tmux=True)
    assert wrapped.startswith(plain)
    assert "\x1bPtmux;\x1b\x1b]52;c;" in wrapped


class Recorder(App[None]):
    pass


async def test_copying_names_the_way_and_the_size(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    written: list[str] = []
    monkeypatch.setattr(clipboard, "write_to_terminal", lambda app, sequence: written.append(sequence))
    app = Recorder()
    copied = await clipboard.copy(app, "héllo", {"SSH_TTY": "x"})
    assert copied == Copied("terminal", 6)
    assert copied.words("message") == "Copied message: 6 bytes through the terminal (OSC 52)."
    assert len(written) == 1
    large = await clipboard.copy(app, "x" * (OSC52_LIMIT + 1), {"SSH_TTY": "x"})
    assert not large.ok
    assert "Save message to a file" in large.words("message")
    assert len(written) == 1


async def test_a_tool_gets_the_text_and_a_failing_one_falls_back(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    written: list[str] = []
    monkeypatch.setattr(clipboard, "write_to_terminal", lambda app, sequence: written.append(sequence))
    target = tmp_path / "copied"
    tool = tmp_path / "pbcopy"
    tool.write_text(f"#!/bin/sh\ncat > {target}\n", "utf-8")
    tool.chmod(0o755)
    monkeypatch.setattr(clipboard, "find_tool", lambda environment: (str(tool), ()))
    assert await clipboard.copy(Recorder(), "text", {}) == Copied("pbcopy", 4)
    assert target.read_text("utf-8") == "text"
    tool.write_text("#!/bin/sh\nexit 1\n", "utf-8")
    assert (await clipboard.copy(Recorder(), "text", {})).route == "terminal"
    monkeypatch.setattr(clipboard, "find_tool", lambda environment: (str(tmp_path / "gone"), ()))
    assert (await clipboard.copy(Recorder(), "text", {})).route == "terminal"
    assert len(written) == 2


def test_saved_texts_belong_to_their_owner(tmp_path: Path) -> None:
    path = clipboard.save("text \ud800", tmp_path / "new", "invite")
    assert path.read_text("utf-8") == "text ?"
    assert path.name.startswith("invite-")
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
