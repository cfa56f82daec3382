"""Every scripted scenario of a real Protomux, frame by frame."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from engine.errors import LocalProtocolError, RemoteProtocolError
from engine.proto.mux.channel import Channel
from engine.proto.mux.protomux import Protomux
from engine.wire.compact import Reader, Writer

_VECTORS = Path(__file__).parents[3] / "vectors" / "protomux"
_SCENARIOS = json.loads((_VECTORS / "protomux.json").read_text())["scenarios"]
_CAPTURED = json.loads((_VECTORS / "captured_first_frames.json").read_text())["frames"]


def _json(payload: bytes) -> str:
    try:
        return json.dumps(json.loads(Reader(payload).string()), separators=(",", ":"))
    except ValueError:
        raise RemoteProtocolError("The message is not JSON.") from None


def _string(payload: bytes) -> str:
    return json.dumps(Reader(payload).string())


def _uint(payload: bytes) -> str:
    return str(Reader(payload).uint())


def _raw(payload: bytes) -> str:
    return f"hex:{payload.hex()}"


def _text(value: str) -> bytes:
    writer = Writer()
    writer.string(value)
    return writer.getvalue()


def _number(value: int) -> bytes:
    writer = Writer()
    writer.uint(value)
    return writer.getvalue()


class _Script:
    """One local Protomux, what it writes and what it reports."""

    def __init__(self) -> None:
        self.wrote: list[str] = []
        self.events: list[str] = []
        self.mux = Protomux(self._write)
        self.mux.on_error = self._failed
        self.mux.on_pause = lambda paused: self.events.append("stream paused" if paused else "stream resumed")
        self.channels: dict[str, Channel] = {}
        self.release: Callable[[], None] | None = None

    def _write(self, frame: bytes) -> bool:
        self.wrote.append(frame.hex())
        return True

    def _failed(self, error: RemoteProtocolError) -> None:
        self.events.append(f"stream destroyed: {error}")
        self.mux.shutdown()

    def channel(
        self,
        protocol: str,
        types: tuple[Callable[[bytes], str], ...] = (_raw,),
        *,
        label: str = "",
        handshake: bool = False,
        **options: Any,
    ) -> Channel:
        label = label or protocol

        def opened(data: bytes) -> None:
            self.events.append(f"{label} opened" + (f" handshake={Reader(data).uint()}" if handshake else ""))

        def closed(remote: bool) -> None:
            self.events.append(f"{label} closed remote={str(remote).lower()}")
            self.events.append(f"{label} destroyed")

        def handler(index: int, decode: Callable[[bytes], str]) -> Callable[[bytes], None]:
            return lambda payload: self.events.append(f"{label} message type={index} {decode(payload)}")

        channel = self.mux.create_channel(
            protocol,
            messages=[handler(index, decode) for index, decode in enumerate(types)],
            on_open=opened,
            on_close=closed,
            **options,
        )
        if channel is None:
            self.events.append(f"{label} createChannel returned null")
            raise LookupError
        self.channels[label] = channel
        return channel

    def take(self) -> dict[str, list[str]]:
        result = {"wrote": self.wrote, "events": self.events}
        self.wrote, self.events = [], []
        return {key: value for key, value in result.items() if value}


def _open_hypercore(s: _Script) -> None:
    s.channel("hypercore/alpha", (_raw, _string), id=b"\xd5" * 32, handshake=True).open(_number(7))


def _open_two(s: _Script) -> None:
    s.channel("a", (_string, _uint)).open()
    s.channel("b", (_string,)).open()


def _cork_four(s: _Script) -> None:
    a, b = s.channels["a"], s.channels["b"]
    with s.mux.corked():
        a.send(0, _text("one"))
        a.send(1, _number(2))
        b.send(0, _text("three"))
        a.send(0, _text("four"))


def _cork_nothing(s: _Script) -> None:
    with s.mux.corked():
        pass


def _cork_control(s: _Script) -> None:
    with s.mux.corked():
        s.channel("c").open()
        s.channels["b"].close()
        s.channels["a"].send(0, _text("x"))


def _open_and_close(s: _Script) -> None:
    s.channel("x").open()
    s.channels["x"].close()


def _send_after_close(s: _Script) -> None:
    sent = s.channels["hypercore/alpha"].send(1, _text("x"))
    s.events.append(f"send returned {str(sent).lower()}")


def _open_again(s: _Script) -> None:
    with pytest.raises(LookupError):
        s.channel("u")


def _open_slow(s: _Script) -> None:
    length = (lambda payload: str(len(Reader(payload).string())),)
    s.channel("slow", length).open()
    s.events[:] = [event.replace("message type=0", "message length") for event in s.events]
    assert s.release is not None
    s.release()


_STEPS: dict[str, Callable[[_Script], object]] = {
    "createChannel(protocol sidechannel/0000intercom, one json message) and open()": lambda s: s.channel(
        "sidechannel/0000intercom", (_json,)
    ).open(),
    'send type 0 {"a":1}': lambda s: s.channels["sidechannel/0000intercom"].send(0, _text('{"a":1}')),
    "close()": lambda s: s.channels["sidechannel/0000intercom"].close(),
    "createChannel(protocol hypercore/alpha, id 32xd5, handshake c.uint, messages raw,string) and open(7)": (
        _open_hypercore
    ),
    'send type 1 "hi"': lambda s: s.channels["hypercore/alpha"].send(1, _text("hi")),
    "send type 0 raw 010203": lambda s: s.channels["hypercore/alpha"].send(0, bytes((1, 2, 3))),
    "send after close is dropped (returns false)": _send_after_close,
    "open x": lambda s: s.channel("x").open(),
    "open x again: the local id 1 is reused": lambda s: s.channel("x").open(),
    "open new (alias old)": lambda s: s.channel("new", aliases=("old",)).open(),
    "open a and b": _open_two,
    'cork; a.0 "one"; a.1 2; b.0 "three"; a.0 "four"; uncork': _cork_four,
    "cork; uncork (empty)": _cork_nothing,
    'cork; open c; close b; a.0 "x"; uncork: control messages go into the batch as channel 0': _cork_control,
    "open x, close at once": _open_and_close,
    "open x again: id 2 because id 1 is still unacknowledged": lambda s: s.channel("x", label="x-second").open(),
    "open y: gets the freed id 1": lambda s: s.channel("y").open(),
    "open u": lambda s: s.channel("u").open(),
    "createChannel u again": _open_again,
    "createChannel u with unique false": lambda s: s.channel("u", label="u2", unique=False).open(),
    "open a": lambda s: s.channel("a").open(),
    "open j (json message)": lambda s: s.channel("j", (_json,)).open(),
    "create and open the channel": _open_slow,
    "remote ends the stream": lambda s: s.events.append("stream ended"),
    "stream closes": lambda s: s.mux.shutdown(),
}


def _pair_p(s: _Script) -> None:
    def paired(id: bytes | None) -> None:
        s.events.append("pair p")
        s.channel("p", (_string,)).open()

    s.mux.pair("p", None, paired)


def _pair_q(s: _Script) -> None:
    s.mux.pair("q", None, lambda id: s.events.append(f"pair q id={(id or b'').hex()}"))


def _pair_slow(s: _Script) -> None:
    def paired(id: bytes | None) -> None:
        s.release = s.mux.hold_pairing()

    s.mux.pair("slow", None, paired)


_SETUP: dict[str, Callable[[_Script], None]] = {
    "pair callback": _pair_p,
    "pair with id falls back to the protocol-wide callback": _pair_q,
    "pause while more than 32768 bytes wait for pairing": _pair_slow,
}


def _expected(step: dict[str, Any]) -> dict[str, list[str]]:
    """What the reference did, in the words of this test."""
    result = {key: list(step[key]) for key in ("wrote", "events") if key in step}
    events = [event for event in result.get("events", []) if not event.startswith("fullyOpened")]
    for index, event in enumerate(events):
        if event.startswith("threw "):  # the reference rethrows what a decoder throws; we end the connection
            events[index : index + 1] = ["stream destroyed", "j closed remote=true", "j destroyed"]
    # the texts of our errors are our own
    events = ["stream destroyed" if event.startswith("stream destroyed") else event for event in events]
    result["events"] = events
    return {key: value for key, value in result.items() if value}


@pytest.mark.parametrize("scenario", _SCENARIOS, ids=[scenario["name"] for scenario in _SCENARIOS])
def test_scenario_writes_and_reports_what_the_reference_does(scenario: dict[str, Any]) -> None:
    script = _Script()
    _SETUP.get(scenario["name"], lambda s: None)(script)
    for step in scenario["steps"]:
        if "recv" in step:
            script.mux.receive(bytes.fromhex(step["recv"]))
        else:
            _STEPS[step["do"]](script)
        seen = script.take()
        if "events" in seen:
            seen["events"] = [
                "stream destroyed" if event.startswith("stream destroyed") else event for event in seen["events"]
            ]
        assert seen == _expected(step), step


def test_the_scenarios_are_complete() -> None:
    assert len(_SCENARIOS) == 22
    assert {step["do"] for scenario in _SCENARIOS for step in scenario["steps"] if "do" in step} == set(_STEPS)


def test_a_program_error_in_a_step_is_not_mistaken_for_a_violation() -> None:
    with pytest.raises(LocalProtocolError, match="pair callbacks"):
        Protomux(lambda frame: True).hold_pairing()


def test_first_frames_of_a_reference_peer_are_understood() -> None:
    """A peer that speaks none of the protocols rejects each open once and keeps the connection."""
    wrote: list[bytes] = []
    mux = Protomux(lambda frame: wrote.append(frame) or True)  # type: ignore[func-returns-value]
    seen: list[str] = []
    opened: list[tuple[int, str, str | None]] = []
    for frame in _CAPTURED:
        decoded = frame["decoded"]
        for item in decoded.get("batch", [decoded]):
            if "open" in item:
                opened.append((item["open"]["id"], item["open"]["protocol"], item["open"]["channelId"]))
    for protocol in {protocol for _, protocol, _ in opened}:
        mux.pair(protocol, None, lambda id, protocol=protocol: seen.append(f"{protocol} {id.hex() if id else None}"))
    for frame in _CAPTURED:
        mux.receive(bytes.fromhex(frame["hex"]))
    assert mux.error is None
    assert seen == [f"{protocol} {channel_id}" for _, protocol, channel_id in opened]
    assert wrote[0] == bytes.fromhex("000201")
