"""Peers that break the rules of the stream and of the multiplexer: closed with a reason, in bounded memory."""

from __future__ import annotations

import asyncio
import tracemalloc
from collections import Counter
from random import Random

import pytest

from engine.errors import RemoteProtocolError
from engine.net.connection import PeerConnection
from engine.proto.mux.frames import encode_open
from engine.proto.mux.protomux import Protomux
from engine.proto.mux.state import MuxLimits
from engine.proto.stream.secret import SecretStream
from engine.wire.compact import Reader
from engine.wire.jsjson import parse
from tests.harness.attacker import HELD, ROOM, VIOLATIONS, Attacker, batch, control, message
from tests.harness.connections import Link, handshake
from tests.harness.fakenet import FakeNet
from tests.harness.published import record_reliability
from tests.harness.virtual_loop import run_virtual

SCRIPTS = 500
TRANSCRIPTS = 20
OPENS = 10_000
MEMORY_BYTES = 32 * 1024 * 1024
SEED = 20_261_101


class Victim:
    """The honest end: answers :data:`ROOM`, takes JSON there, and never decides about :data:`HELD`."""

    def __init__(self, connection: PeerConnection) -> None:
        self.connection = connection
        self.received: list[object] = []
        self.reasons: list[Exception | None] = []
        connection.on_close.append(self.reasons.append)
        prepare(connection.mux, self.received)


def prepare(mux: Protomux, received: list[object]) -> None:
    """Make a multiplexer answer."""

    def answer(id: bytes | None) -> None:
        channel = mux.create_channel(
            ROOM, id, messages=(lambda payload: received.append(parse(Reader(payload).buffer())),)
        )
        if channel is not None:
            channel.open()

    mux.pair(ROOM, None, answer)
    mux.pair(HELD, None, lambda id: hold(mux))


def hold(mux: Protomux) -> None:
    mux.hold_pairing()


def meet(link: Link, random: Random) -> tuple[Attacker, Victim]:
    """A new connection between an attacker and a victim."""
    results = handshake(*link.key_pairs, link.random_bytes)
    streams = link.streams()
    victim = Victim(PeerConnection(streams[1], results[1], random_bytes=link.random_bytes))
    return Attacker(streams[0], results[0], random), victim


def test_violations_end_the_connection_with_a_reason(request: pytest.FixtureRequest) -> None:
    tried: Counter[str] = Counter()

    async def main() -> None:
        link = Link(FakeNet(seed=1))
        await link.open()
        bystander, other = link.connect()
        other_log: list[bytes] = []
        other.on_message = other_log.append
        for script in range(SCRIPTS):
            attacker, victim = meet(link, Random(SEED + script))
            name = attacker.run_script()
            await asyncio.sleep(1)
            tried[name] += 1
            assert victim.connection.closed, f"script {script}, {name}: the connection lives on"
            [reason] = victim.reasons
            assert isinstance(reason, RemoteProtocolError), f"script {script}, {name}: {reason!r}"
            assert victim.connection.close_reason
            assert victim.connection.mux.channels == []
            bystander.write(b"still here")
        await asyncio.sleep(1)
        assert len(other_log) == SCRIPTS, "another connection of the same peer suffered"
        bystander.destroy()
        other.destroy()
        link.close()

    tracemalloc.start()
    try:
        run_virtual(main())
        assert tracemalloc.get_traced_memory()[1] < MEMORY_BYTES
    finally:
        tracemalloc.stop()
    assert tried.keys() == VIOLATIONS.keys(), "every violation is tried"
    record_reliability(
        request,
        "4. stream and mux violations",
        f"{SCRIPTS} scripts of {len(VIOLATIONS)} kinds, each closed with a reason",
    )


class Conversation:
    """The bytes of a valid conversation and what they say."""

    def __init__(self, number: int) -> None:
        random = Random(SEED + number)
        self._keys = Link(FakeNet()).key_pairs
        one, self._other = handshake(*self._keys, random.randbytes)
        sender = SecretStream(one, random.randbytes)
        self.messages = [control(encode_open(1, ROOM, None, random.randbytes(random.randrange(8))))]
        for _ in range(random.randrange(1, 8)):
            texts = [
                b'"%s"' % random.randbytes(random.randrange(40)).hex().encode() for _ in range(random.randrange(1, 4))
            ]
            items = [message(1, text) for text in texts]
            self.messages.append(batch(*((1, item[1:]) for item in items)) if len(items) > 1 else items[0])
        self.wire = sender.header() + b"".join(map(sender.seal, self.messages))

    def read(self, data: bytes) -> tuple[SecretStream, list[bytes]]:
        """A fresh receiver of *data*, and the messages it delivered."""
        stream = SecretStream(self._other, bytes)
        return stream, stream.receive(data)


def replay(frames: list[bytes]) -> list[object]:
    """What a fresh multiplexer makes of frames."""
    received: list[object] = []
    mux = Protomux(lambda frame: True)
    prepare(mux, received)
    for frame in frames:
        mux.receive(frame)
    assert mux.error is None
    return received


def test_conversations_cut_at_every_byte_and_damaged_at_every_byte(request: pytest.FixtureRequest) -> None:
    places = 0
    for number in range(TRANSCRIPTS):
        talk = Conversation(number)
        stream, delivered = talk.read(talk.wire)
        assert stream.error is None
        assert delivered == talk.messages
        complete = replay(delivered)
        for place in range(len(talk.wire)):
            places += 1
            stream, delivered = talk.read(talk.wire[:place])
            assert delivered == talk.messages[: len(delivered)]
            assert stream.error is None, "a conversation that is not finished is no violation"
            received = replay(delivered)
            assert received == complete[: len(received)]
            damaged = talk.wire[:place] + bytes([talk.wire[place] ^ 0x40]) + talk.wire[place + 1 :]
            _, delivered = talk.read(damaged)
            assert delivered == talk.messages[: len(delivered)], "a damaged message was delivered"
            assert len(delivered) < len(talk.messages)
    record_reliability(
        request,
        "4. cut and damaged conversations",
        f"{TRANSCRIPTS} conversations at each of their {places:,} bytes; only the genuine beginning is delivered",
    )


def test_a_peer_that_vanishes_in_the_middle_of_a_frame_closes_normally() -> None:
    async def main() -> None:
        link = Link(FakeNet(seed=1))
        await link.open()
        for place in range(0, 200, 7):
            attacker, victim = meet(link, Random(SEED))
            head = attacker.secret.header()
            wire = (
                head + attacker.secret.seal(control(encode_open(1, ROOM, None, b""))) + attacker.secret.seal(bytes(90))
            )
            attacker.send(wire[:place])
            attacker.end()
            await asyncio.sleep(1)
            assert victim.reasons == [None]
            assert victim.received == []
        link.close()

    run_virtual(main())


def test_ten_thousand_opens(request: pytest.FixtureRequest) -> None:
    """Refused at once, they cost nothing; kept waiting or kept open, they end the connection at the limit."""
    sent: list[bytes] = []
    received: list[object] = []

    def write(frame: bytes) -> bool:
        sent.append(frame)
        return True

    mux = Protomux(write)
    prepare(mux, received)
    for number in range(OPENS):
        mux.receive(control(encode_open(1, f"nobody answers {number}", None, b"")))
    assert mux.error is None
    assert len(sent) == OPENS, "each is rejected"
    assert mux.channels == []
    assert len(mux._names) == 0
    mux.receive(batch(*((0, encode_open(number, f"unknown {number}", None, b"")) for number in range(1, OPENS + 1))))
    assert "opens more than" in str(mux.error) or "opens waiting" in str(mux.error)

    limits = MuxLimits()
    for protocol, most in ((HELD, limits.pending_opens), (ROOM, limits.channels)):
        mux = Protomux(lambda frame: True)
        prepare(mux, received)
        taken = 0
        for number in range(1, OPENS + 1):
            mux.receive(control(encode_open(number, protocol, b"%d" % number, b"")))
            taken += mux.error is None
        assert mux.error is not None
        assert taken == most
        mux.shutdown()
        assert mux.channels == []
    record_reliability(
        request,
        "4. floods of opens",
        f"{OPENS:,} refused ones cost nothing, waiting ones end the link at {limits.pending_opens:,}, "
        f"open ones at {limits.channels:,}",
    )
