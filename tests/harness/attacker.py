"""A peer that finished its handshake and then breaks the rules of the stream and of the multiplexer.

A script is a valid conversation with one violation at its end, all drawn from a seed. The scripts work on the bytes:
frames are sealed with the real keys, so only the violation is wrong.
"""

from __future__ import annotations

from collections.abc import Callable
from random import Random

from engine.crypto.noise import HandshakeResult
from engine.net.udx import UdxConnection
from engine.proto.mux.frames import BATCH, CLOSE, OPEN, REJECT, BatchWriter, encode_close, encode_open, encode_reject
from engine.proto.stream.framing import encode_frame
from engine.proto.stream.secret import SecretStream
from engine.wire.compact import encode_uint

ROOM = "room"
"""Protocol the victim answers; its only message type takes JSON."""
HELD = "held"
"""Protocol the victim does not decide about."""


def batch(*items: tuple[int, bytes]) -> bytes:
    """A batch frame of items (channel number, bytes)."""
    writer = BatchWriter()
    for number, item in items:
        writer.add(number, item)
    return writer.take()


def nested(depth: int) -> bytes:
    """A batch inside a batch, *depth* times."""
    item = encode_close(1)
    for _ in range(depth):
        item = bytes([BATCH, 0]) + encode_uint(len(item)) + item
    return b"\0" + item


def control(item: bytes) -> bytes:
    """A frame of the control channel."""
    return b"\0" + item


def message(number: int, text: bytes) -> bytes:
    """A message of type 0 with a length-prefixed text."""
    return encode_uint(number) + b"\0" + encode_uint(len(text)) + text


class Attacker:
    """One connection of the attacker.

    Args:
        stream: connected to the victim.
        result: of the handshake.
        random: of the script.
    """

    def __init__(self, stream: UdxConnection, result: HandshakeResult, random: Random) -> None:
        self._stream = stream
        self._random = random
        self._result = result
        self.secret = SecretStream(result, random.randbytes)
        stream.on_data = lambda data: None

    def send(self, data: bytes) -> None:
        """Raw bytes of the stream."""
        self._stream.write(data)

    def frame(self, plaintext: bytes) -> None:
        """A valid encrypted frame."""
        self.send(self.secret.seal(plaintext))

    def end(self) -> None:
        """End the stream properly."""
        self._stream.end()

    def greet(self) -> None:
        """The header and an open channel."""
        self.send(self.secret.header())
        self.frame(control(encode_open(1, ROOM, None, b"")))

    def chat(self) -> None:
        """Some valid messages."""
        for _ in range(self._random.randrange(4)):
            self.frame(message(1, b'{"n":%d}' % self._random.getrandbits(30)))
            if self._random.random() < 0.3:
                self.frame(b"")

    def run_script(self) -> str:
        """A conversation that ends in a violation; returns the name of the violation."""
        name = self._random.choice(sorted(VIOLATIONS))
        if name not in HEADERLESS:
            self.greet()
            self.chat()
        VIOLATIONS[name](self, self._random)
        return name

    def other_stream(self) -> SecretStream:
        """A stream of the other role."""
        flipped = HandshakeResult(
            not self._result.is_initiator, b"", b"", self._result.hash, self._result.rx, self._result.tx
        )
        return SecretStream(flipped, self._random.randbytes)


def _flip(data: bytes, random: Random, start: int = 0) -> bytes:
    place = random.randrange(start, len(data))
    return data[:place] + bytes([data[place] ^ (1 << random.randrange(8))]) + data[place + 1 :]


def _replay(attacker: Attacker, random: Random) -> None:
    frame = attacker.secret.seal(message(1, b"1"))
    for _ in range(2):
        attacker.send(frame)


def _reorder(attacker: Attacker, random: Random) -> None:
    first, second = attacker.secret.seal(message(1, b"1")), attacker.secret.seal(message(1, b"2"))
    attacker.send(second + first)


def _lose(attacker: Attacker, random: Random) -> None:
    attacker.secret.seal(message(1, b"1"))
    attacker.frame(message(1, b"2"))


VIOLATIONS: dict[str, Callable[[Attacker, Random], None]] = {
    # the stream
    "header of our own role": lambda a, r: a.send(a.other_stream().header()),
    "header of another handshake": lambda a, r: a.send(encode_frame(r.randbytes(56))),
    "header cut short": lambda a, r: a.send(encode_frame(a.secret.header()[3 : 3 + r.randrange(56)])),
    "header too long": lambda a, r: a.send(encode_frame(a.secret.header()[3:] + r.randbytes(1 + r.randrange(40)))),
    "data before the header": lambda a, r: a.frame(message(1, b"1")),
    "empty frame": lambda a, r: a.send(encode_frame(b"")),
    "frame without authenticator": lambda a, r: a.send(encode_frame(r.randbytes(1 + r.randrange(16)))),
    "noise": lambda a, r: a.send(encode_frame(r.randbytes(17 + r.randrange(2000)))),
    "damaged frame": lambda a, r: a.send(_flip(a.secret.seal(message(1, b"1" * 50)), r, 3)),
    "shortened frame": lambda a, r: a.send(
        encode_frame(a.secret.seal(message(1, b"1" * 50))[3 : -1 - r.randrange(20)])
    ),
    "replayed frame": _replay,
    "reordered frames": _reorder,
    "lost frame": _lose,
    "second header": lambda a, r: a.send(a.secret.header()),
    "frame above the limit": lambda a, r: a.send(r.randrange(10 * 2**20 + 1, 2**24).to_bytes(3, "little") + bytes(99)),
    # the multiplexer
    "open number 0": lambda a, r: a.frame(control(encode_open(0, ROOM, None, b""))),
    "skipped number": lambda a, r: a.frame(control(encode_open(3 + r.randrange(90), "x", None, b""))),
    "huge number": lambda a, r: a.frame(control(encode_open(r.randrange(2**32, 2**53), "x", None, b""))),
    "number in use": lambda a, r: a.frame(control(encode_open(1, "x", None, b""))),
    "reject of nothing": lambda a, r: a.frame(control(encode_reject(r.randrange(2**20)))),
    "open without a name": lambda a, r: a.frame(control(bytes([OPEN, 2, 9]) + b"short")),
    "open without a number": lambda a, r: a.frame(control(bytes([OPEN]))),
    "reject without a number": lambda a, r: a.frame(control(bytes([REJECT]))),
    "close without a number": lambda a, r: a.frame(control(bytes([CLOSE]))),
    "control frame without a type": lambda a, r: a.frame(b"\0"),
    "number cut short": lambda a, r: a.frame(bytes([0xFD + r.randrange(3)]) + r.randbytes(1)),
    "batch of batches": lambda a, r: a.frame(nested(5 + r.randrange(2000))),
    "batch cut short": lambda a, r: a.frame(bytes([0, BATCH, 1, 0xFE, 1])),
    "batch item cut short": lambda a, r: a.frame(batch((0, bytes([OPEN])), (1, b"\0"))),
    "message that is not JSON": lambda a, r: a.frame(message(1, r.choice([b"", b"{", b"nul", b"[" * 600, b"\xff"]))),
    "message cut short": lambda a, r: a.frame(bytes([1, 0, 200]) + b"short"),
    "too many opens": lambda a, r: a.frame(batch(*((0, encode_open(n, HELD, b"%d" % n, b"")) for n in range(2, 1200)))),
    "flood of an unclaimed channel": lambda a, r: a.frame(
        batch((0, encode_open(2, HELD, None, b"")), *((2, b"\0" + bytes(600)) for _ in range(1100)))
    ),
}
"""What the attacker does wrong; each has to end the connection."""

HEADERLESS = frozenset(
    {
        "header of our own role",
        "header of another handshake",
        "header cut short",
        "header too long",
        "data before the header",
    }
)
"""Violations in place of the header."""
