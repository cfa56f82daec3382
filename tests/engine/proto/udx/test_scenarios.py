"""Repeats the recorded conversations between two udx-native streams.

Source: ``tests/vectors/udx/streams.json``, made by running udx-native 1.21.3 through a tap. The packets of each
direction must be the same bytes in the same order; times are virtual.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from engine.proto.udx.events import Closed, CloseReason, MessageReceived, RemoteEnded
from engine.proto.udx.packet import DATA, decode_packet
from engine.proto.udx.scoreboard import Route
from engine.proto.udx.stream import UdxStream
from tests.harness.pair import End, Link, Pair

_VECTORS: dict[str, Any] = json.loads((Path(__file__).parents[3] / "vectors/udx/streams.json").read_text())
_SCENARIOS: dict[str, dict[str, Any]] = {scenario["name"]: scenario for scenario in _VECTORS["scenarios"]}

Script = Callable[[Pair], None]


def _writes(pair: Pair, texts: list[bytes], pause_s: float) -> None:
    for text in texts:
        pair.a.stream.write(text)
        pair.run(pause_s)


def _answer_end(pair: Pair) -> None:
    """B ends as soon as it sees the end of A."""
    pair.run(60.0, until=lambda: pair.b.ended or pair.a.closed is not None)
    pair.b.stream.end()


def _three_writes(pair: Pair) -> None:
    _writes(pair, [b"one", b"two", b"three"], 0.03)
    pair.a.stream.end()
    _answer_end(pair)
    pair.run(0.12)


def _coalesced(pair: Pair) -> None:
    for text in (b"one", b"two", b"three"):
        pair.a.stream.write(text)
    pair.a.stream.end()
    _answer_end(pair)
    pair.run(0.08)


def _one_lost(pair: Pair) -> None:
    _writes(pair, [b"w%d" % index for index in range(6)], 0.006)
    pair.run(0.06)
    pair.a.stream.end()
    _answer_end(pair)
    pair.run(0.12)


def _two_holes(pair: Pair) -> None:
    _writes(pair, [b"w%d" % index for index in range(8)], 0.004)
    pair.run(0.25)
    _destroy_both(pair)


def _tail_loss(pair: Pair) -> None:
    _writes(pair, [b"w0", b"w1"], 0.06)
    _writes(pair, [b"w2"], 0.4)
    _destroy_both(pair)


def _half_close(pair: Pair) -> None:
    pair.a.stream.write(b"req")
    pair.a.stream.end()
    pair.run(0.04)
    for text in (b"reply-1", b"reply-2"):
        pair.b.stream.write(text)
        pair.run(0.04)
    pair.b.stream.end()
    pair.run(0.08)


def _destroy(pair: Pair) -> None:
    _writes(pair, [b"x"], 0.04)
    pair.a.stream.destroy()
    pair.run(0.06)


def _messages(pair: Pair) -> None:
    pair.a.stream.send_message(b"m1")
    pair.run(0.02)
    _writes(pair, [b"d"], 0.03)
    pair.b.stream.send_message(b"m2")
    pair.run(0.02)
    pair.a.stream.send_message(b"m3")
    pair.run(0.03)
    _destroy_both(pair)


def _keepalive(pair: Pair) -> None:
    _writes(pair, [b"x"], 0.03)
    pair.a.stream.set_keepalive(0.1)
    pair.run(0.36)
    pair.a.stream.set_keepalive(None)
    _destroy_both(pair)


def _rto_timeout(pair: Pair) -> None:
    pair.a.stream.write(b"lost")
    pair.run(20.0)
    _destroy_both(pair)


def _final_ack_lost(pair: Pair) -> None:
    pair.a.stream.write(b"x")
    pair.a.stream.end()
    _answer_end(pair)
    pair.run(20.0)


def _destroy_both(pair: Pair) -> None:
    pair.a.stream.destroy()
    pair.b.stream.destroy()
    pair.run(0.05)


def _first_copies(*numbers: int) -> Callable[[str, bytes], bool]:
    """Drops the first transmission of each number from a to b."""
    left = set(numbers)

    def drop(direction: str, data: bytes) -> bool:
        packet = decode_packet(data)
        if direction == "a>b" and packet.flags & DATA and packet.seq in left:
            left.remove(packet.seq)
            return True
        return False

    return drop


def _final_ack(direction: str, data: bytes) -> bool:
    packet = decode_packet(data)
    return direction == "a>b" and packet.flags == 0 and packet.ack == 1


_SCRIPTS: dict[str, tuple[Script, Link]] = {
    "open-3-writes-end": (_three_writes, Link(0.005)),
    "coalesced-writes-with-end": (_coalesced, Link(0.002)),
    "one-lost-packet-sack": (_one_lost, Link(0.01, drop=_first_copies(1))),
    "two-holes-sack-ranges": (_two_holes, Link(0.04, drop=_first_copies(1, 4))),
    "tail-loss-probe": (_tail_loss, Link(0.01, drop=_first_copies(2))),
    "half-close": (_half_close, Link(0.005)),
    "destroy": (_destroy, Link(0.005)),
    "messages": (_messages, Link(0.005)),
    "keepalive": (_keepalive, Link(0.002)),
    "rto-timeout": (_rto_timeout, Link(0.0, drop=lambda direction, data: True)),
    "final-ack-lost": (_final_ack_lost, Link(0.005, drop=_final_ack)),
}


def _recorded(name: str, direction: str) -> list[str]:
    return [packet["hex"] for packet in _SCENARIOS[name]["packets"] if packet["dir"] == direction]


def _events_of(end: End) -> list[Any]:
    """What the application saw besides bytes, in the words of the recording."""
    words: list[Any] = []
    for event in end.events:
        if isinstance(event, MessageReceived):
            words.append(("message", event.data.hex()))
        elif isinstance(event, RemoteEnded):
            words.append("end")
        elif isinstance(event, Closed):
            if event.reason is CloseReason.RESET:
                words.append(("error", "ECONNRESET"))
            elif event.reason is CloseReason.TIMED_OUT:
                words.append(("error", "ETIMEDOUT"))
            words.append("close")
    return words


def _recorded_events(name: str, who: str) -> tuple[str, list[Any]]:
    data = ""
    words: list[Any] = []
    for event in _SCENARIOS[name]["events"]:
        if event["who"] != who:
            continue
        if event["what"] == "data":
            data += event["hex"]
        elif event["what"] == "message":
            words.append(("message", event["hex"]))
        elif event["what"] == "error":
            words.append(("error", event["code"]))
        else:
            words.append(event["what"])
    return data, words


@pytest.mark.parametrize("name", _SCRIPTS)
def test_same_packets_as_the_reference(name: str) -> None:
    script, link = _SCRIPTS[name]
    pair = Pair(link, linger=False, bursts=False).connect()
    script(pair)
    for direction, recorded in (("a>b", "A>B"), ("b>a", "B>A")):
        assert [data.hex() for data in pair.packets(direction)] == _recorded(name, recorded)
    for end, who in ((pair.a, "A"), (pair.b, "B")):
        data, words = _recorded_events(name, who)
        assert end.received.hex() == data
        if name == "final-ack-lost" and who == "B":
            words.remove(("error", "ETIMEDOUT"))  # everything arrived: we call it a clean close (01-udx section 5)
        assert _events_of(end) == words


@pytest.mark.parametrize(
    ("name", "first", "texts", "pause_s"),
    [
        ("initial-seq", 7, [b"seven", b"eight"], 0.04),
        ("sequence-wrap", 0xFFFF_FFFE, [b"w0", b"w1", b"w2", b"w3"], 0.02),
    ],
)
def test_other_first_numbers(name: str, first: int, texts: list[bytes], pause_s: float) -> None:
    pair = Pair(Link(0.002))
    pair.a.stream = UdxStream(5005, initial_seq=first)
    pair.b.stream = UdxStream(6006)
    pair.a.stream.connect(Route(6006))
    pair.b.stream.connect(Route(5005), initial_ack=first)
    _writes(pair, texts, pause_s)
    pair.a.stream.destroy()
    pair.run(0.02)
    unused = ("e9030000", "d2070000")  # the recording ends with the DESTROYs of two streams that were never used
    for direction, recorded in (("a>b", "A>B"), ("b>a", "B>A")):
        expected = [data for data in _recorded(name, recorded) if data[8:16] not in unused]
        assert [data.hex() for data in pair.packets(direction)] == expected
    assert pair.b.received == b"".join(texts)


def test_data_before_connect() -> None:
    pair = Pair(Link(0.002))
    pair.b.stream = UdxStream(7007)
    pair.a.stream.connect(Route(7007))
    pair.a.stream.write(b"early")
    pair.run(0.06)
    assert pair.b.received == b"early"
    assert pair.packets("b>a") == []
    pair.b.stream.connect(Route(1001))
    pair.run(0.06)
    pair.b.stream.destroy()
    pair.run(0.02)
    recorded = [data for data in _recorded("data-before-connect", "B>A") if data[8:16] == "e9030000"]
    assert [data.hex() for data in pair.packets("b>a")] == recorded[: len(pair.packets("b>a"))]
    assert len(pair.packets("b>a")) == 2
    assert pair.packets("a>b")[0].hex() == _recorded("data-before-connect", "A>B")[0]


def _probes(sizes: list[tuple[int, int]]) -> list[int]:
    """IP sizes of the padded packets, in order."""
    return [size + 28 for size, offset in sizes if offset]


@pytest.mark.parametrize(("name", "block", "limit"), [("mtu-probing", 5000, 1472), ("mtu-probe-lost", 4000, 1300)])
def test_mtu_ladder(name: str, block: int, limit: int) -> None:
    pair = Pair(Link(0.01, drop=lambda direction, data: direction == "a>b" and len(data) > limit)).connect()
    for index in range(30):
        pair.a.stream.write(bytes([index]) * block)
        pair.run(0.015)
    pair.run(0.3)
    assert pair.a.stream.mtu == _SCENARIOS[name]["final_mtu_a"]
    assert pair.b.received == b"".join(bytes([index]) * block for index in range(30))
    recorded = [
        (packet["size"], packet["decoded"]["data_offset"])
        for packet in _SCENARIOS[name]["packets"]
        if packet["dir"] == "A>B"
    ]
    ours = [(len(data), decode_packet(data).data_offset) for data in pair.packets("a>b")]
    assert _probes(ours) == _probes(recorded)


def test_every_scenario_is_used() -> None:
    used = {*_SCRIPTS, "initial-seq", "sequence-wrap", "data-before-connect", "mtu-probing", "mtu-probe-lost"}
    assert used == set(_SCENARIOS)
