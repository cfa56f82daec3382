"""The protocol cores that keep state: 50,000 damaged inputs each end in a counted refusal, never in an exception."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from random import Random

import pytest

from engine.crypto.keys import KeyPair
from engine.crypto.noise import HandshakeIK, HandshakeXX
from engine.errors import HandshakeFailed, RemoteProtocolError
from engine.proto.dht.commands import Command
from engine.proto.dht.forwards import ForwardTable
from engine.proto.dht.persistent import Storage, StorageRequest
from engine.proto.mux.protomux import Protomux
from engine.proto.stream.secret import SecretStream
from engine.proto.stream.standalone import StandaloneStream
from engine.proto.udx.packet import DATA, END, HEADER, HEADER_BYTES, MAGIC, SACK, VERSION
from engine.proto.udx.scoreboard import Route
from engine.proto.udx.stream import UdxStream
from tests.harness.connections import handshake
from tests.harness.fuzz import INPUTS, SEED, attack, changed_copies, hex_samples, load
from tests.harness.published import record_reliability

ALICE, BOB = KeyPair.from_seed(b"1" * 32), KeyPair.from_seed(b"2" * 32)
PROLOGUE = b"p" * 32
WINDOW = 4 * 1024 * 1024


def zeros(size: int) -> bytes:
    return bytes(size)


def record(request: pytest.FixtureRequest, name: str, tried: int) -> None:
    record_reliability(request, f"2. damaged input: {name}", f"{tried:,} inputs")


# -- Noise ----------------------------------------------------------------------------------------------------------


def ik_messages() -> tuple[bytes, bytes]:
    client = HandshakeIK(True, ALICE, BOB.public_key, PROLOGUE, zeros)
    server = HandshakeIK(False, BOB, None, PROLOGUE, zeros)
    first = client.send(b"payload one")
    server.recv(first)
    return first, server.send(b"payload two")


def xx_messages() -> tuple[bytes, bytes, bytes]:
    initiator, responder = HandshakeXX(True, ALICE, None, b"", zeros), HandshakeXX(False, BOB, None, b"", zeros)
    first = initiator.send()
    responder.recv(first)
    second = responder.send()
    initiator.recv(second)
    return first, second, initiator.send()


def test_noise_messages(request: pytest.FixtureRequest) -> None:
    server = HandshakeIK(False, BOB, None, PROLOGUE, zeros)
    client = HandshakeIK(True, ALICE, BOB.public_key, PROLOGUE, zeros)
    client.send(b"payload one")
    responder = HandshakeXX(False, BOB, None, b"", zeros)
    initiator = HandshakeXX(True, ALICE, None, b"", zeros)
    initiator.send()
    third = HandshakeXX(False, BOB, None, b"", zeros)
    third.recv(xx_messages()[0])
    third.send()
    receivers: list[tuple[HandshakeIK | HandshakeXX, bytes]] = [
        (server, ik_messages()[0]),
        (client, ik_messages()[1]),
        (initiator, xx_messages()[1]),
        (third, xx_messages()[2]),
    ]
    tried = 0
    for number, (receiver, sample) in enumerate(receivers):
        damaged = (data for data in changed_copies([sample], SEED + number) if data != sample)
        outcome = attack(receiver.recv, damaged, count=INPUTS // len(receivers), allowed=HandshakeFailed)
        assert outcome.accepted == 0
        receiver.recv(sample)  # forgeries have not spoilt the handshake
        tried += outcome.tried
    assert not responder.complete
    record(request, "Noise messages", tried)


def test_standalone_handshakes(request: pytest.FixtureRequest) -> None:
    peer = StandaloneStream(True, ALICE, zeros)
    samples = [peer.data_to_send()]

    def receive(data: bytes) -> None:
        stream = StandaloneStream(False, BOB, zeros, max_frame_bytes=4096)
        for start in range(0, len(data), 7):
            stream.receive(data[start : start + 7])
            stream.data_to_send()
        if stream.error is not None:
            raise stream.error

    outcome = attack(receive, changed_copies(samples, SEED), count=INPUTS, allowed=RemoteProtocolError)
    record(request, "stand-alone stream handshakes", outcome.tried)


# -- streams --------------------------------------------------------------------------------------------------------


def test_secret_stream_transcripts(request: pytest.FixtureRequest) -> None:
    one, other = handshake(ALICE, BOB, zeros)
    sender = SecretStream(one, zeros)
    head = sender.header()
    transcript = head + b"".join(sender.seal(text) for text in (b"hello", b"", b"x" * 300))

    def receive(data: bytes) -> None:
        stream = SecretStream(other, zeros, max_frame_bytes=4096)
        messages = stream.receive(data)
        assert all(messages)
        assert messages == [b"hello", b"x" * 300][: len(messages)], "a forged frame was delivered"
        if stream.error is not None:
            assert stream.receive(transcript) == [], "a stream that failed goes on"
            raise stream.error

    samples = [transcript, head + transcript[len(head) :]]
    outcome = attack(receive, changed_copies(samples, SEED), count=INPUTS, allowed=RemoteProtocolError)
    record(request, "secret stream transcripts", outcome.tried)


def mux_transcripts() -> list[bytes]:
    """Frames of the reference, each behind a byte that tells its length."""
    frames = [
        bytes.fromhex(step["recv"])
        for scenario in load("protomux/protomux.json")["scenarios"]
        for step in scenario["steps"]
        if step.get("recv")
    ]
    frames += hex_samples(load("protomux/captured_first_frames.json"))
    frames = [frame for frame in frames if len(frame) < 200]
    return [
        b"".join(bytes([len(frame)]) + frame for frame in frames[start : start + 6]) for start in range(len(frames))
    ]


def test_mux_transcripts(request: pytest.FixtureRequest) -> None:
    def receive(data: bytes) -> None:
        mux = Protomux(lambda frame: True)
        mux.pair("sidechannel/0000intercom", None, lambda id: answer(mux))
        position = 0
        while position < len(data):
            end = position + 1 + data[position]
            mux.receive(data[position + 1 : end])
            position = end
        if mux.error is not None:
            assert mux.closed
            raise mux.error

    def answer(mux: Protomux) -> None:
        channel = mux.create_channel("sidechannel/0000intercom", messages=(lambda payload: None,))
        if channel is not None:
            channel.open()
            channel.send(0, b"hi")

    outcome = attack(receive, changed_copies(mux_transcripts(), SEED), count=INPUTS, allowed=RemoteProtocolError)
    assert outcome.accepted > 0
    record(request, "Protomux transcripts", outcome.tried)


def udx_packets() -> Iterator[bytes]:
    """Headers with likely and impossible fields, and damaged packets of the reference."""
    random = Random(SEED)
    damaged = changed_copies(hex_samples(load("udx/streams.json")), SEED)
    near = (0, 1, 2, 5, 60_000, 2**31 - 1, 2**31, 2**32 - 1)
    while True:
        if random.random() < 0.5:
            yield next(damaged)
            continue
        flags = random.choice((0, DATA, DATA | END, END, SACK, DATA | SACK, random.getrandbits(8)))
        offset = random.choice((0, 0, 8, 16, random.getrandbits(8)))
        seq, ack = random.choice(near), random.choice(near)
        head = HEADER.pack(MAGIC, VERSION, flags, offset, 7, random.choice((0, WINDOW, 2**32 - 1)), seq, ack)
        yield head + random.randbytes(random.choice((0, 8, 40, 1200)))


def test_udx_streams(request: pytest.FixtureRequest) -> None:
    streams: list[UdxStream] = []
    opened = 0
    now = 100.0

    def fresh() -> UdxStream:
        nonlocal opened
        opened += 1
        stream = UdxStream(7)
        stream.connect(Route(9))
        stream.write(b"x" * 5000)
        stream.packets_to_send(now)
        streams[:] = [stream]
        return stream

    def receive(data: bytes) -> None:
        nonlocal now
        now += 0.001
        stream = streams[0] if streams and not streams[0].closed else fresh()
        stream.receive([data], now)
        stream.read()
        while stream.next_event() is not None:
            pass
        for _, packets in stream.packets_to_send(now):
            assert all(len(packet) >= HEADER_BYTES for packet in packets)
        deadline = stream.next_timer()
        if deadline is not None and deadline <= now:
            stream.handle_timer(now)
        assert stream.receiver.buffered_bytes <= WINDOW + 65_536

    outcome = attack(receive, udx_packets(), count=INPUTS, allowed=())
    assert opened > 1
    record(request, "UDX streams", outcome.tried)


# -- DHT storage ----------------------------------------------------------------------------------------------------


def test_dht_storage_commands(request: pytest.FixtureRequest) -> None:
    announce = load("dht/announce.json")
    samples = hex_samples(announce["cases"], "value") + hex_samples(announce, "put_value")
    storage = Storage(ForwardTable(0.0), zeros, 0.0)
    random = Random(SEED)
    targets = [bytes(32), *hex_samples(announce["cases"], "target")]
    numbers = [int(command) for command in Command if command > Command.PEER_HOLEPUNCH]
    handle: Callable[[StorageRequest], object] = storage.handle

    def receive(data: bytes) -> None:
        command, target = random.choice(numbers), random.choice(targets)
        answer = handle(
            StorageRequest(command, ("10.0.0.1", 1), target, bytes(32), data or None, bytes(32), 1_700_000_000_000)
        )
        assert answer is not None

    outcome = attack(receive, changed_copies(samples, SEED), count=INPUTS, allowed=())
    assert len(storage.records) == len(storage.forwards) == 0, "a forged announce was stored"
    assert len(storage.mutables) <= 1
    record(request, "DHT storage commands", outcome.tried)
