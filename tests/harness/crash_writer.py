"""A program that is killed in the middle of writing, again and again; run as a script by the crash test.

For each round a child process appends to the message history and replaces a small file, reports on a pipe what is
certainly written, and is killed at a random moment. The parent then opens everything and checks it. One line of JSON
for each round goes to standard output.
"""

from __future__ import annotations

import json
import os
import signal
import sys
import time
from pathlib import Path
from random import Random

from engine.messages import ChannelMessage, Trust
from engine.store.atomic import write_atomic
from engine.store.messages import MessageStore


def text_of(seq: int) -> str:
    """The message that has a number."""
    return f"{seq}:" + "x" * (seq * 37 % 700)


def write_until_killed(directory: Path, report: int) -> None:
    """The child."""
    store = MessageStore(directory / "messages.sqlite3")
    while True:
        for _ in range(20):
            seq = store.next_seq
            store.append(ChannelMessage(seq, "a", str(seq), None, None, text_of(seq), 1, 1, 3, None, None, Trust.OWN))
        store.flush()
        written = store.last_seq()
        write_atomic(directory / "small.json", json.dumps({"seq": written, "pad": "y" * 20_000}).encode())
        os.write(report, b"%d\n" % written)


def kill_once(directory: Path, random: Random) -> int:
    """Start a child, kill it, and return the number it had certainly written."""
    read, write = os.pipe()
    child = os.fork()
    if not child:
        os.close(read)
        write_until_killed(directory, write)
    os.close(write)
    with open(read) as reports:
        first = int(reports.readline())
        time.sleep(random.random() * 0.02)
        os.kill(child, signal.SIGKILL)
        os.waitpid(child, 0)
        return max([first, *map(int, reports.read().split())])


def check(directory: Path, written: int) -> int:
    """What the next start finds; returns the number of messages."""
    store = MessageStore(directory / "messages.sqlite3")
    kept = store.since(0, limit=1_000_000)
    assert kept[-1].seq >= written, "an acknowledged write is lost"
    assert all(message.message == text_of(message.seq) for message in kept)
    assert store.next_seq > kept[-1].seq, "a number would be given twice"
    store.close()
    small = json.loads((directory / "small.json").read_text())
    assert small["seq"] >= written
    assert len(small["pad"]) == 20_000
    return len(kept)


def main(directory: Path, rounds: int, seed: int) -> None:
    """All rounds."""
    random = Random(seed)
    for _ in range(rounds):
        written = kill_once(directory, random)
        print(json.dumps({"written": written, "kept": check(directory, written)}), flush=True)


if __name__ == "__main__":
    main(Path(sys.argv[1]), int(sys.argv[2]), int(sys.argv[3]))
