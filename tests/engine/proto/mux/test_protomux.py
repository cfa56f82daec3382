from __future__ import annotations

import tracemalloc
from collections.abc import Callable
from random import Random
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from engine.errors import DecodeError, LocalProtocolError, RemoteProtocolError
from engine.proto.mux.channel import Channel
from engine.proto.mux.protomux import Protomux
from engine.proto.mux.state import MuxLimits
from engine.wire.compact import Writer


class Wire:
    """Two multiplexers whose frames wait until they are passed on."""

    def __init__(self, **limits: int) -> None:
        self.frames: tuple[list[bytes], list[bytes]] = ([], [])
        self.a = Protomux(lambda frame: self.frames[0].append(frame) is None)
        self.b = Protomux(lambda frame: self.frames[1].append(frame) is None, limits=MuxLimits(**limits))

    def settle(self) -> None:
        """Pass frames on until both sides are quiet."""
        while any(self.frames):
            for frames, receiver in zip(self.frames, (self.b, self.a), strict=True):
                waiting = list(frames)
                frames.clear()
                for frame in waiting:
                    receiver.receive(frame)


class Events:
    """What a channel reports."""

    def __init__(self, mux: Protomux, protocol: str = "p", id: bytes | None = None, **options: Any) -> None:
        self.log: list[Any] = []
        self.channel = mux.create_channel(
            protocol,
            id,
            messages=options.pop("messages", [self.log.append]),
            on_open=lambda handshake: self.log.append(("open", handshake)),
            on_close=lambda remote: self.log.append(("close", remote)),
            on_drain=lambda: self.log.append("drain"),
            **options,
        )

    @property
    def live(self) -> Channel:
        assert self.channel is not None
        return self.channel


def frame(*parts: int | str | bytes) -> bytes:
    """A frame: integers are uints, text is a string, bytes are themselves."""
    writer = Writer()
    for part in parts:
        if isinstance(part, int):
            writer.uint(part)
        elif isinstance(part, str):
            writer.string(part)
        else:
            writer.raw(part)
    return writer.getvalue()


def open_frame(number: int, protocol: str = "p", id: bytes = b"") -> bytes:
    """An open of the peer."""
    return frame(0, 1, number, protocol, len(id), id)


def lone_mux(**limits: int) -> tuple[Protomux, list[bytes], list[RemoteProtocolError]]:
    """A multiplexer, what it writes and what it fails with."""
    wrote: list[bytes] = []
    errors: list[RemoteProtocolError] = []
    mux = Protomux(lambda frame: wrote.append(frame) is None, limits=MuxLimits(**limits))
    mux.on_error = errors.append
    return mux, wrote, errors


def test_both_sides_open_send_and_close() -> None:
    wire = Wire()
    a, b = Events(wire.a), Events(wire.b)
    a.live.open(b"from a")
    b.live.open(b"from b")
    assert not a.live.opened
    wire.settle()
    assert a.live.send(0, b"hi")
    b.live.send(0, b"ho")
    wire.settle()
    a.live.close()
    wire.settle()
    assert a.log == [("open", b"from b"), b"ho", ("close", False)]
    assert b.log == [("open", b"from a"), b"hi", ("close", True)]
    assert (a.live.closed, b.live.closed, a.live.send(0, b"late")) == (True, True, False)


def test_a_name_can_be_opened_again_and_again() -> None:
    wire = Wire()
    for _ in range(50):
        a, b = Events(wire.a), Events(wire.b)
        a.live.open()
        b.live.open()
        wire.settle()
        assert a.live.number <= 2
        (a if a.live.number % 2 else b).live.close()
        wire.settle()
        assert (a.log[-1][0], b.log[-1][0]) == ("close", "close")
    assert len(wire.a._names) == len(wire.b._names) == 0
    assert len(wire.a._local) <= 2
    assert len(wire.a._remote) <= 2


def test_both_close_at_the_same_time() -> None:
    wire = Wire()
    a, b = Events(wire.a), Events(wire.b)
    a.live.open()
    b.live.open()
    wire.settle()
    a.live.close()
    b.live.close()
    a.live.close()
    wire.settle()
    assert a.log == b.log == [("open", b""), ("close", False)]
    assert wire.a.error is wire.b.error is None


def test_ids_tell_channels_of_one_protocol_apart() -> None:
    wire = Wire()
    pairs = [(Events(wire.a, id=bytes([n])), Events(wire.b, id=bytes([n]))) for n in (1, 2)]
    for a, b in pairs:
        a.live.open()
        b.live.open()
    wire.settle()
    pairs[0][0].live.send(0, b"for one")
    wire.settle()
    assert pairs[0][1].log == [("open", b""), b"for one"]
    assert pairs[1][1].log == [("open", b"")]
    assert wire.a.opened("p", b"\x01")
    assert not wire.a.opened("p")


def test_pipelined_messages_wait_for_the_open_and_are_lost_on_reject() -> None:
    wire = Wire()
    a = Events(wire.a)
    a.live.open()
    a.live.send(0, b"early")
    b = Events(wire.b)
    b.live.open()
    wire.settle()
    assert b.log == [("open", b""), b"early"]

    lost = Events(wire.a, "nobody")
    lost.live.open()
    lost.live.send(0, b"early")
    wire.settle()
    assert lost.log == [("close", True)]


def test_a_pair_callback_for_the_exact_id_goes_first() -> None:
    wire = Wire()
    called: list[Any] = []
    wire.b.pair("p", None, lambda id: called.append(("any", id)))
    wire.b.pair("p", b"x", lambda id: called.append(("exact", id)))
    Events(wire.a, id=b"x").live.open()
    Events(wire.a, id=b"y").live.open()
    wire.settle()
    wire.b.unpair("p", b"x")
    Events(wire.a, id=b"x").live.open()
    wire.settle()
    assert called == [("exact", b"x"), ("any", b"y"), ("any", b"x")]


def test_a_held_pairing_is_decided_later() -> None:
    wire = Wire()
    releases: list[Callable[[], None]] = []
    wire.b.pair("p", None, lambda id: releases.append(wire.b.hold_pairing()))
    a = Events(wire.a)
    a.live.open()
    a.live.send(0, b"one")
    wire.settle()
    assert a.log == []
    b = Events(wire.b)
    b.live.open()
    b.live.send(0, b"two")
    releases[0]()
    wire.settle()
    assert (a.log, b.log) == ([("open", b""), b"two"], [("open", b""), b"one"])

    b.live.close()
    wire.settle()
    again = Events(wire.a)
    again.live.open()
    wire.settle()
    releases[1]()
    releases[1]()
    wire.settle()
    assert again.log == [("close", True)]


def test_a_channel_made_in_a_handler_of_the_same_batch_is_matched() -> None:
    wire = Wire()
    b = Events(wire.b, "first")
    late: list[Events] = []

    def opened(handshake: bytes) -> None:
        late.append(Events(wire.b, "second"))
        late[0].live.open()

    b.live.on_open = opened
    b.live.open()
    with wire.a.corked():
        second = Events(wire.a, "second")
        second.live.open()
        Events(wire.a, "first").live.open()
    wire.settle()
    assert second.log == [("open", b"")]


def test_a_channel_that_was_never_opened_frees_the_peers_open() -> None:
    wire = Wire()
    releases: list[Callable[[], None]] = []
    wire.b.pair("p", None, lambda id: releases.append(wire.b.hold_pairing()))
    a = Events(wire.a)
    a.live.open()
    wire.settle()
    b = Events(wire.b)
    b.live.close()
    releases[0]()
    wire.settle()
    assert (a.log, b.log) == ([("close", True)], [("close", False)])
    assert wire.a.error is None


def test_close_before_open_writes_nothing() -> None:
    mux, wrote, _ = lone_mux()
    events = Events(mux)
    events.live.close()
    events.live.open()
    assert (wrote, events.log) == ([], [("close", False)])


def test_opening_twice_and_holding_outside_a_callback_are_program_errors() -> None:
    mux, _, _ = lone_mux()
    events = Events(mux)
    events.live.open()
    with pytest.raises(LocalProtocolError, match="twice"):
        events.live.open()
    with pytest.raises(LocalProtocolError, match="pair callbacks"):
        mux.hold_pairing()


def test_corks_nest_and_a_full_batch_is_written_early() -> None:
    mux, wrote, _ = lone_mux()
    events = Events(mux)
    events.live.open()
    wrote.clear()
    with mux.corked():
        with mux.corked():
            assert events.live.send(0, b"a")
        assert wrote == []
        for _ in range(9):
            events.live.send(0, bytes(1 << 20))
    assert [len(each) >> 20 for each in wrote] == [8, 1]


def test_back_pressure_is_reported_and_drain_reaches_open_channels() -> None:
    room = [True]
    mux = Protomux(lambda frame: room[0])
    events = Events(mux)
    events.live.open()
    room[0] = False
    assert events.live.send(0, b"x") is False
    assert (mux.drained, events.live.drained) == (False, False)
    mux.on_drain()
    assert mux.drained
    assert events.log == ["drain"]


def test_shutdown_closes_every_channel_and_nothing_can_be_opened_any_more() -> None:
    mux, wrote, _ = lone_mux()
    one, two = Events(mux, "one"), Events(mux, "two")
    one.live.open()
    two.live.open()
    assert [channel.protocol for channel in mux.channels] == ["one", "two"]
    wrote.clear()
    mux.shutdown()
    mux.receive(open_frame(1))
    assert one.log == two.log == [("close", True)]
    assert (wrote, mux.create_channel("three"), mux.channels) == ([], None, [])


def test_a_closed_connection_in_a_handler_stops_the_batch() -> None:
    mux, _, _ = lone_mux()
    got: list[bytes] = []

    def once(payload: bytes) -> None:
        got.append(payload)
        mux.shutdown()

    events = Events(mux, messages=[once])
    events.live.open()
    mux.receive(open_frame(1))
    mux.receive(frame(0, 0, 1, 2, 0, b"1", 2, 0, b"2"))
    assert got == [b"1"]


def test_a_channel_closed_in_on_open_gets_none_of_its_queued_messages() -> None:
    wire = Wire()
    a = Events(wire.a)
    a.live.open()
    a.live.send(0, b"queued")
    b = Events(wire.b)
    wire.b.pair("p", None, lambda id: None)

    def paired(id: bytes | None) -> None:
        b.channel = wire.b.create_channel("p", messages=[b.log.append], on_open=lambda handshake: b.live.close())
        b.live.open()

    wire.b.pair("p", None, paired)
    wire.settle()
    assert b.log == []
    assert wire.b._queued_bytes == 0


_VIOLATIONS: dict[str, list[bytes]] = {
    "open of number 0": [open_frame(0)],
    "open that skips a number": [open_frame(2)],
    "open of a live number": [open_frame(1, "mine"), open_frame(1, "q")],
    "reject of nothing": [frame(0, 2, 7)],
    "reject of number 0": [frame(0, 2, 0)],
    "reject twice": [frame(0, 2, 1), frame(0, 2, 1)],
    "frame without type": [frame(0)],
    "open without name": [frame(0, 1, 1)],
    "open with a name beyond the end": [frame(0, 1, 1, 200, b"short")],
    "close without number": [frame(0, 3)],
    "message without type": [frame(1)],
    "batch without number": [frame(0, 0)],
    "batch with a separator at its end": [frame(0, 0, 1, 0)],
    "batch item with half an open": [frame(0, 0, 0, 2, 1, 1)],
    "number above 2^53": [b"\xff" * 9],
    "nested batches": [frame(*([0, 0, 0, 100] * 2), *([0, 0, 90] * 20))],
    "message the handler refuses": [open_frame(1, "mine"), frame(1, 0, b"bad")],
}


@pytest.mark.parametrize("frames", _VIOLATIONS.values(), ids=_VIOLATIONS.keys())
def test_a_violation_ends_the_connection_with_a_reason(frames: list[bytes]) -> None:
    mux, _, errors = lone_mux()

    def refuse(payload: bytes) -> None:
        raise DecodeError("not what was agreed")

    events = Events(mux, "mine", messages=[refuse])
    events.live.open()
    for each in frames:
        assert errors == []
        mux.receive(each)
    assert len(errors) == 1
    assert mux.error is errors[0]
    assert mux.closed
    mux.receive(open_frame(1))
    assert len(errors) == 1


def test_a_violation_behind_an_open_in_a_batch_rejects_nothing_afterwards() -> None:
    mux, wrote, errors = lone_mux()
    mux.receive(frame(0, 0, 0, 5, 1, 1, "p", 0, 2, 2, 9))
    assert len(errors) == 1
    assert wrote == []


def test_a_program_error_in_a_handler_is_not_taken_for_a_violation() -> None:
    mux, _, errors = lone_mux()

    def broken(payload: bytes) -> None:
        raise KeyError("bug")

    events = Events(mux, messages=[broken])
    events.live.open()
    mux.receive(open_frame(1))
    with pytest.raises(KeyError):
        mux.receive(frame(1, 0, b"x"))
    assert errors == []
    with pytest.raises(KeyError):
        mux.receive(frame(0, 0, 1, 1, 0, 1, 0))
    events.live.send(0, b"not corked for ever")
    assert mux._corked == 0


def test_ten_thousand_opens_end_the_connection_and_cost_little_memory() -> None:
    mux, wrote, errors = lone_mux()
    tracemalloc.start()
    for number in range(1, 10_001):
        mux.receive(open_frame(number, f"p{number}"))
        wrote.clear()
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert "more than 4096 channels" in str(errors[0])
    assert peak < 4 << 20


def test_undecided_opens_are_limited() -> None:
    mux, _, errors = lone_mux(pending_opens=10)
    mux.pair("p", None, lambda id: mux.hold_pairing() and None)
    for number in range(1, 12):
        mux.receive(open_frame(number))
    assert "10 opens waiting" in str(errors[0])


def test_messages_for_undecided_opens_pause_the_stream_and_then_end_it() -> None:
    mux, _, errors = lone_mux(pause_bytes=2000, queued_bytes=5000)
    paused: list[bool] = []
    mux.on_pause = paused.append
    mux.pair("p", None, lambda id: mux.hold_pairing() and None)
    mux.receive(open_frame(1))
    mux.receive(frame(1, 0, bytes(1000)))
    assert paused == []
    mux.receive(frame(1, 0, bytes(1000)))
    assert (paused, errors) == ([True], [])
    mux.receive(frame(1, 0, bytes(3000)))
    assert "not open" in str(errors[0])


def test_thousands_of_rejected_opens_leave_nothing_behind() -> None:
    mux, wrote, errors = lone_mux()
    for index in range(5000):
        mux.receive(open_frame(1, f"p{index}"))
    assert (len(wrote), errors, len(mux._names), len(mux._remote)) == (5000, [], 0, 1)


def test_every_truncation_of_a_transcript_is_survived() -> None:
    transcript = [
        open_frame(1, "mine"),
        frame(0, 0, 0, 6, 1, 2, "abc", 0, 0, 1, 4, 0, b"one", 4, 0, b"two", 0, 0, 2, 3, 1),
        frame(1, 0, b"late"),
        frame(0, 3, 2),
        open_frame(1, "mine", b"id"),
    ]
    for cut_frame, whole in enumerate(transcript):
        for size in range(len(whole)):
            mux, _, errors = lone_mux()
            Events(mux, "mine").live.open()
            for index, each in enumerate(transcript):
                mux.receive(each[:size] if index == cut_frame else each)
            assert len(errors) <= 1


@settings(max_examples=300)
@given(st.lists(st.binary(max_size=60), max_size=12))
def test_random_frames_never_raise(frames: list[bytes]) -> None:
    mux, _, errors = lone_mux()
    mux.pair("p", None, lambda id: None)
    Events(mux, "mine").live.open()
    for each in frames:
        mux.receive(each)
    assert len(errors) <= 1


def test_five_hundred_mutated_scripts_end_in_order_or_with_a_reason() -> None:
    """Frames of a lively exchange, shuffled, repeated, cut and with changed bytes."""
    for seed in range(500):
        random = Random(seed)
        mux, _, errors = lone_mux(queued_bytes=100_000)
        names = ["a", "b", "c"]
        for name in names:
            Events(mux, name, messages=[lambda payload: None] * 2).live.open()
        script = [open_frame(number, name) for number, name in enumerate([*names, "d"], 1)]
        script += [frame(random.randint(0, 5), random.randint(0, 3), random.randbytes(20)) for _ in range(20)]
        script += [frame(0, 3, random.randint(0, 5)) for _ in range(3)]
        script.append(frame(0, 0, 1, 3, 0, b"xy", 0, 0, 2, 3, 2))
        for _ in range(10):
            index = random.randrange(len(script))
            data = bytearray(script[index])
            if data:
                data[random.randrange(len(data))] = random.randrange(256)
            script[index] = bytes(data[: random.randint(0, len(data))]) if random.random() < 0.3 else bytes(data)
        if random.random() < 0.5:
            random.shuffle(script)
        for each in script:
            mux.receive(each)
        assert mux.closed == bool(errors)
        mux.shutdown()
        assert mux.channels == []


@settings(max_examples=60, deadline=None)
@given(st.lists(st.tuples(st.sampled_from("ab"), st.sampled_from(["open", "send", "close", "settle"])), max_size=60))
def test_two_well_behaved_sides_never_see_a_violation(actions: list[tuple[str, str]]) -> None:
    wire = Wire()
    sides: dict[str, tuple[Protomux, list[Events]]] = {"a": (wire.a, []), "b": (wire.b, [])}
    for side, action in actions:
        mux, mine = sides[side]
        if action == "open":
            events = Events(mux)
            if events.channel is not None:
                events.live.open()
                mine.append(events)
        elif action == "settle":
            wire.settle()
        elif mine and action == "send":
            mine[-1].live.send(0, b"x")
        elif mine:
            mine.pop().live.close()
    wire.settle()
    assert wire.a.error is wire.b.error is None
    assert wire.a.opened("p") == wire.b.opened("p")
