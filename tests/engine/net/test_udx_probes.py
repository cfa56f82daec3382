"""Replays the recorded reactions of udx-native to hand-made packets.

Source: ``tests/vectors/udx/probes.json``, made by running udx-native 1.21.3. Replies are compared byte by byte.
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import pytest

from engine.net.udx import Udx, UdxConnection
from engine.wire.compact import Address
from tests.harness.virtual_loop import run_virtual

_VECTORS: dict[str, Any] = json.loads((Path(__file__).parents[2] / "vectors/udx/probes.json").read_text())
_SESSIONS: dict[str, dict[str, Any]] = {session["name"]: session for session in _VECTORS["sessions"]}
_US = ("127.0.0.1", 1000)
_OTHER = ("127.0.0.1", 2000)
_DEFAULT_WAIT_S = 0.04
_WAITS_S = {
    "app writes p1": 0.015,
    "app writes p2": 0.015,
    "app writes p3": 0.015,
    "SACK [2,3): seq 1 missing": 0.005,
    "SACK [2,4): a retransmission of seq 1 must follow within about min_rtt/4 of the RACK window": 0.15,
    "app writes p0 (ack field 0)": 0.02,
    "our DATA seq 0 with ack 0": 1.3,
    "window opens (plain ack with rwnd > 0)": 0.1,
}
_ZERO_WINDOW_WAIT_S = 3.5


class RecordingSocket:
    """Remembers what is sent."""

    def __init__(self) -> None:
        self.local_address: Address = ("127.0.0.1", 3000)
        self.sent: list[tuple[Address, bytes]] = []

    def send(self, data: bytes, to: Address) -> None:
        self.sent.append((to, data))

    def send_many(self, packets: Sequence[bytes], to: Address) -> None:
        self.sent += [(to, packet) for packet in packets]

    def send_with_ttl(self, data: bytes, to: Address, ttl: int) -> None:
        self.send(data, to)

    def close(self) -> None:
        pass


class Ids:
    """Gives stream ids out in order."""

    def __init__(self, *ids: int) -> None:
        self._ids = list(ids)

    def __call__(self, size: int) -> bytes:
        return self._ids.pop(0).to_bytes(size, "little")


class Watched:
    """A stream whose events are written down."""

    def __init__(self, connection: UdxConnection, name: str | None = None) -> None:
        self.connection = connection
        self.events: list[dict[str, Any]] = []
        self._extra = {} if name is None else {"stream": name}
        connection.on_data = lambda data: self._add("data", hex=data.hex())
        connection.on_message = lambda data: self._add("message", hex=data.hex())
        connection.on_end = lambda: self._add("end")
        connection.on_close = self._closed

    def _add(self, what: str, **fields: Any) -> None:
        self.events.append({"what": what, **fields, **self._extra})

    def _closed(self, error: Exception | None) -> None:
        if error is not None:
            codes: dict[type[Exception], str] = {ConnectionResetError: "ECONNRESET", TimeoutError: "ETIMEDOUT"}
            self.events.append({"what": "error", **self._extra, "code": codes[type(error)]})
        self._add("close")


def _merged(events: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Events with the bytes of neighbouring data events joined: packet boundaries mean nothing."""
    merged: list[dict[str, Any]] = []
    for event in events:
        if event["what"] == "data" and merged and merged[-1]["what"] == "data":
            merged[-1] = {**event, "hex": merged[-1]["hex"] + event["hex"]}
        elif event != {"what": "data", "hex": ""}:
            merged.append(event)
    return merged


def _wait(step: dict[str, Any]) -> float:
    if "zero-window probes" in step["note"]:
        return _ZERO_WINDOW_WAIT_S
    note = step["note"]
    return _WAITS_S.get(note, _DEFAULT_WAIT_S)


def _application(call: str) -> Callable[[UdxConnection], object]:
    if call == "s.end()":
        return UdxConnection.end
    text = call.removeprefix("s.write('").removesuffix("')").encode()
    return lambda connection: connection.write(text)


def _feed(udx: Udx, socket: RecordingSocket, data: bytes, source: Address, events: list[dict[str, Any]]) -> None:
    rest = udx.receive_burst(socket, [(data, source)])
    events += [{"what": "socket-message", "hex": datagram.hex()} for datagram, _ in rest]


@pytest.mark.parametrize("name", [name for name in _SESSIONS if name != "relay"])
def test_reacts_like_the_reference(name: str) -> None:
    async def replay() -> None:
        udx = Udx(random_bytes=Ids(_VECTORS["local_stream_id"]))
        socket = RecordingSocket()
        watched = Watched(udx.create_stream())
        connection = watched.connection
        connection.connect(socket, _VECTORS["remote_stream_id"], _US)
        for step in _SESSIONS[name]["steps"]:
            socket.sent.clear()
            watched.events.clear()
            if "send" in step:
                source = _OTHER if step["send_from"] == "other" else _US
                _feed(udx, socket, bytes.fromhex(step["send"]), source, watched.events)
            if "app" in step:
                _application(step["app"])(connection)
            await asyncio.sleep(_wait(step))
            replies = [(to, data.hex()) for to, data in socket.sent]
            if step["note"] == "anything after that is for an unknown stream":
                # Our closed streams go on acknowledging for a while (01-udx section 5), the reference's do not.
                assert replies == [(_US, "ff0100000900000000004000010000000e000000")]
                continue
            expected = [(_US if reply["to"] == "us" else _OTHER, reply["hex"]) for reply in step["replies"]]
            assert replies == expected, step["note"]
            assert _merged(watched.events) == _merged(step["events"]), step["note"]
        udx.close()

    run_virtual(replay())


def test_relays_like_the_reference() -> None:
    async def replay() -> None:
        addresses = {"p": _US, "q": _OTHER}
        udx = Udx(random_bytes=Ids(21, 22))
        socket = RecordingSocket()
        facing_p = Watched(udx.create_stream(), "stream21")
        facing_q = Watched(udx.create_stream(), "stream22")
        facing_p.connection.connect(socket, 31, _US)
        facing_q.connection.connect(socket, 32, _OTHER)
        facing_p.connection.relay_to(facing_q.connection)
        facing_q.connection.relay_to(facing_p.connection)
        for step in _SESSIONS["relay"]["steps"]:
            socket.sent.clear()
            _feed(udx, socket, bytes.fromhex(step["send"]), addresses[step["send_from"]], [])
            await asyncio.sleep(_DEFAULT_WAIT_S)
            expected = [(addresses[reply["to"]], reply["hex"]) for reply in step["replies"]]
            assert [(to, data.hex()) for to, data in socket.sent] == expected, step["note"]
            assert facing_p.events == step["events"], step["note"]
        assert facing_q.events == [{"what": "close", "stream": "stream22"}]
        assert udx.stream_count == 0

    run_virtual(replay())
