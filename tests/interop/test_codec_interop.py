"""A hundred values of each wire type and primitive, written by JavaScript and by us, compared byte for byte."""

from __future__ import annotations

from collections.abc import Callable
from random import Random
from typing import Any

import pytest

from engine.crypto.hashes import blake2b
from engine.crypto.keys import KeyPair, verify
from engine.crypto.secretstream import PullStream, secretbox_open, secretbox_seal
from engine.proto.dht.commands import Announce, MutablePut, MutableRecord, PeerRecord
from engine.proto.dht.handshake_messages import HandshakeMessage, HolepunchMessage
from engine.proto.dht.payload import (
    HolepunchInfo,
    NoisePayload,
    RelayInfo,
    RelayThrough,
    SecretStreamInfo,
    UdxInfo,
    encode_noise_payload,
)
from engine.proto.dht.punch_payload import PunchPayload
from engine.wire.compact import Address, Writer
from engine.wire.compact_any import Date, write_any, write_date, write_string_record
from engine.wire.compact_big import write_biguint
from engine.wire.lexint import write_lexint
from tests.harness.published import record_reliability

pytestmark = pytest.mark.interop

VALUES = 100
Case = tuple[Any, bytes]
"""The value as JSON for JavaScript, and our bytes of it."""


def hexed(data: bytes | None) -> Any:
    return None if data is None else {"$hex": data.hex()}


def where(address: Address | None) -> Any:
    return None if address is None else {"host": address[0], "port": address[1]}


def written(write: Callable[[Writer, Any], None], value: Any) -> bytes:
    writer = Writer()
    write(writer, value)
    return writer.getvalue()


class Values:
    """Random values of every type; integers and lengths prefer the edges of their encodings."""

    def __init__(self, seed: int) -> None:
        self.random = Random(seed)

    def number(self, bits: int = 53) -> int:
        most = (1 << bits) - 1
        edge = self.random.choice([0, 0xFC, 0xFD, 0xFFFF, 0x10000, 2**32 - 1, 2**32, most])
        return min(max(0, edge + self.random.randint(-2, 2)), most)

    def data(self, longest: int = 300) -> bytes:
        return self.random.randbytes(self.random.choice([0, 1, 31, 252, 253, self.random.randrange(longest)]))

    def text(self) -> str:
        alphabet = "aZ09 \u00e9\u2028\u20ac\U0001f600\x00/"
        return "".join(self.random.choice(alphabet) for _ in range(self.random.choice([0, 3, 90])))

    def address(self) -> Address:
        return ".".join(str(self.random.randrange(256)) for _ in range(4)), self.random.randrange(65_536)

    def address6(self) -> tuple[str, int]:
        return ":".join(f"{self.random.getrandbits(16):x}" for _ in range(8)), self.random.randrange(65_536)

    def addresses(self) -> tuple[Address, ...]:
        return tuple(self.address() for _ in range(self.random.randrange(1, 5)))

    def maybe(self, make: Callable[[], Any]) -> Any:
        return make() if self.random.random() < 0.6 else None

    def anything(self, depth: int = 0) -> tuple[Any, Any]:
        """A self-describing value: for JavaScript, and for us."""
        kind = self.random.randrange(6 if depth > 2 else 8)
        if kind == 0:
            return (plain := self.random.choice([None, True, False])), plain
        if kind == 1:
            return (text := self.text()), text
        if kind == 2:
            data = self.data(40) or b"x"
            return hexed(data), data
        if kind == 3:
            number = self.random.choice([self.number(), -self.number(50), self.random.random() * 1e9])
            return number, number
        if kind in (4, 5):
            ms = self.random.randrange(-(10**12), 10**13)
            return {"$date": ms}, Date(ms)
        items = [self.anything(depth + 1) for _ in range(self.random.randrange(4))]
        if kind == 6:
            return [theirs for theirs, _ in items], [ours for _, ours in items]
        names = [self.random.choice(["b", "a", "10", "9", "é"]) + str(index) for index in range(len(items))]
        pairs = list(zip(names, items, strict=True))
        return {name: theirs for name, (theirs, _) in pairs}, {name: ours for name, (_, ours) in pairs}

    # -- one method for each type ---------------------------------------------------------------------------------

    def make_uint(self) -> Case:
        return (number := self.number()), written(Writer.uint, number)

    def make_int(self) -> Case:
        number = self.number(52) * self.random.choice([1, -1])
        return number, written(Writer.int, number)

    def make_uint64(self) -> Case:
        number = self.random.getrandbits(64)
        return {"$big": str(number)}, written(Writer.uint64, number)

    def make_float64(self) -> Case:
        number = self.random.choice([0.0, 1.5, -1e300, 5e-324, self.random.gauss(0, 1e6)])
        return number, written(Writer.float64, number)

    def make_bool(self) -> Case:
        return (flag := self.random.random() < 0.5), written(Writer.bool, flag)

    def make_buffer(self) -> Case:
        return hexed(data := self.data()), written(Writer.buffer, data)

    def make_string(self) -> Case:
        return (text := self.text()), written(Writer.string, text)

    def make_fixed32(self) -> Case:
        return hexed(data := self.random.randbytes(32)), data

    def make_strings(self) -> Case:
        texts = [self.text() for _ in range(self.random.randrange(6))]
        return texts, written(lambda writer, value: writer.array(value, Writer.string), texts)

    def make_ipv4(self) -> Case:
        return where(address := self.address()), written(Writer.ipv4_address, address)

    def make_ipv6(self) -> Case:
        return where(address := self.address6()), written(Writer.ipv6_address, address)

    def make_any(self) -> Case:
        theirs, ours = self.anything()
        return theirs, written(write_any, ours)

    def make_biguint(self) -> Case:
        number = self.random.getrandbits(self.random.choice([1, 63, 64, 65, 300]))
        return {"$big": str(number)}, written(write_biguint, number)

    def make_lexint(self) -> Case:
        number = self.random.choice(
            [250, 251, 255, 256, 65_535, 65_536, 2**24, 2**32 - 1, 2**32 + 251 + self.number(50)]
        )
        return number, written(write_lexint, number)

    def make_date(self) -> Case:
        ms = self.random.randrange(-(10**12), 10**13)
        return {"$date": ms}, written(write_date, Date(ms))

    def make_record(self) -> Case:
        record = {self.text() + str(index): self.text() for index in range(self.random.randrange(5))}
        return record, written(write_string_record, record)

    def make_handshake(self) -> Case:
        message = HandshakeMessage(
            self.random.randrange(5), self.data() or b"n", self.maybe(self.address), self.maybe(self.address)
        )
        theirs = {"mode": message.mode, "noise": hexed(message.noise)}
        addresses = {"peerAddress": where(message.peer_address), "relayAddress": where(message.relay_address)}
        return {**theirs, **addresses}, message.encode()

    def make_holepunch(self) -> Case:
        message = HolepunchMessage(
            self.random.randrange(5), self.number(), self.data() or b"p", self.maybe(self.address)
        )
        theirs = {"mode": message.mode, "id": message.id, "payload": hexed(message.payload)}
        return {**theirs, "peerAddress": where(message.peer_address)}, message.encode()

    def make_noisePayload(self) -> Case:
        relays = tuple(RelayInfo(self.address(), self.address()) for _ in range(self.random.randrange(4)))
        payload = NoisePayload(
            error=self.random.randrange(4),
            firewall=self.random.randrange(4),
            holepunch=self.maybe(lambda: HolepunchInfo(self.number(), relays)),
            addresses4=self.maybe(self.addresses) or (),
            addresses6=self.maybe(lambda: (self.address6(), self.address6())) or (),
            udx=self.maybe(lambda: UdxInfo(self.number(32), self.number(), self.random.random() < 0.5)),
            secret_stream=self.maybe(SecretStreamInfo),
            relay_through=self.maybe(lambda: RelayThrough(self.random.randbytes(32), self.random.randbytes(32))),
            relay_addresses=self.maybe(self.addresses) or (),
        )
        punch, udx, through = payload.holepunch, payload.udx, payload.relay_through
        theirs = {
            "error": payload.error,
            "firewall": payload.firewall,
            "holepunch": punch
            and {
                "id": punch.id,
                "relays": [
                    {"relayAddress": where(relay.relay_address), "peerAddress": where(relay.peer_address)}
                    for relay in punch.relays
                ],
            },
            "addresses4": list(map(where, payload.addresses4)),
            "addresses6": list(map(where, payload.addresses6)),
            "udx": udx and {"reusableSocket": udx.reusable_socket, "id": udx.id, "seq": udx.seq},
            "secretStream": {} if payload.secret_stream else None,
            "relayThrough": through and {"publicKey": hexed(through.public_key), "token": hexed(through.token)},
            "relayAddresses": list(map(where, payload.relay_addresses)) or None,
        }
        return theirs, encode_noise_payload(payload)

    def make_holepunchPayload(self) -> Case:
        payload = PunchPayload(
            self.random.randrange(4),
            self.random.randrange(4),
            self.random.randrange(250),
            self.random.random() < 0.5,
            self.random.random() < 0.5,
            self.maybe(self.addresses),
            self.maybe(self.address),
            self.maybe(lambda: self.random.randbytes(32)),
            self.maybe(lambda: self.random.randbytes(32)),
        )
        theirs = {
            "error": payload.error,
            "firewall": payload.firewall,
            "round": payload.round,
            "connected": payload.connected,
            "punching": payload.punching,
            "addresses": payload.addresses and list(map(where, payload.addresses)),
            "remoteAddress": where(payload.remote_address),
            "token": hexed(payload.token),
            "remoteToken": hexed(payload.remote_token),
        }
        return theirs, payload.encode()

    def _peer(self) -> tuple[Any, PeerRecord]:
        record = PeerRecord(self.random.randbytes(32), self.addresses())
        return {
            "publicKey": hexed(record.public_key),
            "relayAddresses": list(map(where, record.relay_addresses)),
        }, record

    def make_peer(self) -> Case:
        theirs, record = self._peer()
        return theirs, record.encode()

    def make_announce(self) -> Case:
        theirs, record = self._peer()
        refresh, signature = (
            self.maybe(lambda: self.random.randbytes(32)),
            self.maybe(lambda: self.random.randbytes(64)),
        )
        bump = self.number()
        fields = {"peer": theirs, "refresh": hexed(refresh), "signature": hexed(signature), "bump": bump}
        return fields, Announce(record, refresh, signature, bump).encode()

    def _mutable(self) -> tuple[dict[str, Any], MutableRecord]:
        record = MutableRecord(self.number(), self.data() or b"v", self.random.randbytes(64))
        return {"seq": record.seq, "value": hexed(record.value), "signature": hexed(record.signature)}, record

    def make_mutablePut(self) -> Case:
        theirs, record = self._mutable()
        key = self.random.randbytes(32)
        return {**theirs, "publicKey": hexed(key)}, MutablePut(key, record).encode()

    def make_mutableRecord(self) -> Case:
        theirs, record = self._mutable()
        return theirs, record.encode()


TYPES = (
    *("uint", "int", "uint64", "float64", "bool", "buffer", "string", "fixed32", "strings", "ipv4", "ipv6"),
    *("any", "biguint", "lexint", "date", "record", "handshake", "holepunch", "noisePayload", "holepunchPayload"),
    *("peer", "announce", "mutablePut", "mutableRecord"),
)


async def test_wire_types_have_the_same_bytes(js_stack: Any, request: pytest.FixtureRequest) -> None:
    values = Values(1)
    cases = [(name, *getattr(values, f"make_{name}")()) for name in TYPES for _ in range(VALUES)]
    peer = await js_stack.spawn("codecs.js")
    peer.write_json({"cases": [(name, theirs, ours.hex()) for name, theirs, ours in cases]})
    answer = await peer.read_until("codecs")
    for (name, theirs, ours), (wrote, read) in zip(cases, answer["results"], strict=True):
        assert wrote == ours.hex(), (name, theirs)
        assert read == ours.hex(), (name, theirs)
    record_reliability(
        request, "1. bytes against JavaScript", f"{len(TYPES)} wire types, {VALUES} values each, both ways, byte-equal"
    )


async def test_primitives_have_the_same_results(js_stack: Any, request: pytest.FixtureRequest) -> None:
    random = Random(2)
    cases: list[tuple[str, dict[str, bytes]]] = []
    for _ in range(VALUES):
        text = random.randbytes(random.choice([0, 1, 63, 64, 128, random.randrange(600)]))
        key, nonce = random.randbytes(32), random.randbytes(24)
        cases += [
            ("blake2b", {"input": text, "key": random.choice([b"", key, random.randbytes(64)])}),
            ("signature", {"seed": key, "message": text}),
            ("secretbox", {"plain": text, "nonce": nonce, "key": key}),
            ("frames", {"plain": text, "key": key}),
        ]
    peer = await js_stack.spawn("codecs.js")
    peer.write_json({"cases": [(name, {k: hexed(v) for k, v in given.items()}, "") for name, given in cases]})
    answer = await peer.read_until("codecs")
    for (name, given), (result, _) in zip(cases, answer["results"], strict=True):
        check_primitive(name, given, bytes.fromhex(result))
    record_reliability(
        request,
        "1. primitives against JavaScript",
        f"BLAKE2b, Ed25519, secretbox and secret stream frames, {VALUES} inputs each, equal",
    )


def check_primitive(name: str, given: dict[str, bytes], result: bytes) -> None:
    """Compare one result of JavaScript with ours."""
    if name == "blake2b":
        assert blake2b(given["input"], key=given["key"]) == result
    elif name == "signature":
        pair = KeyPair.from_seed(given["seed"])
        assert pair.public_key + pair.sign(given["message"]) == result
        assert verify(result[32:], given["message"], result[:32])
    elif name == "secretbox":
        assert secretbox_seal(given["plain"], given["nonce"], given["key"]) == result
        assert secretbox_open(result, given["nonce"], given["key"]) == given["plain"]
    else:
        assert PullStream(given["key"], result[:24]).pull(result[24:]) == given["plain"]
