"""What is encoded decodes to the same, for every codec: 1,000 generated values each."""

from __future__ import annotations

import math
import tomllib
from collections.abc import Callable
from random import Random
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from engine.commands.arguments import split_words
from engine.config.parse import check
from engine.config.rules import RULES
from engine.config.schema import Option
from engine.config.sections import OPTIONS
from engine.config.write import render_config
from engine.crypto import keyfile
from engine.crypto.keys import KeyPair
from engine.crypto.noise import HandshakeIK, HandshakeXX
from engine.crypto.secretstream import PullStream, PushStream, secretbox_open, secretbox_seal
from engine.crypto.wallet import Wallet
from engine.proto.dht.commands import (
    Announce,
    LookupAnswer,
    MutablePut,
    MutableRecord,
    PeerRecord,
    encode_lookup_answer,
)
from engine.proto.dht.handshake_messages import HandshakeMessage, HolepunchMessage
from engine.proto.dht.messages import MAX_CLOSER_NODES, decode_message, encode_reply, encode_request
from engine.proto.dht.payload import (
    HolepunchInfo,
    NoisePayload,
    RelayInfo,
    RelayThrough,
    SecretStreamInfo,
    UdxInfo,
    decode_noise_payload,
    encode_noise_payload,
)
from engine.proto.dht.punch_payload import PunchPayload, SealedChannel
from engine.proto.mux.protomux import Protomux
from engine.proto.stream.secret import SecretStream
from engine.proto.udx.packet import SACK, Packet, decode_packet, encode_packet
from engine.services.sidechannel.attachments import decode_attachment, encode_attachment
from engine.services.sidechannel.invites import check_invite, create_invite
from engine.services.sidechannel.payload import Draft, canonical_fields, message_signature_valid
from engine.services.sidechannel.welcomes import create_welcome, verify_welcome
from engine.wire import bech32m, jsjson
from engine.wire.compact import MAX_SAFE_INTEGER, Reader, Writer, decode_address, encode_address
from engine.wire.compact_any import Date, read_any, write_any
from engine.wire.compact_big import read_bigint, write_bigint
from engine.wire.jstext import js_trim
from engine.wire.lexint import read_lexint, write_lexint
from tests.harness.connections import handshake
from tests.harness.published import record_reliability

EXAMPLES = 1_000
ALICE, BOB = KeyPair.from_seed(b"1" * 32), KeyPair.from_seed(b"2" * 32)
PROLOGUE = b"p" * 32
NOW_MS = 1_700_000_000_000

uints = st.integers(0, MAX_SAFE_INTEGER)
bytes32, bytes64 = st.binary(min_size=32, max_size=32), st.binary(min_size=64, max_size=64)
addresses = st.binary(min_size=6, max_size=6).map(decode_address)
addresses6 = st.binary(min_size=18, max_size=18).map(lambda data: Reader(data).ipv6_address())
values = st.none() | st.binary(min_size=1, max_size=80)
plain_text = st.text(max_size=40)
json_numbers = st.integers(-(2**53), 2**53) | st.floats(allow_nan=False, allow_infinity=False)
json_values = st.recursive(
    st.none() | st.booleans() | json_numbers | plain_text,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(plain_text, inner, max_size=4),
    max_leaves=8,
)


def few(strategy: st.SearchStrategy[Any], count: int = 4) -> st.SearchStrategy[tuple[Any, ...]]:
    """Short tuples."""
    return st.lists(strategy, max_size=count).map(tuple)


peer_records = st.builds(PeerRecord, bytes32, few(addresses))
mutable_records = st.builds(MutableRecord, uints, st.binary(max_size=80), bytes64)
handshake_messages = st.builds(
    HandshakeMessage, st.integers(0, 9), st.binary(max_size=80), st.none() | addresses, st.none() | addresses
)
holepunch_messages = st.builds(
    HolepunchMessage, st.integers(0, 9), uints, st.binary(max_size=80), st.none() | addresses
)
punch_payloads = st.builds(
    PunchPayload,
    st.integers(0, 255),
    st.integers(0, 3),
    uints,
    st.booleans(),
    st.booleans(),
    st.none() | few(addresses),
    st.none() | addresses,
    st.none() | bytes32,
    st.none() | bytes32,
)
noise_payloads = st.builds(
    NoisePayload,
    error=st.integers(0, 255),
    firewall=st.integers(0, 3),
    holepunch=st.none() | st.builds(HolepunchInfo, uints, few(st.builds(RelayInfo, addresses, addresses))),
    addresses4=few(addresses),
    addresses6=few(addresses6),
    udx=st.none() | st.builds(UdxInfo, uints, uints, st.booleans(), uints),
    secret_stream=st.none() | st.builds(SecretStreamInfo, uints),
    relay_through=st.none() | st.builds(RelayThrough, bytes32, bytes32, uints),
    relay_addresses=few(addresses),
)
requests = st.fixed_dictionaries(
    {
        "tid": st.integers(0, 65_535),
        "to": addresses,
        "command": uints,
        "id": st.none() | bytes32,
        "token": st.none() | bytes32,
        "internal": st.booleans(),
        "target": st.none() | bytes32,
        "value": values,
    }
)
replies = st.fixed_dictionaries(
    {
        "tid": st.integers(0, 65_535),
        "to": addresses,
        "id": st.none() | bytes32,
        "token": st.none() | bytes32,
        "closer_nodes": st.lists(addresses, max_size=MAX_CLOSER_NODES),
        "error": uints,
        "value": values,
    }
)
numbers32 = st.integers(0, 2**32 - 1)


def compact(write: Callable[[Writer, Any], None], read: Callable[[Reader], Any]) -> Callable[[Any], Any]:
    """Through a writer and a reader; nothing may be left over."""

    def through(value: Any) -> Any:
        writer = Writer()
        write(writer, value)
        reader = Reader(writer.getvalue())
        result = read(reader)
        assert reader.remaining == 0
        return result

    return through


def through_udx(fields: tuple[int, int, int, int, int, tuple[tuple[int, int], ...], bytes]) -> Any:
    flags, stream_id, window, seq, ack, sacks, payload = fields
    flags = flags | SACK if sacks else flags & ~SACK
    packet = Packet(flags, 8 * len(sacks), stream_id, window, seq, ack, sacks, payload)
    assert decode_packet(encode_packet(packet)) == packet
    return fields


def through_noise(fields: tuple[bytes, bytes, bytes]) -> Any:
    seed, first, second = fields
    random_bytes = Random(seed).randbytes
    client = HandshakeIK(True, ALICE, BOB.public_key, PROLOGUE, random_bytes)
    server = HandshakeIK(False, BOB, None, PROLOGUE, random_bytes)
    got = server.recv(client.send(first)), client.recv(server.send(second))
    assert client.result is not None
    assert server.result is not None
    assert (client.result.tx, client.result.rx, client.result.hash) == (
        server.result.rx,
        server.result.tx,
        server.result.hash,
    )
    assert server.result.remote_public_key == ALICE.public_key
    return seed, *got


def through_noise_xx(payloads: tuple[bytes, bytes, bytes]) -> Any:
    random_bytes = Random(payloads[0]).randbytes
    sides = HandshakeXX(True, ALICE, None, b"", random_bytes), HandshakeXX(False, BOB, None, b"", random_bytes)
    return tuple(sides[(turn + 1) % 2].recv(sides[turn % 2].send(payload)) for turn, payload in enumerate(payloads))


RESULT_A, RESULT_B = handshake(ALICE, BOB, Random(1).randbytes)


def through_secret_stream(fields: tuple[list[bytes], int]) -> Any:
    messages, size = fields
    sender, receiver = SecretStream(RESULT_A, Random(2).randbytes), SecretStream(RESULT_B, Random(3).randbytes)
    wire = sender.header() + b"".join(map(sender.seal, messages))
    received = [text for start in range(0, len(wire), size) for text in receiver.receive(wire[start : start + size])]
    assert receiver.error is None
    return received, size


def through_boxes(messages: list[bytes]) -> Any:
    push, pull = PushStream(b"k" * 32, b"h" * 24), PullStream(b"k" * 32, b"h" * 24)
    opened = [pull.pull(push.push(message)) for message in messages]
    assert opened == [
        secretbox_open(secretbox_seal(text, b"n" * 24, b"k" * 32), b"n" * 24, b"k" * 32) for text in messages
    ]
    return opened


def through_mux(fields: tuple[str, bytes | None, bytes, list[tuple[int, bytes]], bool]) -> Any:
    protocol, id, greeting, messages, corked = fields
    wire: list[bytes] = []
    received: list[Any] = []

    def write(frame: bytes) -> bool:
        wire.append(frame)
        return True

    def receive(kind: int) -> Callable[[bytes], None]:
        return lambda payload: received.append((kind, payload))

    sender, receiver = Protomux(write), Protomux(write)

    def answer(id: bytes | None) -> None:
        handlers = [receive(kind) for kind in range(3)]
        channel = receiver.create_channel(protocol, id, messages=handlers, on_open=received.append)
        assert channel is not None
        channel.open()

    receiver.pair(protocol, None, answer)
    if corked:
        sender.cork()
    channel = sender.create_channel(protocol, id)
    assert channel is not None
    channel.open(greeting)
    for kind, payload in messages:
        channel.send(kind, payload)
    if corked:
        sender.uncork()
    for frame in tuple(wire):
        receiver.receive(frame)
    assert receiver.error is None
    assert received[0] == greeting
    return protocol, id, greeting, received[1:], corked


def through_sidechannel(message: Any) -> Any:
    draft = Draft(ALICE, "room", message, has_message=True, invite=None, id="id", ts_ms=NOW_MS, ttl=3)
    payload: Any = jsjson.parse(draft.sign(None, 0).raw)
    assert message_signature_valid(payload, canonical_fields(payload), ALICE.public_key.hex())
    return payload["message"]


def through_invite(fields: tuple[str, int]) -> Any:
    channel, ttl_s = fields
    invite = create_invite(ALICE, channel, BOB.public_key.hex(), address=None, nonce="n", issued_ms=NOW_MS, ttl_s=ttl_s)
    read = decode_attachment(encode_attachment(invite))
    check = check_invite(read, channel, BOB.public_key.hex(), None, NOW_MS)
    assert check.valid
    return channel, int(check.expires_ms - NOW_MS) // 1000


def through_welcome(fields: tuple[str, str]) -> Any:
    channel, text = fields
    welcome = jsjson.parse(jsjson.stringify(create_welcome(ALICE, channel, text, NOW_MS)))
    verified = verify_welcome(welcome, channel, ALICE.public_key.hex())
    assert verified is not None
    return channel, verified.text


def through_keyfile(fields: tuple[bytes, bytes]) -> Any:
    seed, password = fields
    wallet = Wallet(KeyPair.from_seed(seed))
    assert Wallet.from_keyfile(wallet.to_keyfile(password, Random(seed).randbytes), password) == wallet
    return fields


def through_settings(given_values: dict[str, Any]) -> Any:
    document = tomllib.loads(render_config(given_values))
    read = {f"{section}.{name}": value for section, table in document.items() for name, value in table.items()}
    by_key = {option.key: option for option in OPTIONS}
    return {key: check(by_key[key], value) for key, value in read.items()}


def quoted(words: list[str]) -> list[str]:
    line = " ".join('"' + word.replace("\\", "\\\\").replace('"', '\\"') + '"' for word in words)
    return split_words(f"/x {line}")[1:]


def normal(value: Any) -> Any:
    """A JSON value as JavaScript has it: numbers without a fraction are integers."""
    if isinstance(value, float) and value.is_integer() and abs(value) <= 2**53:
        return int(value)
    if isinstance(value, list):
        return [normal(item) for item in value]
    return {key: normal(item) for key, item in value.items()} if isinstance(value, dict) else value


def values_of(option: Option) -> st.SearchStrategy[Any]:
    """Allowed values of one setting."""
    text = st.text(max_size=20)
    least, most = (limit if limit is not None else edge for limit, edge in ((option.ge, -(2**40)), (option.le, 2**40)))
    match option.kind:
        case _ if option.choices:
            return st.sampled_from(option.choices)
        case "bool":
            return st.booleans()
        case "int":
            return st.integers(int(least), int(most))
        case "list":
            return st.lists(text, max_size=3).map(tuple)
        case "map":
            return st.dictionaries(text, text, max_size=3)
        case _:
            return text


def setting_values() -> st.SearchStrategy[dict[str, Any]]:
    """Some settings with allowed values."""
    strategies = {option.key: values_of(option) for option in OPTIONS if not option.secret and option.key not in RULES}
    return st.lists(st.sampled_from(sorted(strategies)), max_size=4, unique=True).flatmap(
        lambda keys: st.fixed_dictionaries({key: strategies[key] for key in keys})
    )


any_values = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(2**52), MAX_SAFE_INTEGER)
    | st.floats(allow_nan=False).filter(lambda number: math.isinf(number) or not number.is_integer())
    | plain_text
    | st.binary(min_size=1, max_size=20)
    | st.integers(-(2**52), 2**52 - 1).map(Date),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(plain_text, inner, max_size=4),
    max_leaves=8,
)
names = plain_text.map(js_trim).filter(bool)
payloads3 = st.tuples(*[st.binary(max_size=60)] * 3)

CODECS: dict[str, tuple[st.SearchStrategy[Any], Callable[[Any], Any]]] = {
    "uint": (uints, compact(Writer.uint, Reader.uint)),
    "int": (st.integers(-(2**52), 2**52 - 1), compact(Writer.int, Reader.int)),
    "uint64": (st.integers(0, 2**64 - 1), compact(Writer.uint64, Reader.uint64)),
    "float64": (st.floats(allow_nan=False), compact(Writer.float64, Reader.float64)),
    "buffer": (st.binary(max_size=600), compact(Writer.buffer, Reader.buffer)),
    "string": (st.text(max_size=300), compact(Writer.string, Reader.string)),
    "array": (
        st.lists(plain_text, max_size=20),
        compact(lambda w, v: w.array(v, Writer.string), lambda r: r.array(Reader.string)),
    ),
    "IPv4 address": (addresses, lambda address: decode_address(encode_address(address))),
    "IPv6 address": (addresses6, compact(Writer.ipv6_address, Reader.ipv6_address)),
    "any": (any_values, compact(write_any, read_any)),
    "bigint": (st.integers(-(2**200), 2**200), compact(write_bigint, read_bigint)),
    "lexint": (st.integers(0, 2**32 - 1) | st.integers(2**32 + 251, 2**43), compact(write_lexint, read_lexint)),
    "DHT request": (requests, lambda fields: dict(fields, **decode_message(encode_request(**fields))._asdict())),
    "DHT reply": (replies, lambda fields: dict(fields, **decode_message(encode_reply(**fields))._asdict())),
    "DHT peer record": (peer_records, lambda record: PeerRecord.decode(record.encode())),
    "DHT announce": (
        st.builds(Announce, st.none() | peer_records, st.none() | bytes32, st.none() | bytes64, uints),
        lambda value: Announce.decode(value.encode()),
    ),
    "DHT lookup answer": (
        st.builds(LookupAnswer, few(peer_records), uints),
        lambda value: LookupAnswer.decode(encode_lookup_answer([peer.encode() for peer in value.peers], value.bump)),
    ),
    "DHT mutable record": (mutable_records, lambda record: MutableRecord.decode(record.encode())),
    "DHT mutable put": (st.builds(MutablePut, bytes32, mutable_records), lambda put: MutablePut.decode(put.encode())),
    "PEER_HANDSHAKE value": (handshake_messages, lambda message: HandshakeMessage.decode(message.encode())),
    "PEER_HOLEPUNCH value": (holepunch_messages, lambda message: HolepunchMessage.decode(message.encode())),
    "Noise payload": (noise_payloads, lambda payload: decode_noise_payload(encode_noise_payload(payload))),
    "holepunch payload": (punch_payloads, lambda payload: PunchPayload.decode(payload.encode())),
    "sealed holepunch payload": (
        punch_payloads,
        lambda payload: SealedChannel(b"s" * 32, bytes).open(
            SealedChannel(b"s" * 32, Random(1).randbytes).seal(payload)
        ),
    ),
    "UDX packet": (
        st.tuples(st.integers(0, 255), *[numbers32] * 4, few(st.tuples(numbers32, numbers32)), st.binary(max_size=80)),
        through_udx,
    ),
    "Noise IK": (payloads3, through_noise),
    "Noise XX": (payloads3, through_noise_xx),
    "secret stream": (
        st.tuples(st.lists(st.binary(min_size=1, max_size=200), max_size=6), st.integers(1, 300)),
        through_secret_stream,
    ),
    "boxes": (st.lists(st.binary(max_size=200), max_size=6), through_boxes),
    "Protomux": (
        st.tuples(
            plain_text,
            st.none() | st.binary(min_size=1, max_size=32),
            st.binary(max_size=40),
            st.lists(st.tuples(st.integers(0, 2), st.binary(max_size=60)), max_size=6),
            st.booleans(),
        ),
        through_mux,
    ),
    "JSON": (json_values.map(normal), lambda value: normal(jsjson.parse(jsjson.stringify(value)))),
    "canonical JSON": (json_values.map(normal), lambda value: normal(jsjson.parse(jsjson.stable_stringify(value)))),
    "sidechannel message": (json_values.map(normal), lambda value: normal(through_sidechannel(value))),
    "invite": (st.tuples(plain_text, st.integers(1, 10**9)), through_invite),
    "welcome": (st.tuples(names, plain_text), through_welcome),
    "address text": (bytes32, lambda key: bech32m.decode(bech32m.encode("trac", key))[1]),
    "keypair file": (st.tuples(bytes32, st.binary(max_size=20)), through_keyfile),
    "settings file": (setting_values(), through_settings),
    "command line": (
        st.lists(st.text(st.characters(exclude_characters="\n\r\u2028\u2029"), min_size=1, max_size=20), max_size=6),
        quoted,
    ),
}


@pytest.mark.timeout(300)
@pytest.mark.parametrize("name", CODECS)
def test_what_is_encoded_decodes_to_the_same(
    name: str, request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(keyfile, "derive_key", lambda password, salt: bytes(32))
    strategy, through = CODECS[name]
    tried = 0

    @settings(
        max_examples=EXAMPLES, deadline=None, database=None, derandomize=True, suppress_health_check=list(HealthCheck)
    )
    @given(strategy)
    def round_trip(value: Any) -> None:
        nonlocal tried
        tried += 1
        assert through(value) == value

    round_trip()
    assert tried >= EXAMPLES
    record_reliability(request, "3. round trips", f"{len(CODECS)} codecs, {EXAMPLES:,} generated values each")
