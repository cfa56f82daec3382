"""How long a key takes to reach the screen while a busy channel scrolls by.

The app runs in a pseudo-terminal of 120x36, showing a channel of 100,000 stored messages in which 200 more arrive each
second. Measured are: process start to first frame, key to paint (a typed letter until the composer's new text comes out
of the terminal), a resize until it is drawn, resident memory, and how many arrivals were shown.

    python -m bench.ui_latency [--messages N] [--rate N] [--keys N]
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import fcntl
import json
import os
import pty
import select
import signal
import statistics
import struct
import sys
import termios
import time
from collections.abc import Sequence
from pathlib import Path

LETTERS = "abcdefghijklmnopqrstuvwxyz"
SILENCE_S = 5.0


def child(messages: int, rate: int) -> None:
    """Run the app on a made-up channel; started by :func:`main` in a pseudo-terminal."""
    from engine.messages import ChannelMessage, Trust
    from intercom_tui.app import IntercomApp
    from intercom_tui.demo import DemoEngine
    from intercom_tui.demo import script as story
    from intercom_tui.demo.sidechannel import DemoSidechannel

    class Library(DemoSidechannel):
        """Makes stored messages when they are asked for, so that they take no memory here."""

        newest = messages

        def history(self, channel: str, *, before: int | None = None, limit: int = 200) -> Sequence[ChannelMessage]:
            end = self.newest + 1 if before is None else min(before, self.newest + 1)
            return [self.message(seq) for seq in range(max(end - limit, 1), end)]

        def message(self, seq: int) -> ChannelMessage:
            sender = (story.KESTREL, story.MIRA, story.OTTER, story.ATLAS)[seq // 3 % 4]
            text = f"message {seq} " + "with some words to wrap " * (seq % 5)
            at = 1_762_949_220_000 + seq * 1000
            return ChannelMessage(
                seq, story.ROOMS[0].name, str(seq), sender, sender, text, at, at, 3, None, "ab", Trust.VERIFIED
            )

    class Engine(DemoEngine):
        """Delivers at a steady rate."""

        async def arrive(self) -> None:
            """Publish messages until cancelled."""
            from engine.events import MessageReceived

            library = self.sidechannel
            assert isinstance(library, Library)
            started, sent = time.monotonic(), 0
            while True:
                due = int((time.monotonic() - started) * rate)
                for _ in range(due - sent):
                    library.newest += 1
                    self.publish(MessageReceived(library.message(library.newest)))
                if due > sent and due // rate > sent // rate:
                    self.touch()
                sent = due
                await asyncio.sleep(0.005)

    async def run() -> None:
        engine = Engine(online=True, empty=True)
        library = Library(engine)
        library.add_room(story.ROOMS[0])
        engine._sidechannel = library
        app = IntercomApp(engine)
        arriving = asyncio.ensure_future(engine.arrive())  # noqa: TID251
        try:
            await app.run_async()
        finally:
            arriving.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await arriving

    asyncio.run(run())


class Terminal:
    """The far end of a pseudo-terminal."""

    def __init__(self, command: Sequence[str]) -> None:
        self.started = time.perf_counter()
        self.pid, self.fd = pty.fork()
        if self.pid == 0:
            os.environ.update(TERM="xterm-256color", COLORTERM="truecolor")
            os.execv(command[0], list(command))
        self.resize(120, 36)
        self.seen = b""

    def resize(self, columns: int, rows: int) -> None:
        """Change the size, as a window does."""
        fcntl.ioctl(self.fd, termios.TIOCSWINSZ, struct.pack("HHHH", rows, columns, 0, 0))
        with contextlib.suppress(ProcessLookupError):
            os.kill(self.pid, signal.SIGWINCH)

    def wait_for(self, text: bytes, timeout_s: float = SILENCE_S) -> float:
        """Seconds of the performance counter when a text came out.

        Raises:
            TimeoutError: it did not come.
        """
        deadline = time.perf_counter() + timeout_s
        while time.perf_counter() < deadline:
            ready, _, _ = select.select([self.fd], [], [], 0.05)
            if ready:
                self.seen = (self.seen + os.read(self.fd, 262_144))[-400_000:]
                if text in self.seen:
                    return time.perf_counter()
        raise TimeoutError(f"{text!r} did not appear")

    def drain(self, seconds: float) -> None:
        """Read and forget for a while."""
        with contextlib.suppress(TimeoutError):
            self.wait_for(b"\x00never\x00", seconds)
        self.seen = b""

    def memory_mb(self) -> float:
        """Resident memory of the app."""
        words = Path(f"/proc/{self.pid}/status").read_text().split("VmRSS:")[1].split()
        return int(words[0]) / 1024

    def close(self) -> None:
        """End the app."""
        with contextlib.suppress(ProcessLookupError):
            os.kill(self.pid, signal.SIGKILL)
        os.waitpid(self.pid, 0)
        os.close(self.fd)


def measure(messages: int, rate: int, keys: int) -> dict[str, object]:
    """Run the app and press keys."""
    here = [sys.executable, "-m", "bench.ui_latency", "--child"]
    terminal = Terminal([*here, "--messages", str(messages), "--rate", str(rate)])
    try:
        first_frame = terminal.wait_for(b"Channels", 20) - terminal.started
        terminal.drain(2.0)
        latencies = []
        text = ""
        for number in range(keys):
            if len(text) >= 40:
                os.write(terminal.fd, b"\x7f" * len(text))
                text = ""
                terminal.drain(0.3)
            text += LETTERS[number % 26]
            terminal.seen = b""
            pressed = time.perf_counter()
            os.write(terminal.fd, text[-1].encode())
            latencies.append((terminal.wait_for(text.encode()) - pressed) * 1000)
            terminal.drain(0.03 + number % 7 / 200)
        memory = terminal.memory_mb()
        resizes = []
        for columns in (80, 120, 100, 120):
            terminal.seen = b""
            terminal.resize(columns, 30 if columns != 120 else 36)
            asked = time.perf_counter()
            resizes.append((terminal.wait_for(b"INTERCOM") - asked) * 1000)
            terminal.drain(0.3)
    finally:
        terminal.close()
    latencies.sort()
    return {
        "messages": messages,
        "rate_per_s": rate,
        "keys": keys,
        "first_frame_ms": round(first_frame * 1000),
        "key_to_paint_p50_ms": round(statistics.median(latencies), 1),
        "key_to_paint_p95_ms": round(latencies[int(len(latencies) * 0.95) - 1], 1),
        "key_to_paint_max_ms": round(latencies[-1], 1),
        "resize_max_ms": round(max(resizes)),
        "rss_mb": round(memory, 1),
    }


def main() -> None:
    """Print one JSON object."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--messages", type=int, default=100_000)
    parser.add_argument("--rate", type=int, default=200, help="messages that arrive each second")
    parser.add_argument("--keys", type=int, default=200)
    parser.add_argument("--child", action="store_true", help=argparse.SUPPRESS)
    given = parser.parse_args()
    if given.child:
        child(given.messages, given.rate)
    else:
        print(json.dumps(measure(given.messages, given.rate, given.keys), indent=1))


if __name__ == "__main__":
    main()
